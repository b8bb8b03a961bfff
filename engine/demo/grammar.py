"""Sentences put together from words instead of templates. They only train: what is scored is drawn from the lists.

A few hundred lines teach a small model the lines. Here every clause has other words around the fillers, so that
what is left to learn is how to find and compare them. A sentence that is a held-out template (or one for choices
on the way) is never made: `allowed` knows them all.
"""
import re

from fillers import CHOICE, POOLS, WORDS

# base, third person, past
VERBS = [line.split("/") for line in """buy/buys/bought|order/orders/ordered|sell/sells/sold|send back/sends back/sent back|want/wants/wanted|
like/likes/liked|lose/loses/lost|find/finds/found|repair/repairs/repaired|break/breaks/broke|bring/brings/brought|take/takes/took|
carry/carries/carried|clean/cleans/cleaned|paint/paints/painted|wash/washes/washed|hide/hides/hid|borrow/borrows/borrowed|
rent/rents/rented|return/returns/returned|choose/chooses/chose|collect/collects/collected|need/needs/needed|use/uses/used|
test/tests/tested|try/tries/tried|keep/keeps/kept|drop/drops/dropped|move/moves/moved|open/opens/opened|pack/packs/packed|
unpack/unpacks/unpacked|wrap/wraps/wrapped|store/stores/stored|steal/steals/stole|describe/describes/described|mention/mentions/mentioned|
review/reviews/reviewed|photograph/photographs/photographed|see/sees/saw|notice/notices/noticed|forget/forgets/forgot|
replace/replaces/replaced|recommend/recommends/recommended|prefer/prefers/preferred|hate/hates/hated|love/loves/loved|
miss/misses/missed|offer/offers/offered|share/shares/shared|pick/picks/picked|receive/receives/received|get/gets/got|
request/requests/requested|reserve/reserves/reserved|cancel/cancels/cancelled|deliver/delivers/delivered|ship/ships/shipped|
inspect/inspects/inspected|check/checks/checked|fix/fixes/fixed|build/builds/built|design/designs/designed|import/imports/imported|
export/exports/exported|throw away/throws away/threw away|give away/gives away/gave away|pick up/picks up/picked up|
look for/looks for/looked for|ask for/asks for/asked for|pay for/pays for/paid for|complain about/complains about/complained about|
wait for/waits for/waited for|talk about/talks about/talked about|write about/writes about/wrote about|search for/searches for/searched for|
dream of/dreams of/dreamed of|trip over/trips over/tripped over|sit on/sits on/sat on|stand on/stands on/stood on|draw/draws/drew|
burn/burns/burned|feed/feeds/fed|follow/follows/followed|chase/chases/chased|watch/watches/watched|catch/catches/caught|
sketch/sketches/sketched|hold/holds/held|lift/lifts/lifted|pull/pulls/pulled|push/pushes/pushed|win/wins/won|inherit/inherits/inherited|
swap/swaps/swapped|measure/measures/measured|weigh/weighs/weighed|polish/polishes/polished|damage/damages/damaged|scratch/scratches/scratched|
exchange/exchanges/exchanged|demand/demands/demanded|present/presents/presented|demonstrate/demonstrates/demonstrated""".replace("\n", "").split("|")]
# what a person may do without an object; a place or a time may follow
ACTS = [line.split("/") for line in """arrive/arrives/arrived|leave/leaves/left|start/starts/started|call/calls/called|work/works/worked|live/lives/lived|
sleep/sleeps/slept|stay/stays/stayed|travel/travels/travelled|study/studies/studied|teach/teaches/taught|sing/sings/sang|dance/dances/danced|
swim/swims/swam|run/runs/ran|walk/walks/walked|move in/moves in/moved in|retire/retires/retired|resign/resigns/resigned|return/returns/returned|
wait/waits/waited|eat/eats/ate|cook/cooks/cooked|speak/speaks/spoke|perform/performs/performed|graduate/graduates/graduated|marry/marries/married|
train/trains/trained|land/lands/landed|park/parks/parked|fall/falls/fell|get lost/gets lost/got lost|check in/checks in/checked in|
sign up/signs up/signed up|log in/logs in/logged in|drive off/drives off/drove off|come back/comes back/came back|play/plays/played|
volunteer/volunteers/volunteered|camp/camps/camped|shop/shops/shopped|celebrate/celebrates/celebrated|vote/votes/voted|give a talk/gives a talk/gave a talk""".replace("\n", "").split("|")]
SAYS = """said|says|thinks|thought|told me|told us|wrote|writes|believes|claims|claimed|mentioned|insists|swears|heard|guesses|
reported|confirmed|announced|assumes|remembers|knows|promised|explained|noted|repeated|admitted|hopes|feared""".replace("\n", "").split("|")
PERSON_END = """is on holiday|is not here today|has a new phone|is very tired|wants to talk to you|has left the building|was late again|
seems to be busy|lives next door|is our new neighbour|plays the piano|never answers|did a good job|is ill|has three children|was promoted|
needs help|asked twice|sends greetings|got married|came by bike|lost the key|is waiting outside|forgot the password|is in charge now|
will take over|has changed desks|runs a small shop|knows the way|joined the club|was not amused|laughed a lot|failed the test""".replace("\n", "").split("|")
THING_END = """is broken|is loud|never came|is too small|was a gift|works again|is out of stock|smells funny|has a scratch|is ready|got wet|
leaks|is on the shelf|fell off the table|was left in the rain|is missing a part|looks nice|is for sale|has to go|came early|is under the bed|
needs a new battery|is in the way|turned out fine|does not fit|was recalled|is no longer made|stands in the hall|was sent to the wrong house""".replace("\n", "").split("|")
OPENERS = """so|so,|well,|ok|okay,|maybe|perhaps|by the way,|btw|fyi|fyi:|note:|Note to self:|log:|Log entry:|update:|reminder:|info:|news:|
I heard that|I think|I guess|as far as I know|it seems that|it is true that|rumour has it that|yesterday|today|last week|this morning|
at noon|two days ago|recently|finally|of course|in the end|apparently|obviously|sadly|luckily|honestly,|in fact,|for the record:|
for your information,|as discussed,|just so you know,|hello,|hi,|hey,|Hi all,|Dear all,|good morning,|Dear team,|good evening.|listen,|look,|
guess what,|strange:|good news:|bad news:|message from the shop:|from the minutes:|page {n}:|line {n}.|{n}.|{n})|-|*|entry {n}:|case {order}:|
ticket {order}:|order {order}.|subject: hello.|summary:|in short:|case closed:|for the file:|quote:|draft:|copy:|remember:|attention:|
we know that|it is known that|they say|the file says that|my notes say:|according to the list,|after lunch|before the break|once again|later that day""".replace("\n", "").split("|")
CLOSERS = """thanks|thank you|thanks!|please check|please confirm|can you check that?|is that right?|any idea?|let me know|that is all|no hurry|
it is urgent|ok?|see you soon|see you|call me|bye|talk soon|more later|as always|what a day|I am not sure about the rest|the rest is fine|
nothing else happened|we had rain all day|the office was closed|the line was busy|nobody else was there|there were {n} of us|
it took {n} minutes|we waited {n} hours|the reference is {order}|my number is {big}|it was in {city}|everybody was there|
the door was open|the lights were off|I will write again|no reply needed|sorry for the long mail|sent from my phone|hope this helps""".replace("\n",
    "").split("|")
