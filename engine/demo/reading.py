"""Reading a short text: yes/no questions about it, and picking one of given options."""
import re

import grammar
import prompts
from fillers import add_pool
from split import Pool

COLOUR = "red blue green yellow black white grey brown pink purple orange silver gold turquoise beige".split()
ANIMAL = "dog cat horse parrot rabbit hamster goat donkey turtle snake pony duck goose sheep".split()
FOOD = "pizza soup salad pasta rice fish cake bread cheese curry pancakes dumplings noodles stew sushi tacos".split()
add_pool("colour", COLOUR)
add_pool("animal", ANIMAL)
add_pool("food", FOOD)
add_pool("job", "teacher nurse pilot baker lawyer farmer painter plumber dentist judge driver gardener chef engineer "
         "librarian butcher tailor singer".split())

# text | question: true as asked; a changed slot makes it false, and "not" versions turn it round
FACT = Pool("yesno/fact", """
{first} bought a {product} in {city}. | Did {first} buy a {product}?
{first} bought a {product} in {city}. | Was it bought in {city}?
{first} lives in {city} and works as a {job}. | Does {first} live in {city}?
{first} lives in {city} and works as a {job}. | Is {first} a {job}?
{first} moved from {city} to {city:2}. | Did {first} move to {city:2}?
The {product} on the table is {colour}. | Is the {product} {colour}?
{first} has a {animal} and likes {food}. | Does {first} have a {animal}?
{first} has a {animal} and likes {food}. | Does {first} like {food}?
We had {food} for lunch on {weekday}. | Did they eat {food}?
We had {food} for lunch on {weekday}. | Was it on {weekday}?
The meeting with {first} is on {weekday} in {city}. | Is the meeting on {weekday}?
The meeting with {first} is on {weekday} in {city}. | Is the meeting in {city}?
{first} paid {amount} for the {product}. | Did {first} pay for the {product}?
{first} paid {amount} for the {product}. | Did the {product} cost {amount}?
The train to {city} leaves on {weekday}. | Does the train go to {city}?
{first} and {first:2} met in {month}. | Did {first} meet {first:2}?
{first} and {first:2} met in {month}. | Did they meet in {month}?
Our shop sells the {product} in {colour}. | Can I buy a {colour} {product}?
{first} sent the {product} back on {weekday}. | Did {first} send back the {product}?
{first} is a {job} from {city}. | Is {first} from {city}?
{first}, a {job}, painted the house {colour}. | Is the house {colour}?
The {animal} of {first} ate the {food}. | Did the {animal} eat the {food}?
The {animal} of {first} ate the {food}. | Does {first} own a {animal}?
The party is in {month}, and {first} brings the {food}. | Will {first} bring the {food}?
The party is in {month}, and {first} brings the {food}. | Is the party in {month}?
{first} forgot the {product} at the hotel in {city}. | Did {first} forget the {product}?
The order from {city} has a {product} and a {product:2}. | Is a {product:2} in the order?
My brother {first} drives a {colour} car. | Is the car of {first} {colour}?
{first} wants to study in {city}. | Does {first} want to study in {city}?
{first} called on {weekday} because of the {product}. | Did {first} call on {weekday}?
On {weekday} {first} cooked {food} for {first:2}. | Did {first} cook {food}?
""")
NEGATED = Pool("yesno/negated", """
{first} did not buy the {product}. | Did {first} buy the {product}?
{first} never lived in {city}. | Did {first} live in {city}?
The {product} is not {colour}. | Is the {product} {colour}?
{first} does not like {food}. | Does {first} like {food}?
There is no meeting on {weekday}. | Is there a meeting on {weekday}?
{first} has no {animal}. | Does {first} have a {animal}?
The shop does not sell the {product}. | Does the shop sell the {product}?
{first} is not a {job} any more. | Is {first} a {job}?
The train does not stop in {city}. | Does the train stop in {city}?
{first} has not paid for the {product} yet. | Has {first} paid for the {product}?
{first} refused to eat the {food}. | Did {first} eat the {food}?
We could not find the {product}. | Did they find the {product}?
Nobody in {city} ordered a {product}. | Did somebody in {city} order a {product}?
""")
PLAIN = Pool("yesno/plain", """
{first} [really |]bought the {product}. | Did {first} buy the {product}?
""")


def _same_text(lines):
    """Lines "text | question | question..." of those that have the text in common."""
    joined = {}
    for line in lines:
        text, question = line.split(" | ")
        joined[text] = joined.get(text, text) + " | " + question
    return list(joined.values())


