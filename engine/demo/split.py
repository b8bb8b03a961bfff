"""The split: what trains and what never does.

Every template and every filler is on one of two sides, decided by nothing but its own text:
a quarter of each list is held out. The rule stands here and was committed before the first
training run; changing SALT or HELD_BELOW makes every figure in docs/demo-model.md void.

    pool = Pool("sentiment/pos", LINES)      # splits once
    pool.pick(rng, "train")                  # a line that may train
    pool.pick(rng, "held")                   # a line that never trains

A list begins in the Python file that makes it; lists.txt holds further lines of it, under its name.
"""
import hashlib
import os

SALT = "hearth-demo-1"
HELD_BELOW = 64  # of 256: a quarter


def is_held(kind, text):
    """True if `text`, as a member of list `kind`, never trains."""
    digest = hashlib.sha256("|".join((SALT, kind, text)).encode()).digest()
    return digest[0] < HELD_BELOW


def _read_lists():
    """{name: lines} of lists.txt."""
    lists, name = {}, None
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "lists.txt"), encoding="utf-8") as f:
        for line in f.read().splitlines():
            if line.startswith("[") and line.endswith("]") and "|" not in line:
                name = line[1:-1]
                if name in lists:
                    raise ValueError(f"lists.txt: section {name} stands twice")
                lists[name] = []
            elif line and not line.startswith("# "):
                lists[name].append(line)
    return lists


MORE = _read_lists()


class Pool:
    """A list of lines, split. A list that would leave a side empty is an error."""

    def __init__(self, kind, lines):
        if isinstance(lines, str):
            lines = [line.strip() for line in lines.strip().splitlines() if line.strip()]
        lines = lines + MORE.get(kind, [])
        if len(set(lines)) != len(lines):
            seen = [x for i, x in enumerate(lines) if x in lines[:i]]
            raise ValueError(f"{kind}: twice in the list: {seen}")
        self.kind = kind
        self.sides = {"train": [], "held": []}
        for line in lines:
            self.sides["held" if is_held(kind, line) else "train"].append(line)
        if not self.sides["train"] or not self.sides["held"]:
            raise ValueError(f"{kind}: one side of the split is empty")

    def pick(self, rng, side):
        """One line of `side`, which is "train" or "held"."""
        return rng.choice(self.sides[side])


def made(rng, side, kind, make):
    """A filler that is made rather than listed (an amount, a date): drawn until its side fits."""
    for _ in range(1000):
        text = make(rng)
        if is_held(kind, text) == (side == "held"):
            return text
    raise ValueError(f"{kind}: no filler of side {side} in 1000 draws")
