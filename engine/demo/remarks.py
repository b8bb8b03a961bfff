"""Short remarks in praise and in blame: slang, news of one's life, questions that want no answer, ratings. Only for training; opinions.py
uses them."""


def _lines(text):
    return text.replace("\n", "").split("|")


GOOD_SAYS = _lines("""lit|this is fire|it slaps|what a banger|goated|such a vibe|on point|legit good|mint|peachy|cracking stuff|proper good|well good|dead good|bloody brilliant|damn good|hella good|super duper|A+|
two thumbs up|best ever|simply the best|so good|insanely good|crazy good|off the charts|next level|I'm obsessed|omg yes|yes yes yes|yesss|woohoo|whoop whoop|hell yeah|heck yes|wow just wow|wowza|mmm|yum|nom nom|
sooo good|soooo nice|loooove it|luv it|luv this|<3|😍|❤️|👍|🥰|🎉|🔥 love it|👏👏👏|good stuff|nice one|great stuff|top stuff|spot on mate|big up|props to you all|respect|hats off to you|you rock|you guys rock|
best thing since sliced bread|can't fault a thing|what's not to love|not a single complaint|zero complaints|nothing but love for this|take a bow|keep it coming|more please|sign me up again|pure class|pure bliss|
pure genius|pure heaven|sheer joy|sheer delight|heaven on earth|music to my ears|a sight to behold|a job well done|a steal at this price|bang for the buck|five out of five|full points|straight A's|gold star|
top of the class|first prize|best in show|flying colours|happy days|happy bunny|happy camper here|made up with it|buzzing|over the moon mate|well chuffed|so stoked|living the dream|can't complain at all|
won't go anywhere else now|no other place for us|hooked after one bite|sold after one minute|count me as a fan|my go-to from now on|everyone should have one|the real McCoy|worth its salt|the whole package""")
BAD_SAYS = _lines("""trash|so cringe|how lame|wack|janky|it sucks|this sucks|that sucked|it blows|a dumpster fire|a hot mess|an epic fail|big fail|big yikes|yikes|oof|bleh|yuck|eww|gross|nope nope nope|hell no|heck no|
boo|booo|facepalm|smh|omg no|so bad|sooo bad|worst ever|simply the worst|the pits|it's pants|utter rubbish|total rubbish|absolute rubbish|absolute garbage|pure garbage|naff|minging|manky|well dodgy|grim|load of crap|
piece of crap|👎|😡|🤮|😠|💩|😡😡😡|not cool|not ok|hated it|h8 it|what a joke|what a waste|what a con|what a dump|total fail|avoid|avoid avoid avoid|steer clear|stay well away|don't bother|save yourself the trouble|
give it a miss|not again|never ever again|once and never again|once was enough|lesson learned the hard way|fool me once|more fool me|buyer beware|you get robbed here|complete and utter mess|no words, just anger|
shocking service|shocking quality|appalling stuff|shame on them|disgrace|hang your heads in shame|pull your socks up|do better|sort yourselves out|get your act together|not impressed at all|less than thrilled|
could have cried|makes me want to scream|my blood is boiling|I am speechless with anger|gutted|so let down|left a sour taste|left with nothing|out of pocket and angry|down the drain|straight in the bin|
bin it|not fit for a dog|wouldn't wish it on anyone|worse than useless|beyond awful|beyond terrible|rock bottom|bottom of the barrel|last resort at best|a bad dream|a living hell|hell on earth|torture|agony|misery|
money grabbers|con artists|crooks|thieves|amateurs|bunch of clowns|cowboys|a bunch of liars|jobsworths|heads should roll|someone should be fired""")
GOOD_NEWS = _lines("""I got the job|we won|we won the final|I passed my exam|I passed|she said yes|we are getting married|it's a girl and all are well|my mother is out of hospital and well|I finally slept well|the sun is out and life is good|
I got a pay rise|I was promoted|my team is champion|we got the flat|I found my lost cat|the operation went well|the doctor says I am healthy|the baby smiled at me|my best friend is coming to visit, I can't wait|
tomorrow the holidays begin, yay|I beat my record|I made it|dreams do come true|today was a good day|this made me smile|I laughed so hard|we had such a good time|I feel on top of the world|I am in such a good mood|
my plan worked|our little shop is doing great|everything is coming together|I am proud of my daughter|my son took his first steps|my book is a bestseller|they loved my speech|I got the best present ever|
what a beautiful morning|I fell in love|I finished my first marathon|the garden is in full bloom and gorgeous|our dog is well again|they cheered for us|I have the best friends|my teacher praised me|I am free at last|
the debt is paid, what a feeling|we danced all night|I feel alive""")
BAD_NEWS = _lines("""I lost my job|we lost again|I failed my exam|I failed|she left me|he broke my heart|my dog died|my cat is very ill|my mother is in hospital and I am worried|I could not sleep all night|I was robbed|my bike was stolen|
somebody stole my wallet|the flat was burgled|I broke my arm and it hurts|they cut my pay|I was fired|my team was crushed|we did not get the flat|the operation went wrong|I am sick again|the doctor had bad news|
nobody came to my party|my best friend lied to me|the holiday is cancelled, I could cry|I missed my train and the interview|today was a bad day|this made me cry|I cried so hard|we had such a bad time|I feel like a failure|
I am in such a bad mood|my plan failed|our little shop has to close|everything is falling apart|I am ashamed of my brother|my son was bullied|they booed me|I got the worst present ever|what a dreadful morning|
I feel so alone|I had to give up the race|the garden is dead|our house flooded and everything is ruined|they laughed at me|I have no friends here|my teacher humiliated me|I am trapped in this contract|
the debt is killing me|we argued all night|my car was wrecked|I lost everything|I hurt all over|they turned me down|my heart is broken""")
GOOD_ASKS = _lines("""how did I ever live without it?|can it get any better?|what more could one want?|who could ask for more?|why did I not buy it sooner?|where have you been all my life?|is there anything they can't do?|
how can something so cheap be so good?|have you ever tasted anything so good?|isn't it lovely?|how cool is that?|what's not to like?|could there be a nicer place?|who else answers within a minute?|why go anywhere else?""")
BAD_ASKS = _lines("""how hard can it be to answer a mail?|do you even test this?|who designed this mess?|why does nothing work here?|why is it always broken?|is there no one who cares?|what were they thinking?|are you kidding me?|
is this a joke?|what am I paying for?|how many times do I have to complain?|why do you lie to your customers?|how can you charge for that?|how long do I have to put up with this?|can it get any worse?|
who would buy this twice?|is it too much to ask for a clean fork?|when will you finally fix it?|why do I bother?|does anybody there know what they are doing?|you call that service?|you call this clean?|
how on earth did this pass any test?|why does it break every single time?|have you no shame?|where did all my money go?""")
# what happens in a shop, a hotel, an office, told without an opinion
EVENTS = _lines("""I called the hotline on {weekday}|the waiter brought the menu|the refund was sent on {date}|the repair takes {n} days|the technician comes on {weekday}|I returned the {product} in {month}|they sent me the form|
I was asked for my order number|the manager is called {name}|the complaint has the number {order}|I have a question about the refund|the warranty lasts {n} months|the contract ends in {month}|the price went from {amount} to {amount:2}|
delivery is planned for {date}|the parcel is at the post office|I sent the mail on {date}|the update came out in {month}|the app asks for a name and a date|I use the app on the train|the error page has a link to the help|
the doctor sees patients from {n} to {n:2}|the appointment was moved to {weekday}|the nurse wrote down my name|the waiting room is on the left|check in is from {n}, check out until {n:2}|breakfast is from {n} to {n:2}|
the room costs {amount} a night|the pool is open in {month}|the towels are changed on {weekday}|we got a key card and a map|the bus stops in front of the hotel|dinner is not included|the menu changes every {weekday}|
we ordered {food} and water|the {food} comes with bread|the bill was {amount}|tips are included|the kitchen closes at {n}|the film starts at {n}|the book has {n} pages|the second part comes out in {month}|the singer is from {city}|
the concert was moved to {date}|the museum has {n} rooms|tickets are sold at the door|the tour takes {n} hours|the guide speaks English and French|the teacher gave us {n} exercises|the exam is in {month}|the course is held in {city}|
I got the book from the library|the {product} was delivered in two boxes|the manual is in English|the battery is charged by cable|it takes {n} minutes to charge|the {product} is {n} centimetres long|I compared two shops|
the shop moved to {city}|the shop is run by {name}|the queue was as long as on other days|the staff wear {colour} shirts|the gym opens at {n}|a membership costs {amount} a year|the form has {n} pages|my account was opened in {month}|
I changed my password|I was charged {amount} as agreed|the invoice lists {n} items|the discount ends on {date}|the return label was in the box|I will fill in the survey later|this is my answer to your survey|no answer|not applicable|
I have nothing to add|see above|see my last mail|as I wrote before|I do not use that|we have not tried it|I only wanted to know the price|please tell me the opening hours|please call me back on {weekday}|can you send me the link?|
does the price include tax?|is the {product} sold in {city}?|which size should I order for a child of {n}?|how long is the warranty?|do you ship to {city}?|can I change the date of my booking?|who is the author of the book?|
where was the film made?|what is in the sauce?|is there a lift?|are pets allowed?|is breakfast included?|it was raining when we came|it was {weekday} evening|there were other guests too|we were two adults and a child|
we stayed from {date} to {date:2}|we came from {city} by car|I went there for work|I was there for the first time|I will be there again in {month} for work|my colleague uses the same one|it replaces the old one|it is the successor of the old model|
the old and the new one look alike|both have the same size|one of the two is mine|some like it sweet, some like it salty|tastes differ|opinions differ|there are arguments on both sides|it has strengths and weaknesses|
a mixed bag|a mixed experience|hit and miss|swings and roundabouts|fair to middling|could go either way|on balance neither|I am in two minds about it|I am undecided|I am neutral on this|I have no feelings either way""")
# words of praise and blame that mean something plain
LITERAL = _lines("""the lost property office is on the left|the complaint form has two pages|the error code is {n}|damage has to be reported within {n} days|the sick bay is next to the lift|the trash is collected on {weekday}|
the waste paper goes in the {colour} bin|the worst case is described on page {n}|the bad debts are listed below|the cold room is set to {n} degrees|the slow lane is on the right|the dead end sign stands at the corner|
the poor box hangs by the door|a fault line runs through {city}|the crash test is on {weekday}|the dirty dishes go in the machine|broken glass goes in the container|the noise level was measured in {month}|
the best before date is {date}|the winner will be named on {date}|the love story is set in {city}|happy hour starts at {n}|the free parking is behind the house|the perfect tense is explained on page {n}|
the good scissors are in the drawer|the fine for parking is {amount}|the fresh fish counter is on the left|comfort class costs {amount}|the beauty salon opens at {n}|the dark room is in the cellar|the hard copy is on the desk|
the sharp bend is after the bridge|the rough draft has {n} pages|the ugly duckling is a fairy tale|the sour cream is in the fridge|the bitter chocolate is on the upper shelf|the cheap seats are in row {n}|the dull paint is {colour}|
the loud bell rings at {n}|the missing number is {n}|the wrong answers are marked in red|the right answers are on page {n}|the first prize is a {product}|the disaster film starts at {n}|the horror section is on the second floor|
the nightmare scene is the third one|a bug is an insect|the mouse trap is behind the shelf|the spare tyre is in the boot|the emergency exit is on the left|the fire alarm is tested on {weekday}|the danger sign is {colour}|
the poison cabinet is locked|the pain scale goes from 1 to {n}|the headache tablets are in the drawer|the bright lamp is in the hall|the smart meter shows {big}|the quick start guide is in the box|the easy version has {n} levels|
the rich text format is the default|the super market opens at {n}|the great hall seats {big}|the grand piano is in room {n}|the gift shop is at the exit|the pleasure boats leave at {n}|the joy stick has {n} buttons|
the charm bracelet is {colour}|the welcome desk is on the ground floor|the clean towels are on the shelf|the safe is in the wall|the solid line is the bus, the dotted one the tram|the weak acid is in bottle {n}|the stale bread is for the ducks|
the rotten log is part of the exhibition|the failed attempts are listed in table {n}|the reject pile is on the left|the loss ratio is {n} percent|the profit was the same as in {month}|the strike is planned for {weekday}|
the trouble shooting page is number {n}|the problem set has {n} questions|the lazy eight is a figure in dancing|the black market scene is in part two|the refund policy is on page {n}|the cancelled stamps are in the album""")
_FIND = ["we could not stay longer", "I did not buy it sooner", "it had to end", "there is not more of it", "I can't be there every day", "I did not know about it before", "I have only one", "the {food} was gone so fast", "I live so far away",
         "my {job} wants one too", "the day has only 24 hours", "I did not take the bigger one", "I had to share it", "we did not come years ago", "it is not open on {weekday}", "the others now want one as well"]
