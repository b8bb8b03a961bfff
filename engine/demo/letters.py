"""Texts to extract from that are whole: mails, notes, records, talk, news. Each is made of sentences with a fact or two and of some
that hold none, in any order. Only for training; see grammar.py. [a|b] is one of these.
"""
import re

from frames import PLAIN

WHO = "[{name}|{name}|{name}|our [customer|client|member|guest|colleague|tenant|neighbour|trainer|supplier|partner] {name}|[Mr|Mrs|Ms|Dr] {name}|a [man|woman|person|visitor|buyer] called {name}|my [friend|cousin|boss|uncle|aunt|brother|sister] {name}|the [new|old|former] owner, {name},]"
WHAT = "[a|the|the|the|my|our|this|that|one|another|a new|an old|a used|the last|the broken|the missing|his|her|their|some sort of|the same|a second] {branded}"
GOT = "[bought|ordered|wants|returned|sold|sent back|found|lost|rented|borrowed|collected|picked up|reserved|received|chose|repaired|cancelled|replaced|tested|forgot|took|brought|needs|asked for|is waiting for|complained about|dropped|won|inherited|exchanged|uses|damaged|left behind|is looking for|has|carried off|swears by]"
PAID = "[paid|transferred|owes|offered|sent|spent|donated|got|lent us|still owes us|collected|earned|won|lost|refused to pay|will pay|has to pay|was charged|wants back|saved|invested|asked for|demands|received]"
ON = "[on|on|on|since|by|before|until|after|from|around|as of|not later than] {date}"
FOR = "[for|for|for|at|for only|for about|and paid|worth|at a price of|for nearly|for exactly|for no more than|for a total of] {amount}"
MAIL = "[at|via|under|using|by mail to|from] {email}"
CAME = "[arrived|left|called|resigned|retired|moved out|moved in|got married|joined us|was born|started work|will visit us|comes back|goes on holiday|was promoted|signed the contract|won the prize|gave a talk|fell ill|passed the exam|checks out|checked in|will speak|spoke to me]"
BROKE = "[arrived|broke|was delivered|was shipped|stopped working|was repaired|was stolen|will be ready|went missing|is sold out|was sent back|fell apart|was returned|is due|leaks|rattles|goes on sale|was tested|was collected|failed|has to be paid|is free again|was replaced|was left in the rain]"
# each with the facts that it holds
CLAUSES = [
    f"{WHO} {GOT} {WHAT}", f"{WHO} {GOT} {WHAT} {ON}", f"{WHO} {GOT} {WHAT} {FOR}", f"{WHO} {GOT} {WHAT} {FOR} {ON}", f"[on {{date}}|{{date}}:] {WHO} {GOT} {WHAT}", f"[on {{date}},|{{date}} -] {WHO} {PAID} {{amount}}",
    f"{WHO} {PAID} {{amount}}", f"{WHO} {PAID} {{amount}} {ON}", f"{WHO} {PAID} {{amount}} for {WHAT}", f"{WHO} {CAME}", f"{WHO} {CAME} {ON}", f"{WHO} {CAME} {ON} and {PAID} {{amount}}", f"{WHAT} {BROKE}", f"{WHAT} {BROKE} {ON}",
    f"{WHAT} [costs|cost|is|was|went for|sells for|was sold for|comes to|is offered at] {{amount}}", f"{WHAT} {FOR}", f"{WHAT} [belongs to|is for|comes from|was a present from|was ordered by|is made by|goes to] {WHO}",
    "[my name is|I am|this is|you are talking to|it's] {name}", "{name} [here|speaking|again]", f"[please|pls|could you|can you|kindly] [contact|call|ask|write to|answer|remind|inform|thank] {WHO}", f"[please|kindly] write to {WHO} {MAIL}",
    f"you can reach {WHO} {MAIL}", "[my|our|the new|his|her|their] [mail|e-mail|mail address|address|contact] is {email}", "[write|answer|reply|mail|send it|send the bill|forward this|send a copy] to {email}", "{email} [wrote to us|asked for a refund|bounced|is my new address|belongs to {name}]",
    "[questions|replies|orders|complaints|applications] [go|please|only] to {email}", f"[please|kindly] [send|bring|deliver|ship|return|pack|check|exchange] {WHAT}", f"[please|kindly] [send|bring|deliver|ship] {WHAT} to {WHO}", f"[please|kindly] [send|bring|deliver|ship] {WHAT} {ON}",
    "[please|kindly|you must] [pay|transfer|refund|send|return] {amount}", "[please|kindly|you must] [pay|transfer|refund] {amount} [by|before|until] {date}", f"[the total|the bill|the price|the fee|the rent|the deposit|the sum|the invoice|the fine] [is|was|comes to|amounts to|rose to|fell to] {{amount}}",
    "[the total|the bill|the fee|the rent|the deposit|the balance] of {amount} [is|was|falls] due [on|by] {date}", "[the meeting|the delivery|the deadline|the exam|the concert|the trip|the wedding|the inspection|the opening|our move|the hearing|my birthday] [is|was|will be] on {date}",
    "[the meeting|the delivery|the appointment|the interview|the lesson|the lunch] with {name} [is|was moved to|takes place on|was on] {date}", f"[I|we] [want|need|have|use|returned|chose|forgot|like|miss|dropped|inherited|borrowed|would like|still have|no longer need|will collect] {WHAT}",
    f"[I|we] [bought|ordered|sold|lost|found|returned|rented|collected] {WHAT} {ON}", f"[I|we] [bought|ordered|sold|rented] {WHAT} {FOR}", "[I|we] [paid|owe you|spent|got|lost|won|transferred] {amount}", "[I|we] [paid|transferred|sent you] {amount} on {date}",
    f"[I|we] [met|saw|called|thanked|hired|paid|visited|helped|miss] {WHO}", f"[I|we] [met|saw|called|hired|visited] {WHO} {ON}", f"[did|does|will|can|may] {WHO} [come|pay|call|know|answer|help]?", f"[where|how|why] [is|was] {WHAT}?", f"[how much|what] [is|does it cost to repair|do you want for] {WHAT}?",
    f"[thanks|many thanks|thank you] for {WHAT}", "[thanks|many thanks|thank you] for the {amount}", "[sorry|no|yes|well], {amount} is [too much|fine|all I have|not enough]", "[see you|let's meet|I can come|we open|we close|it starts] on {date}", "[is|was] it {date} or later?",
    f"{{name}} [says|said|thinks|claims|writes|told me] [that|] {WHAT.replace('[a|', '[the|')} {BROKE}", "{name} [says|said|thinks|writes|told me] [that|] it [costs|cost|was] {amount}", "{name} [says|said|told me] [that|] {date} is [fine|too late|a holiday|the day]",
    "{name} ({email})", "{name} <{email}>", "{name}, {email}", "{name} {PAID} {amount} [for|because of] the {noun}".replace("{PAID}", PAID), f"{WHO} {GOT} the {{noun}} {ON}", f"{WHO} {PAID} {{amount}} {MAIL}",
]
# sentences that hold nothing that is asked for
BESIDES = """the [office|shop|lift|bridge|door] was [closed|open|full|empty|locked] all [day|week|morning]|our [warehouse|office|shop|branch] in {city} is [closed|open|moving]|the reference is {order}|my order number is {order}|we waited [{n} days|{n} hours|an hour]|
it took {n} minutes|there were {n} of us|it weighs {n} kilos|it is {n} years old|the [line|number] was busy|nobody [answered|was there|called back|noticed|knows why]|I will [call|write|come] again|please [hurry|confirm|check|call back|be quick]|
[many|kind|best] [thanks|regards|greetings|wishes]|[sorry for the delay|sorry for the trouble|no hurry|it is urgent|that is all|more later|see you soon]|the weather was [bad|fine|cold]|the {noun} is [new|old|{colour}|full|next to the {noun}]|
we talked about the {noun}|the {noun} and the {noun} are [ready|gone|missing|fine]|I have a question about the {noun}|it was about the {noun}|he said the {noun} was [late|full|wrong]|the rest [comes later|is fine|was thrown away]|
[it rained|the sun was shining|it was late|it was early|we were tired|everybody laughed|the kids were asleep]|my [flat|office|room] is number {n}|it is on the {n}th floor|the tax is {n} percent|about {n} percent of it|the [size|number] is {n}|
the [first|second|third] {noun} is missing|do you have a {noun}?|who has the {noun}?|where is the {noun}?|can you help?|is that right?|what do you think?|[the colour|it] is {colour}|from {city} to {city:2}|we live in {city}|greetings from {city}|
I am a {job}|they are looking for a {job}|the {job} was not in|I know the {noun} by heart|take the {noun} with you|mind the {noun}|{n} pieces|page {n} of {n:2}|room {n}|version {n}.{n:2}|phone 0{big}|zip {big}|{big} views|case {order} is closed"""
BESIDES = re.split(r"\|(?![^\[]*\])", BESIDES.replace("\n", ""))  # at a | outside of [a|b]
HELLO = "[hi|hello|dear all|dear team|good morning|good evening|hey|hi all|hi there|to whom it may concern|dear Sir or Madam|hello everybody|Hi team|dear customer|morning]"
HEAD = "[subject: the {noun}|re: {noun}|fwd: the {noun}|note|memo|news|reminder|update|message|voicemail|log entry {n}|minutes, page {n}|ticket {order}|order {order}|to do|from the [diary|minutes|blog|local paper|chat|guest book]|sms|tweet]"
END = "[thanks|thank you|best|regards|kind regards|cheers|yours|bye|see you|best wishes|sincerely]"
JOIN = [". "] * 8 + [", ", "; ", " - ", "! ", " and ", ", and ", ", but ", ", so ", "\\n", "\\n", " because ", ", while "]


