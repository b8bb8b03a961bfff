#!/usr/bin/env python3
"""Makes router/weights.bin, the table behind complexity and task, and measures it on held-out folds.

  train.py --dump build/tests/bench/router_dump --data DIR --scorer routing_score.py [--out router/weights.bin]

DIR holds the routing sets named in docs/scorer.md as JSON Lines (`id`, `set`, `prompt`, `weak`, `strong`, `group`;
`steps`; `task`). They are other people's texts and are not part of Hearth: only the numbers learnt from them
are. `--dump` is our own program tests/bench/scorer/dump.c, so that training sees the features that the router sees.
`--scorer` computes APGR; without it no figures are printed.

Model: raw = dense . d + sum of w[hash] / sqrt(n), fitted by weighted ridge regression (conjugate gradients). Targets, each
centred within its set, so that the table learns which of two requests of a kind is harder:
  model pairs     (1 - MIX) * (strong - weak) + MIX * (weak is wrong), grades scaled to [0,1]
  solution steps  standardised, times 0.2
  task types and everyday requests  a judgement per kind, times 0.6; not centred apart, because it sets how the kinds
                  stand to each other
Folds are by text (and by pattern for everyday requests): no text is scored by a model that saw it.
"""
import argparse
import hashlib
import importlib.util
import json
import os
import struct
import subprocess
import sys

import numpy as np

VERSION = b"linear-1"
HASHED, TASK_HASHED, SEEN_BITS = 1 << 15, 1 << 12, 1 << 17
DENSE = ("LOG_BYTES LOG_WORDS LOG_LINES LOG_SENTENCES WORDS_PER_SENTENCE WORD_LENGTH LONG_WORDS VERY_LONG_WORDS "
         "DISTINCT_WORDS CAPITALS LOG_NUMBERS DIGITS LOG_LARGEST FRACTIONS NUMBER_SENTENCES QUESTIONS COMMAS OPERATORS "
         "BRACKETS BACKSLASHES QUOTES SEMICOLONS UNDERSCORES OPTIONS OPTION_LENGTH CODE NOT_ASCII DEMANDING LIGHT").split()
ND = len(DENSE)
TASKS = ("chat classification extraction summarisation translation rewriting code math reasoning creative qa").split()
PAIRS = ["mmlu", "gsm8k", "gsm8k_gpt3", "mt_bench", "routerarena"]
WEIGHTS = {"mmlu": 1.0, "gsm8k": 3.0, "gsm8k_gpt3": 3.0, "mt_bench": 1.0, "routerarena": 1.0, "kinds": 0.5, "steps": 1.0}
MIX, STEPS, KINDS = 0.25, 0.2, 0.6
RIDGE_HASHED, RIDGE_DENSE = 30.0, 30.0
RIDGE_TASK_HASHED, RIDGE_TASK_DENSE = 10.0, 3.0
FOLDS = 5
GROUP_WORDS = 4  # enum router_group
# How much a kind of request asks of a model, and which task it is (None: mixed).
KIND = {"code": (1.0, "code"), "math": (0.7, "math"), "reasoning": (0.8, "reasoning"), "hard_open": (1.0, None),
        "knowledge": (0.0, "qa"), "writing": (-0.3, "creative"), "roleplay": (-0.5, None), "extraction": (-0.3, "extraction"),
        "coding": (1.0, "code"), "stem": (0.0, "qa"), "humanities": (-0.3, "qa")}


