"""Texts for sentiment, put together from words of praise and blame that the lists do not have. Only for training, as in
grammar.py: a held-out filler or template is never made.
"""
import re

import frames
import grammar
import implied

POS_ADJ = """admirable|adorable|ace|agreeable|astonishing|astounding|attentive|authentic|beautifully made|blissful|breathtaking|bright and airy|brisk|captivating|
caring|classy|clever|cosy|comfy|considerate|convenient|courteous|creamy|crisp|crystal clear|cute|dazzling|decent|dependable|divine|durable|dreamy|
easy|effective|efficient|effortless|enchanting|engaging|entertaining|exciting|exquisite|extraordinary|fab|faultless|first-rate|flavourful|fun|funny|
generous|gentle|genuine|glorious|good-looking|gorgeous|graceful|grand|great value|handy|harmonious|hassle-free|heavenly|helpful|hilarious|honest|
hospitable|ideal|immaculate|impeccable|ingenious|innovative|inspiring|intuitive|inviting|joyful|juicy|kind|lavish|legendary|lightning fast|likeable|
luxurious|magical|masterful|memorable|mind-blowing|moving|neat|noiseless|peaceful|phenomenal|pleasing|polite|polished|praiseworthy|precious|precise|
prompt|professional|punctual|quick|quiet|radiant|reasonable|relaxing|responsive|rewarding|robust|romantic|safe|satisfying|scrumptious|seamless|
sensational|silky|skilled|sleek|smart|smooth|snug|soft|soothing|spacious|sparkling|speedy|sublime|sturdy|stylish|succulent|super|supportive|swift|
tasteful|tasty|tender|thoughtful|thrilling|tidy|tip-top|trustworthy|unbeatable|unforgettable|unique|useful|user-friendly|valuable|versatile|vibrant|
warm|welcoming|well built|well organised|well written|well priced|well designed|witty|yummy|better than ever|second to none|out of this world|
way above average|just perfect|pure gold|spot on|a delight|a masterpiece|a gem|a triumph|a winner|a hit|a must|a bargain|a breeze|a blessing|
a treasure|a miracle|a success|worth the money|worth the trip|worth a visit|fast and friendly|warm and soft|fresh and light""".replace("\n", "").split("|")
NEG_ADJ = """abysmal|aggressive|arrogant|awkward|bland|blurry|bitter|buggy|bumpy|burnt|careless|cheap looking|chaotic|clumsy|clueless|clunky|cracked|cramped|
creaky|crooked|too crowded|cruel|damp|dangerous|dated|dead on arrival|deceptive|defective|dented|depressing|deplorable|too difficult|dim|dingy|dire|
disastrous|disgraceful|dishonest|dismal|disorganised|distorted|draughty|dry|dull|erratic|exhausting|fake|flat|flawed|fragile|frayed|freezing cold|
fuzzy|gloomy|greasy|greedy|grim|grubby|grumpy|half-baked|harsh|hideous|hopeless|hostile|ignorant|ill-mannered|impolite|inaccurate|inadequate|
inconvenient|incompetent|inedible|inferior|insulting|irritating|itchy|jerky|lame|lazy|leaky|lifeless|too loud|lumpy|maddening|mean|messy|misleading|
mouldy|muddled|nasty|nauseating|negligent|neglected|obnoxious|obsolete|offensive|outdated|outrageous|overcooked|overcrowded|overhyped|overrated|
oversalted|painful|patchy|pointless|pricey|primitive|questionable|rancid|repulsive|rotten|rough|ruined|rusty|sad|scratched|scruffy|second-rate|shabby|
shaky|shocking|short-lived|silly|sluggish|soggy|sour|soulless|stained|stingy|stinking|stuffy|substandard|tacky|tasteless|tedious|third-rate|tiresome|
torn|tough as leather|troublesome|unbearable|uncaring|uncomfortable|uncooperative|undercooked|underwhelming|unfair|unfinished|unhelpful|unhygienic|
uninspired|unprofessional|unresponsive|unsafe|unstable|untrustworthy|unwelcoming|upsetting|vile|watery|weak|wobbly|worn out|worthless|woeful|wretched|
worse than ever|the worst ever|below average|beyond repair|good for nothing|money down the drain|a failure|a flop|a fiasco|a rip-off|a letdown|
a farce|a bad joke|an insult|a shame|a chore|an ordeal|a health hazard|a swindle|cold and damp|slow and rude|dirty and loud|old and broken|
thin and cheap|all talk and no substance|not good enough|not up to standard|nothing special and far too dear""".replace("\n", "").split("|")
POS_DID = """helped me at once|went the extra mile|answered within minutes|made us laugh|replaced it for free|kept every promise|
took the time to explain everything|remembered our names|stayed late to help|refunded everything without a question|saved the day|
gave us a better room|smiled all the time|listened patiently|brought us an extra blanket|made my daughter's day|solved it in no time|
delivered a day early|packed it with care|waived the fee|upgraded us for nothing|called back right away|apologised and fixed it|
looked after us so well|cheered us up|carried our bags|treated us like family|found a solution|knew every answer|welcomed us with open arms|
explained it with patience|did more than we asked|did a splendid job|deserves a raise|deserves praise|earned a big tip|sent a new one overnight|
was a star|was an angel|could not have been nicer|made it feel like home|surprised us with a cake|rescued my holiday|took care of everything|
was there when I needed help|taught me so much|put us at ease|gave a moving speech|played with heart|sang like an angel""".replace("\n", "").split("|")
NEG_DID = """hung up on me|ignored my mails|shouted at us|laughed at me|lost my parcel|forgot our order|refused a refund|left us waiting in the rain|lied to us|
sent the wrong size again|blamed me for it|cancelled without a word|never called back|overcharged us|turned us away|broke a promise|
kept us in the dark|passed me from desk to desk|damaged the door|gave our table away|rolled their eyes|walked off|tried to trick us|served it cold|
dropped it and denied it|made me wait for weeks|did not even say sorry|did not care|could not care less|treated us like dirt|made everything worse|
wasted our time|spoiled the evening|yelled at my son|was drunk|was asleep|was on the phone all the time|did a sloppy job|did not know a thing|
talked down to me|cheated us|raised the price again|threw the parcel over the fence|drove like a madman|left the kitchen dirty|
put us next to the toilets|took the money and vanished|mumbled and was bored|got every order wrong|sent a bill for nothing|insulted my wife|
slammed the door""".replace("\n", "").split("|")
POS_IT = """works without a hitch|fits like a glove|lasts all day|looks even better than in the picture|makes life easier|is worth every minute|
keeps its charge for days|never fails|runs like clockwork|cleans up in seconds|smells like fresh bread|sounds crystal clear|feels like new|
tastes like at home|saves me an hour a day|beats all the others|does wonders|holds up after years|starts at once|charges in no time|
put a smile on my face|made our day|made me cry tears of joy|keeps us warm|kept me on the edge of my seat|had us dancing all night|
is a pleasure to hold|gets better every time|gets all the praise it deserves|was over far too soon|melts in the mouth|opened my eyes|
changed my life for the better|healed my back|ended my headaches|brought the family together|still looks new after years|survived three moves|
does all I hoped for|does what it promises and more|blew me away|won me over|knocked my socks off|is what I always dreamed of|is my favourite now|
paid for itself|stays cool|stays sharp|glows beautifully|made the wait worth it""".replace("\n", "").split("|")
NEG_IT = """fell apart in my hands|stopped after two days|smells of plastic|makes a grinding noise|overheats|leaks everywhere|tears at the seams|
scratches at once|drains in an hour|freezes all the time|does not fit at all|looks nothing like the picture|tastes of soap|gave me a rash|
burned my hand|shrank in the wash|won't switch on|loses its colour|squeaks with every step|drops the connection|came without screws|arrived in pieces|
is already rusty|put me to sleep|gave me a headache|made me sick|made me want to leave|broke on the first day|died within a week|never worked|
hurts my feet|ruined our holiday|cost a fortune and does nothing|took forever|drags on and on|goes nowhere|has no end of problems|
falls short of everything promised|does half of what they say|fails when you need it most|needs three tries to start|lets the rain in|stinks|wobbles|
crackles|sticks to everything|is covered in dust|had hair in it|was cold before it came to the table|was raw inside|was nothing like the brochure|
gets worse with every update""".replace("\n", "").split("|")
POS_I = """I am over the moon|I could hug them|I can't wait to come back|I'd give six stars if I could|I am telling all my friends|I keep coming back|
I am so grateful|my heart sang|I want another one|I bought three more|I have never been happier|I was hooked from page one|I'd do it all over again|
hats off|chapeau|bravo|well done|kudos to the team|count me in|full marks|a big thank you|cheers to the crew|yay|hooray|lucky me|my new favourite|
love at first sight|a real treat|pure joy|a hit with the kids|a dream come true|we had a ball|we had the time of our lives|we danced till midnight|
we felt at home|we did not want to leave|we are already booked for next year|we were spoiled|I adore it|I treasure it|I enjoyed each page|
I enjoyed myself|I was smiling all day|I am in love|I am proud to own it|I take it everywhere|I would not change a thing|I can only praise it|
I can breathe again|good choice|best decision ever|money well spent|time well spent|what a treat|what a team|what a find|what a relief|
more of this, please|never been better|I feel reborn|I'm a fan for life|you made my week""".replace("\n", "").split("|")
NEG_I = """I want a refund|I cancelled at once|I walked out|I was close to tears|I'd give zero stars|I am warning everybody|I regret every cent|I was shocked|
I felt ignored|I was treated like dirt|I nearly fell asleep|my stomach turned|I threw it out|I will tell everyone|count me out|shame on you|
what a rip-off|what a letdown|big mistake|save your money|run away|no thanks|hands off|ugh|yuck|a slap in the face|daylight robbery|pure torture|
a sad sight|my worst nightmare|money for nothing|we left early|we left hungry|we could not sleep a wink|we felt cheated|we were lied to|
we want to forget it|we will look elsewhere|we gave up|I gave up|I deleted it|I returned it the next day|I am losing patience|I am so angry|
I am done with them|I have had enough|I expected better|I deserve an apology|I wasted my evening|I wish I had never bought it|
I would not give it to my worst enemy|worst decision ever|money wasted|a lost weekend|what a mess|what a shame|what a pity|who approved this|
how can they sell this|how dare they|never been so let down|I feel robbed|you lost a customer|my last visit|you ruined my week""".replace("\n", "").split("|")
TROUBLE = """delays|trouble|hassle|queues|noise|stains|cracks|complaints|regrets|hidden fees|bugs|crashes|leaks|scratches|stress|headaches|pain|arguments|drama|
mess|bad smell|dust|rust|glitches|errors|faults|problems|worries|waiting|fuss|tears|mistakes|nasty surprises|missing parts""".replace("\n", "").split("|")
GOODS = """help|apology|refund|explanation|answer|taste|flavour|comfort|warmth|privacy|hot water|heating|service|smile|manners|respect|instructions|spare parts|
quality|charm|atmosphere|substance|plot|fun|light|fresh air|towels|soap|care|sympathy|understanding|discount|choice|reply|thanks""".replace("\n", "").split("|")
STAFF = """the waiter|they|the lady at the desk|your driver|support|the nurse|the staff|the cook|the host|the guide|the owner|the clerk|the man at the door|
the technician|the team|the crew|the manager|your people|the teacher|the doctor|the plumber|someone from the hotel|the girl at the till|the band|
the landlord|{first}|{first} from the shop|the {job}|our {job}|the courier|the dentist|the agent|the couple next door|everybody there|the help desk|
the hotline""".replace("\n", "").split("|")
VERY = """very|really|so|absolutely|truly|quite|simply|totally|incredibly|extremely|just|pretty|surprisingly|utterly|unbelievably|always|completely||||||""".replace("\n", "").split("|")
NEUTRAL = """how do I {do} {thing}?|where do I {do} {thing}?|when can I {do} {thing}?|can I {do} {thing} in {city}?|who will {do} {thing}?|
does {thing} need a {noun}?|is {thing} for the {noun} or for the {noun:2}?|what is the {noun} of {thing}?|{thing} stands next to the {noun}|
{thing} is between the {noun} and the {noun:2}|compared with the {noun}, {thing} is the same|I see no change since {month}|it looks like the {noun}|
the {noun} of {thing} is {colour}|{thing} has {n} parts|we {did} the {noun} on {weekday}|they {did} a {noun} for the {noun:2}|
I {did} {thing} in {month}|{first} {did} the {noun}|the {noun} {act} at {n}|the {noun} {act} in {city}|no news about {thing}|
nothing has changed at the {noun}|{thing} will be there from {date}|{thing} goes to the {noun} first|the next {noun} is on {date}|
there are {n} of them at the {noun}|one is {colour}, the other {colour:2}|the {noun} is called {first}|my {noun} is {n} years old|
it is neither {good} nor {bad}|not {good}, not {bad}|partly {good}, partly {bad}|half of it was {good}, half of it {bad}|
on one hand {good}, on the other hand {bad}|some say it is {good}, some say it is {bad}|it was as always|as one would expect|so far so so|average|
medium|middling|no opinion|I don't mind either way|it makes no difference to me|it was there, I was there, that is it|ordinary, like most of them|
it passes|I can take it or leave it|I would say {n} out of ten, with {n} being the middle|same as last time|no better and no worse than the {noun}|
it exists|it has a {noun}|it comes with a {noun} and a {noun:2}|you can order it in {city}|it can be paid by card|it is sold by the {noun}|
it is made for a {noun}|it is used for the {noun}|it belongs to the {noun}|it was made in {city}|it was {did} by {first}|it is open on {weekday}|
it is the one with the {noun}|I am waiting for the {noun}|I have one question about {thing}|I heard about {thing} from {first}|
I read about the {noun}|I need the {noun} of {thing}|I work near the {noun}|we talked about the {noun}|we sat next to the {noun}|
we took the {noun} at {n}|we were {n} people|please send the {noun}|please {do} {thing} on {weekday}|tell {first} about the {noun}|
the {noun} is on page {n}|see the {noun} below|as in the {noun}, so in the {noun:2}""".replace("\n", "").split("|")


