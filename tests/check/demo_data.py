#!/usr/bin/env python3
"""The demo model's data agrees with itself and with the docs.

- Every fixed sentence of engine/demo/about.json stands in docs/demo-model.md.
- No filler or template is on both sides of the split, and both sides of every list have some.
- A generated example ends in an answer; answers of extraction are JSON whose values stand in the text.
- The lines of engine/demo/freehand.jsonl name known tasks and answers.
Usage: demo_data.py ROOT
"""
import json
import os
import random
import sys

root = sys.argv[1]
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(root, "engine", "demo"))
import fillers  # noqa: E402
import generate  # noqa: E402  (importing builds every list: an empty side is an error there)
import split  # noqa: E402
import chat  # noqa: E402
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


def check_freehand():
    ids = {"@" + e["id"] for kind in ("greetings", "about") for e in chat.TABLE[kind]}
    with open(os.path.join(root, "engine", "demo", "freehand.jsonl"), encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    expect(len(lines) >= 150, f"only {len(lines)} freehand lines")
    for e in lines:
        expect(e["task"] in generate.SHARES, f"unknown task: {e}")
        expect(not e["answer"].startswith("@") or e["answer"] in ids, f"unknown answer: {e}")


for check in (check_docs, check_split, check_examples, check_freehand):
    check()
for fault in faults[:20]:
    print(fault)
print(f"demo_data: {len(faults)} faults")
sys.exit(1 if faults else 0)