MENTIONED = ["Is {value} mentioned?", "Does the text mention {value}?", "Is there anything about {value}?", "Does {value} occur in it?", "Is {value} in the text?", "Does it say {value}?",
             "Do they speak of {value}?", "Can you find {value} there?"]  # only for training
SAME_TEXT = {side: _same_text(lines) for side, lines in FACT.sides.items()}

YESNO = Pool("yesno/instruct", """
{text} {question}
{text}\\n{question}
{text}\\n\\n{question} Answer yes or no.
Text: {text}\\nQuestion: {question}\\nAnswer:
Text: {text}\\nQuestion: {question}
{question}\\n\\n{text}
Answer yes or no. {text} {question}
Yes or no: {question} Text: {text}
Read the text and answer with yes or no.\\n\\n{text}\\n\\n{question}
"{text}" {question} yes or no?
Answer the question about the text with yes or no.\\nText: {text}\\nQuestion: {question}
Given this text: {text} Is the answer yes or no? {question}
yes/no: {text} {question}
Context: {text}\\n\\nQ: {question}\\nA (yes/no):
Based on the text, {question} (yes or no)\\n{text}
{question} Answer yes or no based on this: {text}
true for this text? {text} {question} Reply yes or no
""")

TOPIC = {
    "sports": "the team won the final|the goalkeeper saved a penalty|she ran the marathon in {n} hours|the match ended in a draw|"
              "the coach changed the line-up|he scored {n} goals this season|the tennis tournament starts on {weekday}|"
              "the cyclists climbed the last mountain|our club lost at home|the swimmer broke a record|the referee gave a red card|"
              "they trained for the league",
    "cooking": "chop the onions and fry them in butter|bake the bread for {n} minutes|add salt and pepper to the soup|"
               "the recipe needs {n} eggs and flour|let the dough rest|stir the sauce slowly|roast the potatoes in the oven|"
               "I made {food} for dinner|boil the pasta until it is soft|season the {food} with herbs|whisk the cream",
    "travel": "we flew to {city} for the holidays|the hotel in {city} had a view of the sea|I packed my suitcase for the trip|"
              "the train to {city} was full of tourists|our passport was checked at the border|we booked a flight to {city}|"
              "the guide showed us the old town of {city}|they spent {n} nights at the beach|the airport was crowded|"
              "we rented a car and drove to {city}",
    "money": "the bank raised the interest rate|shares fell by {n} percent|she put {amount} into a savings account|"
             "the budget for next year is {amount}|investors bought bonds|the company made a profit of {amount}|"
             "inflation was higher in {month}|he took out a loan of {amount}|the stock market closed lower|taxes went up",
    "health": "the doctor prescribed a new medicine|she has a fever and a cough|the nurse took my blood pressure|"
              "he broke his arm and went to hospital|drink water and get some sleep|the patient felt better after surgery|"
              "the dentist pulled a tooth|a vaccine against the flu|my back hurts since {weekday}|eat more vegetables and exercise",
    "weather": "it will rain on {weekday}|the storm brought heavy snow|sunny with {n} degrees in {city}|fog in the morning, wind later|"
               "the temperature drops below zero|thunder and lightning over {city}|clouds from the west|a hot and dry {month}|"
               "showers in the north, sun in the south|the forecast says hail",
    "music": "the band played {n} songs|she sings in a choir|the guitar is out of tune|their new album comes out in {month}|"
             "he practised the piano|the concert in {city} was sold out|the drummer lost the beat|an orchestra with {n} violins|"
             "the singer wrote the lyrics herself|we danced to the old records",
    "technology": "the new phone has a faster chip|install the update and restart the computer|the robot sorts parcels|"
                  "the server was down for {n} hours|engineers tested the battery|software for the smart watch|"
                  "the laptop has {n} gigabytes of memory|the satellite sends data to earth|a programmer fixed the code|"
                  "the website was hacked",
    "school": "the pupils wrote a test in maths|the teacher gave us homework|she passed the exam in {month}|"
              "the class has {n} students|he studies for his degree in {city}|the lesson starts at {n}|"
              "our school gets a new library|the professor gave a lecture|children learn to read and write|she got good grades",
    "nature": "the birds build a nest in the tree|a river runs through the forest|the bear sleeps in winter|bees visit the flowers|"
              "wolves were seen near {city}|the lake is home to many fish|the oak is {n} metres high|mushrooms grow after rain|"
              "the fox lives in the woods|whales swim along the coast",
}
for _topic in "politics art cars fashion billing shipping account returns".split():  # these stand in lists/reading.txt
    TOPIC[_topic] = ""
