#!/usr/bin/env python3
"""Writes engine/unicode_table.h from Python's own copy of the Unicode Character Database.

    python3 engine/make_unicode_table.py > engine/unicode_table.h

A line of the table is the first code point of a run, times 16, plus the class of the whole run.
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


def main():
    runs = []
    for cp in range(0x110000):
        kind = class_of(cp)
        if not runs or runs[-1] & 15 != kind:
            runs.append(cp * 16 + kind)
    out = sys.stdout
    out.write("/* Made by make_unicode_table.py from Unicode %s; do not edit. */\n"
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


main()