DETERMINER = "a|the|the|my|our|this|one|another|that|his|her|their|your|a new|an old|the last|the second|the first|some".split("|")
PLACE = ["in {city}", "in {city}", "near {city}", "at the station", "at home", "at work", "in the shop", "in the garden", "in the office", "at the market",
         "on the second floor", "in the kitchen", "behind the house", "next door", "in the cellar", "on the stairs", "at the hotel", "at the airport",
             "in room {n}"]
AMOUNT_WORDS = ["for {amount}", "for {amount}", "for only {amount}", "and paid {amount}", "worth {amount}", "({amount})", "at {amount}", "for about {amount}",
                "and got {amount}", "which cost {amount}", "at a price of {amount}", "- {amount} -", "and owes {amount}", "and spent {amount}",
                    "for less than {amount}"]
DATE_WORDS = ["on {date}", "on {date}", "on {date}", "since {date}", "before {date}", "by {date}", "until {date}", "after {date}", "({date})",
    "around {date}", "from {date}", "as of {date}"]
MAIL_WORDS = ["({email})", "<{email}>", ", {email},", "at {email}", "- {email} -", "(mail: {email})", "using {email}", "under {email}", "with {email}",
    "via {email}"]
LABELS = {
    "name": "name|customer|client|buyer|guest|contact|person|user|member|seller|patient|tenant|driver|owner|sender|recipient|who|signed|approved by|sold to|agent|author|booked by|attention".split("|"),
    "date": "date|when|day|due|deadline|delivered|arrival|start|on|since|expires|received|issued|until|paid on|departure|valid from|next visit".split("|"),
    "amount": "amount|total|price|sum|cost|paid|fee|due amount|balance|value|deposit|to pay|charged|refund|budget|rent|net|subtotal|bill".split("|"),
    "email": "email|mail|e-mail|contact|reply to|address|from|write to|account|login|cc|sender|user|send to".split("|"),
    "branded": "product|item|article|order|ordered|thing|goods|purchase|device|what|content|bought|description|object|model|in the box".split("|"),
}


def plain(text):
    """`text` without what makes no other template: case, punctuation, the numbers of slots."""
    text = re.sub(r"\{([a-z_]+)(?::\d)?\}", r"{\1}", text.lower()).replace("{branded}", "{product}").replace("{name}", "{first}")
    return re.sub(r"[^a-z0-9{}_]+", " ", text).strip()


def expanded(line, most=3000):
    """`line` with each of its choices (the first `most` ways)."""
    match = CHOICE.search(line)
    if not match:
        return [line]
    out = []
    for option in match.group(1).split("|"):
        out += expanded(line[:match.start()] + option + line[match.end():], most - len(out))
        if len(out) >= most:
            break
    return out


class Allowed:
    """Knows the held-out templates of some lists, so that none of them is made by chance."""

    def __init__(self, *pools):
        self.held = {plain(text) for pool in pools for side in ("held", "dev") for line in pool.sides[side]
                     if line not in pool.sides["train"] for text in expanded(line.replace("\\n", " "))}

    def __call__(self, template):
        return plain(template.replace("\\n", " ")) not in self.held


THINGS = {word for lines in POOLS["product"].sides.values() for line in lines for word in line.split()}
NO_PRODUCTS = [word for word in WORDS if word not in THINGS]


def _word(rng):
    """A word that is no product: nobody could tell "the mirror" that is asked for from one that is not."""
    return rng.choice(NO_PRODUCTS)


def _bare(text):
    return re.sub(r"^(a|an|the) ", "", plain(text))


def trainable(words, *names):
    """`words` without the fillers of some lists that do not train."""
    held = {_bare(line) for name in names for side in ("held", "dev") for line in POOLS[name].sides[side] if line not in POOLS[name].sides["train"]}
    return [word for word in words if _bare(word) not in held]


class Free:
    """Knows the fillers of some lists that do not train: says whether a text is free of those of several words."""

    def __init__(self, *names):
        self.held = {plain(line) for name in names for side in ("held", "dev") for line in POOLS[name].sides[side]
                     if line not in POOLS[name].sides["train"] and " " in line}
        self.longest = max(line.count(" ") + 1 for line in self.held)

    def __call__(self, text):
        words = plain(text).split()
        return not any(" ".join(words[i:j]) in self.held for i in range(len(words)) for j in range(i + 2, min(len(words), i + self.longest) + 1))


def _maybe(rng, part, options):
    return rng.choice(options) if rng.random() < part else ""


def _join(*parts):
    text = " ".join(p for p in parts if p)
    return re.sub(r"\s+([,.:;?!])", r"\1", text).replace(",,", ",")


