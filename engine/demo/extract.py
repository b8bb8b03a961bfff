"""Extraction: names, dates, amounts, e-mail addresses and products, as JSON with the given keys."""
import json
import re

import frames
import grammar
import letters
from split import Pool

KEYS = {  # what a field may be called in the request
    "name": ["name", "name", "name", "customer", "person", "customer_name"],
    "date": ["date", "date", "date", "day", "when"],
    "amount": ["amount", "amount", "amount", "price", "total", "sum"],
    "email": ["email", "email", "email", "e_mail", "email_address", "mail"],
    "product": ["product", "product", "product", "item", "article"],
}
# the same, with more weight on what is seldom asked for; only for training
RARER = {
    "name": ["customer", "person", "customer_name"] * 4 + ["full_name", "client", "buyer"],
    "date": ["day", "when"] * 6 + ["on_date"],
    "amount": ["price", "total", "sum"] * 4 + ["cost"],
    "email": ["e_mail", "email_address", "mail"] * 4 + ["e-mail"],
    "product": ["item", "article"] * 6 + ["product_name"],
}
SLOT_OF = {"name": "name", "date": "date", "amount": "amount", "email": "email", "product": "branded"}

TEXT = Pool("extract/text", """
{name} bought a {branded} on {date} for {amount}
{name} ordered the {branded} for {amount}
please send the {branded} to {name}, {email}
my name is {name} and my e-mail is {email}
{name} ({email}) paid {amount} on {date}
on {date} we received {amount} from {name}
the {branded} costs {amount}
contact {name} at {email} about the {branded}
I am {name}, I bought the {branded} on {date}
meeting with {name} on {date}
invoice for {name}: {amount}, due {date}
{name} returned the {branded} on {date}, refund {amount}
write to {email} before {date}
the total for the {branded} was {amount}
{name} wants to know when the {branded} will arrive
Hi, this is {name}. My {branded} broke on {date}. You can reach me at {email}.
reminder: {amount} has to be paid by {date}
{name} from {city} sold a {branded} for {amount}
we shipped the {branded} to {name} on {date}
order {order}: {branded}, {amount}, {email}
can you change the address of {name} to {email}
{name} will visit {city} on {date}
a {branded} for {amount} was delivered on {date} to {name} in {city}
Dear {name}, your {branded} is ready. Please pay {amount} until {date}.
new customer {name}, {email}, interested in the {branded}
the appointment of {name} was moved to {date}
{name} lost a {branded} in {city}
on {date}, {name} asked for a refund of {amount} for the {branded}
for questions please ask {name}, {email}
price of the {branded}: {amount}
I paid {amount} for a {branded} and it never came. {name}
this is to confirm that {name} owes us {amount}
From: {name} <{email}>. I want to order a {branded}.
the {branded} was returned on {date}
please refund {amount} to {email}
ticket {order} from {email}: the {branded} is broken since {date}
{name} and the team met on {date} to talk about the {branded}
thanks for your order, {name}! Your {branded} ({amount}) ships on {date}.
{date}: {name}, {branded}, {amount}
she is called {name} and lives in {city}
we got {amount} for the old {branded}
{email} wrote on {date}
you can get the {branded} for {amount} until {date}
call {name} on {date} about {order}
the winner is {name}, who gets a {branded} worth {amount}
bill to {email}, {amount}
{name} booked a room in {city} for {date} and paid {amount}
""")
INSTRUCT = Pool("extract/instruct", """
Extract {keys} as JSON: {text}
Extract {keys} from this text as JSON.\\n\\n{text}
Extract the {keys} as JSON with the keys {keys}: {text}
Extract {keys}. Answer in JSON.\\n{text}
Return JSON with the keys {keys}: {text}
Return a JSON object with {keys} for this message: {text}
Find {keys} in the text and return JSON.\\nText: {text}
{text}\\n\\nExtract {keys} as JSON.
{text}\\n\\nGive me {keys} as JSON
Text: {text}\\nKeys: {keys}\\nJSON:
Get {keys} from "{text}" as JSON
Which {keys} are in this text? Answer as JSON: {text}
Extract information from the text as JSON with keys {keys}.\\n\\n{text}
Extract the following fields as JSON: {keys}.\\n\\n{text}
Fill this JSON with keys {keys} from the text: {text}
Parse this message into JSON ({keys}): {text}
Pull out {keys} as json: {text}
json with {keys}: {text}
Please extract {keys} from the following sentence. Reply with JSON only.\\n{text}
From the text below, extract {keys} in JSON format.\\n\\n{text}
what are the {keys} here, as json: {text}
Read the text and output a JSON object with {keys}.\\n---\\n{text}\\n---
Turn this into JSON with the fields {keys}: {text}
Extract entities ({keys}) as JSON: {text}
""")
SYSTEM = Pool("extract/system", """
Extract {keys} from the user's message as JSON.
You extract data. Return a JSON object with the keys {keys}.
Reply with JSON only, keys: {keys}. Use null for what is missing.
For each message return {keys} as JSON.
You are an extraction service. Output JSON with {keys}.
Extract the fields {keys}. Answer with a JSON object and nothing else.
Read the message and fill in {keys} as JSON.
data extraction, fields {keys}, output JSON
""")


