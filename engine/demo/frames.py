"""Texts to extract from, put together from phrases: what stands before and after a name, a product, an amount varies
widely, and so do the words that are none of these. Only for training; see grammar.py.
"""
from grammar import ACTS, CLOSERS, DETERMINER, OPENERS, THINGS, VERBS

# words for things and people that nobody asks for: no products, no names
PLAIN = """bank till contract photo letter bill flat parcel counter queue shelf choir club team council committee crew board jury court police school clinic
hospital hotel bakery garage harbour bridge tunnel street corner village island valley mountain lake river beach forest garden weather rain storm
winter spring season holiday journey trip tour flight train bus ferry taxi platform airport station border customs visa passport permit licence tax
fine rent loan debt budget salary pension bonus discount voucher coupon deposit refund receipt invoice statement transfer cheque cash change price
cost fee offer quote deal sale auction lottery prize award medal winner loser referee score match goal race record final league trainer coach fan
crowd audience stage play film scene actor singer band song concert orchestra choirmaster painter sculptor poet novel chapter page story rumour secret
joke lie truth promise plan idea reason answer question problem mistake accident damage leak fire flood smoke ambulance doctor nurse patient dentist
surgeon vet pharmacist pill cure fever cough landlord tenant neighbour caretaker plumber electrician builder roofer gardener farmer fisherman hunter
baker butcher waiter cook guest host customer client buyer seller dealer supplier partner boss manager director assistant clerk cashier trainee intern
student pupil teacher professor headmaster lecture lesson exam test grade homework thesis library archive museum gallery church chapel temple mosque
tower castle palace ruin monument statue fountain square park playground zoo aquarium farm field meadow fence gate yard roof cellar attic stairs hall
lobby reception office meeting agenda minutes report draft form list appointment interview application complaint warranty guarantee delivery shipment
order warehouse truck driver courier postman mailroom address floor room suite sauna pool gym breakfast lunch dinner supper snack menu soup salad
dessert coffee tea beer wine water juice milk bread butter cheese sugar salt birthday wedding funeral party picnic festival fair market parade strike
election vote law rule mayor minister president king queen prince soldier army war peace treaty workshop factory mine mill quarry engine motor brake
tyre fuel oil gas power electricity heating signal network server website password account login profile update virus backup crash program code file
download upload message note memo call voicemail text answerphone fax advert poster leaflet newspaper article-writer journalist editor reader column
headline interviewer witness thief burglar victim lawyer judge case trial verdict prison dog cat horse cow sheep goat hen duck fox wolf bear bird fish
bee spider tree flower rose grass leaf root seed apple pear hour minute week month year morning noon evening night weekend moment while age century
past future""".split()
PLAIN = [word for word in PLAIN if word not in THINGS]
# verbs that only take -s and -ed, or -d
REGULAR = """accept achieve act add admire admit adopt advise agree aim announce annoy answer apologise appear applaud apply appoint approach approve argue arrange
arrest ask assemble assist attack attend avoid award bake balance beg behave belong blame bless blink board boil bolt book bounce bow brake breathe
call cause challenge change chat cheer chew claim climb close coach comment compete complain complete confess confirm confuse connect consider contact
contain continue count cover crawl cross cry cure dare deal decide decline decorate delay delight deny depend deserve detect develop disagree
disappear discover dislike display divide double doubt dress drown dry earn employ empty encourage end enter entertain escape examine expect explain
explore fail fasten fax file fill film finish fire fit float flow fold fool force frame frighten gather glance glue grab greet guarantee guard guess
guide hammer hand handle hang happen harm head heal heat help hope hug hunt hurry identify ignore imagine impress improve include increase inform
injure insist install insult interest interrupt introduce invent invest invite iron join joke judge juggle jump kick kill kiss kneel knock label last
laugh launch lead lean learn lick like list listen load lock look manage march mark mention mind mix mourn name nod note number obey object observe
offend order owe own paddle pause pay peel perform phone pinch plan plant please point poke polish post pour practise pray preach predict press print
produce promise protect prove provide publish punch punish push question queue race reach refuse regret relax release rely remain remember remind
remove renew rent replace reply report rescue rest retire ring roll row ruin rush sack sail sample scare scold score scream seal search sell settle
shelter shock shout show sigh sign signal sip ski slip smile sneeze sniff snore solve sound spare spark spill spoil spray squeeze stain stamp stare
state stay steer stir stop stretch stroll suffer suggest supply support suppose surprise surround suspect swap switch talk tame tap taste tease
telephone thank tick tickle tie touch tour tow trace trade train transfer trap travel treat tremble trick trust try turn type undress unite unlock
untie update upgrade use value visit wail wait wander want warm warn water wave weigh welcome whisper whistle wink wipe wish witness wonder work worry
wreck yawn yell zip""".split()