def _framed(rng, text):
    """`text` with other words before and after it."""
    before, after = _maybe(rng, 0.4, OPENERS), _maybe(rng, 0.25, CLOSERS)
    if before and rng.random() < 0.6:
        before = before[:1].upper() + before[1:]
    if after:
        text = text.rstrip(".") + rng.choice([". ", ". ", ", ", " - ", "\\n", "; "]) + after
    return _join(before, text)


def extraction(gen, allowed):
    """A template of a text that holds some of the fields, each at most once."""
    while True:
        rng = gen.rng
        make = rng.choice([_deed, _deed, _deed, _said, _record, _record, _thing, _passive, _letter])
        template = make(rng)
        if template.count("{name}") < 2 and template.count("{branded}") < 2 and allowed(template):
            return template


def _details(rng):
    parts = [rng.choice(AMOUNT_WORDS)] * (rng.random() < 0.4) + [rng.choice(DATE_WORDS)] * (rng.random() < 0.4)
    parts += [rng.choice(PLACE)] * (rng.random() < 0.3) + [_maybe(rng, 0.5,
        ["because of the " + _word(rng), "with {n} others", "by " + _word(rng), "without a word",
                                                                        "on {weekday}", "at {n} o'clock", "again", "for the " + _word(rng), "as agreed",
                                                                            "too"])]
    rng.shuffle(parts)
    return _join(*parts)


def _deed(rng):
    mail = rng.choice(MAIL_WORDS) if rng.random() < 0.2 else ""
    if rng.random() < 0.3:
        verb = rng.choice(ACTS)
        tail = _details(rng)
        did = rng.choice([verb[2], verb[2], verb[1], "will " + verb[0], "wants to " + verb[0], "did not " + verb[0], "had to " + verb[0], "can " + verb[0]])
        return _framed(rng, _join("{name}", mail, did, tail))
    verb = rng.choice(VERBS)
    did = rng.choice([verb[2], verb[2], verb[2], verb[1], "will " + verb[0], "wants to " + verb[0], "did not " + verb[0], "has to " + verb[0],
                      "tried to " + verb[0], "just " + verb[2], "never " + verb[2], "almost " + verb[2], "and I " + verb[2], "often " + verb[1]])
    who = rng.choice(["{name}"] * 6 + ["I", "we", "they", "somebody", "my sister", "the shop", "the customer", "our {job} {name}", "my friend {name}",
        "a man called {name}", "Mr {last}"])
    who = who.replace("Mr {last}", "{name}")
    if who in ("I", "we", "they"):
        did = did.replace(verb[1], verb[0]).replace("wants", "want").replace("has to", "have to")
    what = rng.choice(DETERMINER) + " {branded}" if rng.random() < 0.75 else rng.choice(["it", "nothing", "everything", "the " + _word(rng), "a " + _word(rng)])
    order = rng.random()
    if order < 0.75:
        text = _join(who, mail if "{name}" in who else "", did, what, _details(rng))
    elif order < 0.9:
        text = _join(rng.choice(DATE_WORDS[:5]), who, did, what)
    else:
        text = _join(rng.choice(["did", "can", "will", "should"]), who, verb[0], what, rng.choice(["", rng.choice(DATE_WORDS)])) + "?"
    return _framed(rng, text)


def _said(rng):
    claim = rng.choice(["the {branded} " + rng.choice(["is", "was", "would be", "will be", "costs", "cost", "went for"]) + " {amount}", "it was {amount}",
        "it is {date}",
                        "the {branded} " + rng.choice(THING_END), "the " + _word(rng) + " is on {date}", "we owe {amount}", "the address is {email}",
                        "a {branded} is enough", "the " + _word(rng) + " was " + _word(rng)])
    return _framed(rng, _join(rng.choice(["{name}", "{name}", "{name}", "our {job} {name}", "somebody"]), rng.choice(SAYS), rng.choice(["", "that"]), claim))


def _thing(rng):
    if rng.random() < 0.4:
        return _framed(rng, _join("{name}", rng.choice(PERSON_END), rng.choice(["", "", "{mail}"]).replace("{mail}", rng.choice(MAIL_WORDS)),
                                  rng.choice(["", "", rng.choice(DATE_WORDS)])))
    return _framed(rng, _join(rng.choice(DETERMINER[1:]), "{branded}", rng.choice(["from {name}", "of {name}", "", "", "that {name} " + rng.choice(VERBS)[2]]),
                              rng.choice(THING_END + ["costs {amount}", "was {amount}", "cost {amount}"]), rng.choice(["", "", rng.choice(DATE_WORDS)])))


def _passive(rng):
    verb = rng.choice(["bought", "ordered", "sold", "returned", "delivered", "repaired", "found", "stolen", "cleaned", "shipped", "paid", "booked",
        "reserved", "tested",
                       "collected", "reviewed", "replaced", "opened", "inspected", "requested", "approved", "signed for", "picked up", "thrown away"])
    what = rng.choice(["the {branded}", "a {branded}", "the " + _word(rng), "our {branded}", "order {order}", "{amount}"])
    by = rng.choice(["by {name}", "by {email}", "by {name} ({email})", "for {name}", "to {name}", "at {email}", "by us", ""])
    return _framed(rng, _join(what, rng.choice(["was", "was", "has been", "will be", "is", "should be", "could not be"]), verb, by,
        _details(rng).replace("{amount}" if "{amount}" in what else "\0", "it")))


def _letter(rng):
    hello = rng.choice(["Dear {name},", "Hi {name},", "Hello {name}!", "To {name}:", "From: {email}.", "From: {name}.", "This is {name}.", "I am {name}.",
        "{name} here.", "My name is {name}."])
    middle = rng.choice(["your {branded} " + rng.choice(THING_END), "we got your " + _word(rng), "please pay {amount}", "your {branded} comes on {date}",
        "we sent you {amount}",
                         "about the {branded}: it " + rng.choice(["is", "was"]) + " {amount}", "I want to " + rng.choice(VERBS)[0] + " the {branded}",
                             "can you meet me on {date}?",
                         "I need a {branded} before {date}", "the " + _word(rng) + " is {amount}", "call me on {date}"])
    end = rng.choice(["", "", "write to {email}", "my mail is {email}", "thanks", "see you", "regards", "you find us in {city}", "it is about {order}"])
    if "{email}" in hello and "{email}" in end:
        end = ""
    return _join(hello, middle.capitalize() if not middle.startswith("{") and rng.random() < 0.5 else middle,
        end and rng.choice([". ", ", ", "! ", "\\n"]).strip(" ") + " " + end)