for _topic, _lines in TOPIC.items():
    add_pool("topic_" + _topic, _lines.split("|") if _lines else [])

import topics  # noqa: E402 - needs the lists above

SERVICE = ["billing", "shipping", "account", "returns"]
PICK_TOPIC = Pool("pick/topic", """
Which topic is this about: {options}? {text}
Choose the topic from {options}: {text}
Pick one of {options}: {text}
Options: {options}\\nText: {text}\\nAnswer:
{text}\\n\\nTopic ({options}):
Classify this text as {options}: {text}
What is this text about, {options}?\\n{text}
Select the best category from {options}.\\n\\n{text}
Choose one: {options}.\\n\\n{text}
Which category fits: {options}? "{text}"
Answer with one of these words: {options}. {text}
Is this about {options}? {text}
Sort this sentence into {options}: {text}
topic? ({options}) {text}
Assign one of the labels {options} to the text.\\nText: {text}
Read the text and pick the right option.\\nText: {text}\\nOptions: {options}
""")
# text | question | kind of the options: exactly one option stands in the text
MENTION = Pool("pick/mention", """
I would like the {colour} one, please. | Which colour does the customer want? | colour
{first} took the {colour} jacket. | Which colour is the jacket? | colour
We will meet in {city} next {weekday}. | Which city is mentioned? | city
{first} flew to {city} in {month}. | Where did {first} go? | city
My {animal} is sick. | Which animal is it? | animal
{first} saw a {animal} in the garden. | What did {first} see? | animal
For lunch I had {food}. | What was for lunch? | food
{first} ordered {food} and a glass of water. | What did {first} order? | food
The {product} arrived yesterday. | Which product arrived? | product
I sent back the {product}. | What was sent back? | product
{first} works as a {job}. | What is the job of {first}? | job
My sister became a {job}. | What did she become? | job
{first} called about the order. | Who called? | first
The letter is from {first}. | Who wrote? | first
Please paint the door {colour}. | Which colour should the door get? | colour
The office in {city} is closed. | Which office is closed? | city
The {animal} ran away. | What ran away? | animal
{first} won the prize. | Who won? | first
They cooked {food} together. | What did they cook? | food
I am looking for a {product}. | What is the customer looking for? | product
""")
PICK_MENTION = Pool("pick/mention_instruct", """
{text} {question} Options: {options}
{text}\\n{question} {options}
Pick one of {options}. {text} {question}
{question} Choose from {options}.\\n\\n{text}
Text: {text}\\nQuestion: {question}\\nOptions: {options}\\nAnswer:
{question} ({options})\\n{text}
Choose one of these options: {options}.\\n{text} {question}
Which of these is in the text: {options}? {text}
Answer with one of {options}: {text} {question}
Select the right option.\\nText: {text}\\n{question}\\nOptions: {options}
{text} Is it {options}?
Which one: {options}? {text}
""")


def options_text(rng, options):
    """Options as people write them."""
    style = rng.random()
    if style < 0.45:
        return ", ".join(options[:-1]) + rng.choice([" or ", ", or "]) + options[-1]
    if style < 0.75:
        return ", ".join(options)
    if style < 0.85:
        return "/".join(options)
    if style < 0.95:
        return "[" + ", ".join(f'"{o}"' if style < 0.9 else o for o in options) + "]"
    return " | ".join(options)


def _another(gen, kind, values):
    """A filler of `kind` that is none of `values`."""
    for _ in range(50):
        other = gen.slot(kind)
        if other not in values.values():
            break
    return other


def _with_values(question, values):
    for key, value in values.items():
        question = question.replace("{" + key + "}", value)
    return question


def _listed(text, values, one, other):
    """True if nothing but a list stands between two values: what is said of one of them is said of both."""
    start, end = sorted((text.find(one), text.find(other)))
    between = text[start:end][len(one if text.startswith(one, start) else other):]
    for value in values:
        between = between.replace(value, " ")
    return not set(re.findall(r"[^\s,]+", between)) - {"a", "an", "the", "and", "or", "s", "&"}


def _wrong(gen, text, question, values):
    """`question` with one slot of another value, if possible one from the text itself."""
    key = gen.rng.choice([k for k in values if "{" + k + "}" in question])
    kind = key.split(":")[0]
    rivals = [v for k, v in values.items() if k.split(":")[0] == kind and "{" + k + "}" not in question
              and not _listed(text, values.values(), values[key], v)]
    other = gen.rng.choice(rivals) if rivals and gen.rng.random() < 0.6 else _another(gen, kind, values)
    return _with_values(question.replace("{" + key + "}", other), values)


