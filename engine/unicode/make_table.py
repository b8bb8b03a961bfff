#!/usr/bin/env python3
"""Writes tables from Python's own copy of the Unicode Character Database.

    python3 engine/unicode/make_table.py > engine/unicode/table.h
    python3 engine/unicode/make_table.py fold > engine/unicode/fold_table.h

An item of the first table is the first code point of a run, times 16, plus the class of the whole run. The second file
has runs of nonspacing marks (first, last), what is left of a character when it is decomposed and such marks are taken
away (code, first code left, second and third or 0), and lower case (first, last, step, distance).
"""
import sys
import unicodedata

CLASSES = ["OTHER", "UPPER", "LOWER", "LETTER", "MARK", "NUMBER", "PUNCTUATION", "SYMBOL", "SPACE"]
BY_CATEGORY = {"Lu": 1, "Lt": 1, "Ll": 2, "Lm": 3, "Lo": 3, "Mn": 4, "Mc": 4, "Me": 4,
               "Nd": 5, "Nl": 5, "No": 5, "Zs": 8, "Zl": 8, "Zp": 8}
BY_MAJOR = {"P": 6, "S": 7}
WHITE_SPACE_CONTROLS = {0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0x85}


def class_of(cp):
    if cp in WHITE_SPACE_CONTROLS:
        return 8
    category = unicodedata.category(chr(cp))
    return BY_CATEGORY.get(category, BY_MAJOR.get(category[0], 0))


def bare(cp):
    if 0xAC00 <= cp <= 0xD7A3:
        return [cp]  # Hangul is decomposed by arithmetic
    return [ord(c) for c in unicodedata.normalize("NFD", chr(cp)) if unicodedata.category(c) != "Mn"]


def put_table(kind, name, width, rows):
    print("\nstatic const %s %s[][%d] = {" % (kind, name, width))
    line = "   "
    for row in rows:
        item = " {" + ", ".join("0x%x" % n if n >= 0 else "%d" % n for n in row) + "},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line + "\n};")


def fold():
    codes = [cp for cp in range(0x110000) if not 0xD800 <= cp < 0xE000]
    marks, lower = [], []
    for cp in codes:
        if unicodedata.category(chr(cp)) == "Mn":
            if marks and marks[-1][1] == cp - 1:
                marks[-1][1] = cp
            else:
                marks.append([cp, cp])
        small = chr(cp).lower()
        if len(small) > 1:
            small = small[0]
        distance = ord(small) - cp
        if distance == 0:
            continue
        last = lower[-1] if lower else None
        if last and last[3] == distance and cp - last[1] in (1, 2) and last[2] in (0, cp - last[1]):
            last[1], last[2] = cp, cp - last[1]
        else:
            lower.append([cp, cp, 0, distance])
    print("/* Made by make_table.py from Unicode %s; do not edit. */" % unicodedata.unidata_version)
    print("/* clang-format off */")
    put_table("uint32_t", "nonspacing_marks", 2, marks)
    rest = [(cp, bare(cp)) for cp in codes if unicodedata.category(chr(cp)) != "Mn" and bare(cp) != [cp]]
    assert all(1 <= len(left) <= 3 for cp, left in rest)
    put_table("uint32_t", "bare_codes", 4, [[cp] + left + [0] * (3 - len(left)) for cp, left in rest])
    put_table("int32_t", "lower_runs", 4, [[a, b, step or 1, d] for a, b, step, d in lower])
    print("/* clang-format on */")


def main():
    runs = []
    for cp in range(0x110000):
        kind = class_of(cp)
        if not runs or runs[-1] & 15 != kind:
            runs.append(cp * 16 + kind)
    out = sys.stdout
    out.write("/* Made by make_table.py from Unicode %s; do not edit. */\n"
              % unicodedata.unidata_version)
    out.write("/* clang-format off */\n")
    out.write("static const uint8_t ascii_classes[128] = {\n")
    for row in range(0, 128, 32):
        out.write("    " + ",".join(str(class_of(cp)) for cp in range(row, row + 32)) + ",\n")
    out.write("};\n\nstatic const uint32_t class_runs[%d] = {\n" % len(runs))
    line = "   "
    for run in runs:
        item = " 0x%x," % run
        if len(line) + len(item) > 100:
            out.write(line + "\n")
            line = "   "
        line += item
    out.write(line + "\n};\n/* clang-format on */\n")



if sys.argv[1:] == ["fold"]:
    fold()
else:
    main()