def _record(rng):
    """Fields with or without labels, between other words or figures."""
    fields = rng.sample(list(LABELS), rng.randint(1, 5))
    between = rng.choice([", ", "; ", "\\n", " - ", " / ", " | ", ", ", ". "])
    labelled, colon = rng.random(), rng.choice([": ", ": ", " = ", " - ", " "])
    parts = []
    for field in fields:
        label = rng.choice(LABELS[field])
        value = rng.choice(["", "a ", "the ", ""]) + "{branded}" if field == "branded" and rng.random() < 0.3 else "{" + field + "}"
        parts.append((label.capitalize() if rng.random() < 0.3 else label) + colon + value if rng.random() < (1 if labelled < 0.5 else 0.15) else value)
        if rng.random() < 0.15:
            parts.append(rng.choice(["{order}", "{n} pieces", "table {n}", "{city}", "{weekday}", "paid", "open", "new", _word(rng), "{n}:30", "room {n}",
                "urgent", _word(rng) + ": " + _word(rng)]))
    text = between.join(parts)
    return rng.choice(OPENERS) + " " + text if rng.random() < 0.25 else text

KINDS = ["first", "city", "product", "colour", "animal", "food", "job", "weekday", "month", "n", "big", "amount", "date", "email", "name", "brand"]
NOUNS = """box|car|house|letter|parcel|door|table|chair|lamp|bag|bottle|book|cup|key|hat|coat|bike|boat|garden|room|shop|school|hotel|bridge|ticket|
picture|phone|wall|roof|ship|bus|train|plate|shirt|scarf|cake|tree|fence|tent|truck|desk|window|folder|file|button|flag|curtain|sofa|bed|carpet|
ring|basket|drawer|label|cable|bucket|vase|clock|towel|brush|helmet|sticker|envelope|suitcase|cottage|barn|shed|van|kite|sign""".replace("\n", "").split("|")
EVENTS = """meeting|party|concert|match|exam|course|fair|wedding|lesson|trip|interview|flight|show|lecture|workshop|dinner|game|appointment|festival|
sale|tour|strike|holiday|conference|delivery|training|picnic|race|auction|visit|talk|election|opening|ceremony|rehearsal""".replace("\n", "").split("|")


def _facts(rng):
    """A clause (with slots), questions about it, and its subject if that is no slot: (text, [question...], subject).
    A question that names no subject begins with ~: it makes sense only if there is no other clause."""
    kind = rng.randrange(15)
    if kind >= 9:
        return _more_facts(rng, kind)
    if kind <= 2:
        verb, slot = rng.choice(VERBS), rng.choice(["product", "product", "animal", "food", "noun", "colour_noun"])
        who = rng.choice(["{first}", "{first}", "{name}", "the {job}"])
        what = {"noun": "the " + rng.choice(NOUNS), "colour_noun": "the {colour} " + rng.choice(NOUNS)}.get(slot, "{" + slot + "}")
        det = rng.choice(["the ", "a ", "the "]) if slot in ("product", "animal") else ""
        extra = rng.choice(["", "", "", " in {city}", " on {weekday}", " in {month}", " for {amount}"])
        past = rng.random() < 0.6
        text = f"{who} {verb[2] if past else verb[1]} {det}{what}{extra}"
        ask = "Did" if past else "Does"
        questions = [f"{ask} {who} {verb[0]} {det}{what}?"]
        if extra:
            questions.append(rng.choice([f"{ask} {who} {verb[0]} it{extra}?", f"~Was it{extra}?",
                f"~{ask} that happen{extra}?"] if past else [f"{ask} {who} {verb[0]} it{extra}?"]))
        return text, questions, None
    if kind == 3:
        act = rng.choice(ACTS)
        extra = rng.choice(["in {city}", "on {weekday}", "in {month}", "at {n}", "with {first:2}", "near {city}", "on {date}"])
        past = rng.random() < 0.6
        who = rng.choice(["{first}", "{name}", "the {job}", "the {animal}"])
        ask = "Did" if past else "Does"
        return f"{who} {act[2] if past else act[1]} {extra}", [f"{ask} {who} {act[0]} {extra}?"], None
    if kind == 4:
        noun = rng.choice(NOUNS)
        value = rng.choice(["{colour}", "for {first}", "from {city}", "from {first}", "{colour}", "in {city}", "next to the {product}", "number {n}"])
        return f"the {noun} is {value}", [f"Is the {noun} {value}?"], noun
    if kind == 5:
        event = rng.choice(EVENTS)
        value = rng.choice(["on {weekday}", "in {city}", "in {month}", "on {date}", "at {n}", "with {first}", "{amount}"])
        more = rng.choice(["", "", " in {city}", " with {first}"]) if "{city}" not in value and "{first}" not in value else ""
        verb = rng.choice(["is", "was", "will be"]) if value != "{amount}" else "costs"
        ask = {"is": f"Is the {event} {value}?", "was": f"Was the {event} {value}?", "will be": f"Will the {event} be {value}?",
            "costs": f"Does the {event} cost {value}?"}[verb]
        return f"the {event} {verb} {value}{more}", [ask] + ([f"~Is it{more}?"] if more and verb == "is" else []), event
    if kind == 6:
        who = rng.choice(["{first}", "{name}", "my sister {first}", "our neighbour {first}"])
        value = rng.choice(["a {job}", "a {job}", "from {city}", "in {city}", "{n} years old", "married to {first:2}", "the boss of {first:2}", "at {brand}"])
        short = "{name}" if who == "{name}" else "{first}"
        return f"{who} is {value}", [f"Is {short} {value}?"], None
    if kind == 7:
        who = rng.choice(["{first}", "the {job}"])
        value = rng.choice(["a {animal}", "a {product}", "{n} children", "a {colour} " + rng.choice(NOUNS), "a house in {city}", "a meeting on {weekday}",
            "a {animal} and a {product}"])
        ask = value.split(" and ")[0]
        return f"{who} has {value}", [f"Does {who} have {ask}?"], None
    a = rng.choice(["office", "warehouse", "shop", "factory", "museum", "library", "school", "station", "hotel", "bank", "cinema", "gym"])
    return f"the {a} in {{city}} {rng.choice(['opens', 'closes'])} on {{weekday}}", [f"Is the {a} in {{city}}?", "~Is it about {weekday}?"], a