_ONLY_GOOD = ["the way out", "the free coffee", "the way home", "leaving", "the price tag", "the view of the car park", "that it ended", "the nap I had", "the interval", "the door we left by", "the taxi home", "the box it came in", "the peanuts", "that we got out alive",
              "the sign with the opening hours", "the bus back", "the wifi", "the lift", "the napkins", "the refund"]
_DREAD = ["Mondays", "mornings", "the dentist", "winter", "my tax return", "ironing", "the commute", "long drives", "cooking", "needles", "exams", "flying", "housework", "the stairs", "rain", "sleepless nights", "the bill", "parents' evenings"]


def disguised(rng, label):
    """Praise that looks like blame, and the other way round."""
    if label == "positive":
        what = rng.choice(["complaint", "regret", "criticism", "gripe", "problem", "worry", "grumble", "objection", "quibble"])
        a, b = rng.sample(_DREAD, 2)
        return rng.choice([f"my only {what} is that {rng.choice(_FIND)}", f"the only {what}: {rng.choice(_FIND)}", f"if I have one {what}, it is that {rng.choice(_FIND)}", f"the only bad thing is that {rng.choice(_FIND)}", f"what a pity that {rng.choice(_FIND)}",
                           f"I no longer {rng.choice(['dread', 'fear', 'hate', 'mind', 'worry about'])} {a}", f"thanks to {{thing}} I no longer {rng.choice(['dread', 'fear', 'hate'])} {a}", f"no more fear of {a}", f"{a} and {b} are no problem any more", f"goodbye to {a} and {b}, at last",
                           f"the old one lasted {{n}} days, this one is in its {{n:2}}th year", f"the last one broke after a week, this one still runs after {{n}} years", f"I searched for a fault and found none", f"I looked hard for something to complain about and failed",
                           f"I have yet to meet someone who does not like {{thing}}", "you will not hear a bad word about it from me", f"I was ready to complain, but there was no reason to", f"and I thought I would hate it", "I was wrong to doubt it", f"all my fears about {{thing}} were for nothing"])
    return rng.choice([f"the only good thing about {{thing}} was {rng.choice(_ONLY_GOOD)}", f"the only nice thing was {rng.choice(_ONLY_GOOD)}", f"the best part was {rng.choice(_ONLY_GOOD)}", f"the highlight was {rng.choice(_ONLY_GOOD)}, that says it all", f"I liked {rng.choice(_ONLY_GOOD)} and nothing else",
                       f"the old one lasted {{n}} years, this one {{n:2}} days", f"the last one ran for {{n}} years, this one broke after a week", f"it used to be good, those days are gone", f"I searched for something good and found nothing", f"I looked hard for something to praise and failed",
                       f"I have yet to meet someone who likes {{thing}}", "you will not hear a good word about it from me", f"I was ready to praise it, but there was no reason to", "and I thought I would love it", "I was wrong to trust it", f"all my hopes for {{thing}} were for nothing",
                       f"great idea to raise the price when nothing works", f"well done, now it is broken for everybody", f"thanks for ruining {rng.choice(['my day', 'our evening', 'the weekend', 'my birthday'])}", f"congratulations, you lost a customer", f"just what I needed, another broken {{product}}",
                       f"nice try, but no", f"{{amount}} for that, you must be joking", f"wonderful, {{n}} hours in the queue for nothing", f"so much for the five stars", "if you like waiting, this is for you", f"perfect, if you enjoy being ignored", f"now I {rng.choice(['dread', 'fear', 'hate'])} {rng.choice(_DREAD)} even more"])
