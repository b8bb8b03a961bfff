"""The split: what trains and what never does.

Every template and every filler is on one of three sides, decided by nothing but its own text:
a quarter of each list is held out, and of the rest one in twelve is for choices made on the way
("dev"). Neither trains. The rule stands here and was committed before the first
training run; changing SALT or HELD_BELOW makes every figure in docs/demo-model.md void.

    pool = Pool("sentiment/pos", LINES)      # splits once
    pool.pick(rng, "train")                  # a line that may train
    pool.pick(rng, "held")                   # a line that is only ever used to score

A list begins in the Python file that makes it; lists/*.txt hold further lines of it, under its name.
"""
import collections
import hashlib
import os

SALT = "hearth-demo-1"
HELD_BELOW = 64  # of 256: a quarter
DEV_BELOW = 80


def side_of(kind, text):
    """"held", "dev" or "train": the side of `text` as a member of list `kind`."""
    first = hashlib.sha256("|".join((SALT, kind, text)).encode()).digest()[0]
    return "held" if first < HELD_BELOW else "dev" if first < DEV_BELOW else "train"


def _read_lists():
    """{name: lines} of lists/*.txt; a list may go on in another file."""
    lists = collections.defaultdict(list)
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lists")
    for file in sorted(os.listdir(folder)):
        with open(os.path.join(folder, file), encoding="utf-8") as f:
            for line in f.read().splitlines():
                if line.startswith("[") and line.endswith("]") and "|" not in line:
                    name = line[1:-1]
                elif line and not line.startswith("# "):
                    lists[name].append(line)
    return lists


MORE = _read_lists()


class Pool:
    """A list of lines, split. A list that would leave a side empty is an error."""

    def __init__(self, kind, lines):
        if isinstance(lines, str):
            lines = [line.strip() for line in lines.strip().splitlines() if line.strip()]
        lines = list(dict.fromkeys(lines + MORE.get(kind, [])))
        self.kind = kind
        self.sides = {"train": [], "dev": [], "held": []}
        for line in lines:
            self.sides[side_of(kind, line)].append(line)
        if not self.sides["train"] or not self.sides["held"]:
            raise ValueError(f"{kind}: one side of the split is empty")
        if not self.sides["dev"]:  # a short list
            self.sides["dev"] = self.sides["train"]

    def pick(self, rng, side):
        """One line of `side`: "train", "dev" or "held"."""
        return rng.choice(self.sides[side])


def made(rng, side, kind, make):
    """A filler that is made rather than listed (an amount, a date): drawn until its side fits."""
    for _ in range(1000):
        text = make(rng)
        if side_of(kind, text) == side:
            return text
    raise ValueError(f"{kind}: no filler of side {side} in 1000 draws")
