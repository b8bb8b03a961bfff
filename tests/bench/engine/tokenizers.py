#!/usr/bin/env python3
"""Compares `hearth tokenize` with another engine's tokenizer, token by token.

    tests/bench/engine/tokenizers.py --hearth build/gateway/hearth --driver PATH [--texts 1000] [--only NAME,...]

Makes files with a vocabulary alone, by fixed seeds: byte-level BPE with merges taken from random texts for every name of
tokenizer.ggml.pre, then SentencePiece, WordPiece, unigram and BPE on characters. The driver is a program of one's own:
`PATH tokenize FILE special=0 add=0` reads texts, one a line, with \\n, \\t, \\r, \\\\ and \\xHH as escapes, and writes their
token ids, one line each. A line of the report: name, texts of plain characters (Latin letters, digits, punctuation,
spaces) that differ, texts of all kinds of characters that differ, the first text that does.
"""
import argparse
import json
import os
import random
import struct
import subprocess
import tempfile

PLAIN = ["a", "b", "c", "Z", "Q", "s", "t", "re", "LL", "'", "1", "2", "345", " ", " ", "  ", "\n", "\n\n", "\r\n", "\t", ".",
         ",", "!", "-", "/", "_", "$", "<", "|", "`", "the", " and", "ing", "Hello", "World", " don't", "x = 1;", "(", ")"]
WIDE = PLAIN + ["\u00e9", "\u00c9", "\u00df", "\u03b1", "\u0416", "\u0434", "\u4e2d", "\u6587", "\u3042", "\u30ab", "\uac00",
                "\u3002", "\u0301", "\u00aa", "\u00b2", "\u0660", "\u2167", "\u00a0", "\u2003", "\u3000", "\U0001f642",
                "\u20ac", "\u00bf", "\u200b", "\u02b0", "\u05d0", "\u0627", "\u0939\u093f", "\u0e2a\u0e27", "\uff01", "\u201c"]
NAMES = ("default gpt-2 llama-bpe jais-2 dbrx glm4 minicpm5 qwen2 qwen35 laguna seed-coder ufakzeka bailingmoe smollm "
         "gpt-4o minimax-m2 granite-embed-multi-97m tiny_aya tekken youtu kimi-k2 falcon deepseek-v3 spark2_5 afmoe "
         "deepseek-coder deepseek-llm superbpe exaone-moe bloom viking chameleon command-r stablelm2 olmo refact "
         "starcoder hunyuan hunyuan-dense grok-2 mellum2").split()
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6


def string(value):
    return struct.pack("<Q", len(value)) + value


def pack(kind, value):
    codes = {4: "<I", 5: "<i", 6: "<f", 7: "<?"}
    return string(value.encode() if isinstance(value, str) else value) if kind == 8 else struct.pack(codes[kind], value)


def write_gguf(path, keys):
    body = b""
    for name, kind, value in keys:
        body += string(name.encode())
        if isinstance(value, list):
            body += struct.pack("<IIQ", 9, kind, len(value)) + b"".join(pack(kind, v) for v in value)
        else:
            body += struct.pack("<I", kind) + pack(kind, value)
    with open(path, "wb") as out:
        out.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)) + body + b"\0" * 64)


def byte_letters():
    letters, extra = {}, 256
    for byte in range(256):
        plain = 33 <= byte <= 126 or 161 <= byte <= 172 or byte >= 174
        letters[byte] = chr(byte if plain else extra)
        extra += not plain
    return letters


def text_of(chance, pool, most=24):
    return "".join(chance.choice(pool) for _ in range(chance.randint(1, most)))


def bpe(path, pre, chance):
    letters = byte_letters()
    tokens = [letters[b] for b in range(256)]
    merges, have = [], set(tokens)
    while len(merges) < 1500:
        raw = text_of(chance, WIDE, 6).encode()
        start = chance.randrange(len(raw))
        piece = "".join(letters[b] for b in raw[start:start + chance.randint(2, 7)])
        for end in range(1, len(piece)):
            left, right = piece[:end], piece[end]
            if left in have and left + right not in have:
                merges.append(left + " " + right)
                tokens.append(left + right)
                have.add(left + right)
    write_gguf(path, [("general.architecture", 8, "llama"), ("tokenizer.ggml.model", 8, "gpt2"),
                      ("tokenizer.ggml.pre", 8, pre), ("tokenizer.ggml.tokens", 8, tokens + ["<|endoftext|>"]),
                      ("tokenizer.ggml.token_type", 5, [NORMAL] * len(tokens) + [CONTROL]),
                      ("tokenizer.ggml.merges", 8, merges), ("tokenizer.ggml.eos_token_id", 4, len(tokens))])


def pieces(chance, count, spaces):
    found = []
    while len(found) < count:
        text = text_of(chance, WIDE, 6).replace(" ", spaces).replace("\n", "")
        start = chance.randrange(len(text)) if text else 0
        piece = text[start:start + chance.randint(1, 6)]
        if piece and piece not in found:
            found.append(piece)
    return found


