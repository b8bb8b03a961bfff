"""Byte-level BPE in GPT-2's form (tokenizer.ggml.model=gpt2, pre=gpt-2), trained on our own text.

Two things differ from the usual training, none from the usual use:
- no merge holds a digit, so numbers are copied digit by digit;
- merges inside words are learned first and those with the leading space last, so that a word has the
  same pieces after a space and after a quote. That is what lets the model copy names into JSON.
"""
import collections
import re

# GPT-2's pattern; [^\W\d_] is \p{L}, \d is \p{N} (other digits than decimal ones differ, and never occur here)
PATTERN = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[^\W\d_]+| ?\d+| ?(?:[^\s\w]|_)+|\s+(?!\S)|\s+")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def byte_letters():
    """GPT-2's printable letter for each byte."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {}, 0
    for b in range(256):
        if b in keep:
            table[b] = chr(b)
        else:
            table[b] = chr(256 + extra)
            extra += 1
    return table


LETTER = byte_letters()
BYTE = {c: b for b, c in LETTER.items()}
SPACE = LETTER[32]


def words(text):
    """The pre-tokens of `text`, in GPT-2's letters."""
    return ["".join(LETTER[b] for b in w.encode("utf-8")) for w in PATTERN.findall(text)]


def train(texts, vocab_size, spaced=400):
    """Merges (pairs of strings), best first, for a vocabulary of vocab_size with the specials."""
    counts = collections.Counter(w for t in texts for w in words(t))
    bare = collections.Counter()
    for word, n in counts.items():
        bare[word[1:] if word.startswith(SPACE) and len(word) > 1 else word] += n
    merges = _learn(bare, vocab_size - 256 - len(SPECIAL) - spaced)
    ranks = {pair: i for i, pair in enumerate(merges)}
    first = collections.Counter()
    for word, n in counts.items():
        if word.startswith(SPACE) and len(word) > 1:
            piece = _apply(list(word[1:]), ranks)[0]
            if piece[0].isalpha() and piece.islower() or not piece[0].isalnum():
                first[piece] += n
    merges += [(SPACE, piece) for piece, _ in sorted(first.items(), key=lambda x: (-x[1], x[0]))[:spaced]]
    return merges


def _learn(counts, wanted):
    """The ordinary BPE training loop over words with counts, digits kept apart."""
    items = sorted(counts.items())
    parts = [list(w) for w, _ in items]
    weight = [n for _, n in items]
    pairs, where = collections.Counter(), collections.defaultdict(set)

    def touch(i, sign):
        for pair in zip(parts[i], parts[i][1:]):
            if not any(c.isdigit() for c in pair[0] + pair[1]):
                pairs[pair] += sign * weight[i]
                where[pair].add(i)

    for i in range(len(parts)):
        touch(i, 1)
    merges = []
    while len(merges) < wanted:
        best = max(pairs, key=lambda p: (pairs[p], p))
        if pairs[best] < 2:
            raise ValueError("too little text for so many merges")
        merges.append(best)
        for i in list(where[best]):
            touch(i, -1)
            parts[i] = _apply(parts[i], {best: 0})
            touch(i, 1)
        del pairs[best]
    return merges


def _apply(parts, ranks):
    """Merges `parts` by rank until nothing more merges."""
    while len(parts) > 1:
        rank, at = min((ranks.get(p, len(ranks)), i) for i, p in enumerate(zip(parts, parts[1:])))
        if rank == len(ranks):
            break
        pair, out, i = (parts[at], parts[at + 1]), [], 0
        while i < len(parts):
            if i + 1 < len(parts) and (parts[i], parts[i + 1]) == pair:
                out.append(parts[i] + parts[i + 1])
                i += 2
            else:
                out.append(parts[i])
                i += 1
        parts = out
    return parts


class Tokenizer:
    """Text to ids and back. Ids: bytes, merges in order, specials."""

    def __init__(self, merges):
        self.merges = [tuple(m) for m in merges]
        self.ranks = {m: i for i, m in enumerate(self.merges)}
        self.tokens = [LETTER[b] for b in range(256)] + [a + b for a, b in self.merges] + SPECIAL
        if len(set(self.tokens)) != len(self.tokens):
            raise ValueError("the same token twice")
        self.ids = {t: i for i, t in enumerate(self.tokens)}
        self.end_of_text, self.im_start, self.im_end = (self.ids[s] for s in SPECIAL)
        self.cache = {}

    def encode(self, text):
        """Ids of plain text; specials in it are not looked for."""
        out = []
        for word in words(text):
            if word not in self.cache:
                if len(self.cache) > 200000:
                    self.cache.clear()
                self.cache[word] = [self.ids[p] for p in _apply(list(word), self.ranks)]
            out += self.cache[word]
        return out

    def decode(self, ids):
        """Text of ids; specials are left out."""
        data = bytes(BYTE[c] for i in ids if i < len(self.tokens) - len(SPECIAL) for c in self.tokens[i])
        return data.decode("utf-8", "replace")

    def conversation(self, messages):
        """ChatML: (ids, learn), learn[i] true where ids[i] is part of an answer."""
        ids, learn = [], []
        for m in messages:
            head = [self.im_start] + self.encode(m["role"] + "\n")
            body = self.encode(m["content"]) + [self.im_end]
            answer = m["role"] == "assistant"
            ids += head + body + self.encode("\n")
            learn += [False] * len(head) + [answer] * len(body) + [False]
        return ids, learn

    def prompt(self, messages):
        """ChatML up to where the assistant's answer begins."""
        return self.conversation(messages)[0] + [self.im_start] + self.encode("assistant\n")