def _verb(rng):
    """A verb in some tense."""
    if rng.random() < 0.4:
        return rng.choice(rng.choice([VERBS, ACTS]))[rng.choice([1, 2, 2])]
    base = rng.choice(REGULAR)
    if base.endswith("y") and base[-2] not in "aeo":
        return base[:-1] + rng.choice(["ies", "ied", "ied"])
    return base + (rng.choice(["s", "d", "d"]) if base.endswith("e") else rng.choice(["s", "ed", "ed"]))


# bodies with a name of their own, which is no person's and no product's
BODY = "Club Guild Museum School Choir Association Society Union Bank Hospital Library Group Team Institute Council Theatre Academy Foundation Works Bakery Hotel Clinic College Trust Agency Office Church Band League Centre Brewery Garage Press Studio Pharmacy".split()


def _body(rng):
    return rng.choice(["{org}", "{place}", "the " + rng.choice(PLAIN).capitalize() + " " + rng.choice(BODY), rng.choice(PLAIN).capitalize() + "s' " + rng.choice(BODY),
                       "the {city} " + rng.choice(BODY), "the " + rng.choice(BODY) + " of {city}"])
TITLE = "Mr Mrs Ms Miss Dr Prof. Professor Captain Sister Brother Uncle Aunt Granny Judge Inspector Father Sergeant Madame Herr Frau".split()
ROLE = """our neighbour|the owner|my colleague|our guest|the tenant|a certain|someone called|my friend|his wife|her husband|the winner|the buyer|the manager|
the driver|our trainee|the chairman|the artist|the singer|the lawyer|the caller|customer|client|guest|user|member|employee|patient|student|
a woman named|a man named|the late|young|old|little|poor|dear|mayor|minister|coach|chef|nurse|teacher|the famous|the unknown|the new boss,|my uncle|
my aunt|cousin|director|witness|player|passenger|the suspect|author|editor|agent""".replace("\n", "").split("|")
BEFORE_NAME = """neither|both|either|only|even|not|with|without|except|besides|including|like|unlike|according to|thanks to|instead of|from|by|via|through|against|
behind|under|for|about|of|to|near|next to|than|when|while|because|since|if|unless|although|after|before|until|where|how|why|that|whether|and|or|but|
so|yet|then|now|today|tonight|yesterday|tomorrow|once|soon|later|here|there|meanwhile|again|finally|perhaps|please ask|please call|tell|ask|call|meet|
visit|thank|remind|inform|pay|greet|pick up|see|follow|trust|blame|invite|help|hire|congratulate|signed,|yours,|regards,|best,|welcome,|sorry,|hello|
hi|dear|hey|goodbye|ask for|look for|wait for|it was|this is|that was|I am|he is|she is|my name is|they call me|is|was|the story goes that|
the photo shows|we all know that|some say|nobody but|everyone except|all of us and|me and|you and|your|this|hired:|action:|news:|lost:|wanted:|
scorer:|goal by|speaker:|photo:|text:|poem by|starring|featuring|led by|in memory of|on behalf of|in the name of|c/o|cc|via""".replace("\n", "").split("|")
AFTER_NAME = """when|who|whose|as|because|if|since|while|until|and|or|but|so|though|then|again|today|yesterday|tomorrow|too|also|alone|himself|herself|at once|
by mistake|in person|in tears|in time|in vain|for free|for good|for now|on foot|on time|by bus|by post|by hand|at last|at noon|(aged {n})|({n})|
, {n}, |, who|, our|, as always,|, please|, hurry|!|?|...|: |- |, |'s|'s wife|'s brother|'s|, Esq.|, PhD|, senior|and family|and friends|and son|
and his dog|and the others|and partners|from flat {n}|from room {n}|of the choir|of the board|in seat {n}|in lane {n}|near the door|with the red hat|
without shoes|points: {n}|{n} points|wins|loses|resigns|returns|joins us|joined us|left us|called|wrote|thinks|knows|says|said|will|would|can|could|
should|must|may|might|does|did|has|had|is|was|isn't|wasn't|won't|didn't|doesn't|hasn't|never|always|often|rarely|sometimes|already|just|still|really|
hardly|nearly|probably|certainly|now|later|first|last""".replace("\n", "").split("|")
BEFORE_PRODUCT = """with|without|for|about|of|under|behind|next to|on|in|from|inside|against|instead of|than|like|except|including|plus|minus|and|or|is|was|were|called|
named|prize:|wanted:|lost:|found:|for sale:|new:|now:|article:|what about|how about|where is|there is|here is|this is|that was|it is|I mean|we mean|
no|every|any|each|one|two|{n}|{n} x|another|such|what|which|whose|only|even|just|not|bought|sold|lost|found|broke|saw|got|has|had|wants|needs|uses|
owns|returns|returned|swapped|wrapped|hid|dropped|carried|repaired|rented|lent|borrowed|mended|tested|praised|described|chose|stole|buys|to buy|
to sell|to fetch|to return|to repair|to replace|buying|selling|fixing|returning|a swap of|a photo of|the price of|the box of|the rest of|
the colour of|a part of|pictures of|news about|a question about|trouble with|fun with|the story of|the lid of|the back of""".replace("\n", "").split("|")
AFTER_PRODUCT = """when|which|that|because|if|since|while|until|and|or|but|so|then|again|today|yesterday|tomorrow|too|also|alone|at once|by mistake|in time|for free|
for now|by post|by hand|at last|at noon|now|later|first|last|back|away|up|down|off|on|out|in|here|there|please|thanks|!|?|...|: |- |, |stopped|
started|broke|fell|burned|arrived|vanished|leaks|rattles|squeaks|works|shines|died|exploded|cracked|melted|froze|disappeared|costs nothing|is|was|
will|would|can|could|should|must|may|isn't|wasn't|won't|didn't|doesn't|never|always|often|already|still|really|hardly|nearly|probably|with no lid|
with a scratch|with everything|without the cable|without a box|in the photo|in the window|in the corner|on the left|on the wall|under the bed|
for the kids|for my mother|for a friend|for a ticket|for two|from the shop|from the cellar|of his|of hers|of ours|next door|next to it|like new|
second hand|hardly used|as a gift|as a prize|as promised|as agreed|and nothing else|and a card|and the cable|or something like that|or not""".replace("\n", "").split("|")
BEFORE_AMOUNT = """for|at|about|over|under|nearly|almost|exactly|only|just|up to|at least|at most|more than|less than|around|roughly|from|of|worth|paid|pays|pay|owes|
owed|costs|cost|spent|earned|won|lost|saved|gave|got|took|offered|refused|transferred|collected|lent|charged|demands|wants|wins|is|was|makes|made|
minus|plus|another|the|a mere|a full|your|my|our|these|those|and|or|than|total|total:|sum:|in all|altogether|price:|fee:|rent:|balance:|bill:|tip:|
number {big} wins|table {n}:|room {n}:|case {n}:|for {n} nights|for {n} people|for {n} hours|per head|where the|with|without|because of|instead of""".replace("\n", "").split("|")
AFTER_AMOUNT = """went|is|was|a day|a month|a year|per person|per hour|each|in all|in cash|in cash, please|by card|by cheque|at once|too much|too little|less|more|off|
back|down|extra|plus tax|including tax|net|short|is missing|is fair|is a lot|is enough|is not enough|would be nice|will do|or nothing|or best offer|
and not a cent more|and a smile|and a beer|from me|from us|to the club|for charity|for nothing|for the lot|for it|for both|when|if|because|so|but|and|
?|!|...|, |- |, please|, thanks|, not more|cash in hand|on the table|in the till|under the bed|today|tomorrow|yesterday|last year|again|already|still""".replace("\n", "").split("|")
BEFORE_DATE = """on|since|until|till|by|before|after|from|as of|around|about|not before|not after|no later than|starting|ending|due|dated|valid until|expires|expired|
born|died|married|it is|it was|that was|today is|today,|tomorrow,|next time:|date:|day:|deadline:|start:|arrival:|open from|closed on|closed until|
and|or|between now and|lottery|the strike of|the night of|the morning of|in the paper of|the meeting of|the letter of|your mail of|the minutes of|
version of|printed|issued|received|sent|signed|paid|delivered|booked for|moved to|postponed to|planned for|free from|back on|gone since""".replace("\n", "").split("|")
AFTER_DATE = """at noon|at {n}|at {n} o'clock|in the morning|at night|or later|or earlier|at the latest|at last|again|sharp|if possible|please|as agreed|as usual|
is fine|is too late|suits me|suits us|works for me|is a holiday|was a mistake|was cold|it rained|we won|nobody came|number {big}|, |: |- |?|!|...|
and not later|and not before|and so on|when|because|if|but|in room {n}|in the hall|in the garden|in {city}|, {city}|with everybody|without us""".replace("\n", "").split("|")
BEFORE_EMAIL = """at|to|from|via|by|cc|mail|e-mail|write to|mail to|answer to|reply to|sent to|sent by|contact|ask|ask at|questions to|questions:|mail:|address:|login|
user|account|and|or|is|was|under|reach us at|reach me at|find me at|signed|bcc|forward it to|copy to|not|instead of|belongs to|uses|has|owner:|for|
with""".replace("\n", "").split("|")
AFTER_EMAIL = """today|please|by noon|at once|again|instead|too|and wait|and ask|if you can|or call|!|?|...|, |- |: |bounced|is full|is wrong|is new|is mine|
was hacked|works|is old|wrote|asks|says|wants more|for details|for help|for the rest|with a photo|, room {n}|, {city}|and not the old one|only""".replace("\n", "").split("|")
ADVERB = """again|today|yesterday|tomorrow|slowly|quickly|badly|loudly|twice|here|there|now|soon|alone|together|once more|for hours|all day|in vain|outside|
upstairs|downtown|on purpose|by chance|at home|at work""".replace("\n", "").split("|")
AROUND = {"{name}": (BEFORE_NAME, AFTER_NAME), "{branded}": (BEFORE_PRODUCT, AFTER_PRODUCT), "{amount}": (BEFORE_AMOUNT, AFTER_AMOUNT),
          "{date}": (BEFORE_DATE, AFTER_DATE), "{email}": (BEFORE_EMAIL, AFTER_EMAIL)}