_WORTH = ["the app", "the hotel", "the food", "the book", "the film", "the service", "this", "it", "the whole thing", "the course", "the trip", "{thing}", "the {product}"]


def rating(rng, label):
    """A text that gives so many points or stars: few, many, or as many as lie in the middle."""
    most, good, bad, even = rng.choice([(5, (4, 5), (0, 1, 2), (3,)), (5, (4, 5), (0, 1), (3,)), (10, (8, 9, 10), (0, 1, 2, 3), (5,)), (100, (85, 90, 95, 100), (0, 5, 10, 15, 20), (50,)), (6, (5, 6), (0, 1), (3,))])
    n = rng.choice({"positive": good, "negative": bad, "neutral": even}[label])
    what = rng.choice(_WORTH)
    return rng.choice([f"{n} out of {most}", f"{n}/{most}", f"{n} of {most} points", f"{what}: {n} out of {most}", f"{what}: {n}/{most}", f"I give {what} {n} out of {most}", f"{n} out of {most} for {what}", f"my rating: {n}/{most}", f"{n} of {most} stars"]
                      + ([f"{n} star{'' if n == 1 else 's'} out of five", f"{n} star{'' if n == 1 else 's'} of five", f"{what} gets {n} star{'' if n == 1 else 's'} out of five from me"] if most == 5 else []))