LISTS = ("pos_adj", "neg_adj", "pos", "neg", "neu")
FREE = grammar.Free(*LISTS)
GOOD, BAD, EVEN = (grammar.trainable(words, *LISTS) for words in (implied.GOOD, implied.BAD, implied.PLAIN))
PRAISE = {"adj": grammar.trainable(POS_ADJ, *LISTS), "did": grammar.trainable(POS_DID, *LISTS), "it": grammar.trainable(POS_IT, *LISTS), "i": grammar.trainable(POS_I, *LISTS), "no": TROUBLE, "much": GOODS, "implied": GOOD,
          "pool": ("{pos_adj}", "{pos}")}
BLAME = {"adj": grammar.trainable(NEG_ADJ, *LISTS), "did": grammar.trainable(NEG_DID, *LISTS), "it": grammar.trainable(NEG_IT, *LISTS), "i": grammar.trainable(NEG_I, *LISTS), "no": GOODS, "much": TROUBLE, "implied": BAD,
         "pool": ("{neg_adj}", "{neg}")}
ANY_ADJ = re.compile(r"\b(" + "|".join(sorted(map(re.escape, PRAISE["adj"] + BLAME["adj"]), key=len, reverse=True)) + r")(?![\w-])")
CALM = [v for v in frames.VERBS if v[0] not in ("like", "lose", "break", "steal", "hate", "love", "miss", "recommend", "prefer", "damage", "scratch", "win",
                                                "complain about", "repair", "fix", "burn", "throw away", "forget", "demand", "dream of", "trip over")]


