"""Trains the demo model and writes it as GGUF.

    nice python3 engine/demo/train.py --out /tmp/demo                     # then: /tmp/demo/demo.gguf
    python3 engine/demo/train.py --out /tmp/demo --steps 20 --tokens 512  # proves that it works, in a minute

Needs python3-torch and python3-numpy, and a C compiler (fast.c). A GPU is used if there is one. It
writes a checkpoint every few minutes and goes on from it when called again with the same --out.
To end early, write a number of ids to OUT/finish: over so many the learning rate falls, then it stops.
A file OUT/stop ends it at once, with a checkpoint.
The tokenizer is trained first, on the training side only, and kept in --out/tokenizer.json.
"""
import argparse
import collections
import copy
import json
import os
import random
import time

import torch
import torch.nn.functional as F

import chat
import gguf
from batch import Batch
from bpe import SPACE, Tokenizer, train as train_bpe
from fast import Fast
from fillers import Gen
from generate import SHARES, example
from model import EPS, ROPE_BASE, Llama, Shape
from induction import plant
from muon import Muon
from wide import WIDE

LONGEST = 512  # ids of a conversation; longer distances are trained by gaps in the positions
LONG_FIXED = {chat.FIXED} | {e["answer"] for kind in ("greetings", "about") for e in chat.TABLE[kind] if len(e["answer"]) > 40}
DESCRIPTION = ("The small model inside Hearth, for the tasks named in hearth.demo.tasks. Everything else gets one fixed reply. "
               "Trained on generated sentences only.")


