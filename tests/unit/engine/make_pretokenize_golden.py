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
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}|"
          r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
SEED = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|"
        r"\s+(?!\S)|\s+")
BAILING = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|"
           r"\s+(?!\S)|\s+")
JAIS2 = LLAMA3.replace(r"|\s+(?!\S)|\s+", "".join(r"|\s{%d}(?!\S)" % n for n in (512, 256, 128, 64, 32, 16, 8, 4)) +
                       r"|\s{1,2}(?!\S)|\s{1}")
UPH, LOH = r"(?:(?!\p{Han})" + UP + ")", r"(?:(?!\p{Han})" + LO + ")"
KIMI = (r"\p{Han}+|" + f"{LEAD}{UPH}*{LOH}+{CON}|{LEAD}{UPH}+{LOH}*{CON}|" +
        r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CASED_TAIL = r"\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
YOUTU = f"{LEAD}{UP}*{LO}+{CON}|{LEAD}{UP}+{LO}*{CON}|" + CASED_TAIL
YOUTU_SCRIPTS = ("[\uac00-\ud7a3\u3131-\u318e]+|[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-"
                 "\u303f\ufe30-\ufe4f]+|[\u3105-\u312f]+|[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+")
EXAONE_MOE = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}|"
              r" ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+")
BLOOM = " ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"
SPARK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|"
         r" ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+")
FROM_RIGHT = r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))"
# The tokenizer's list of letters is that of Unicode's letters with case, but for these.
CASED = (r"(?:(?![\u0560-\u0588\u10c7-\u10ff\u1c80-\u1c88\u2d00-\u2d2d\ua790-\ua7fa\uab30-\uab68\U00010570-\U000105bc"
         r"\U00016e40-\U0001dfff])[\p{Lu}\p{Ll}\p{Lt}])")
DEEPSEEK_LLM = [r"[\r\n]", r"\s?" + CASED + "+",
                r"\s?[!-/:-~" + "\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+", r"\s+$",
                "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", r"\p{N}+"]
AFMOE_SCRIPTS = ("[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf"
                 "\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af"
                 "\u1100-\u11ff]+")
STAGES.update({
    "qwen35": [QWEN35], "seed-coder": [SEED], "bailingmoe": [BAILING], "jais-2": [JAIS2], "kimi-k2": [KIMI],
    "youtu": [YOUTU_SCRIPTS, YOUTU], "exaone-moe": [EXAONE_MOE], "bloom": [BLOOM], "viking": [BLOOM, r"\p{N}"],
    "spark2_5": [r"\p{N}{1,3}", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", SPARK, r"\p{N}"],
    "superbpe": [FROM_RIGHT], "tiny_aya": [FROM_RIGHT, GPT4O], "deepseek-llm": DEEPSEEK_LLM,
    "afmoe": [FROM_RIGHT, AFMOE_SCRIPTS, DEEPSEEK3], "laguna": [r"[^\n]+|[\n]+", QWEN2],
    "minicpm5": [r"\p{N}{1,3}", LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}+")],
    "ufakzeka": [QWEN2[QWEN2.index("|[^") + 1:]],
    "chameleon": [r"<sentinel:[0-9]+>", r"(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z", r"([\t\n]|    |  )", r"\p{N}",
                  r"[\p{P}!-/:-@\[-`{-~]", GPT2],
})
POOL = ["a", "b", "Z", "Q", "s", "t", "re", "LL", "'", "'", "1", "2", "345", " ", " ", "  ", "\n", "\n\n", "\r\n",
        "\t", ".", ",", "!", "-", "/", "_", "$", "<", "|", "`", "\u00e9", "\u00c9", "\u00df", "\u03b1", "\u0416",
        "\u0434", "\u4e2d", "\u6587", "\u3042", "\u30ab", "\uac00", "\u3002", "\u0301", "\u00aa", "\u01c5", "\u00b2",
        "\u0660", "\u2167", "\u00a0", "\u2003", "\u3000", "\u0085", "\U0001f642", "\u20ac", "\u00bf", "\u200b",
        "\u02b0", "\u05d0", "\u0627", "\U0001d49c", "\u1d2b", "\ua7b5", "\u10d0", "\u3105", "\uff01",
        "\u201c", "\u3005", "\U00020000", "\u0e40", "\u0967", "\u0964"]
TEXTS = ["Hello world", "I'm sure you'll say it's 12345 times, WE'RE not!", "  leading and trailing  ",
         "def f(x):\n    return x + 1\n\n\n# end\n", "caf\u00e9 na\u00efve \u4e2d\u6587\u3002 2024-01-31T10:00",
         "camelCaseWord HTTPServer's iPhone", "tabs\t\tand\r\nlines\r\n", "https://example.org/a/b?c=d&e=f",
         "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0939\u093f\u0928\u094d\u0926\u0940", "1234567890", "", " ", "\n",
         " " * 700 + "x" + " " * 300, "<sentinel:12><sentinel:> IMGIMGABCDZ IMGIMGZ IMGIMGABCDEZ", "a b  c \t\n\n  x",
         "\u8fd9 \u4e2d\u6587abc\u4e2d'S", "e\u0301 f\u0301'll \u0301\u0301 \u0301a"]


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
    texts = TEXTS + ["".join(chance.choice(POOL) for _ in range(chance.randint(1, 24))) for _ in range(100)]
    for name, stages in STAGES.items():
        for text in texts:
            words = cut(stages, text)
            assert "".join(words) == text
            print(name, text.encode().hex() or "-", ",".join(str(len(w.encode())) for w in words) or "-")


main()