def keys_text(rng, keys):
    """A list of keys as people write it."""
    quoted = [f'"{k}"' for k in keys] if rng.random() < 0.15 else keys
    if len(quoted) == 1:
        return quoted[0]
    joint = rng.choice([" and ", " and ", ", ", ", and "])
    return ", ".join(quoted[:-1]) + joint + quoted[-1]


OTHERS = re.compile(r"\{(first|last|name:\d)")  # other people: nobody could tell which of them is asked for
AGAIN = ["And {keys}?", "Now {keys}.", "{keys}", "{keys} as JSON", "The same with {keys}", "JSON with {keys}, please", "and now {keys} as JSON"]
ALLOWED = grammar.Allowed(TEXT)
MAKERS = (frames, grammar, letters)  # of texts put together from words
ALLOWED_INSTRUCT = grammar.Allowed(INSTRUCT)


def instruction(gen):
    """An instruction with {keys} and {text}; in training, sometimes one put together from parts."""
    if gen.composes(0.35):
        return grammar.extract_instruction(gen, ALLOWED_INSTRUCT)
    return gen.template(INSTRUCT)


def example(gen, noise):
    """(text, keys as written, answer): entities are copied as they stand in the text."""
    text, fields, values = _text(gen, noise)
    return text, *_asked(gen, fields, values)


def conversation(gen, noise):
    """(text, [(keys as written, answer)...]): in training, sometimes several requests about the same text, for few ids."""
    text, fields, values = _text(gen, noise)
    requests = [_asked(gen, fields, values)]
    asked = {field for field, names in KEYS.items() if set(names + RARER[field]) & set(json.loads(requests[0][1]))}
    rest = [f for f in fields if f not in asked]
    while gen.pieces and len(requests) < 4 and gen.rng.random() < (0.7 if rest else 0.3):
        requests.append(_asked(gen, fields, values, rest))
        rest = []
    return text, requests


def _text(gen, noise):
    """(text, fields that it holds, value of each slot)"""
    if gen.composes(0.6):
        template = gen.choose(gen.rng.choices(MAKERS, (2, 3, 4))[0].extraction(gen, ALLOWED)).replace("\\n", "\n")
    else:
        template = gen.template(TEXT)
    fields = [f for f, slot in SLOT_OF.items() if "{" + slot + "}" in template and not (f == "name" and OTHERS.search(template))]
    pieces, values = [], {}
    lower = gen.rng.random() < 0.15
    # noise touches the words of the template only, never an entity
    for i, piece in enumerate(template.replace("}", "{").split("{")):
        if i % 2 == 0:
            pieces.append(noise(piece))
            continue
        value = gen.fill("{" + piece + "}")
        pieces.append(value.lower() if lower else value)
        values[piece] = pieces[-1]
    text = "".join(pieces)
    if lower:
        text = text.lower()
    elif gen.rng.random() < 0.5 and not template.startswith("{"):
        text = text[:1].upper() + text[1:]
    if gen.rng.random() < 0.4 and text[-1] not in ".?!":
        text += "."
    return text, fields, values


def _asked(gen, fields, values, rest=()):
    """A request for some of the fields, if possible for some of `rest`: (keys as written, answer)"""
    asked = gen.rng.sample(rest or fields, gen.rng.randint(min(1, len(rest or fields)), len(rest or fields)))
    if not asked or gen.rng.random() < (0.23 if gen.pieces else 0.2):
        absent = [f for f in SLOT_OF if f not in fields]
        if gen.pieces and "name" in absent and any(OTHERS.match("{" + slot) for slot in values):
            absent.remove("name")
        if absent:
            asked.insert(gen.rng.randint(0, len(asked)), gen.rng.choice(absent))
    answer, names = {}, []
    for field in asked:
        names.append(gen.rng.choice(RARER[field] if gen.composes(0.45) else KEYS[field]))
        answer[names[-1]] = values.get(SLOT_OF[field])
    return keys_text(gen.rng, names), json.dumps(answer, ensure_ascii=False)