def features(rows, dump):
    """Adds d (dense) and h (hashes) to each row."""
    text = "".join(json.dumps({"text": r["text"]}) + "\n" for r in rows)
    out = subprocess.run([dump], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout
    at = 0
    for r in rows:
        count, _, r["words"] = struct.unpack_from("<3I", out, at)
        at += 12
        r["d"] = np.frombuffer(out, "<f4", ND, at).astype(float)
        at += 4 * ND
        r["cues"] = np.frombuffer(out, "<f4", len(TASKS), at).astype(float)
        at += 4 * len(TASKS)
        r["h"] = np.frombuffer(out, "<u4", count, at)
        at += 4 * count
        r["g"] = np.frombuffer(out, "u1", count, at)
        at += count
    assert at == len(out), "the dump and this script do not agree on the number of dense features"


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


def load(directory):
    """All rows: kind (a pair set, "steps", "kinds"), text, target before centring, fold, task."""
    rows = []
    for name in PAIRS:
        for r in read(os.path.join(directory, name + ".dev.jsonl")):
            if r.get("contaminated"):
                continue
            scale = 9.0 if r["set"] == "mt_bench" else 1.0
            gain = (r["strong"] - r["weak"]) / scale
            wrong = (10 - r["weak"]) / 9.0 if r["set"] == "mt_bench" else 1 - r["weak"]
            task = {"mmlu": "qa", "gsm8k": "math"}.get(name)
            rows.append(dict(r, kind=name, text=r["prompt"], target=(1 - MIX) * gain + MIX * wrong, task=task))
    steps = read(os.path.join(directory, "gsm8k_steps.train.jsonl"))
    sd = np.std([r["steps"] for r in steps])
    for r in steps:
        rows.append(dict(r, kind="steps", text=r["prompt"], target=STEPS * r["steps"] / sd, task=None))
    for r in read(os.path.join(directory, "tasktype.dev.jsonl")):
        effort, task = KIND.get(r["task"], (0.0, None))
        rows.append(dict(r, kind="kinds", text=r["prompt"], target=KINDS * effort, task=task))
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tasks.py")
    made = subprocess.run([sys.executable, script], stdout=subprocess.PIPE, check=True).stdout.decode()
    for line in made.splitlines():
        r = json.loads(line)
        rows.append(dict(r, kind="kinds", target=KINDS * r["effort"], made=True))
    for r in rows:
        key = r.get("pattern") or r["text"]
        r["fold"] = int(hashlib.sha256(key.encode()).hexdigest(), 16) % FOLDS
    return rows


class Matrix:
    """Rows as dense numbers and hashed features over a table of `size`."""

    def __init__(self, rows, size, shift):
        self.n, self.size = len(rows), size
        counts = np.array([len(r["h"]) for r in rows])
        self.row = np.repeat(np.arange(self.n), counts)
        self.col = (np.concatenate([r["h"] for r in rows]) >> shift & (size - 1)).astype(np.int64)
        self.val = (1 / np.sqrt(np.maximum(counts, 1)))[self.row]
        self.dense = np.stack([np.concatenate([r["d"], r["cues"]]) for r in rows])

    def score(self, w, d):
        return np.bincount(self.row, self.val * w[self.col], minlength=self.n) + self.dense @ d


def ridge(m, y, weight, extra, ridge_hashed, ridge_dense):
    """Minimises sum weight (x.w - y)^2 + ridge |w|^2; `extra` are columns without ridge. Returns w, d, extras."""
    use = weight[m.row] > 0
    nd = m.dense.shape[1]
    row, col, val = m.row[use], m.col[use], m.val[use]
    side = np.concatenate([m.dense, extra], 1)
    lam = np.concatenate([np.full(m.size, ridge_hashed), np.full(nd, ridge_dense), np.full(extra.shape[1], 1e-3)])

    def forward(p):
        return np.bincount(row, val * p[:m.size][col], minlength=m.n) + side @ p[m.size:]

    def back(z):
        return np.concatenate([np.bincount(col, val * z[row], minlength=m.size), side.T @ z])

    diagonal = np.concatenate([np.bincount(col, val * val * weight[row], minlength=m.size), (side ** 2).T @ weight]) + lam
    b = back(weight * y)
    x, r = np.zeros_like(b), b.copy()
    z = r / diagonal
    p, rz = z.copy(), r @ z
    first = rz
    for _ in range(200):
        ap = back(weight * forward(p)) + lam * p
        a = rz / (p @ ap)
        x += a * p
        r -= a * ap
        z = r / diagonal
        new = r @ z
        if new < 1e-8 * first:
            break
        p, rz = z + new / rz * p, new
    return x[:m.size], x[m.size:m.size + nd], x[m.size + nd:]


def fit_score(rows, m, mask):
    kinds = sorted(WEIGHTS)
    which = np.array([kinds.index(r["kind"]) for r in rows])
    y = np.array([r["target"] for r in rows])
    weight = np.where(mask, np.array([WEIGHTS[k] for k in kinds])[which], 0.0)
    own = np.zeros((len(rows), len(kinds)))  # an intercept per kind: only differences within it are learnt
    own[np.arange(len(rows)), which] = 1
    return ridge(m, y, weight, own, RIDGE_HASHED, RIDGE_DENSE)[:2]


def fit_tasks(rows, m, mask):
    labels = np.array([TASKS.index(r["task"]) if r.get("task") else -1 for r in rows])
    mask = mask & (labels >= 0)
    # Every task counts the same, and within it our own texts as much as all others together.
    group = np.maximum(labels, 0) * 2 + np.array([bool(r.get("made")) for r in rows])
    share = np.bincount(group[mask], minlength=2 * len(TASKS))
    weight = np.where(mask, 1.0 / np.maximum(share, 1)[group] * 100, 0.0)
    one = np.ones((len(rows), 1))
    return [ridge(m, np.where(labels == t, 1.0, 0.0), weight, one, RIDGE_TASK_HASHED, RIDGE_TASK_DENSE) for t in range(len(TASKS))]


def quantised(w):
    scale = np.abs(w).max() / 127 or 1.0
    return np.clip(np.rint(w / scale), -127, 127).astype(np.int8), np.float32(scale)


def reference(rows, score):
    """Quantiles of the raw score over the reference set: every source counts the same, whatever its size."""
    weight = np.zeros(len(rows))
    groups = {}
    for i, r in enumerate(rows):
        groups.setdefault(r["kind"] if r["kind"] != "kinds" else (r.get("made", False), r["task"]), []).append(i)
    for members in groups.values():
        weight[members] = 1.0 / len(members)
    made = np.array([bool(r.get("made")) for r in rows])
    weight[made] *= 0.5 * weight[~made].sum() / weight[made].sum()  # a third of it is everyday requests
    order = np.argsort(score, kind="stable")
    cumulative = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    return np.interp(np.linspace(0, 1, 101), cumulative, score[order]).astype(np.float32)


def apgr(scorer, rows, score, drop=None):
    out = {}
    for name in PAIRS:
        part = [(score[i], float(r["weak"]), float(r["strong"])) for i, r in enumerate(rows)
                if r["kind"] == name and r.get("group") != drop]
        out[name] = scorer.metrics(part)
    return out


def print_figures(scorer, rows, held):
    length = np.array([len(r["text"]) for r in rows])
    print("%-22s %7s %7s %7s %7s" % ("set", "length", "APGR", "CPT50", "CPT80"))
    for title, drop in (("", None), (" without hs maths", "high_school_mathematics")):
        base, own = apgr(scorer, rows, length, drop), apgr(scorer, rows, held, drop)
        for name in PAIRS if not drop else PAIRS[:1]:
            print("%-22s %7.3f %7.3f %7.1f %7.1f" % (name + title, base[name]["apgr"], own[name]["apgr"], own[name]["cpt50"],
                                                     own[name]["cpt80"]))


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    ap.add_argument("--dump", required=True)
    ap.add_argument("--data", required=True)
    ap.add_argument("--scorer")
    ap.add_argument("--out")
    a = ap.parse_args()
    rows = load(a.data)
    features(rows, a.dump)
    m, mt = Matrix(rows, HASHED, 0), Matrix(rows, TASK_HASHED, 16)
    fold = np.array([r["fold"] for r in rows])

    held = np.zeros(len(rows))
    held_task = np.zeros((len(rows), len(TASKS)))
    for k in range(FOLDS):
        w, d = fit_score(rows, m, fold != k)
        q, scale = quantised(w)
        held[fold == k] = m.score(q * float(scale), d)[fold == k]
        for t, (w, d, bias) in enumerate(fit_tasks(rows, mt, fold != k)):
            q, scale = quantised(w)
            held_task[fold == k, t] = (mt.score(q * float(scale), d) + bias[0])[fold == k]
    if a.scorer:
        spec = importlib.util.spec_from_file_location("scorer", a.scorer)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        print_figures(module, rows, held)

    labels = np.array([TASKS.index(r["task"]) if r.get("task") else -1 for r in rows])
    known = labels >= 0
    right = held_task.argmax(1) == labels
    made = np.array([bool(r.get("made")) for r in rows])
    print("task, held-out phrases of our own: %.3f of %d" % (right[made & known].mean(), (made & known).sum()))
    print("task, held-out texts of others:    %.3f of %d" % (right[~made & known].mean(), (~made & known).sum()))
    for t, name in enumerate(TASKS):
        print("  %-15s %.3f of %d" % (name, right[labels == t].mean(), (labels == t).sum()))
    # The sharpness at which the mean confidence equals the share that is right.
    z = held_task[made & known]
    sharp = min(np.arange(0.5, 40, 0.25), key=lambda s: abs(
        (1 / np.exp(s * (z - z.max(1, keepdims=True))).sum(1)).mean() - right[made & known].mean()))

    everything = np.ones(len(rows), bool)
    w, d = fit_score(rows, m, everything)
    q, scale = quantised(w)
    d = d.astype(np.float32)
    raw = m.score(q * float(scale), d.astype(float))
    tasks = fit_tasks(rows, mt, everything)
    seen = np.zeros(SEEN_BITS, np.uint8)
    counts = np.zeros(SEEN_BITS, np.int64)
    for r in rows:
        counts[r["h"][r["g"] == GROUP_WORDS] & (SEEN_BITS - 1)] += 1
    seen[counts >= 2] = 1
    print("seen bits set: %.3f" % seen.mean(), "sharpness %.2f" % sharp)
    out = struct.pack("<8s24s", b"HSCORE1", VERSION) + d.tobytes() + np.float32(scale).tobytes() + reference(rows, raw).tobytes()
    table = [quantised(t[0]) for t in tasks]
    out += b"".join(t[1][:ND].astype(np.float32).tobytes() for t in tasks)
    out += b"".join(t[1][ND:].astype(np.float32).tobytes() for t in tasks)
    out += np.array([s for _, s in table], np.float32).tobytes()
    out += np.array([t[2][0] for t in tasks], np.float32).tobytes()
    out += np.float32(sharp).tobytes() + q.tobytes() + b"".join(t.tobytes() for t, _ in table)
    out += np.packbits(seen, bitorder="little").tobytes()
    if a.out:
        with open(a.out, "wb") as f:
            f.write(out)
        print("%s: %d bytes" % (a.out, len(out)))


if __name__ == "__main__":
    main()