def _sentence(rng, used):
    """A clause whose facts are not among those `used`."""
    while True:
        clause = rng.choice(CLAUSES)
        slots = set(re.findall(r"\{(name|branded|amount|date|email)\}", clause))
        if not slots & used:
            return clause, slots


def extraction(gen, allowed):
    """A template of a text that holds some of the facts, each at most once."""
    rng = gen.rng
    while True:
        used, parts = set(), []
        for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
            clause, slots = _sentence(rng, used)
            clause = gen.choose(clause)
            parts.append(clause)
            used |= set(re.findall(r"\{(name|branded|amount|date|email)\}", clause))
            if len(used) > 4:
                break
        for _ in range(rng.choice([0, 0, 1, 1, 2])):
            parts.insert(rng.randint(0, len(parts)), gen.choose(rng.choice(BESIDES)))
        text = parts[0]
        for part in parts[1:]:
            joint = rng.choice([" ", "\\n"] if text[-1] == "?" else JOIN[:11] if part[-1] == "?" or part.startswith(("please", "pls", "kindly", "thank", "many")) else JOIN)
            text += joint + (part[:1].upper() + part[1:] if joint[0] in ".!\\" and part[0] != "{" else part)
        if rng.random() < 0.25:
            text = gen.choose(HELLO) + rng.choice([", ", ",\\n", "! ", " - "]) + text
        elif rng.random() < 0.2:
            text = gen.choose(HEAD) + rng.choice([": ", "\\n", " - "]) + text
        if rng.random() < 0.2:
            text += rng.choice([". ", "\\n", ", ", "! "]) + gen.choose(END)
            if "name" not in used and rng.random() < 0.5:
                text += rng.choice([" {name}", ", {name}", "\\n{name}"])
        while "{noun}" in text:
            text = text.replace("{noun}", rng.choice(PLAIN), 1)
        text = re.sub(" +", " ", text)
        if allowed(text):
            return text