def _clause(rng, words, other):
    adj = rng.choice(words["adj"]) if rng.random() < 0.8 else words["pool"][0]
    opposite = rng.choice(other["adj"]) if rng.random() < 0.7 else other["pool"][0]
    noun = rng.choice(frames.PLAIN)
    thing = rng.choice(["{thing}", "{thing}", "the " + noun, "it", "everything", "the whole thing", "my " + noun, "this " + noun])
    be = rng.choice(["is", "was", "is", "was", "seems", "looks", "has been", "turned out"]) if thing != "everything" else "was"
    very = rng.choice(VERY) + " "
    if adj[:2] in ("a ", "an") or " " in adj:
        very = ""
    bare = adj[2:] if adj.startswith("a ") else adj
    kind = rng.randrange(19)
    if kind >= 15:
        return rng.choice(words["implied"])
    if kind <= 3:
        return f"{thing} {be} {very}{adj}"
    if kind == 4:
        return f"{thing if thing != 'everything' else 'it'} {rng.choice(words['it'])}"
    if kind == 5:
        return f"{rng.choice(STAFF)} {rng.choice(words['did'])}"
    if kind == 6:
        return rng.choice(words["i"])
    if kind == 7:
        return rng.choice([f"what a {bare} {noun}", f"such a {bare} {noun}", f"a {bare} {noun}", f"the most {bare} {noun} in {{city}}", f"{very}{adj}",
                           f"a truly {bare} {noun}", f"another {bare} {noun}"])
    if kind == 8:
        second = rng.choice(words["adj"])
        return rng.choice([f"{adj} and {second}", f"{adj}, {second}", f"{thing} {be} {adj} and {second}", f"both {adj} and {second}", f"{adj}, {second} and {rng.choice(words['adj'])}"])
    if kind == 9:
        a, b = rng.sample(words["no"], 2)
        return rng.choice([f"no {a}", f"no {a}, no {b}", f"no {a} and no {b}", f"without any {a}", f"zero {a}", f"there was no {a}", f"not a trace of {a}", f"no more {a}",
                           f"no {a} at all", f"no {a} whatsoever"])
    if kind == 10:
        return rng.choice([f"full of {rng.choice(words['much'])}", f"nothing but {rng.choice(words['much'])}", f"so much {rng.choice(words['much'])}",
                           f"lots of {rng.choice(words['much'])}", f"{rng.choice(words['much'])} from start to end"])
    if kind == 11:
        return rng.choice([f"{thing} {be} not {opposite}", f"{thing} {be} not {opposite} at all", f"{thing} {be} anything but {opposite}", f"{thing} {be} far from {opposite}",
                           f"{thing} {be} by no means {opposite}", f"nothing {opposite} about it", f"{thing} was never {opposite}", f"I can't call {thing} {opposite}"])
    if kind == 12:
        return rng.choice(words["pool"])
    if kind == 13:
        return rng.choice([f"I found {thing} {adj}", f"I find {thing} {very}{adj}", f"we thought {thing} was {adj}", f"my {noun} called it {adj}", f"{adj} is the word for {thing}",
                           f"one word: {adj}", f"{thing} could not be more {bare}", f"as {bare} as it gets", f"{thing} feels {adj}", f"{adj} {noun}, {rng.choice(words['adj'])} {rng.choice(frames.PLAIN)}"])
    return rng.choice([f"{thing} made me feel {rng.choice(['happy', 'welcome', 'at home', 'good', 'great', 'young again']) if words is PRAISE else rng.choice(['sad', 'unwelcome', 'like a fool', 'bad', 'sick', 'old'])}",
                       f"{rng.choice(['I love', 'we loved', 'I adore', 'I enjoyed', 'I admire', 'I praise', 'I like', 'we really liked', 'everyone loves'] if words is PRAISE else ['I hate', 'we hated', 'I despise', 'I regret', 'I dislike', 'I detest', 'we did not like', 'I do not like', 'nobody likes', 'I did not enjoy'])} {thing}",
                       f"{rng.choice(['thanks for', 'so glad about', 'happy with', 'pleased with', 'proud of', 'impressed by', 'delighted by', 'grateful for'] if words is PRAISE else ['sick of', 'tired of', 'angry about', 'ashamed of', 'unhappy with', 'annoyed by', 'let down by', 'disgusted by', 'fed up with'])} {thing}"])