ALLOWED = grammar.Allowed(FACT, NEGATED, PLAIN)
ALLOWED_MENTION = grammar.Allowed(MENTION)
ALLOWED_YESNO, ALLOWED_TOPIC, ALLOWED_PICK = grammar.Allowed(YESNO), grammar.Allowed(PICK_TOPIC), grammar.Allowed(PICK_MENTION)


def _fact(gen, line):
    """(text, its slots' values, questions not yet filled in)"""
    template, *questions = gen.shared_choices(line).split(" | ")
    return gen.fill(template), dict(gen.values), questions


def yesno(gen, facts=0):
    """(text, [(question, answer)...]): yes and no equally often. With `facts` of them together, there are more questions."""
    made = gen.composes(0.5)
    kind = gen.rng.random()
    if kind < 0.2 and made:
        text, question, answer = grammar.negated(gen, ALLOWED)
        return text, [(question, answer)]
    if kind < 0.2:
        pool, answer = (NEGATED, "no") if kind < 0.1 else (PLAIN, "yes")
        text, question = gen.fill(gen.shared_choices(pool.pick(gen.rng, gen.templates))).split(" | ")
        return text, [(question, answer)]
    if made:
        found = [grammar.facts(gen, ALLOWED)]
    elif not facts:
        found = [_fact(gen, FACT.pick(gen.rng, gen.templates))]
    else:
        found = [_fact(gen, line) for line in gen.rng.sample(SAME_TEXT[gen.templates], facts)]
    right = [(text, question, values) for text, values, questions in found for question in questions]
    asked = []
    for text, question, values in gen.rng.sample(right, gen.rng.randint(1, len(right))):
        if gen.rng.random() < 0.5:
            asked.append((_with_values(question, values), "yes"))
        else:
            asked.append((_wrong(gen, text, question, values), "no"))
    told = " ".join(text for text, _, _ in found)
    if made and found[0][1] and gen.rng.random() < 0.15:
        asked.append(_mentioned(gen, told, found[0][1]))
    return told, asked


def _mentioned(gen, text, values):
    """Whether something stands in the text at all: (question, answer)"""
    key = gen.rng.choice(list(values))
    value, answer = values[key], "yes"
    if gen.rng.random() < 0.5:
        value, answer = _another(gen, key.split(":")[0], values), "no"
    if re.search(r"(?<!\w)" + re.escape(value) + r"(?!\w)", text, re.IGNORECASE):
        answer = "yes"
    return gen.rng.choice(MENTIONED).replace("{value}", value), answer


def yesno_instruction(gen):
    """A prompt with {text} and {question}; in training, sometimes one put together from parts."""
    return prompts.yesno(gen, ALLOWED_YESNO) if gen.composes(0.4) else gen.template(YESNO)


def pick(gen):
    """(prompt, answer)"""
    if gen.rng.random() < 0.5:
        choice = gen.rng.sample(SERVICE if gen.rng.random() < 0.15 else [t for t in TOPIC if t != "account"], gen.rng.randint(2, 4))
        answer = gen.rng.choice(choice)
        text = topics.text(gen, answer) if gen.composes(0.5) else gen.slot("topic_" + answer)
        if gen.rng.random() < 0.3:
            text += ". " + gen.slot("topic_" + answer)
        template = prompts.pick_topic(gen, ALLOWED_TOPIC) if gen.composes(0.4) else gen.template(PICK_TOPIC)
        prompt = template.replace("{text}", text).replace("{options}", options_text(gen.rng, choice))
        return prompt, answer
    if gen.composes(0.5):
        text, question, kind = grammar.mention(gen, ALLOWED_MENTION)
    else:
        text, question, kind = gen.shared_choices(MENTION.pick(gen.rng, gen.templates)).split(" | ")
    filled = gen.fill(text)
    values = dict(gen.values)
    answer = values[kind]
    options = [answer]
    while len(options) < gen.rng.choice([2, 3, 3, 4]):
        other = gen.slot(kind)
        if other not in options and other not in values.values():
            options.append(other)
    gen.rng.shuffle(options)
    question = _with_values(question, values)
    template = prompts.pick_mention(gen, ALLOWED_PICK) if gen.composes(0.4) else gen.template(PICK_MENTION)
    prompt = template.replace("{text}", filled).replace("{question}", question)
    return prompt.replace("{options}", options_text(gen.rng, options)), answer
