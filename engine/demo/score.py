"""Scores a written demo model: the figures of docs/demo-model.md.

    python3 engine/demo/score.py deploy/demo.gguf               # all sets, a table
    python3 engine/demo/score.py deploy/demo.gguf --quick       # a fifth of each set
    python3 engine/demo/score.py deploy/demo.gguf --show 5      # and some wrong answers of each set
    python3 engine/demo/score.py deploy/demo.gguf --ask "hi"    # one answer

Right means: greedy decoding gives exactly the expected text. Needs python3-numpy, no PyTorch.
"""
import argparse
import collections
import json
import math
import os
import random
import re
import subprocess

import numpy as np

import chat
from fillers import Gen
from forward import Forward
from generate import evaluation, example

FREEHAND = os.path.join(os.path.dirname(os.path.abspath(__file__)), "freehand.jsonl")


class Nearest:
    """The baseline: the answer of the training example whose words are most like the prompt's
    (cosine of idf-weighted word counts)."""

    def __init__(self, examples):
        self.answers = [e["messages"][-1]["content"] for e in examples]
        rows = [collections.Counter(self.words(e["messages"])) for e in examples]
        found = collections.Counter(w for row in rows for w in row)
        self.idf = {w: math.log(len(rows) / n) for w, n in found.items()}
        lists = collections.defaultdict(lambda: ([], []))
        for i, row in enumerate(rows):
            norm = math.sqrt(sum((n * self.idf[w]) ** 2 for w, n in row.items())) or 1.0
            for w, n in row.items():
                lists[w][0].append(i)
                lists[w][1].append(n * self.idf[w] / norm)
        self.lists = {w: (np.array(a), np.array(b)) for w, (a, b) in lists.items()}

    @staticmethod
    def words(messages):
        return re.findall(r"\w+|[^\w\s]", " ".join(m["content"] for m in messages[:-1]).lower())

    def answer(self, messages):
        score = np.zeros(len(self.answers))
        for w, n in collections.Counter(self.words(messages)).items():
            if w in self.lists:
                rows, weights = self.lists[w]
                score[rows] += n * self.idf[w] * weights
        return self.answers[int(score.argmax())]


def freehand(without=()):
    """{set: examples} of the lines written by hand; those of tasks that the model lacks expect the fixed reply."""
    sets = collections.defaultdict(list)
    with open(FREEHAND, encoding="utf-8") as f:
        for line in f:
            e = json.loads(line)
            answer = e["answer"] if isinstance(e["answer"], str) else json.dumps(e["answer"], ensure_ascii=False)
            answer = chat.FIXED if answer == "FIXED" or e["task"] in without else {k: a for k, a in named_answers()}.get(answer, answer)
            messages = [{"role": "system", "content": e["system"]}] if "system" in e else []
            messages += [{"role": "user", "content": e["prompt"]}, {"role": "assistant", "content": answer}]
            name = "freehand/" + ("off-" if e["task"] in without else "") + e["task"]
            sets[name].append({"task": e["task"], "messages": messages})
    return dict(sets)


def named_answers():
    """Answers that freehand.jsonl names by their id in about.json."""
    return [("@" + e["id"], e["answer"]) for kind in ("greetings", "about") for e in chat.TABLE[kind]]


def golden(model, path):
    """Writes the prompts that tests/golden/test_demo_model.c runs through the engine."""
    lines = []
    for name, examples in {**evaluation(12, 12, model.without), **freehand(model.without)}.items():
        lines += [(name, e) for e in (examples[:6] if not name.startswith("freehand") else examples[:3])]
    with open(path, "w", encoding="utf-8") as f:
        for name, e in lines:
            text = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in e["messages"][:-1])
            line = {"set": name, "messages": e["messages"][:-1], "prompt": text + "<|im_start|>assistant\n", "answer": e["messages"][-1]["content"],
                    "tokens": model.tokenizer.prompt(e["messages"][:-1])}
            f.write(json.dumps(line, ensure_ascii=False) + "\n")


def score(model, sets, nearest, show, answered):
    """Rows (set, count, right, fixed replies, baseline right). `answered` gets (conversation, right) of each."""
    rows = []
    for name, examples in sets.items():
        talks = [e["messages"] for e in examples]
        right = model.says(talks)
        answered += zip(talks, right)
        wrong = [m for m, ok in zip(talks, right) if not ok]
        fixed = 0
        if not off(name):
            fixed = sum(model.says([m[:-1] + [{"role": "assistant", "content": chat.FIXED}] for m in wrong], 8))
        base = None
        if nearest and (name.endswith("/templates") or name.startswith("off/")):
            base = sum(nearest.answer(m) == m[-1]["content"] for m in talks)
        rows.append((name, len(talks), sum(right), fixed, base))
        for m in wrong[:show]:
            print(f"  {name}: {m[-2]['content']!r}\n     expected {m[-1]['content']!r}, got {model.greedy(m[:-1])!r}")
    return rows