# verbs whose past serves as participle
_PASSIVE = [v for v in VERBS if v[2].endswith("ed") or v[2] in ("bought", "sold", "sent back", "lost", "found", "brought", "kept", "built", "caught", "held", "won", "paid for", "fed")]


def _more_facts(rng, kind):
    """As _facts: the question turns the clause round, or asks for one of two alike."""
    noun, event, verb = rng.choice(NOUNS), rng.choice(EVENTS), rng.choice(_PASSIVE)
    who, other = rng.choice([("{first}", "{first:2}"), ("{name}", "{name:2}"), ("the {job}", "the {job:2}")])
    if kind == 9:
        what = rng.choice(["the {product}", "the " + noun, "the {animal}"])
        return f"{what} was {verb[2]} by {who}", [f"Did {who} {verb[0]} {what}?"] + ([f"Was {what} {verb[2]} by {who}?"] if "{" in what else []), noun if noun in what else None
    if kind == 10:
        text, ask = rng.choice([("the {product} belongs to %s", "Does the {product} belong to %s?"), ("the {product} is in the room of %s", "Is the {product} in the room of %s?"), ("it was %s who broke the {product}", "Did %s break the {product}?"),
                                ("%s, not the {animal}, opened the door", "Did %s open the door?"), ("the {animal} of %s ran away", "Did the {animal} of %s run away?"), ("thanks to %s the {product} works again", "Was it %s who repaired the {product}?")])
        return text.replace("%s", who), [ask.replace("%s", who)], None
    if kind == 11:
        verb = rng.choice(["gave/give", "sent/send", "sold/sell", "lent/lend", "showed/show", "brought/bring"]).split("/")
        return f"{who} {verb[0]} {other} the {{product}}", [f"Did {who} {verb[1]} the {{product}} to {other}?"] + ([f"Did {other} get the {{product}}?"] if verb[0] in ("gave", "sent") else []), None
    if kind == 12:
        text, asks = rng.choice([("the EVENT starts at {n} and ends at {n:2}", ["Does the EVENT start at {n}?", "Does the EVENT end at {n:2}?"]), ("the EVENT was moved from {weekday} to {weekday:2}", ["Was the EVENT moved to {weekday:2}?", "Is the EVENT on {weekday:2} now?"]),
                                 ("the EVENT is in {city}, not in {city:2}", ["Is the EVENT in {city}?"]), ("the EVENT lasts from {month} to {month:2}", ["Does the EVENT begin in {month}?", "Does the EVENT end in {month:2}?"])])
        return text.replace("EVENT", event), [ask.replace("EVENT", event) for ask in asks], event
    if kind == 13:
        text, asks = rng.choice([("the {colour} NOUN is for {first}, the {colour:2} one for {first:2}", ["Is the {colour} one for {first}?", "Is the {colour:2} one for {first:2}?"]),
                                 ("{first} took the {colour} NOUN, {first:2} the {colour:2} one", ["Did {first} take the {colour} one?", "Did {first:2} take the {colour:2} one?"]),
                                 ("{first} asked {amount} for the NOUN and got {amount:2}", ["Did {first} ask {amount}?", "Did {first} get {amount:2}?"])])
        return text.replace("NOUN", noun), asks, noun
    text, asks = rng.choice([("{first} moved from {city} to {city:2}", ["Did {first} move to {city:2}?", "Did {first} leave {city}?", "Does {first} live in {city:2} now?"]), ("{first} wanted {food}, but got {food:2}", ["Did {first} want {food}?", "Did {first} get {food:2}?"]),
                             ("instead of {food} they served {food:2}", ["Did they serve {food:2}?"]), ("{first} was a {job} and became a {job:2}", ["Is {first} a {job:2} now?", "Did {first} become a {job:2}?"]),
                             ("{first} swapped a {product} for a {product:2}", ["Did {first} get a {product:2}?", "Did {first} give away a {product}?"]), ("{first} has a {animal}, {first:2} a {animal:2}", ["Does {first} have a {animal}?", "Does {first:2} have a {animal:2}?"])])
    return text, asks, None


def _renumbered(text, by):
    """`text` with each slot's number raised, so that two clauses have slots of their own."""
    return re.sub(r"\{([a-z]+)(?::(\d))?\}", lambda m: "{%s:%d}" % (m.group(1), int(m.group(2) or 1) + by), text)


def facts(gen, allowed):
    """(text, values, questions): one to three clauses; a question's slots are named in it."""
    rng = gen.rng
    while True:
        first = _facts(rng)
        clauses = [first[:2]]
        same = rng.random()
        for n in range(rng.choice([0, 0, 1, 1, 1, 2])):
            # mostly the same clause about others: what belongs to whom is then the question
            text, questions, subject = first if same < 0.65 else _facts(rng)
            if subject:  # and never two of them
                other = rng.choice([noun for noun in NOUNS + EVENTS if "the " + noun not in " ".join(t for t, _ in clauses)])
                text, *questions = (t.replace("the " + subject, "the " + other) for t in (text, *questions))
            clauses.append((_renumbered(text, 2 * n + 2), [_renumbered(q, 2 * n + 2) for q in questions]))
        joint = rng.choice([" and ", ", ", ". ", ". ", ", but ", "; ", ", and "])
        texts = [t[:1].upper() + t[1:] if joint == ". " else t for t, _ in clauses]
        text = joint.join(texts)
        if rng.random() < 0.25:
            text = _framed(rng, text)
        text = text[:1].upper() + text[1:] if rng.random() < 0.8 else text
        text += rng.choice([".", ".", ".", "!", ""])
        questions = [q.lstrip("~") for _, qs in clauses for q in qs if len(clauses) == 1 or q[0] != "~"]
        if all(allowed(text + " | " + q) for q in questions):
            filled = gen.fill(text).replace("\\n", "\n")
            return filled, dict(gen.values), questions