def scored(path, model, chance):
    """SentencePiece with byte fallback (llama), or unigram (t5)."""
    head = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL)] if model == "llama" else \
        [("<pad>", CONTROL), ("</s>", CONTROL), ("<unk>", UNKNOWN)]
    if model == "llama":
        head += [("<0x%02X>" % b, BYTE) for b in range(256)]
    chars = sorted(set("".join(WIDE).replace(" ", "\u2581").replace("\n", "")) - {"\r", "\u20ac"})
    words = chars + [p for p in pieces(chance, 900, "\u2581") if len(p) > 1]
    tokens = [t for t, _ in head] + words
    scores = [0.0] * len(head) + [-chance.uniform(1, 20) for _ in words]
    keys = [("general.architecture", 8, "llama" if model == "llama" else "t5"), ("tokenizer.ggml.model", 8, model),
            ("tokenizer.ggml.tokens", 8, tokens), ("tokenizer.ggml.scores", 6, scores),
            ("tokenizer.ggml.token_type", 5, [t for _, t in head] + [NORMAL] * len(words))]
    if model == "t5":
        keys += [("tokenizer.ggml.add_space_prefix", 7, True), ("tokenizer.ggml.remove_extra_whitespaces", 7, True)]
    write_gguf(path, keys)


def wordpiece(path, chance):
    head = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    chars = sorted(set("".join(WIDE).lower()) - set(" \n\r\t"))
    words = ["\u2581" + c for c in chars] + chars[::2] + ["\u2581the", "\u2581hello", "ing", "ll", "345", "world"]
    words += [p.lower() for p in pieces(chance, 400, "\u2581") if "\u2581" not in p[1:] and len(p) > 1]
    tokens = head + list(dict.fromkeys(words))
    write_gguf(path, [("general.architecture", 8, "bert"), ("tokenizer.ggml.model", 8, "bert"),
                      ("tokenizer.ggml.tokens", 8, tokens),
                      ("tokenizer.ggml.token_type", 5, [CONTROL] * 4 + [NORMAL] * (len(tokens) - 4)),
                      ("tokenizer.ggml.bos_token_id", 4, 2), ("tokenizer.ggml.cls_token_id", 4, 2),
                      ("tokenizer.ggml.unknown_token_id", 4, 1), ("tokenizer.ggml.seperator_token_id", 4, 3)])


def characters(path, chance):
    head = ["<pad>", "<eos>", "<bos>", "<unk>"]
    fallback = ["<0x%02X>" % b for b in range(256)]
    chars = sorted(set("".join(WIDE).replace(" ", "\u2581")) - {"\r", "\u20ac"})
    tokens, merges = head + fallback + chars, []
    have = set(tokens)
    while len(merges) < 900:
        text = text_of(chance, WIDE, 6).replace(" ", "\u2581")
        start = chance.randrange(len(text))
        piece = text[start:start + chance.randint(2, 6)]
        for end in range(1, len(piece)):
            left, right = piece[:end], piece[end]
            if left in have and right in have and left + right not in have and "\n" not in left + right:
                merges.append(left + " " + right)
                tokens.append(left + right)
                have.add(left + right)
    types = [CONTROL] * 4 + [BYTE] * 256 + [NORMAL] * (len(tokens) - 260)
    write_gguf(path, [("general.architecture", 8, "gemma3"), ("tokenizer.ggml.model", 8, "gemma4"),
                      ("tokenizer.ggml.tokens", 8, tokens), ("tokenizer.ggml.token_type", 5, types),
                      ("tokenizer.ggml.merges", 8, merges), ("tokenizer.ggml.bos_token_id", 4, 2),
                      ("tokenizer.ggml.eos_token_id", 4, 1), ("tokenizer.ggml.unknown_token_id", 4, 3)])


def escape(text):
    plain = {"\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
    return "".join(plain.get(c, c) for c in text)


def compare(options, path, texts, folder):
    lines = os.path.join(folder, "texts.jsonl")
    with open(lines, "w", encoding="utf-8") as out:
        for n, text in enumerate(texts):
            out.write(json.dumps({"id": n, "text": text}) + "\n")
    mine = subprocess.run([options.hearth, "tokenize", path, "--jsonl", lines], capture_output=True, text=True, check=False)
    if mine.returncode != 0:
        return None, mine.stderr.strip()
    theirs = subprocess.run([options.driver, "tokenize", path, "special=0", "add=0"], capture_output=True, text=True,
                            check=False, input="".join(escape(t) + "\n" for t in texts))
    if theirs.returncode != 0:
        return None, "the driver failed: " + theirs.stderr.strip()[-200:]
    a = [json.loads(line)["tokens"] for line in mine.stdout.splitlines()]
    b = [[int(n) for n in line.split()] for line in theirs.stdout.splitlines()]
    return [text for text, x, y in zip(texts, a, b) if x != y], None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hearth", default="build/gateway/hearth")
    parser.add_argument("--driver", required=True)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    makers = [(name, lambda path, chance, pre=name: bpe(path, pre, chance)) for name in NAMES]
    makers += [("(llama)", lambda path, chance: scored(path, "llama", chance)),
               ("(t5)", lambda path, chance: scored(path, "t5", chance)), ("(bert)", wordpiece), ("(gemma4)", characters)]
    wanted = options.only.split(",") if options.only else [name for name, _ in makers]
    print("%-24s %7s %12s %12s  first" % ("name", "texts", "plain differ", "wide differ"))
    with tempfile.TemporaryDirectory() as folder:
        for name, make in makers:
            if name not in wanted:
                continue
            chance = random.Random(name)
            path = os.path.join(folder, "vocab.gguf")
            make(path, chance)
            counts, first, error = [], None, None
            for pool in (PLAIN, WIDE):
                texts = [text_of(chance, pool) for _ in range(options.texts)]
                differ, error = compare(options, path, texts, folder)
                if error:
                    break
                counts.append(len(differ))
                first = first or (differ[0] if differ else None)
            print("%-24s %s" % (name, error) if error else
                  "%-24s %7d %12d %12d  %s" % (name, options.texts, *counts, ascii(first) if first else ""), flush=True)


if __name__ == "__main__":
    main()
