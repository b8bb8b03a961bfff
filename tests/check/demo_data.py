#!/usr/bin/env python3
"""The demo model's data agrees with itself and with the docs.

- Every fixed sentence of engine/demo/about.json stands in docs/demo-model.md.
- No filler or template is on both sides of the split, and both sides of every list have some.
- A generated example ends in an answer; answers of extraction are JSON whose values stand in the text.
- What is put together from words is never a template that does not train, and its words of praise and blame are no fillers that do not.
- No word is both praise and blame.
- The lines of engine/demo/freehand.jsonl name known tasks and answers.
Usage: demo_data.py ROOT
"""
import json
import os
import random
import re
import sys

root = sys.argv[1]
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(root, "engine", "demo"))
import fillers  # noqa: E402
import generate  # noqa: E402  (importing builds every list: an empty side is an error there)
import split  # noqa: E402
import chat  # noqa: E402
import extract  # noqa: E402
import frames  # noqa: E402
import grammar  # noqa: E402
import opinions  # noqa: E402
import prompts  # noqa: E402
import reading  # noqa: E402
import sentiment  # noqa: E402
import support  # noqa: E402
import tickets  # noqa: E402
import wide  # noqa: E402

faults = []


def expect(condition, message):
    if not condition:
        faults.append(message)


def check_docs():
    with open(os.path.join(root, "docs", "demo-model.md"), encoding="utf-8") as f:
        page = f.read()
    answers = [chat.FIXED] + [e["answer"] for kind in ("greetings", "about") for e in chat.TABLE[kind]]
    for answer in answers:
        expect(answer in page, f"docs/demo-model.md lacks the fixed answer: {answer}")


def check_split():
    expect(split.side_of("first", "Anna") == split.side_of("first", "Anna"), "the split is not a rule")
    held = sum(split.side_of("probe", str(i)) == "held" for i in range(4000))
    expect(900 <= held <= 1100, f"the split holds out {held} of 4000, not a quarter")
    for name, pool in fillers.POOLS.items():
        expect(not set(pool.sides["train"] + pool.sides["dev"]) & set(pool.sides["held"]), f"{name}: a filler on both sides")


def check_examples():
    # with pieces of words, a generator also puts sentences together, as in training
    for side, pieces in (("train", ()), ("held", ()), ("train", ("st", "ra", "Ling", "when", "ok"))):
        gen = fillers.Gen(random.Random(side), side, side, pieces=pieces, wide=pieces and wide.WIDE)
        for _ in range(1500):
            e = generate.example(gen)
            last = e["messages"][-1]
            expect(last["role"] == "assistant" and last["content"], f"no answer: {e}")
            expect(not any(m["content"].count("{text}") + m["content"].count("{keys}") for m in e["messages"]),
                   f"a slot was left open: {e}")
            if last["content"].startswith("{"):
                text = "\n".join(m["content"] for m in e["messages"] if m["role"] == "user")
                for value in json.loads(last["content"]).values():
                    expect(value is None or value in text, f"an extracted value is not in the text: {e}")


class Recorder(fillers.Gen):
    """A generator that puts together whatever it may, and keeps the templates that it fills so."""

    def composes(self, part):
        return True

    def template(self, pool):
        self.listed = super().template(pool)
        return self.listed

    def fill(self, text):
        if text != self.listed and not fillers.SLOT.fullmatch(text):
            self.filled.append(text)
        return super().fill(text)


def untrained(*pools):
    """The lines of `pools` that do not train, in the form in which templates are compared."""
    return {grammar.plain(one.replace("\\n", " ")) for pool in pools for side in ("held", "dev") for line in pool.sides[side]
            if line not in pool.sides["train"] for one in grammar.expanded(line)}


def check_composed(count=1500):
    gen = Recorder(random.Random("composed"), pieces=("st", "ra", "Ling", "when", "ok"), wide=wide.WIDE)

    def never(name, held, make, form=lambda text: text):
        for _ in range(count):
            gen.filled, gen.listed = [], None
            made = make()
            for text in gen.filled if made is None else [made]:
                text = grammar.plain(form(text).replace("\\n", " "))
                expect(text not in held, f"{name}: {text!r} is put together, but does not train")

    table = untrained(*(pool for pools in chat.ENTRIES.values() for _, pool in pools))
    for kind in ("greetings", "about"):
        never(kind, table, lambda: chat.table(gen, kind) and None)
    chat.any_text = lambda gen: "some text"  # which has templates of its own
    never("off", untrained(chat.OFF), lambda: chat.off_topic(gen) and None, lambda text: re.sub("[\0\1]", "{any}", text))
    opinion = untrained(sentiment.OPINION, sentiment.TURN_POS, sentiment.TURN_NEG, sentiment.NEUTRAL)
    for label in ("positive", "negative", "neutral"):
        never(label, opinion, lambda: opinions.text(gen, label, sentiment.ALLOWED_TEXT) and None, opinions._pattern)
    for name, module in (("sentiment", sentiment), ("support", support)):
        never(name, untrained(module.INSTRUCT), lambda: grammar.instruction(gen, name, module.ALLOWED))
    never("extract/instruct", untrained(extract.INSTRUCT), lambda: grammar.extract_instruction(gen, extract.ALLOWED_INSTRUCT))
    for name, pool, make, allowed in (("yesno/instruct", reading.YESNO, prompts.yesno, reading.ALLOWED_YESNO), ("pick/topic", reading.PICK_TOPIC, prompts.pick_topic, reading.ALLOWED_TOPIC),
                                      ("pick/mention_instruct", reading.PICK_MENTION, prompts.pick_mention, reading.ALLOWED_PICK)):
        never(name, untrained(pool), lambda: make(gen, allowed))
    for module in (sentiment, support, extract):
        never(module.__name__ + "/system", untrained(module.SYSTEM), lambda: generate._system(gen, module))
    for maker in extract.MAKERS:
        never("extract/text", untrained(extract.TEXT), lambda: maker.extraction(gen, extract.ALLOWED))
    fillers_held = {name: {grammar._bare(line) for line in pool.sides["held"]} for name, pool in fillers.POOLS.items()}
    for words in (opinions.PRAISE, opinions.BLAME):
        for lines in words.values():
            for name in opinions.LISTS:
                expect(not fillers_held[name] & {grammar._bare(line) for line in lines}, f"{name}: a held-out filler is made")
    for name in ("area", "symptom", "wish"):
        expect(not fillers_held[name] & {grammar._bare(w) for w in tickets.PART + tickets.FAILS + tickets.WISH}, f"{name}: a held-out filler is made")
    both = set(opinions.PRAISE["adj"]) & set(opinions.BLAME["adj"])
    expect(not both, f"praise and blame: {both}")


def check_freehand():
    ids = {"@" + e["id"] for kind in ("greetings", "about") for e in chat.TABLE[kind]}
    with open(os.path.join(root, "engine", "demo", "freehand.jsonl"), encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    expect(len(lines) >= 150, f"only {len(lines)} freehand lines")
    for e in lines:
        expect(e["task"] in generate.SHARES, f"unknown task: {e}")
        expect(not e["answer"].startswith("@") or e["answer"] in ids, f"unknown answer: {e}")


for check in (check_docs, check_split, check_examples, check_composed, check_freehand):
    check()
for fault in faults[:20]:
    print(fault)
print(f"demo_data: {len(faults)} faults")
sys.exit(1 if faults else 0)
