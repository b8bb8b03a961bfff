"""Prompts around a text, put together from parts: what is asked for, where the text and the options stand, how they are marked. Only for
training, as in grammar.py. {text}, {question}, {options} and {keys} stay for the generator; [a|b] is one of these.
"""
import re

TEXT = "[Text|Passage|Context|Message|Note|Statement|Input|Document|Facts|Story|Mail|Paragraph|Sentence|Given|Info|Source|Excerpt|Quote|T]"
ASKED = "[Question|Q|Query|Asked|To answer|My question|Now|The question|Task|Ask]"
YES = ("[yes or no|yes/no|answer yes or no|answer with yes or no|reply yes or no|reply with yes or no only|only yes or no|just yes or no|one word: yes or no|say yes or no|"
       "please answer yes or no|a simple yes or no|is it yes or no?|respond with yes or no|yes or no, please|no explanation, just yes or no|true = yes, false = no]")
READ = ("[read this|read the text|look at this|here is a text|consider this|take this text|this is what we know|this was written|given this|going by the text|according to this|according to the text|use only the text|from the text below|"
        "this is the text|the following was said|I read this|someone wrote|I got this message|based on this|going by this note|with this in mind]")
SHOWN = ["{text}"] * 4 + ['"{text}"', "'{text}'", "<text>{text}</text>", "<passage>{text}</passage>", "---\\n{text}\\n---", "> {text}", "({text})", "```\\n{text}\\n```", "### {text}"]
ANSWER = ["", "", "", "\\nAnswer:", "\\nA:", "\\nYour answer:", "\\nVerdict:", "\\nReply:", " Answer:"]
END = ["", "", "", "", " Thanks.", " Please.", " Be brief.", " Answer with one word."]


def _end(line):
    return line if line[-1] in ".?!:)]" else line + "."


def _one(gen, make, allowed):
    """A template that `make` makes and that is allowed, with its choices made."""
    while True:
        template = " ".join(gen.choose(make(gen.rng)).split(" "))
        if gen.rng.random() < 0.4:
            template = template[:1].upper() + template[1:]
        if gen.rng.random() < 0.1:
            template = template.lower()
        if allowed(template):
            return template.replace("\\n", "\n")


def yesno(gen, allowed):
    """{text} and {question}"""
    def make(rng):
        shown, gap = rng.choice(SHOWN), rng.choice([" ", "\\n", "\\n", "\\n\\n"])
        marked = rng.random() < 0.4
        text = f"{TEXT}: {shown}" if marked else rng.choice([shown, shown, shown, f"{READ}: {shown}", f"{READ}.{gap}{shown}"])
        question = f"{ASKED}: {{question}}" if marked and rng.random() < 0.8 else rng.choice(["{question}"] * 4 + ["So: {question}", "- {question}", "Is it so? {question}", "tell me: {question}", "I ask: {question}", "What about this: {question}"])
        said = rng.choice(["", "", f" {YES}", f" {YES}", f" ({YES})", f"\\n{YES}"]) if rng.random() < 0.8 else ""
        if text.startswith(READ):
            gap = "\\n"
        way = rng.random()
        if way < 0.5:
            return text + gap + question + said + (rng.choice(ANSWER) if marked else "")
        if way < 0.8:
            return question + said + gap + text + (rng.choice(ANSWER) if marked else "")
        return f"{YES}: {question}{gap}{text}" if way < 0.9 else f"{YES}. {text}{gap}{question}"
    return _one(gen, make, allowed)


OF = "[one of|from|between|one of these:|only from|just one of|either]"
CHOOSE = "[choose|pick|select|take|name|say|give|answer with|reply with|mark|decide on|return|go for|find]"
LIST = "[Options|Choices|Labels|Answers|Possible answers|Candidates|Alternatives|Topics to choose from|Your options|Allowed answers|To choose from]"
TOPIC = "[topic|subject|category|theme|label|field|section|heading|tag]"


def pick_topic(gen, allowed):
    """{options} and {text}"""
    def make(rng):
        shown, gap = rng.choice(SHOWN), rng.choice([" ", "\\n", "\\n\\n"])
        thing = "[text|sentence|line|note|message|remark|snippet|headline|comment|post]"
        head = rng.choice([f"{CHOOSE} {OF} {{options}}", f"what is this {thing} about: {{options}}?", f"which {TOPIC} [fits|suits|is right|matches|does it have]: {{options}}?", f"is this [{thing}|] about {{options}}?", f"[sort|put|file|group|place] this {thing} [under|into|in] {{options}}",
                           f"[label|tag|mark|classify|categorise] this {thing} [as|with] {{options}}", f"{TOPIC} ({{options}})", f"the {TOPIC} is {OF} {{options}}", f"[find|give|name|guess|tell me] the {TOPIC}: {{options}}", f"{{options}} - which [one|{TOPIC}] is it?", f"{LIST}: {{options}}",
                           f"to which {TOPIC} does this belong, {{options}}?", f"[decide|say|tell me] [whether|if] this is about {{options}}", f"{{options}}?"])
        way = rng.random()
        if way < 0.55:
            return (head if head[-1] == "?" else head + rng.choice([":", ".", ":"])) + gap + (f"{TEXT}: " if rng.random() < 0.25 else "") + shown
        if way < 0.85:
            return (f"{TEXT}: " if rng.random() < 0.3 else "") + shown + gap + head + rng.choice(["", "", ":", "."] if head[-1] != "?" else [""])
        return rng.choice([f"{TEXT}: {shown}\\n{LIST}: {{options}}" + rng.choice(["", "\\nAnswer:", f"\\n{TOPIC}:"]), f"{LIST}: {{options}}\\n{TEXT}: {shown}" + rng.choice(["", "\\nAnswer:", f"\\n{TOPIC}:"])])
    return _one(gen, make, allowed)


