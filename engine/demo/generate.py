"""Writes examples: conversations whose assistant turns are the answers to learn.

An example is {"task", "messages": [{"role", "content"}...]}; the last message is the assistant's.

    python3 generate.py --seed 1 --count 5            # five training examples, to look at
    python3 generate.py --eval                        # the evaluation sets of score.py, as JSON lines
"""
import argparse
import json
import random
import re

import chat
import extract
import grammar
import prompts
import reading
import sentiment
import support
from fillers import Gen

SHARES = {"sentiment": 22, "support": 8, "extract": 30, "yesno": 21, "pick": 11, "greeting": 7, "about": 14, "off": 24}
EVALUATION = "sixth"  # names the evaluation sets; changed when figures on them have steered the work
NEIGHBOUR = {"a": "qsz", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "k": "jl",
             "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe",
             "y": "tu"}
SHORT = [(r"\byou\b", "u"), (r"\bare\b", "r"), (r"\bplease\b", "pls"), (r"\bI am\b", "im"), (r"\bI\b", "i"), (r"n't\b", "nt"),
         (r"\band\b", "&"), (r"\bbecause\b", "cuz"), (r"\bdoes not\b", "doesnt"), (r"\bdo not\b", "dont"), (r"\bcan not\b", "cant"),
         (r"\bis not\b", "isnt"), (r"\bvery\b", "rly"), (r"\bwas not\b", "wasnt"), (r"\bit is\b", "its"), (r"\bto\b", "2")]
LONG = [(r"\bis not\b", "isn't"), (r"\bdoes not\b", "doesn't"), (r"\bdo not\b", "don't"), (r"\bit is\b", "it's"),
        (r"\bI am\b", "I'm"), (r"\bwas not\b", "wasn't"), (r"\bcannot\b", "can't"), (r"\bcould not\b", "couldn't"),
        (r"\bI have\b", "I've"), (r"\bI would\b", "I'd")]


def typo(rng, text):
    """One slip of the finger inside a word."""
    places = [i for i in range(1, len(text) - 1) if text[i].isalpha() and text[i - 1].isalpha()]
    if not places:
        return text
    i = rng.choice(places)
    kind = rng.randrange(4)
    if kind == 0:
        return text[:i] + text[i + 1:]
    if kind == 1:
        return text[:i] + text[i] + text[i:]
    if kind == 2 and text[i + 1].isalpha():
        return text[:i] + text[i + 1] + text[i] + text[i + 2:]
    return text[:i] + rng.choice(NEIGHBOUR.get(text[i].lower(), text[i])) + text[i + 1:]


