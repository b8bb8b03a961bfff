"""Texts for sentiment, put together from words of praise and blame that the lists do not have. Only for training, as in
grammar.py: a held-out filler or template is never made.
"""
import re

import frames
import grammar
import implied
import lexicon
import remarks
import reviews

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
I felt ignored|I was treated like dirt|I nearly fell asleep|my stomach turned|I threw it out|count me out|shame on you|
what a rip-off|what a letdown|big mistake|save your money|run away|no thanks|hands off|ugh|yuck|a slap in the face|daylight robbery|pure torture|
a sad sight|my worst nightmare|money for nothing|we left early|we left hungry|we could not sleep a wink|we felt cheated|we were lied to|
we want to forget it|we will look elsewhere|we gave up|I gave up|I deleted it|I returned it the next day|I am losing patience|I am so angry|
I am done with them|I have had enough|I expected better|I deserve an apology|I wasted my evening|I wish I had never bought it|
I would not give it to my worst enemy|worst decision ever|money wasted|a lost weekend|what a mess|what a shame|what a pity|who approved this|
how can they sell this|how dare they|never been so let down|I feel robbed|you lost a customer|my last visit|you ruined my week""".replace("\n", "").split("|")
TROUBLE = """delays|trouble|hassle|queues|noise|stains|cracks|complaints|regrets|hidden fees|bugs|crashes|leaks|scratches|stress|headaches|pain|arguments|drama|
mess|bad smell|dust|rust|glitches|errors|faults|problems|worries|waiting|fuss|tears|mistakes|nasty surprises|missing parts|chaos|bad service|excuses|lies|
broken parts|dirt|mould|damage|defects|hiccups|setbacks|breakdowns|interruptions|confusion|annoyance|disappointments|lag|ads and spam|tricks|hidden costs|
squeaks|bad food|long waits|bugs and crashes|failures|misunderstandings|rudeness|frustration|nonsense""".replace("\n", "").split("|")
# what one misses where it lacks, and what there may be plenty of
GOODS = """help|apology|refund|explanation|taste|flavour|comfort|warmth|privacy|hot water|heating|service|smile|manners|respect|spare parts|care|sympathy|
quality|charm|atmosphere|substance|plot|fun|fresh air|understanding|thanks|customer care|sense of humour|imagination|talent|passion|energy|value|joy|
craftsmanship|safety|support|effort|reason to come back|reason to buy it|chance to complain|word of apology|use at all""".replace("\n", "").split("|")
PLENTY = """flavour|charm|warmth|love|life|ideas|character|energy|humour|heart|joy|fun|good ideas|care|atmosphere|passion|wit|colour and life|great stories|
talent|kindness|nice surprises|magic|tenderness|useful tips|good cheer|style|taste|comfort|beauty""".replace("\n", "").split("|")
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


def _forms(verb):
    """(third person, past, -ing) of a regular verb."""
    if verb.endswith("y") and verb[-2] not in "aeo":
        return verb[:-1] + "ies", verb[:-1] + "ied", verb + "ing"
    if verb.endswith("e"):
        return verb + "s", verb + "d", verb[:-1] + "ing"
    if verb in ("upset", "hurt"):
        return verb + "s", verb, verb + ("ting" if verb == "upset" else "ing")
    doubled = verb + verb[-1] if verb in ("scam", "repel", "enthral") else verb
    return verb + ("es" if verb.endswith(("s", "sh")) else "s"), doubled + "ed", doubled + "ing"


def _side(adj, did, it, i, no, much, implied_, lexicon_, pool):
    """What the clauses of one polarity are made of; lexicon_ is the beginning of the names in lexicon.py."""
    of = {name: getattr(lexicon, lexicon_ + name.upper()) for name in ("adj", "mood", "feel", "do", "noun", "does", "way")}
    of["says"] = getattr(remarks, lexicon_ + "SAYS") + getattr(remarks, lexicon_ + "NEWS") + getattr(remarks, lexicon_ + "ASKS")
    of |= {"adj": list(dict.fromkeys(adj + of["adj"])), "did": did, "it": it, "i": i, "no": no, "much": much, "implied": implied_}
    of["plain_adj"] = [w for w in of["adj"] if " " not in w]
    of["feel"] = [w for w in of["feel"] if len(grammar.trainable(_forms(w), *LISTS)) == 3]
    return {name: grammar.trainable(lines, *LISTS) for name, lines in of.items()} | {"pool": pool}


PRAISE = _side(POS_ADJ, POS_DID, POS_IT, POS_I, TROUBLE, PLENTY, implied.GOOD, "GOOD_", ("{pos_adj}", "{pos}"))
BLAME = _side(NEG_ADJ, NEG_DID, NEG_IT, NEG_I, GOODS, TROUBLE, implied.BAD, "BAD_", ("{neg_adj}", "{neg}"))
EVEN = grammar.trainable(implied.PLAIN, *LISTS)
EVENTS = grammar.trainable(remarks.EVENTS + remarks.LITERAL, *LISTS)
# of the things of one kind: [things, praise, blame, neither]
KINDS_OF_THINGS = [[things, *(grammar.trainable(lines, *LISTS) for lines in said)] for things, *said in reviews.ABOUT]
ANY_ADJ = re.compile(r"\b(" + "|".join(sorted(map(re.escape, PRAISE["adj"] + BLAME["adj"]), key=len, reverse=True)) + r")(?![\w-])")
CALM = [v for v in frames.VERBS if v[0] not in ("like", "lose", "break", "steal", "hate", "love", "miss", "recommend", "prefer", "damage", "scratch", "win",
                                                "complain about", "repair", "fix", "burn", "throw away", "forget", "demand", "dream of", "trip over")]


# nouns that neither praise nor blame
NOUNS = [w for w in frames.PLAIN if w not in """war thief burglar victim virus crash damage fire flood leak funeral fine debt loan lie mistake accident fever cough prison winner loser prize award medal
    peace party holiday customs minutes while past future century age complaint problem strike king queen prince joke rumour storm smoke rain judge referee trial crime police court soldier army murder""".split()]


LOADED = re.compile(r"\b(" + "|".join(form for v in frames.VERBS if v not in CALM for form in v) + r"|works again|ran away|not the)\b")


def _thing(rng):
    noun = rng.choice(NOUNS)
    return rng.choice(["{thing}", "{thing}", "{thing}", "the " + noun, "it", "this", "everything", "the whole thing", "my " + noun, "this " + noun, "our " + noun, "the {product}", "my {product}",
                       "the " + noun + " in {city}", "their " + noun, "the new " + noun])


def _an(text):
    return ("an " if text[0] in "aeiou" and not text.startswith(("uni", "use", "euph")) else "a ") + text


def _says(rng, words, other):
    """{thing} is {adj}"""
    thing = _thing(rng)
    adj = rng.choice(words["adj"]) if rng.random() < 0.85 else words["pool"][0]
    be = rng.choice(["is", "was", "is", "was", "seems", "looks", "has been", "turned out", "feels", "is just", "was simply", "remains", "proved"])
    very = "" if adj[:2] in ("a ", "an") or " " in adj or adj[0] == "{" else rng.choice(VERY) + " "
    return rng.choice([f"{thing} {be} {very}{adj}"] * 6 + [f"{very}{adj}", f"one word: {adj}", f"in a word, {adj}", f"I found {thing} {adj}", f"I find {thing} {very}{adj}", f"we thought {thing} was {adj}",
                                                       f"everybody says {thing} is {adj}", f"{adj} is the word for {thing}", f"I can only call {thing} {adj}", f"how {adj}" if " " not in adj else adj])


def _two(rng, words, other):
    a, b, c = rng.sample(words["plain_adj"], 3)
    return rng.choice([f"{a} and {b}", f"{a}, {b}", f"{_thing(rng)} is {a} and {b}", f"{_thing(rng)} was {a}, {b} and {c}", f"both {a} and {b}", f"{_an(a)} {rng.choice(NOUNS)} and {_an(b)} {rng.choice(NOUNS)}",
                       f"{a} {rng.choice(NOUNS)}, {b} {rng.choice(NOUNS)}", f"{_thing(rng)} is not only {a}, it is {b} too"])


def _exclaims(rng, words, other):
    adj, noun = rng.choice(words["plain_adj"]), rng.choice(NOUNS)
    return rng.choice([f"what {_an(adj)} {noun}", f"such {_an(adj)} {noun}", f"{_an(adj)} {noun}", f"a truly {adj} {noun}", f"one of the most {adj} {noun}s I know", f"the most {adj} {noun} in {{city}}",
                       f"another {adj} {noun}", f"we had {_an(adj)} {noun}", f"I got {_an(adj)} {noun}", f"it came with {_an(adj)} {noun}", f"{adj} {noun}", f"there was {_an(adj)} {noun}", f"they gave us {_an(adj)} {noun}"])


def _is_a(rng, words, other):
    noun = rng.choice(words["noun"])
    if " " in noun:
        return rng.choice([f"what {_an(noun)}", f"{_thing(rng)} is {_an(noun)}", f"{_thing(rng)} was {_an(noun)}", f"it turned out to be {_an(noun)}", f"I call it {_an(noun)}", _an(noun)])
    return rng.choice([f"what {_an(noun)}", f"{_thing(rng)} is {_an(noun)}", f"{_thing(rng)} was {_an(noun)}", f"{_thing(rng)} turned out to be {_an(noun)}", f"it is a real {noun}", f"{_thing(rng)} was a complete {noun}",
                       f"{_an(noun)}, nothing else", f"I call it {_an(noun)}", f"{_thing(rng)}? {_an(noun)}", f"nothing but {_an(noun)}", f"it has been {_an(noun)} from day one", f"an absolute {noun}", f"a total {noun}"])


def _feels(rng, words, other):
    verb = rng.choice(words["feel"])
    third, past, ing = _forms(verb)
    thing, whom = _thing(rng), rng.choice(["me", "us", "everyone", "the kids", "my wife", "my husband", "all of us", "our guests", "my mother", "me every day", "{first}"])
    return rng.choice([f"{thing} {third} {whom}", f"{thing} {past} {whom}", f"I was {past} by {thing}", f"we were {past}", f"I feel {past}", f"we felt {past} by {thing}", f"{thing} never fails to {verb} {whom}",
                       f"{thing} manages to {verb} {whom}", f"{thing} will {verb} you", f"{rng.choice(STAFF)} {past} {whom}", f"{ing}, just {ing}", f"{thing} left {whom} {past}"]
                      if verb not in ("tire", "drain", "reward", "hurt") else [f"{thing} {third} {whom}", f"{thing} {past} {whom}"])


def _does_with(rng, words, other):
    base, past = rng.choice(words["do"]).split("/")
    thing = _thing(rng)
    return rng.choice([f"I {base} {thing}", f"we {past} {thing}", f"I {past} {thing}", f"my family and I {base} {thing}", f"we all {base} {thing}", f"I {base} every bit of it", f"most of us {base} it", f"{thing}? I {base} it",
                       f"I {base} the {rng.choice(NOUNS)} and the {rng.choice(NOUNS)}"])


def _mood(rng, words, other):
    mood = rng.choice(words["mood"])
    return rng.choice([f"I am {mood}", f"we are {mood}", f"I was {mood}", f"we were {mood}", f"I'm {mood}", f"it left me {mood}" if mood[:2] != "a " else f"I am {mood}", f"after {{n}} weeks I am {mood}", f"I can say I am {mood}", f"thanks to {_thing(rng)} I am {mood}" if words is PRAISE else f"because of {_thing(rng)} I am {mood}", f"{{first}} and I are {mood}"
                       if "a " not in mood else f"now I am {mood}"])


def _acts(rng, words, other):
    kind = rng.random()
    if kind < 0.5:
        return f"{rng.choice(['{thing}', '{thing}', 'it', 'my ' + rng.choice(NOUNS), 'the {product}', 'this one', 'the thing'])} {rng.choice(words['does'] + words['it'])}"
    if kind < 0.8:
        return f"{rng.choice(STAFF)} {rng.choice(words['did'])}"
    way, done = rng.choice(words["way"]), rng.choice(lexicon.DONE)
    return rng.choice([f"{_thing(rng)} is {way} {done}", f"it was {way} {done}", f"{way} {done}", f"they did their job {way}"])


def _amounts(rng, words, other):
    if rng.random() < 0.6:
        a, b = rng.sample(words["no"], 2)
        return rng.choice([f"no {a}", f"no {a}, no {b}", f"no {a} and no {b}", f"without any {a}", f"zero {a}", f"there was no {a}", f"not a trace of {a}", f"no {a} at all", f"no {a} whatsoever", f"we had no {a}", f"neither {a} nor {b}",
                           f"not the slightest {a}" if not a.endswith("s") else f"never any {a}", f"free of {a}" if words is PRAISE else f"a total lack of {a}"] + [f"no more {a}", f"no more {a}, no more {b}", f"finally no more {a} and {b}", f"an end to all the {a}", f"gone are the {a} and the {b}"] * (words is PRAISE))
    a, b = rng.sample(words["much"], 2)
    return rng.choice([f"full of {a}", f"nothing but {a}" if words is BLAME else f"full of {a} and {b}", f"so much {a}" if not a.endswith("s") else f"so many {a}", f"lots of {a}", f"{a} from start to end", f"{a} and {b} everywhere",
                       f"{_thing(rng)} is full of {a}", f"only {a}" if words is BLAME else f"{a} and more {a}"])


def _negated(rng, words, other):
    """The opposite, denied."""
    thing, be = _thing(rng), rng.choice(["is", "was"])
    opposite = rng.choice([w for w in rng.sample(other["plain_adj"], 3)] + [other["pool"][0]]) if rng.random() < 0.3 else rng.choice(other["plain_adj"])
    ways = [f"{thing} {be} anything but {opposite}", f"{thing} {be} far from {opposite}", f"{thing} {be} by no means {opposite}", f"{thing} {be} not {opposite} at all", f"there is nothing {opposite} about {thing}",
            f"{thing} {be} not in the least {opposite}", f"{thing} {be} never {opposite}", f"nobody could call {thing} {opposite}"]
    if words is BLAME:  # that something is not bad praises it less than that it is not good blames it
        ways += [f"{thing} {be} not {opposite}", f"{thing} {be} not very {opposite}", f"{thing} {be} not {opposite} enough", f"{thing} {be} hardly {opposite}", f"{thing} {be} not exactly {opposite}", f"{thing} {be} not as {opposite} as they say",
                 f"{thing} {be} less {opposite} than I hoped", f"I expected {thing} to be {opposite}, it {be} not", f"if only {thing} {be} {opposite}" if be == "was" else f"I wish {thing} was {opposite}", f"{thing} could be more {opposite}"]
    return rng.choice(ways)


def _compares(rng, words, other):
    than = rng.choice(["the old one", "all the others", "the last one", "anything else", "I thought", "expected", "I hoped" if words is PRAISE else "I feared", "any other {product}", "the one from {brand}", "what I had before", "last year", "ever", "you think",
                       "the one in {city}", "promised"])
    adj, thing = rng.choice(words["plain_adj"]), _thing(rng)
    if words is PRAISE:
        return rng.choice([f"{thing} is better than {than}", f"{thing} is much better than {than}", f"{thing} is far better than {than}", f"nothing beats {thing}", f"{thing} beats all the others", f"I have never had a better one", f"{thing} gets better and better",
                           f"the best {rng.choice(NOUNS)} in {{city}}", f"{thing} is more {adj} than {than}", f"the most {adj} one I have seen", f"never seen anything so {adj}", f"you won't find a better {rng.choice(NOUNS)}",
                           f"no other {rng.choice(NOUNS)} comes close", f"could not be better", f"could not be more {adj}", f"as {adj} as can be", f"it does not get better than {thing}", f"{thing} is miles ahead of the rest", f"a big step up from {than}"
                           if than.startswith(("the ", "what")) else f"{thing} has improved a lot"])
    return rng.choice([f"{thing} is worse than {than}", f"{thing} is much worse than {than}", f"{thing} is far worse than {than}", f"anything beats {thing}", f"even the cheapest one beats {thing}", "I have never had a worse one", f"{thing} gets worse and worse",
                       f"the worst {rng.choice(NOUNS)} in {{city}}", f"{thing} is more {adj} than {than}", f"the most {adj} one I have seen", f"never seen anything so {adj}", f"you won't find a worse {rng.choice(NOUNS)}",
                       f"every other {rng.choice(NOUNS)} is better", "could not be worse", f"could not be more {adj}", f"as {adj} as can be", f"it does not get worse than {thing}", f"{thing} is miles behind the rest", f"a big step down from {than}"
                       if than.startswith(("the ", "what")) else f"{thing} has gone downhill"])


def _would(rng, words, other):
    thing = rng.choice(["{thing}", "it", "this one", "the {product}", "this " + rng.choice(NOUNS)])
    if words is PRAISE:
        return rng.choice([f"I would {do} again" for do in ("buy it", "come here", "order it", "do it", "go there", "book it", "choose it", "see it")] + [
            f"if you need a {rng.choice(NOUNS)}, get this one", f"you should try {thing}", f"you have to try {thing}", f"go and get {thing}", f"buy {thing}, you won't be sorry", f"I would give {thing} {{n}} stars if I could",
            f"I recommend {thing} to all my friends", f"I can recommend {thing} to anyone", f"I can't imagine life without {thing}", f"I'd be lost without {thing}", f"we will be back", f"we will order more", f"I can't get enough of {thing}",
            f"I could {rng.choice(['eat this', 'look at it', 'listen to it', 'stay here', 'sit there', 'watch it'])} all day", f"worth {rng.choice(['the price', 'every minute', 'the detour', 'the trip', 'a visit', 'the money', 'every bite', 'a try', 'the wait'])}",
            f"so glad we {rng.choice(['came', 'went', 'tried it', 'found it', 'bought it', 'chose it', 'stayed'])}", f"thank you for {thing}", f"happy with {thing}", f"pleased with {thing}", f"proud of {thing}", f"impressed by {thing}", f"grateful for {thing}"])
    return rng.choice([f"I would not {do} again" for do in ("buy it", "come here", "order it", "do it", "go there", "book it", "choose it", "see it")] + [
        f"if you need a {rng.choice(NOUNS)}, get another one", f"you should avoid {thing}", f"don't waste your money on {thing}", f"do not buy {thing}", f"buy {thing} and you will be sorry", f"I would give {thing} no star at all if I could",
        f"I can't recommend {thing} to anyone", f"I warn all my friends about {thing}", f"life is too short for {thing}", f"I'd be better off without {thing}", f"we won't be back", f"we will not order again", f"I have had enough of {thing}",
        f"I could not {rng.choice(['eat it', 'look at it any more', 'listen to it', 'stay there', 'sit on it', 'watch it to the end'])}", f"not worth {rng.choice(['the price', 'a minute', 'the detour', 'the trip', 'a visit', 'the money', 'a bite', 'a try', 'the wait'])}",
        f"so sorry we {rng.choice(['came', 'went', 'tried it', 'found it', 'bought it', 'chose it', 'stayed'])}", f"I want my money back for {thing}", f"unhappy with {thing}", f"sick of {thing}", f"ashamed of {thing}", f"let down by {thing}", f"fed up with {thing}"])


def _phrase(rng, words, other):
    return rng.choice(words["i"])


def _listed(rng, words, other):
    return words["pool"][1]


def _reviews(rng, words, other):
    things, good, bad, _ = rng.choice(KINDS_OF_THINGS)
    lines = good if words is PRAISE else bad
    thing = rng.choice(things)
    return rng.choice([f"{thing} {rng.choice(lines)}"] * 4 + [f"{thing} {rng.choice(lines)} and {rng.choice(lines)}", f"{thing}: {rng.choice(lines)}", rng.choice(lines), f"it {rng.choice(lines)}"])


def _remarks(rng, words, other):
    label, way = "positive" if words is PRAISE else "negative", rng.random()
    return rng.choice(words["says"]) if way < 0.65 else remarks.disguised(rng, label) if way < 0.87 else remarks.rating(rng, label)


def _implied(rng, words, other):
    return rng.choice(words["implied"])


# how often each kind of clause is made
KINDS = {_says: 26, _two: 7, _exclaims: 7, _is_a: 8, _feels: 8, _does_with: 6, _mood: 6, _acts: 14, _amounts: 4, _negated: 7, _compares: 7, _would: 7, _phrase: 6, _listed: 5, _implied: 5, _reviews: 26, _remarks: 20}


def _statement(rng, words):
    """Something said straight, with subject and verb, as it may stand before and after a "but"."""
    verb = _forms(rng.choice(words["feel"]))
    return rng.choice([f"{_thing(rng)} {rng.choice(['is', 'was', 'looks', 'seems'])} {rng.choice(VERY)} {rng.choice(words['plain_adj'])}"] * 4 + [
        f"{_thing(rng)} was {_an(rng.choice(words['noun']))}", f"{{thing}} {rng.choice(words['does'])}", f"{{thing}} {rng.choice(words['it'])}", f"{rng.choice(STAFF)} {rng.choice(words['did'])}", f"{_thing(rng)} {verb[1]} me",
        f"I am {rng.choice(words['mood'])}", f"{_thing(rng)} is {rng.choice(words['plain_adj'])} and {rng.choice(words['plain_adj'])}"])


def _turn(rng, words, other):
    """Two clauses of which the second one counts."""
    before, out = _statement(rng, other), _statement(rng, words) if rng.random() < 0.8 else _would(rng, words, other)
    if rng.random() < 0.4:
        things, good, bad, _ = rng.choice(KINDS_OF_THINGS)
        first, then = (bad, good) if words is PRAISE else (good, bad)
        thing = rng.choice(things)
        before, out = f"{thing} {rng.choice(first)}", f"{rng.choice([thing, 'it', rng.choice(things)])} {rng.choice(then)}"
    return rng.choice([f"{before}, but {out}", f"{before}, but {out}", f"{before}, yet {out}", f"{before} at first, but now {out}", f"I was told that {before}, but {out}", f"I thought {before}, but no, {out}",
                       f"they said {before}. In fact {out}", f"although {before}, {out}", f"even though {before}, {out}", f"{before}. Still, {out}", f"{before}. But in the end {out}", f"{before}, however {out}",
                       f"I read that {before}. Not so: {out}", f"others say that {before}, but I say {out}", f"{before}, and yet {out}"])


def _clause(rng, words, other):
    return rng.choices(list(KINDS), KINDS.values())[0](rng, words, other)


def _neutral(rng):
    if rng.random() < 0.04:
        return remarks.rating(rng, "neutral")
    way = rng.random()
    if way < 0.25:
        return rng.choice(EVENTS)
    if way < 0.35:  # somebody does something
        told = grammar._facts(rng)[0]
        if not LOADED.search(told):
            return told
    if way < 0.5:
        things, _, _, plain = rng.choice(KINDS_OF_THINGS)
        return f"{rng.choice(things)} {rng.choice(plain)}"
    line = rng.choice(NEUTRAL if rng.random() < 0.6 else EVEN)
    for key in ("{noun}", "{noun:2}"):
        line = line.replace(key, rng.choice(NOUNS))
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
            way = rng.random()
            if way < 0.85:
                out = _clause(rng, words, other)
                if way < 0.25:
                    out += rng.choice([" and ", ", ", ". ", "! ", " - ", "; "]) + _clause(rng, words, other)
            else:
                out = _turn(rng, words, other)
        out = re.sub(" +", " ", out).strip()
        if allowed(_pattern(out)) and FREE(out):
            return gen.fill(out)