def pick_mention(gen, allowed):
    """{text}, {question} and {options}"""
    def make(rng):
        shown, gap = rng.choice(SHOWN), rng.choice([" ", "\\n", "\\n\\n"])
        marked = rng.random() < 0.4
        parts = [f"{TEXT}: {shown}" if marked else shown, f"{ASKED}: {{question}}" if marked else "{question}",
                 f"{LIST}: {{options}}" if marked else rng.choice([f"{LIST}: {{options}}", "{options}", "({options})", f"{CHOOSE} {OF} {{options}}", "is it {options}?", f"{{options}} - which one?", "your choices: {options}", "one of {options}", "{options}?"])]
        order = rng.choice([(0, 1, 2)] * 5 + [(1, 2, 0), (1, 2, 0), (2, 0, 1), (2, 1, 0), (1, 0, 2), (0, 2, 1)])
        text = gap.join(_end(parts[i]) if parts[i][-1] not in "}>-`'\"" else parts[i] for i in order)
        if rng.random() < 0.15:
            text = f"{CHOOSE} [the right answer|one option|the right option|the correct one|what fits].{gap}" + text
        return text + (rng.choice(ANSWER) if marked else "")
    return _one(gen, make, allowed)


ROLE = {
    "sentiment": "[sentiment classifier|sentiment bot|sentiment model|review rater|tone detector|mood classifier|classifier of reviews|text classifier for sentiment|assistant that rates reviews|feedback analyst|service that labels reviews]",
    "support": "[support triage bot|ticket sorter|help desk router|support classifier|ticket classifier|mail sorter for support|assistant that sorts tickets|help desk assistant|triage service for support mail|dispatcher for support messages]",
    "extract": "[data extractor|extraction service|JSON extractor|parser of messages|information extractor|tool that reads messages|reader of mails|assistant that extracts data|form filler|service that returns JSON]",
}
DUTY = {
    "sentiment": "[classify|label|rate|judge|give|determine|state|find|detect] the [sentiment|tone|mood|polarity|overall sentiment|feeling] of [each message|every text|what the user writes|the user's text|each review|the message|each comment|the following messages|any text you get]",
    "support": "[sort|classify|label|route|file|tag|assign|put] [each support message|every ticket|the user's message|each mail|the support message|each ticket|every support mail|incoming tickets|what customers write|the customer's message]",
    "extract": "[extract|return|find|read out|pull out|copy|collect|give|take] {keys} [from each message|from the text|of every mail|from what the user writes|from the user's message|out of the message|from any text you get|]",
}
FORM = "[answer|reply|respond] [with|only with|just with|with nothing but|with one of] {labels}|[output|return|print|write|use] [one of|only|exactly one of] {labels}|[labels|possible labels|allowed answers|options|classes|categories]: {labels}|[it is|each is] [one of|] {labels}"
JSON = ("[answer|reply|respond|output|write|return] [in JSON|as JSON|with JSON|with a JSON object|only JSON|JSON only|with valid JSON]|[JSON only|only JSON, please|no text, only JSON|as a JSON object]|"
        "[the output is|output] [JSON|a JSON object]")
NULL = "[use null for what is missing|missing values are null|null where nothing is said|what is not there is null|if something is missing, write null]"
MORE = "[no explanation|nothing else|one word|only the label|be brief|no other text|do not explain|no comments|do not chat]"


def system(gen, task, labels, allowed):
    """A system prompt that names a task: for extraction with {keys}."""
    def make(rng):
        form = f"[{JSON}]" if task == "extract" else f"[{FORM}]"
        duty, role = DUTY[task], ROLE[task]
        as_ = "" if task == "extract" else " as {labels}" if task == "sentiment" else " [as|into|under] {labels}"
        text = rng.choice([f"you are a {role}. {duty}. {form}", f"you are a {role}. {duty}{as_}", f"{duty}{as_}", f"{duty}. {form}", f"your [task|job|role] is to {duty}{as_}", f"your [task|job|role] is to {duty}. {form}", f"[role:|act as|be] a {role}. {duty}{as_}",
                           f"you {duty}{as_}", f"[task|job|instruction]: {duty}{as_}", f"[please|always|for us,|only] {duty}. {form}", f"[I want you to|you should|you must|you have to] {duty}{as_}"])
        if task == "extract":
            if form not in text:
                text += ". " + form
            if rng.random() < 0.3:
                text += ". " + NULL
        if rng.random() < 0.3:
            text += ". " + MORE if task != "extract" else ". [no explanation|nothing else|no other text]"
        return text + rng.choice(["", "."])
    while True:
        text = _one(gen, make, allowed).replace("{labels}", _labels(gen.rng, labels) if labels else "")
        text = re.sub(r" +([.,])", r"\1", re.sub(" +", " ", re.sub(r"\ba (?=[aei])", "an ", text)))
        text = ". ".join(part[:1].upper() + part[1:] for part in text.split(". "))
        if allowed(text):
            return text


def _labels(rng, labels):
    labels = rng.sample(labels, len(labels)) if rng.random() < 0.5 else labels
    joint = rng.choice([" or ", " or ", " and ", ", or ", ", ", "/", " | "])
    return joint.join(labels) if joint in ("/", " | ") else ", ".join(labels[:-1]) + joint + labels[-1]