def noise(rng, text, strength=1.0):
    """`text` as people type it: case, punctuation, short forms, slips."""
    if not text.strip():
        return text
    if rng.random() < 0.35:
        for pattern, short in rng.sample(LONG, 5):
            text = re.sub(pattern, short, text)
    if rng.random() < 0.5:
        text = text[:1].upper() + text[1:]
    if rng.random() < 0.4 and text and text[-1].isalnum():
        text += rng.choice([".", ".", ".", "!", "!!", "...", " :)" if rng.random() < 0.1 else "."])
    if rng.random() > 0.4 * strength:
        return text
    if rng.random() < 0.45:
        text = text.lower()
    elif rng.random() < 0.07:
        text = text.upper()
    if rng.random() < 0.35:
        text = re.sub(r"[.,!?;'\"](?=\s|$)", "", text)
    if rng.random() < 0.2:
        for pattern, short in rng.sample(SHORT, 5):
            text = re.sub(pattern, short, text)
    if rng.random() < 0.45:
        for _ in range(1 + len(text) // 60):
            text = typo(rng, text)
    return text


LABELS = {"sentiment": ["positive", "negative", "neutral"], "support": ["billing", "bug", "feature", "other"], "extract": []}
ALLOWED_SYSTEM = {module: grammar.Allowed(module.SYSTEM) for module in (sentiment, support, extract)}


def _system(gen, module):
    """A system prompt that names the task of `module`; in training, sometimes one put together from parts."""
    name = module.__name__
    return prompts.system(gen, name, LABELS[name], ALLOWED_SYSTEM[module]) if gen.composes(0.4) else gen.template(module.SYSTEM)


def _classified(gen, module, noisy):
    rng = gen.rng
    text, label = module.text(gen)
    text = noisy(text)
    if module is support and rng.random() < 0.2:
        # a part of the labels, in any order; what is not on offer is "other"
        labels = rng.sample(["billing", "bug", "feature"], rng.randint(1, 3)) + ["other"]
        if rng.random() < 0.3:
            rng.shuffle(labels)
        label = label if label in labels else "other"
        prompt = gen.template(support.SUBSET).replace("{labels}", reading.options_text(rng, labels))
        return [("user", prompt.replace("{text}", text))], label
    if rng.random() < (0.3 if gen.pieces else 0.2):
        return [("system", _system(gen, module)), ("user", text)], label
    if gen.composes(0.35):
        prompt = grammar.instruction(gen, module.__name__, module.ALLOWED)
    else:
        prompt = gen.template(sentiment.BINARY if module is sentiment and label != "neutral" and rng.random() < 0.18 else module.INSTRUCT)
    # noise leaves the place of the text alone
    before, after = prompt.split("{text}")
    return [("user", noisy(before, 0.3) + text + noisy(after, 0.3) if rng.random() < 0.4 else before + text + after)], label


def _extracted(gen, noisy):
    text, requests = extract.conversation(gen, lambda s: noisy(s, 0.2) if len(s) > 12 and gen.rng.random() < 0.1 else s)
    keys, answer = requests[0]
    if gen.rng.random() < 0.15:
        return [("system", _system(gen, extract).replace("{keys}", keys)), ("user", text)], answer
    turns = [("user", extract.instruction(gen).replace("{keys}", keys).replace("{text}", text))]
    for keys, following in requests[1:]:
        turns += [("assistant", answer), ("user", gen.rng.choice(extract.AGAIN).replace("{keys}", keys))]
        answer = following
    return turns, answer


def _read(gen, task, noisy):
    if task == "yesno":
        text, asked = reading.yesno(gen, gen.rng.choice([1, 1, 1, 2, 2, 3]) if gen.pieces else 0)
        if gen.rng.random() < 0.1:
            text, asked = text.lower(), [(question.lower(), answer) for question, answer in asked]
        question, answer = asked[0]
        prompt = reading.yesno_instruction(gen).replace("{text}", text).replace("{question}", question)
        turns = [("user", prompt)]
        for question, following in asked[1:]:  # in training, more questions about the same text: an answer for few ids
            turns += [("assistant", answer), ("user", question)]
            answer = following
        return turns, answer
    prompt, answer = reading.pick(gen)
    if gen.rng.random() < 0.1:
        prompt, answer = prompt.lower(), answer.lower()
    return [("user", prompt)], answer


def turn(gen, task, without=()):
    """One exchange of `task`: ([(role, content)...], answer)."""
    if task in without:
        return turn(gen, task)[0], chat.FIXED

    def noisy(text, strength=1.0):
        return noise(gen.rng, text, strength)

    if task in ("sentiment", "support"):
        return _classified(gen, {"sentiment": sentiment, "support": support}[task], noisy)
    if task == "extract":
        return _extracted(gen, noisy)
    if task in ("yesno", "pick"):
        return _read(gen, task, noisy)
    if task == "off":
        return [("user", noisy(chat.off_topic(gen), 0.7))], chat.FIXED
    question, answer = chat.table(gen, {"greeting": "greetings", "about": "about"}[task])
    return [("user", noisy(question))], answer


def _pick_task(rng, without):
    return rng.choices(list(SHARES), [n / 3 if t in without else n for t, n in SHARES.items()])[0]


def example(gen, task=None, without=()):
    """A whole conversation; mostly one exchange, sometimes up to three, of any tasks.
    Prompts of the tasks `without` are outside of the model's tasks: they get the fixed reply."""
    rng = gen.rng
    first = task or _pick_task(rng, without)
    if gen.pieces:
        gen.new = rng.choice([0, 0.25, 0.75]) * gen.composed
    gen.drawn = 0
    turns, answer = turn(gen, first, without)
    gen.drawn_first = gen.drawn
    messages = [{"role": r, "content": c} for r, c in turns]
    if messages[0]["role"] != "system" and rng.random() < 0.2:
        messages.insert(0, {"role": "system", "content": gen.fill(gen.template(chat.SYSTEM))})
    messages.append({"role": "assistant", "content": answer})
    own_system = turns[0][0] == "system"
    # in training, a system prompt that names the task is followed by many messages: an answer for few ids
    while task is None and rng.random() < (0.8 if own_system else 0.1) and len(messages) < (13 if own_system else 7):
        if own_system:
            turns, answer = turn(gen, first, without)
            if turns[0][0] != "system":
                break
            turns = turns[1:]
        else:
            turns, answer = turn(gen, _pick_task(rng, without), without)
            if turns[0][0] == "system":
                break
        messages += [{"role": r, "content": c} for r, c in turns]
        messages.append({"role": "assistant", "content": answer})
    return {"task": first, "messages": messages}


def evaluation(count=300, off_count=500, without=(), side="held"):
    """The sets that score.py uses: {set name: [example...]}; same every time. With side="dev" those for
    choices on the way."""
    sets = {}

    def gen(seed, templates, fillers, new=0.0):
        return Gen(random.Random(f"{EVALUATION} {side} {seed}"), templates, fillers, new)

    for task in SHARES:
        if task in without:
            sets[f"off/{task}"] = [example(gen(f"off {task}{i}", side, side), task, without) for i in range(count)]
        elif task == "off":
            sets["off/held"] = [example(gen(f"off {i}", side, side), task) for i in range(off_count)]
        else:
            sets[f"{task}/templates"] = [example(gen(f"templates {task}{i}", side, "train"), task) for i in range(count)]
        if task not in without and task not in ("greeting", "about", "off"):
            sets[f"{task}/fillers"] = [_with_filler(gen(f"fillers {task}{i}", "train", side), task) for i in range(count)]
        if task not in without and task in ("extract", "yesno", "pick"):
            sets[f"{task}/new words"] = [example(gen(f"new {task}{i}", "train", "train", 1.0), task) for i in range(count)]
    return sets


def _with_filler(gen, task):
    """An example with at least one filler in it that has not trained."""
    while True:
        e = example(gen, task)
        if gen.drawn_first:
            return e


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", default="1")
    parser.add_argument("--count", type=int, default=5)
    parser.add_argument("--task", choices=list(SHARES))
    parser.add_argument("--eval", action="store_true")
    args = parser.parse_args()
    if args.eval:
        for name, examples in evaluation().items():
            for e in examples:
                print(json.dumps({"set": name, **e}, ensure_ascii=False))
        return
    gen = Gen(random.Random(args.seed))
    for _ in range(args.count):
        print(json.dumps(example(gen, args.task), ensure_ascii=False))


if __name__ == "__main__":
    main()