def negated(gen, allowed):
    """(text, question, answer) about something that is, or is not."""
    rng = gen.rng
    while True:
        verb, who = rng.choice(VERBS), rng.choice(["{first}", "{name}", "the {job}", "my {animal}", "I", "we", "they"])
        what = rng.choice(["the {product}", "a {product}", "the {colour} " + rng.choice(NOUNS), "{food}", "the {animal}", "the " + rng.choice(NOUNS)])
        plural = who in ("I", "we", "they")
        do = "do" if plural else "does"
        no = rng.random() < 0.5
        kind = rng.randrange(6)
        if kind == 0:
            said, asked = (f"{who} did not {verb[0]} {what}" if no else f"{who} {rng.choice(['really ', 'even ', 'indeed ', ''])}{verb[2]} {what}"), f"Did {who} {verb[0]} {what}?"
        elif kind == 1:
            said = f"{who} never {verb[2]} {what}" if no else f"{who} {rng.choice(['always', 'often', 'once', 'twice', 'finally'])} {verb[2]} {what}"
            asked = f"Did {who} {rng.choice(['', 'ever '])}{verb[0]} {what}?"
        elif kind == 2:
            said, asked = (f"{who} {do} not {verb[0]} {what}" if no else f"{who} {verb[0] if plural else verb[1]} {what}"), f"{do.capitalize()} {who} {verb[0]} {what}?"
        elif kind == 3:
            noun, value = rng.choice(NOUNS), rng.choice(["{colour}", "open", "closed", "ready", "broken", "new", "empty", "full", "for sale", "available",
                "clean", "locked", "on time", "free"])
            tense = rng.choice([("is", "Is"), ("was", "Was")])
            said, asked = f"the {noun} {tense[0]} {'not ' if no else rng.choice(['', 'really ', 'now '])}{value}", f"{tense[1]} the {noun} {value}?"
        elif kind == 4:
            verb = rng.choice([v for v in VERBS if " " not in v[0]])
            said = rng.choice(["nobody", "no one", "none of us"]) if no else rng.choice(["somebody", "everybody", "one of us", "all of us"])
            said, asked = f"{said} {verb[2]} {what}", f"Did {rng.choice(['somebody', 'anybody', 'anyone', 'someone'])} {verb[0]} {what}?"
        else:
            noun, place = rng.choice(NOUNS + EVENTS), rng.choice(["in {city}", "on {weekday}", "in the " + rng.choice(NOUNS), "in {month}", "here"])
            said, asked = f"there {'was no' if no else 'was a'} {noun} {place}", f"Was there a {noun} {place}?"
        text = said[:1].upper() + said[1:] + rng.choice([".", ".", ""])
        if allowed(text + " | " + asked):
            text, asked = gen.fill(text + " | " + asked).split(" | ")
            return text, asked, "no" if no else "yes"


def mention(gen, allowed):
    """(text with slots, question, kind of the options): one of the options stands in the text."""
    rng = gen.rng
    while True:
        kind = rng.choice(KINDS)
        slot = "{" + kind + "}"
        way = rng.random()
        if way < 0.4:  # a clause of the others, asked for one of its slots
            text = _facts(rng)[0]
            slots = re.findall(r"\{([a-z]+)\}", text)
            if not slots or text.count("{" + slots[0] + "}") > 1:
                continue
            kind = rng.choice(slots)
            if "{" + kind + ":" in text:
                continue
            question = rng.choice(_ASK[kind] if kind in _ASK and rng.random() < 0.8 else _ASK_ANY)
            text += rng.choice([".", ".", "!", ""])
        elif way < 0.75:
            words = [_word(rng) for _ in range(rng.randint(1, 6))]
            words.insert(rng.randint(0, len(words)), rng.choice(["", "the ", "a ", "in ", "for ", "with ", "to ", "from ", ""]) + slot)
            text = " ".join(words) + rng.choice([".", "!", "", "."])
            question = rng.choice(_ASK_ANY + _ASK.get(kind, []))
        else:
            noun = rng.choice(NOUNS + EVENTS)
            text = rng.choice([f"the {noun} is called {slot}.", f"{slot}: that is the {noun}.", f"our {noun}: {slot}", f"I mean {slot}.", f"take {slot}",
                f"Hello from {slot}!", f"It must be {slot}.",
                               f"the {noun} goes to {slot}.", f"you can have {slot} for the {noun}.", f"the answer was {slot}.", f"we decided on {slot}.",
                                   f"not sure, maybe {slot}"])
            question = rng.choice(_ASK_ANY + _ASK.get(kind, []) + [f"What about the {noun}?", f"Which {noun} is it?", f"What is the {noun}?"])
        for one in ("word", "noun"):
            question = question.replace("{" + one + "}", rng.choice(WORDS if one == "word" else NOUNS))
        text = text[:1].upper() + text[1:] if rng.random() < 0.75 and text[0] != "{" else text
        if rng.random() < 0.2:
            text = _framed(rng, text)
        if "{" + kind + "}" in text and allowed(f"{text} | {question} | {kind}"):
            return text.replace("\\n", "\n"), question, kind