def _neutral(rng):
    line = rng.choice(NEUTRAL if rng.random() < 0.6 else EVEN)
    for key in ("{noun}", "{noun:2}"):
        line = line.replace(key, rng.choice(frames.PLAIN))
    verb = rng.choice(CALM)
    line = line.replace("{do}", verb[0]).replace("{did}", verb[2]).replace("{act}", rng.choice(frames.ACTS)[1])
    good, bad = ("{pos_adj}" if rng.random() < 0.4 else rng.choice(PRAISE["adj"])), ("{neg_adj}" if rng.random() < 0.4 else rng.choice(BLAME["adj"]))
    if rng.random() < 0.5:
        line = line.replace("{good}", "{x}").replace("{bad}", "{good}").replace("{x}", "{bad}")
    return line.replace("{good}", good).replace("{bad}", bad)


def _pattern(text):
    """`text` as the template that it would be in the lists."""
    text = re.sub(r"\{(pos|neg)_adj\}", "{adj}", re.sub(r"\{(pos|neg)\}", "{op}", text))
    return ANY_ADJ.sub("{adj}", text)


def text(gen, label, allowed):
    """A text of the sentiment `label`."""
    rng = gen.rng
    while True:
        if label == "neutral":
            out = _neutral(rng)
            if rng.random() < 0.25:
                out += rng.choice([". ", ", ", " and "]) + _neutral(rng)
        else:
            words, other = (PRAISE, BLAME) if label == "positive" else (BLAME, PRAISE)
            out = _clause(rng, words, other)
            way = rng.random()
            if way < 0.3:
                out += rng.choice([" and ", ", ", ". ", "! ", " - ", "; "]) + _clause(rng, words, other)
            elif way < 0.45:
                before = _clause(rng, other, words)
                out = rng.choice([f"{before}, but {out}", f"{before}, yet {out}", f"{before} at first, but now {out}", f"I was told that {before}, but {out}",
                                  f"I thought {before}, but no, {out}", f"they said {before}. In fact {out}", f"although {before}, {out}", f"{before} last year, this year {out}",
                                  f"{before}. Still, {out}", f"even if {before}: {out}"])
        out = re.sub(" +", " ", out)
        if allowed(_pattern(out)) and FREE(out):
            return gen.fill(out)