def _noun(rng):
    return rng.choice(PLAIN)


def _aside(rng):
    """Some words that hold nothing that is asked for."""
    verb, act = rng.choice(VERBS), rng.choice(ACTS)
    a, b = _noun(rng), _noun(rng)
    if rng.random() < 0.2:
        return rng.choice(["for", "at", "of", "from", "by", "near", "with", "and", "", "", "thanks to", "in", "says", "behind", "on behalf of"]) + " " + _body(rng)
    if rng.random() < 0.15:
        return rng.choice([f"{_verb(rng)} the {a}", f"the {a} {_verb(rng)}", f"{_verb(rng)} and {_verb(rng)}", f"{_verb(rng)} {rng.choice(ADVERB)}", f"it {_verb(rng)}", f"that {_verb(rng)} the {a}"])
    return rng.choice([
        f"the {a}", f"a {a}", f"the {a} and the {b}", f"the {a} of the {b}", f"my {a}", f"no {a}", f"the {a} {verb[2]} the {b}", f"the {a} {act[2]}",
        f"nor the {a}", f"the {a} knows", f"the {a} is {rng.choice(ADVERB)}", f"near the {a}", f"at the {a}", f"for the {a}", f"from the {a}", f"with the {a}",
        f"in the {a}", f"by the {a}", f"{a} {rng.choice(ADVERB)}", f"we {act[2]} {rng.choice(ADVERB)}", f"I {verb[2]} the {a}", f"they {verb[0]} a {a}",
        f"{a} {{n}}", f"{{n}} {a}s", f"{a}: {b}", f"{a} {b}", "in {city}", "{weekday}", "room {n}", "order {order}", f"{verb[0]} the {a}", f"to {act[0]}",
        f"will {verb[0]} the {a}", f"did not {act[0]}", f"{verb[2]} {rng.choice(ADVERB)}", f"{act[2]} {rng.choice(ADVERB)}", f"{act[1]} at the {a}",
        f"the {a} that {act[2]}", f"the {a}, {rng.choice(ADVERB)}", f"{rng.choice(ADVERB)}", f"{verb[2]} our {a}", f"{verb[2]} a {a} for the {b}"])


