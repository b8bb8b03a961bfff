"""What the checks share: where the sources are, and how to read them."""
import os
import re
import sys

ROOMS = ["base", "engine", "policy", "upstreams", "router", "gateway"]


def root_of(argv):
    """The tree to check: the first argument, else the one that this file is in."""
    if len(argv) > 1:
        return argv[1]
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def sources(root, rooms=ROOMS, endings=(".c", ".h")):
    """Paths relative to the root, sorted."""
    found = []
    for room in rooms:
        for folder, _, names in os.walk(os.path.join(root, room)):
            for name in names:
                if name.endswith(endings):
                    found.append(os.path.relpath(os.path.join(folder, name), root))
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def without_text(code):
    """The code with the insides of comments and literals blanked, line by line the same."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), code)


def finish(problems, what):
    """Prints the problems and ends with the status of the check."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} problems; the rule stands at the top of tests/check/{what}")
    sys.exit(1 if problems else 0)