_ASK_ANY = ["Which one is it?", "Which one?", "What is meant?", "Which is mentioned?", "What does it say?", "Which option is right?", "What is right?",
    "Which one is in the text?", "What was it?",
            "What did they {word}?", "Which {word} is it?", "What is the {word}?", "Who or what is it?", "What is it about?", "Which of these?",
                "What can you find in the text?", "What is the {noun}?",
            "Which {noun} is it?", "What happened to the {noun}?", "What should we {word}?", "Which fits?", "What do they want?", "What do I need?"]
_ASK = {
    "first": ["Who is it?", "Who?", "Who was it?", "Whose {noun} is it?", "Who did it?", "Who is meant?", "Which person is named?", "Who has the {noun}?",
        "Who will {word}?"],
    "name": ["Who is it?", "Who?", "Who wrote this?", "Who is named?", "Whose {noun} is it?", "Who did that?"],
    "city": ["Where is it?", "Where?", "Where was it?", "Where is the {noun}?", "Which city?", "Which place is named?", "Where did it happen?",
        "Where should it go?", "Where are we?", "Where does the {noun} go?"],
    "product": ["What is it?", "Which product?", "Which thing is it?", "What did they have?", "What is in the {noun}?", "What was bought?"],
    "colour": ["Which colour?", "What colour is it?", "Which colour is the {noun}?", "What is the colour?"],
    "animal": ["Which animal?", "What animal is it?", "Who is in the {noun}?", "Which animal was there?"],
    "food": ["What is there to eat?", "Which dish?", "What food is it?", "What did they eat?", "What is for dinner?"],
    "job": ["What is the job?", "Which job?", "Who was it?", "What does the person do?"],
    "weekday": ["When?", "Which day?", "On which day is it?", "When is it?"],
    "month": ["When?", "Which month?", "In which month?", "When was it?"],
    "n": ["How many?", "Which number?", "How much?", "What is the number?"],
    "big": ["Which number is it?", "What is the code?", "What number?"],
    "amount": ["How much is it?", "What does it cost?", "How much?", "What is the price?", "Which sum?"],
    "date": ["When?", "On which date?", "When is it?", "What is the date?"],
    "email": ["Which address?", "Where should I write?", "What is the mail address?", "Who sent it?", "Where does it go?"],
    "brand": ["Which company?", "Which brand is it?", "Who made it?", "Which firm?"],
}

_VERB = """Classify|Determine|Label|Evaluate|Assess|Judge|Identify|Detect|Find|Give|Tell me|State|Name|Decide on|Report|Output|Return|Write down|Rate|Work out|Say|Pick|Choose|
Analyse|Analyze|Predict|Recognise|Estimate|Check|Please give|Please name|Please tell me|Can you tell me|Could you name|I want to know|I need|Show|Guess""".replace("\n", "").split("|")
_OBJECT = """text|review|comment|statement|sentence|message|feedback|remark|post|tweet|opinion|note|line|customer review|user comment|paragraph|answer|reply|survey answer|mail|e-mail""".replace("\n", "").split("|")
_TICKET = """ticket|message|support message|request|support request|mail|e-mail|customer message|customer mail|support ticket|issue|report|inquiry|enquiry|case|complaint|letter|contact form""".replace("\n", "").split("|")
_FEELING = "sentiment|tone|mood|polarity|feeling|attitude|overall sentiment|emotion".split("|")
_CATEGORY = "category|label|class|type|kind|queue|topic|tag|bucket|group|department|right category".split("|")


def _options(rng, labels):
    labels = rng.sample(labels, len(labels)) if rng.random() < 0.5 else labels
    joint = rng.choice([" or ", ", ", ", or ", "/", " | ", ", "])
    if joint in ("/", " | "):
        return joint.join(labels)
    return ", ".join(labels[:-1]) + joint + labels[-1]


def instruction(gen, task, allowed):
    """An instruction with {text} for sentiment or support, put together from parts."""
    rng = gen.rng
    labels = ["positive", "negative", "neutral"] if task == "sentiment" else ["billing", "bug", "feature", "other"]
    while True:
        thing, options = rng.choice(_OBJECT if task == "sentiment" else _TICKET), _options(rng, labels)
        what = rng.choice(_FEELING if task == "sentiment" else _CATEGORY)
        this = rng.choice(["this ", "the following ", "the ", "the ", "this "]) + thing
        verb = rng.choice(_VERB)
        as_ = rng.choice([f" as {options}", f" ({options})", f": {options}", f". Options: {options}", f". Choose from {options}", f" using {options}",
            f" with one of {options}"] + [""] * (5 if task == "sentiment" else 2))
        head = rng.choice([
            f"{verb} the {what} of {this}{as_}", f"{verb} the {what}{as_}", f"Is {this} {options}?", f"What is the {what} of {this}{as_}?",
                f"Which {what} does {this} have{as_}?",
            f"{rng.choice(['Classify', 'Sort', 'Label', 'Categorize', 'Tag', 'File', 'Group', 'Mark'])} {this}{as_ or ' as ' + options}", f"{options}?",
                f"{what.capitalize()} ({options})",
            f"Answer with {options}", f"Reply with one word: {options}",
                f"{rng.choice(['Say', 'Decide', 'Tell me', 'Determine', 'Check'])} {rng.choice(['whether', 'if'])} {this} is {options}",
            f"Put {this} into one of {options}", f"Choose one of {options} for {this}", f"{what} of {this}{as_}", f"Your options: {options}",
                f"I have {rng.choice(['a', 'one'])} {thing}. {rng.choice(['Is it', 'Would you say'])} {options}?"])
        end = rng.choice(["", "", "", "Answer with one word.", "Only the label.", "One word.", "Reply with the label only.", "No explanation.", "Thanks.",
            "Just the word."])
        frame = rng.random()
        shown = rng.choice(["{text}", "{text}", "{text}", '"{text}"', thing.capitalize() + ": {text}", f"Text: {{text}}", "<text>{text}</text>",
            "'{text}'", "---\\n{text}\\n---", "Input: {text}", "> {text}"])
        mark = "" if head[-1] in "?." else rng.choice([":", ".", ":"])
        if frame < 0.6:
            template = head + (mark or "") + (" " + end if end else "") + rng.choice([" ", "\\n", "\\n\\n"]) + shown
        elif frame < 0.85:
            template = shown + rng.choice(["\\n", "\\n\\n", " "]) + head + (mark if mark == "." else "") + (" " + end if end else "")
        else:
            template = shown + "\\n" + rng.choice([what.capitalize()] * 2 + [f"{word} ({options})" for word in ("Answer", "Label", "Result", "Output", what.capitalize())]) + ":"
        if task == "support" and "billing" not in template and not re.search("support|customer|ticket|contact form|category|queue|department", template):
            continue  # what is asked for then could be anything
        if rng.random() < 0.15:
            template = template.lower()
        if template.count("{text}") == 1 and allowed(template):
            return template.replace("\\n", "\n")

