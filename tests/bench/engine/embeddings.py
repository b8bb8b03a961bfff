#!/usr/bin/env python3
"""Compares embeddings of texts with another engine's: tokenizer, special tokens, encoder, pooling.

    tests/bench/engine/embeddings.py --build build --driver PATH [--vocab FILE.gguf,...] [--texts 40] [--seeds 2]

Models of bert and nomic-bert with random weights, each with a vocabulary: WordPiece and unigram ones made here, and the
keys tokenizer.* of the files that --vocab names. Pooling is what the file says (mean, first, last). The driver is the one of
exact.py and tokenizers.py: `PATH tokenize MODEL` reads texts, one a line, and writes token ids with the model's special
ones; `PATH embed MODEL ID,ID,...` writes a float32 vector, pooled as the file says. A line of the report: texts whose tokens
differ, and of the others the largest squared distance of two vectors of length 1. Exit status 1 when a distance is not
below 1e-9 (in F32; the other engine's GELU may be a table of halves: bert 1e-6).
"""
import argparse
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import exact
from tokenizers import PLAIN, WIDE, escape, scored, text_of, wordpiece

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


class Gguf:
    """A file's keys as raw bytes by name, and what follows them."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = file.read()
        self.at = 24
        version, self.tensors, count = struct.unpack_from("<IQQ", self.data, 4)
        assert version == 3, path
        self.keys = {}
        for _ in range(count):
            name = self.text()
            start = self.at
            kind = self.number("<I", 4)
            self.skip(kind)
            self.keys[name] = self.data[start:self.at]
        self.infos_at = self.at
        for _ in range(self.tensors):
            self.text()
            dims = self.number("<I", 4)
            self.at += 8 * dims + 12
        self.infos = self.data[self.infos_at:self.at]
        self.weights = self.data[(self.at + 31) // 32 * 32:]

    def number(self, code, size):
        value, = struct.unpack_from(code, self.data, self.at)
        self.at += size
        return value

    def text(self):
        size = self.number("<Q", 8)
        self.at += size
        return self.data[self.at - size:self.at]

    def skip(self, kind):
        if kind == STRING:
            self.text()
        elif kind == ARRAY:
            item, count = self.number("<I", 4), self.number("<Q", 8)
            if item == STRING:
                for _ in range(count):
                    self.text()
            else:
                self.at += SIZES[item] * count
        else:
            self.at += SIZES[kind]

    def token_count(self):
        return struct.unpack_from("<Q", self.keys[b"tokenizer.ggml.tokens"], 8)[0]

    def write(self, path, keys):
        head = b"GGUF" + struct.pack("<IQQ", 3, self.tensors, len(keys))
        head += b"".join(struct.pack("<Q", len(k)) + k + v for k, v in keys.items()) + self.infos
        with open(path, "wb") as file:
            file.write(head + b"\0" * (-len(head) % 32) + self.weights)


def with_vocabulary(model, vocabulary):
    """The model's keys, with those of the other file's tokenizer."""
    own = {k: v for k, v in model.keys.items()
           if not k.startswith(b"tokenizer.") or k == b"tokenizer.ggml.token_type_count"}
    other = {k: v for k, v in vocabulary.keys.items()
             if k.startswith(b"tokenizer.") and k != b"tokenizer.ggml.token_type_count"}
    return own | other


def texts_of(chance, count):
    pools = (PLAIN, WIDE)
    return ["", "a"] + [text_of(chance, pools[i % 2]) for i in range(count - 2)]


def distance(a, b):
    if len(a) != len(b):
        return float("inf")
    (x, y) = (sum(v * v for v in w) ** 0.5 for w in (a, b))
    return sum((p / x - q / y) ** 2 for p, q in zip(a, b))


def compare(args, run, texts):
    with open(os.path.join(run.folder, "texts.jsonl"), "w", encoding="utf-8") as file:
        file.writelines(json.dumps({"id": i, "text": t}) + "\n" for i, t in enumerate(texts))
    hearth = os.path.join(args.build, "gateway/hearth")
    mine = [json.loads(line)["tokens"] for line in
            run.tool(hearth, "tokenize", run.model, "--special", "--jsonl", file.name).splitlines()]
    vectors = [json.loads(line)["embedding"] for line in
               run.tool(hearth, "embed", run.model, "--jsonl", file.name).splitlines()]
    other = subprocess.run([args.driver, "tokenize", run.model, "special=0", "add=1"], check=True, capture_output=True,
                           text=True, input="".join(escape(t) + "\n" for t in texts)).stdout.splitlines()
    differ, worst = 0, 0.0
    for tokens, vector, line in zip(mine, vectors, other):
        if tokens != [int(n) for n in line.split()]:
            differ += 1
            continue
        theirs = exact.floats(run.tool(args.driver, "embed", run.model, ",".join(map(str, tokens))))
        worst = max(worst, distance(vector, theirs))
    return differ, worst


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--driver", required=True)
    parser.add_argument("--vocab", default="", help="files whose vocabulary is taken, with commas")
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--verbose", action="store_true")
    args = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        run = exact.Run(args, folder)
        made = [("WordPiece", os.path.join(folder, "wpm.gguf")), ("unigram", os.path.join(folder, "ugm.gguf"))]
        wordpiece(made[0][1], random.Random("wordpiece"))
        scored(made[1][1], "t5", random.Random("unigram"))
        made += [(os.path.basename(path), path) for path in args.vocab.split(",") if path]
        for arch in exact.ENCODERS:
            for name, path in made:
                vocabulary = Gguf(path)
                for seed in range(1, args.seeds + 1):
                    chance = random.Random(f"{arch} {name} {seed}")
                    pooling = chance.choice([1, 2, 3])
                    shape = exact.shape(arch, "0", chance.randrange(1 << 30))
                    shape.update(n_vocab=vocabulary.token_count(), context=256, pooling=pooling)
                    run.make(shape)
                    model = Gguf(run.model)
                    model.write(run.model, with_vocabulary(model, vocabulary))
                    differ, worst = compare(args, run, texts_of(chance, args.texts))
                    good = worst < (1e-6 if arch == "bert" else 1e-9)
                    bad += not good
                    print(f"{'ok ' if good else 'BAD'} {arch:10} {name:24} seed {seed} pooling {pooling}: {args.texts} texts, "
                          f"tokens of {differ} differ, of the others distance up to {worst:.1e}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