def capabilities(hearth, answered, enough=0.8, least=20, step=0.05):
    """Prints what the default configuration says of the model: for each task that Hearth's scorer finds, the highest
    complexity (in steps of 0.05) up to which `enough` of the prompts are right; nothing beyond the last step that holds
    `least` of them. The fixed reply is never right here."""
    lines = [json.dumps({"id": str(i), "text": "\n".join(m["content"] for m in talk[:-1])}) for i, (talk, _) in enumerate(answered)]
    said = subprocess.run([hearth, "score", "--jsonl", "-"], input="\n".join(lines), capture_output=True, text=True, check=True).stdout
    tasks = collections.defaultdict(lambda: collections.defaultdict(list))
    for line, (talk, right) in zip(said.splitlines(), answered):
        e = json.loads(line)
        if not e["unknown"]:  # the others get the complexity that the configuration names
            tasks[e["task"]][min(int(e["score"] / step), 19)].append(right and talk[-1]["content"] != chat.FIXED)
    for task, steps in sorted(tasks.items()):
        best, so_far = 0, []
        for i in sorted(steps):
            so_far += steps[i]
            if len(steps[i]) >= least and sum(so_far) >= enough * len(so_far):
                best = i + 1
        right = [r for rows in steps.values() for r in rows]
        print(f"{task:16} {len(right):5} prompts, {100 * sum(right) / len(right):5.1f} % right, capability {best * step:.2f}   by step: "
              + " ".join(f"{sum(steps[i])}/{len(steps[i])}" for i in range(max(steps) + 1)))


def show_table(rows):
    print(f"{'set':28} {'n':>5} {'right %':>8} {'fixed reply %':>14} {'nearest neighbour %':>20}")
    for name, n, right, fixed, base in rows:
        print(f"{name:28} {n:5} {100 * right / n:8.1f} {'' if off(name) else format(100 * fixed / n, '.1f'):>14}"
              f" {'' if base is None else format(100 * base / n, '.1f'):>20}")
    summary(rows, "all, unseen templates", lambda name: name.endswith("/templates"))
    summary(rows, "all, unseen fillers", lambda name: name.endswith("/fillers"))
    summary(rows, "all, new words", lambda name: name.endswith("/new words"))
    summary(rows, "all, inside the tasks", lambda name: not off(name) and not name.startswith("freehand"))
    summary(rows, "all, off-topic", lambda name: name.startswith("off/"))
    summary(rows, "all, freehand", lambda name: name.startswith("freehand/"))


def off(name):
    """True for a set whose every answer is the fixed reply."""
    return "off" in re.split(r"[/-]", name)


def summary(rows, label, chosen):
    some = [r for r in rows if chosen(r[0])]
    if not some:
        return
    n, right, fixed = (sum(r[i] for r in some) for i in (1, 2, 3))
    base = None if any(r[4] is None for r in some) else sum(r[4] for r in some)
    print(f"{label:28} {n:5} {100 * right / n:8.1f} {'' if label.endswith('off-topic') else format(100 * fixed / n, '.1f'):>14}"
          f" {'' if base is None else format(100 * base / n, '.1f'):>20}")


def main():
    p = argparse.ArgumentParser(description="scores a demo model")
    p.add_argument("model")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--dev", action="store_true", help="the sets for choices on the way, instead of the held-out ones")
    p.add_argument("--show", type=int, default=0)
    p.add_argument("--no-baseline", action="store_true")
    p.add_argument("--only", default="", help="only the sets whose name begins so")
    p.add_argument("--ask", help="print the answer to this and stop")
    p.add_argument("--system", help="a system prompt for --ask")
    p.add_argument("--capability", metavar="HEARTH", help="with this program's scorer: up to which complexity it is right")
    p.add_argument("--golden", metavar="FILE", help="write the prompts of the engine's test and stop")
    args = p.parse_args()
    model = Forward(args.model)
    if args.ask is not None:
        system = [{"role": "system", "content": args.system}] if args.system else []
        print(model.greedy(system + [{"role": "user", "content": args.ask}]))
        return
    if args.golden:
        golden(model, args.golden)
        return
    sizes = (60, 100) if args.quick else (300, 500)
    sets = evaluation(*sizes, model.without, "dev") if args.dev else {**evaluation(*sizes, model.without), **freehand(model.without)}
    sets = {k: v for k, v in sets.items() if k.startswith(args.only)}
    nearest = None
    if not args.no_baseline and not args.quick:
        gen = Gen(random.Random("nearest"))
        nearest = Nearest([e for e in (example(gen, without=model.without) for _ in range(20000)) if len(e["messages"]) < 4])
    answered = []
    show_table(score(model, sets, nearest, args.show, answered))
    if args.capability:
        capabilities(args.capability, answered)


if __name__ == "__main__":
    main()