def get_tokenizer(folder, vocab):
    """The tokenizer in `folder`, trained now if there is none."""
    path = os.path.join(folder, "tokenizer.json")
    if not os.path.exists(path):
        gen, texts, answers = Gen(random.Random("tokenizer")), [], set()
        for _ in range(20000):
            for m in example(gen)["messages"]:
                if m["role"] == "assistant" and len(m["content"]) > 40 and not m["content"].startswith("{"):
                    answers.add(m["content"])
                else:
                    texts.append(m["content"])
        texts += sorted(answers) * 20
        merges = train_bpe(texts, vocab, spaced=vocab * 3 // 10)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(merges, f, ensure_ascii=False)
    with open(path, encoding="utf-8") as f:
        return Tokenizer(json.load(f))


def row_of(rng, tokenizer, messages, context):
    """(ids, weights, gap) of a conversation, or None if it is too long. An answer counts as the square root of its
    length; that a short one ends is soon known."""
    ids, learn = tokenizer.conversation(messages)
    if messages[-1]["content"] in LONG_FIXED and rng.random() < 0.7:
        # how a fixed sentence goes on is soon known; which one it is stands in its beginning
        start = len(learn) - 1 - learn[-2::-1].index(False)
        ids, learn = ids[:start + 6], learn[:start + 6]
    if len(ids) > LONGEST:
        return None
    weights, i = [0.0] * len(ids), 0
    answers = [m["content"] for m in messages if m["role"] == "assistant"]
    while i < len(ids):
        end = i
        while end < len(ids) and learn[end]:
            end += 1
        if end > i:
            weights[i:end] = [(end - i) ** -0.5] * (end - i) if end - i > 3 else [1.5] * (end - i - 1) + [0.3]
            if answers.pop(0) in LONG_FIXED:
                weights[i:i + 3] = [1.0, 1.0, 0.8]  # there it is decided which one it is
        i = end + 1
    gap = (0, 0)
    if rng.random() < 0.1:  # a jump: the same text, as if more had stood before or within it
        gap = (rng.randrange(len(ids)), rng.randint(0, context - len(ids)))
    return ids, weights, gap


def copy_row(rng, tokenizer):
    """Ids drawn at random, then pieces of them again: to learn that what came once is copied."""
    ids = [rng.randrange(tokenizer.end_of_text) for _ in range(rng.randint(6, 40))]
    weights = [0.0] * len(ids)
    for _ in range(rng.randint(2, 4)):
        start = rng.randrange(len(ids) - 4)
        piece = ids[start:start + rng.randint(3, 12)]
        ids += [rng.randrange(tokenizer.end_of_text)] + piece
        weights += [0.0, 0.0] + [0.2] * (len(piece) - 1)
    return ids, weights, (0, 0)


def seen_row(rng, tokenizer):
    """Random words, each with yes or no: whether it (or this pair of words) stood in the row before. What
    questions about a text need, with an answer for few ids."""
    yes, no, colon, line = (tokenizer.encode(s) for s in ("yes", "no", ":", "\n"))
    ids, weights, said = [], [], []

    def word():
        return [rng.randrange(tokenizer.end_of_text) for _ in range(rng.choice([1, 1, 1, 2, 2, 3]))]

    def add(what, answer=None):
        ids.extend(what + (colon + answer if answer else []) + line)
        weights.extend([0.0] * len(what) + ([0.0, 0.25] if answer else []) + [0.0])

    if rng.random() < 0.5:
        for _ in range(rng.randint(8, 24)):
            old = said and rng.random() < 0.5
            this = rng.choice(said) if old else word()
            if not old and said and rng.random() < 0.4:  # half of one that was there
                this = rng.choice(said)[:1] + word()
            add(this, yes if this in said else no)
            said.append(this)
        return ids, weights, (0, 0)
    pairs = [(word(), word()) for _ in range(rng.randint(1, 5))]
    for pair in pairs:
        add(pair[0] + pair[1])
    for _ in range(rng.randint(4, 14)):
        a, b = rng.choice(pairs)
        if rng.random() < 0.5:
            b = rng.choice(pairs)[1] if rng.random() < 0.6 else word()
        add(a + b, yes if (a, b) in pairs else no)
    return ids, weights, (0, 0)


def list_row(rng, tokenizer):
    """A conversation about random words: is this one among them? What questions about a text need, without a text."""
    yes, no, line, between = (tokenizer.encode(s) for s in ("yes", "no", "\n", rng.choice(["\n", " ", ", ", ". "])))
    user = [tokenizer.im_start] + tokenizer.encode("user\n")
    assistant = [tokenizer.im_end] + line + [tokenizer.im_start] + tokenizer.encode("assistant\n")

    def word():
        return [rng.randrange(tokenizer.end_of_text) for _ in range(rng.choice([1, 1, 1, 2, 2, 3]))]

    words = [word() for _ in range(rng.randint(2, 12))]
    ids = user + [i for w in words for i in w + between] + line
    weights = [0.0] * len(ids)
    for turn in range(rng.randint(3, 9)):
        old = rng.random() < 0.5
        asked = rng.choice(words) if old else word()
        if not old and rng.random() < 0.3:  # half of one that is there
            asked = rng.choice(words)[:1] + asked
        answer = (yes if asked in words else no) + [tokenizer.im_end]
        row = (user if turn else []) + asked + assistant + answer + line
        ids += row
        weights += [0.0] * (len(row) - len(answer) - 1) + [0.4, 0.1, 0.0]
    return ids, weights, (0, 0)


def bare_row(rng, tokenizer):
    """Words that follow a space, each after an id of its own; then, as an answer, each of those ids and the word as it
    stands without the space, which is another id."""
    pairs = spaced_pairs(tokenizer)
    words = [([rng.randrange(tokenizer.end_of_text)], *rng.choice(pairs), [rng.randrange(tokenizer.end_of_text) for _ in range(rng.randrange(3))])
             for _ in range(rng.randint(4, 12))]
    ids = [tokenizer.im_start] + tokenizer.encode("user\n") + [i for cue, spaced, _, rest in words for i in cue + [spaced] + rest]
    ids += [tokenizer.im_end] + tokenizer.encode("\n") + [tokenizer.im_start] + tokenizer.encode("assistant\n")
    weights = [0.0] * len(ids)
    for cue, _, bare, rest in rng.sample(words, len(words)):
        ids += cue + [bare] + rest
        weights += [0.0] * len(cue) + [0.3] + [0.1] * len(rest)
    return ids, weights, (0, 0)


def spaced_pairs(tokenizer):
    """(id of a piece with a space before it, id of the same without)..."""
    return [(tokenizer.ids[a + b], tokenizer.ids[b]) for a, b in tokenizer.merges if a == SPACE]


@torch.no_grad()
def bring_together(embedding, pairs, part):
    """Pieces without a space move towards the same ones with a space, by `part` of the usual length of an embedding: a word
    that is copied is then near to its form at the beginning of an answer."""
    spaced, bare = (torch.tensor(ids) for ids in zip(*pairs))
    mean = embedding.mean(0)
    usual = (embedding - mean).norm(dim=1).median()
    embedding[bare] += part * usual * F.normalize(embedding[spaced] - mean, dim=1)


def pieces_of(tokenizer):
    """The tokenizer's pieces that are made of letters, without a leading space."""
    texts = (tokenizer.decode([i]) for i in range(tokenizer.end_of_text))
    return [text for text in dict.fromkeys(t.strip() for t in texts) if text.isascii() and text.isalpha()]


def batches(rng, tokenizer, tokens, context, without, drills, composed=1.0):
    """Endless (Batch of about `tokens` ids, task of each conversation). `drills()` says which part of the rows are
    drills."""
    gen = Gen(rng, pieces=pieces_of(tokenizer), wide=WIDE, composed=composed)
    while True:
        rows, tasks, total = [], [], 0
        while total < tokens:
            if rng.random() < drills():
                task, make = rng.choice([("copy", copy_row), ("copy", copy_row), ("seen", seen_row), ("list", list_row), ("bare", bare_row), ("bare", bare_row)])
                row = make(rng, tokenizer)
            else:
                e = example(gen, without=without)
                task, row = e["task"], row_of(rng, tokenizer, e["messages"], context)
            if row:
                rows.append(row)
                tasks.append(task)
                total += len(row[0])
        yield Batch(rows), tasks


def export(model, tokenizer, path, context, kind, without):
    """Writes the GGUF file; the key hearth.demo.tasks says what it was trained to do."""
    file_type = {gguf.F16: 1, gguf.Q8_0: 7}[kind]
    keys = gguf.metadata(model.shape, tokenizer, "Hearth demo", DESCRIPTION, context, ROPE_BASE, EPS, file_type)
    keys.append(("hearth.demo.tasks", gguf.ARRAY, (gguf.STRING, [t for t in SHARES if t not in without])))
    tensors = {name: p.detach().float().cpu().numpy() for name, p in model.named_parameters()}
    gguf.write(path, keys, tensors, kind)


def optimizers_for(model, lr, embd_times):
    """Muon for the blocks' matrices, AdamW for embedding and norms."""
    inner = [p for n, p in model.named_parameters() if p.dim() == 2 and n.startswith("blk.")]
    embd = [p for n, p in model.named_parameters() if n == "token_embd.weight"]
    norms = [p for n, p in model.named_parameters() if p.dim() == 1]
    adam = torch.optim.AdamW([{"params": embd, "times": embd_times}, {"params": norms, "times": 0.3}], lr=lr, betas=(0.9, 0.98), weight_decay=0.0)
    return [Muon(inner, lr), adam]


class Average:
    """A running mean of the weights: what is exported, because it is steadier than the last step."""

    def __init__(self, model, decay=0.99):
        self.model, self.decay = copy.deepcopy(model), decay

    @torch.no_grad()
    def update(self, model, step):
        keep = min(self.decay, step / (step + 10))
        for mean, p in zip(self.model.parameters(), model.parameters()):
            mean.lerp_(p, 1 - keep)


def arguments():
    p = argparse.ArgumentParser(description="trains the demo model")
    p.add_argument("--out", required=True, help="folder for tokenizer, checkpoint and demo.gguf")
    p.add_argument("--ids", type=float, default=20e6, help="length of the whole schedule in ids")
    p.add_argument("--steps", type=int, default=0, help="stop after so many steps")
    p.add_argument("--tokens", type=int, default=4096, help="ids in a batch")
    p.add_argument("--vocab", type=int, default=5120)
    p.add_argument("--dim", type=int, default=256)
    p.add_argument("--layers", type=int, default=5)
    p.add_argument("--heads", type=int, default=8)
    p.add_argument("--kv-heads", type=int, default=4)
    p.add_argument("--ffn", type=int, default=512)
    p.add_argument("--context", type=int, default=2048, help="longest distance trained")
    p.add_argument("--lr", type=float, default=1.8e-3)
    p.add_argument("--decay", type=float, default=0.35, help="the part of the schedule in which the learning rate falls")
    p.add_argument("--drills", type=float, default=0.15, help="the part of the rows that only teach copying and comparing; falls with the rate")
    p.add_argument("--composed", type=float, default=1, help="how much of what may be put together from words is")
    p.add_argument("--embd-times", type=float, default=2, help="how many times as fast the embedding learns as the rest")
    p.add_argument("--start", metavar="GGUF", help="begin with the weights and the tokenizer of this file")
    p.add_argument("--plant", action=argparse.BooleanOptionalAction, default=True, help="begin with a copying circuit")
    p.add_argument("--pairs", type=float, default=0, metavar="PART", help="begin with pieces without a space nearer to those with one")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--f16-file", action="store_true", help="write F16 instead of Q8_0")
    p.add_argument("--without", nargs="*", default=[], choices=["sentiment", "support", "extract", "yesno", "pick"],
                   help="leave these tasks out: their prompts get the fixed reply")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


@torch.no_grad()
def begin_with(model, tensors):
    """Weights of a file. If the model has more layers, the new ones stand before the file's last one, and add nothing at first."""
    last = max(int(name.split(".")[1]) for name in tensors if name.startswith("blk."))
    new = model.shape.layers - 1 - last
    moved = {name.replace(f"blk.{last}.", f"blk.{last + new}."): torch.tensor(a) for name, a in tensors.items()}
    model.load_state_dict(moved, strict=not new)
    for block in model.blk[last:last + new]:
        block.attn_output.weight.zero_()
        block.ffn_down.weight.zero_()


class Run:
    """A model in training: weights, their running mean, optimizers, how far it is."""

    def __init__(self, args, device):
        self.args, self.device = args, device
        start = gguf.Reader(args.start) if args.start else None
        self.tokenizer = start.tokenizer() if start else get_tokenizer(args.out, args.vocab)
        shape = Shape(args.vocab, args.dim, args.layers, args.heads, args.kv_heads, args.ffn)
        self.model = Llama(shape).to(device)
        if start:
            begin_with(self.model, start.tensors)
        elif args.plant:
            plant(self.model)
        if args.pairs:
            bring_together(self.model.token_embd.weight, spaced_pairs(self.tokenizer), args.pairs)
        self.fast = Fast(self.model, args.out) if device == "cpu" else None
        self.average = Average(self.model)
        self.optimizers = optimizers_for(self.model, args.lr, args.embd_times)
        self.step, self.seconds, self.seen = 0, 0.0, 0
        self.end, self.decay, self.top = args.ids, args.decay * args.ids, args.lr
        self.checkpoint = os.path.join(args.out, "checkpoint.pt")

    def load(self):
        """Goes on from the checkpoint, if there is one."""
        if not os.path.exists(self.checkpoint):
            return
        state = torch.load(self.checkpoint, map_location=self.device)
        self.model.load_state_dict(state["model"])
        self.average.model.load_state_dict(state["average"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        self.step, self.seconds, self.seen = state["step"], state["spent"], state["seen"]

    def save(self):
        """Writes the checkpoint and the GGUF file."""
        state = {"model": self.model.state_dict(), "average": self.average.model.state_dict(),
                 "optimizers": [o.state_dict() for o in self.optimizers],
                 "step": self.step, "spent": self.seconds, "seen": self.seen}
        torch.save(state, self.checkpoint + ".new")
        os.replace(self.checkpoint + ".new", self.checkpoint)
        kind = gguf.F16 if self.args.f16_file else gguf.Q8_0
        export(self.average.model, self.tokenizer, os.path.join(self.args.out, "demo.gguf"), self.args.context, kind,
               self.args.without)

    def look_for_finish(self):
        """OUT/finish holds a number of ids: the learning rate falls from what it is now, over so many."""
        path = os.path.join(self.args.out, "finish")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                self.top, self.decay = self.rate(), float(f.read())
            self.end = self.seen + self.decay
            os.remove(path)

    def rate(self):
        """Learning rate: a short warm-up, a plateau, then down in a straight line."""
        left = max(0.0, self.end - self.seen) / self.decay
        return self.top * min(1, (self.step + 1) / 60, left + 0.01)

    def train_step(self, batch):
        """One step; returns the loss and which ids were guessed right."""
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.rate() * group.get("times", 1)
        self.model.zero_grad(set_to_none=True)
        if self.fast:
            loss, right = self.fast.gradients(batch)
        else:
            with torch.autocast("cuda", torch.bfloat16):
                loss, right = batch.to(self.device).loss(self.model)
            loss.backward()
            loss = loss.item()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.average.update(self.model, self.step)
        self.step, self.seen = self.step + 1, self.seen + len(batch.ids)
        return loss, right.cpu()


class Tally:
    """How many answers of each task were right, since the last line of the log."""

    def __init__(self):
        self.right, self.all = collections.Counter(), collections.Counter()

    def add(self, batch, tasks, right):
        picks = batch.picks.cpu()
        owner = (torch.searchsorted(batch.starts.cpu().long(), picks, right=True) - 1).tolist()
        picks, right, ok = picks.tolist(), right.tolist(), True
        for i, at in enumerate(picks):  # an answer is a row of ids without a gap
            ok = ok and right[i]
            if i + 1 == len(picks) or picks[i + 1] != at + 1 or owner[i + 1] != owner[i]:
                self.all[tasks[owner[i]]] += 1
                self.right[tasks[owner[i]]] += ok
                ok = True

    def __str__(self):
        return " ".join(f"{t} {100 * self.right[t] / self.all[t]:.0f}" for t in (*SHARES, "copy", "seen", "list", "bare") if self.all[t])


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    torch.set_flush_denormal(True)
    run = Run(args, "cuda" if torch.cuda.is_available() else "cpu")
    run.load()
    print(f"{sum(p.numel() for p in run.model.parameters())} parameters, {run.device}, step {run.step}", flush=True)
    source = batches(random.Random(f"train {args.seed} {run.step}"), run.tokenizer, args.tokens, args.context, args.without,
                     lambda: args.drills * max(0.3, run.rate() / args.lr), args.composed)
    saved = shown = time.monotonic()
    losses, tally, used = [], Tally(), time.process_time()
    while True:
        batch, tasks = next(source)
        loss, right = run.train_step(batch)
        losses.append(loss)
        tally.add(batch, tasks, right)
        run.seconds, used = run.seconds + time.process_time() - used, time.process_time()
        now = time.monotonic()
        stop = os.path.join(args.out, "stop")
        done = run.seen >= run.end or 0 < args.steps <= run.step or os.path.exists(stop)
        if now - shown > 30 or done:
            print(f"step {run.step} ids {run.seen / 1e6:.2f}M cpu {run.seconds:.0f}s lr {run.rate():.1e} "
                  f"loss {sum(losses) / len(losses):.4f} right %: {tally}", flush=True)
            shown, losses, tally = now, [], Tally()
            run.look_for_finish()
        if now - saved > 180 or done:
            run.save()
            saved = now
        if done:
            if os.path.exists(stop):
                os.remove(stop)
            return


if __name__ == "__main__":
    main()