_JSON = ["as JSON", "in JSON", "as a JSON object", "as json", "in JSON format", "into JSON", "JSON only", "as valid JSON", "(JSON)", "in json"]
_TAKE = "Extract|Get|Find|Pull out|Return|Give me|List|Output|Collect|Read out|Take|Fetch|Show|Copy|Write|Please extract|Can you extract|I need|I want|Parse|Pick out|Note|Capture|Identify|Provide|Retrieve".split("|")


def extract_instruction(gen, allowed):
    """An instruction with {keys} and {text}, put together from parts."""
    rng = gen.rng
    while True:
        thing = rng.choice(["text", "message", "sentence", "note", "mail", "line", "document", "input", "entry", "record", "passage", "letter", "snippet",
            "chat message", "receipt"])
        this = rng.choice(["from this ", "from the ", "in the ", "of this ", "from the following ", "out of the "]) + thing
        json_, the = rng.choice(_JSON), rng.choice(["", "", "the ", "the fields ", "the keys ", "the values for ", "fields "])
        head = rng.choice([
            f"{rng.choice(_TAKE)} {the}{{keys}} {this} {json_}", f"{rng.choice(_TAKE)} {the}{{keys}} {json_}",
                f"{rng.choice(_TAKE)} {json_} {the}{{keys}}", f"JSON with {the}{{keys}}",
            f"{rng.choice(['Which', 'What'])} {{keys}} {rng.choice(['are', 'is'])} {rng.choice(['in this ' + thing, 'given', 'named', 'there'])}? Answer {json_}", f"{rng.choice(['Fields', 'Keys', 'Wanted', 'Columns', 'Slots', 'Schema'])}: {{keys}}. Answer {json_}",
            f"{rng.choice(['Make', 'Build', 'Create', 'Produce', 'Fill', 'Write', 'Form'])} a JSON object with {the}{{keys}}",
                f"Turn {this.split(' ', 1)[1]} into JSON with {{keys}}",
            f"{rng.choice(_TAKE)} {the}{{keys}} and {rng.choice(['answer', 'reply', 'respond'])} {json_}", f"{the}{{keys}}, {json_}"])
        end = rng.choice(["", "", "", "Use null if something is missing.", "Missing values are null.", "Nothing else.", "No explanation.", "Thanks.",
            "JSON only."])
        shown = rng.choice(["{text}", "{text}", "{text}", '"{text}"', thing.capitalize() + ": {text}", "Text: {text}", "<text>{text}</text>",
            "---\\n{text}\\n---", "Input: {text}"])
        mark = "" if head[-1] in "?." else rng.choice([":", ".", ":"])
        if rng.random() < 0.65:
            template = head + mark + (" " + end if end else "") + rng.choice([" ", "\\n", "\\n\\n"]) + shown
        else:
            template = shown + rng.choice(["\\n", "\\n\\n", " "]) + head + (mark if mark == "." else "") + (" " + end if end else "") + rng.choice(["", "",
                "\\nJSON:", "\\nAnswer:", "\\nOutput:"])
        if rng.random() < 0.15:
            template = template.lower()
        if template.count("{text}") == 1 and allowed(template):
            return template.replace("\\n", "\n")


def padded(gen, text):
    """A text of sentiment with words around it that say nothing of it."""
    rng = gen.rng
    before = _maybe(rng, 0.5, _PAD_BEFORE)
    after = _maybe(rng, 0.35, _PAD_AFTER)
    if before and before[-1] not in ".!?:" and text[:2] != "I ":
        text = text[:1].lower() + text[1:]
    return gen.fill(_join(before, text.replace("{", "(").replace("}", ")")) + (("" if text[-1] in ".!?" else ".") + " " + after if after else ""))

_PAD_BEFORE = """long story short:|in a nutshell,|all in all,|my opinion:|my verdict:|to sum up,|after all,|as I said,|what I think:|update:|for what it's worth,|just my two cents:|
my review:|so,|ok,|well,|tbh|imho|honestly|frankly,|second visit:|day {n}:|after {n} days:|a short note:|hi all,|to whom it may concern:|dear {name},|bought in {month}.|
from {city}:|as a customer from {city} I say:|my husband says:|my kids say|our verdict|the truth is,|what can I say:|let me tell you,|so here is my review.|we were there in {month}.|
I bought it on {weekday}.|we came on {weekday}.|ordered on {date}.|I paid {amount}.|it cost {amount}.|for {amount} I say:|my experience?|the short version:|overall|in general|this time|once more:|
first day:|quick review:|feedback:|note for others:|as always,|in my view,|from what I saw,|yesterday:|last week:|conclusion:|bottom line:|my rating:|to be fair,|final word:""".replace("\n", "").split("|")
_PAD_AFTER = """That is all.|That's it.|That's all I can say.|Just my opinion.|Bye.|Greetings from {city}.|Regards, {name}|{name}|Written on {weekday}.|I bought it in {month}.|We were {n} people.|
It was in {city}.|My order was {order}.|Sent from my phone.|End of story.|So much for that.|This was on {date}.|I paid {amount}.|Enough said.|As I said.|What do you think?|Just so you know.|
I was there with {first}.|My second review.|More later.|Period.|Visited in {month}.|We came by car.|That was my experience.|Now you know.|There you go.|Nuff said""".replace("\n", "").split("|")