def _phrase(rng, slot):
    before, after = AROUND[slot]
    text = slot
    if slot == "{name}":
        kind = rng.random()
        text = (rng.choice(TITLE) + " " if kind < 0.15 else rng.choice(ROLE) + " " if kind < 0.35 else "") + slot
    elif slot == "{branded}" and rng.random() < 0.75:
        text = rng.choice(DETERMINER + ["the", "a", "an", "my old", "two new", "that very"]) + " " + slot
    if rng.random() < 0.75:
        text = rng.choice(before) + " " + text
    if slot in ("{name}", "{branded}") and rng.random() < 0.3:
        text += rng.choice([" ", " ", " ", ", who ", " has ", " was ", " is "] if slot == "{name}" else [" ", " ", " that ", " was "]) + _verb(rng)
    elif rng.random() < 0.75:
        tail = rng.choice(after)
        text += ("" if tail[0] in ",'!?.:" else " ") + tail
    return text.strip()


def extraction(gen, allowed):
    """A template of a text that holds some of the fields, each at most once."""
    rng = gen.rng
    while True:
        slots = rng.sample(list(AROUND), rng.choice([1, 1, 2, 2, 3, 4]))
        parts = [_phrase(rng, slot) for slot in slots]
        for _ in range(rng.choice([0, 1, 1, 2, 2, 3])):
            parts.insert(rng.randint(0, len(parts)), _aside(rng))
        text = parts[0]
        for part in parts[1:]:
            joint = rng.choice([" "] * 6 + [", ", ", ", ". ", " - ", "; ", ": ", "\\n"])
            if joint == ". ":
                part = part[:1].upper() + part[1:]
            text = text.rstrip(" ,-:") + joint + part
        if rng.random() < 0.2:
            text = rng.choice(OPENERS) + " " + text
        if rng.random() < 0.1:
            text = text.rstrip(" ,-:") + ". " + rng.choice(CLOSERS)
        if allowed(text):
            return text.strip(" ,-:")
