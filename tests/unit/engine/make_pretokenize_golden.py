#!/usr/bin/env python3
"""Writes pretokenize.golden: how the regular expressions of the models cut texts into words.

    python3 tests/unit/engine/make_pretokenize_golden.py > tests/unit/engine/pretokenize.golden

Needs the package `regex` (Debian: python3-regex). A line is: name of the pre-tokenizer, the text as
hexadecimal UTF-8, the byte lengths of its words with commas between. Each expression of a list cuts
what the one before it matched and what it left between its matches.
"""
import random
import regex

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
UP, LO = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
CON = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?"
LEAD = r"[^\r\n\p{L}\p{N}]?"
TAIL = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
GPT4O = f"{LEAD}{UP}*{LO}+{CON}|{LEAD}{UP}+{LO}*{CON}|" + r"\p{N}{1,3}|" + TAIL
TEKKEN = f"{LEAD}{UP}*{LO}+|{LEAD}{UP}+{LO}*|" + r"\p{N}|" + TAIL
DEEPSEEK3 = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
             r" ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
STAGES = {
    "default": [r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"],
    "gpt-2": [GPT2],
    "llama-bpe": [LLAMA3],
    "qwen2": [QWEN2],
    "smollm": [r"\p{N}", GPT2],
    "gpt-4o": [GPT4O],
    "tekken": [TEKKEN],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, r"[0-9][0-9][0-9]"],
    "deepseek-v3": [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", DEEPSEEK3],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+",
                       r"\p{N}"],
}
POOL = ["a", "b", "Z", "Q", "s", "t", "re", "LL", "'", "'", "1", "2", "345", " ", " ", "  ", "\n", "\n\n", "\r\n",
        "\t", ".", ",", "!", "-", "/", "_", "$", "<", "|", "`", "\u00e9", "\u00c9", "\u00df", "\u03b1", "\u0416",
        "\u0434", "\u4e2d", "\u6587", "\u3042", "\u30ab", "\uac00", "\u3002", "\u0301", "\u00aa", "\u01c5", "\u00b2",
        "\u0660", "\u2167", "\u00a0", "\u2003", "\u3000", "\u0085", "\U0001f642", "\u20ac", "\u00bf", "\u200b",
        "\u02b0", "\u05d0", "\u0627", "\U0001d49c"]
TEXTS = ["Hello world", "I'm sure you'll say it's 12345 times, WE'RE not!", "  leading and trailing  ",
         "def f(x):\n    return x + 1\n\n\n# end\n", "caf\u00e9 na\u00efve \u4e2d\u6587\u3002 2024-01-31T10:00",
         "camelCaseWord HTTPServer's iPhone", "tabs\t\tand\r\nlines\r\n", "https://example.org/a/b?c=d&e=f",
         "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0939\u093f\u0928\u094d\u0926\u0940", "1234567890", "", " ", "\n"]


def cut(stages, text):
    if not stages or not text:
        return [text] if text else []
    words, at = [], 0
    for match in regex.finditer(stages[0], text):
        if match.end() == match.start():
            continue
        words += cut(stages[1:], text[at:match.start()])
        words += cut(stages[1:], match.group())
        at = match.end()
    return words + cut(stages[1:], text[at:])


def main():
    chance = random.Random(20)
    texts = TEXTS + ["".join(chance.choice(POOL) for _ in range(chance.randint(1, 24))) for _ in range(200)]
    for name, stages in STAGES.items():
        for text in texts:
            words = cut(stages, text)
            assert "".join(words) == text
            print(name, text.encode().hex() or "-", ",".join(str(len(w.encode())) for w in words) or "-")


main()
