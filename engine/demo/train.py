"""Trains the demo model and writes it as GGUF.

    nice python3 engine/demo/train.py --out /tmp/demo --minutes 60        # then: /tmp/demo/demo.gguf
    python3 engine/demo/train.py --out /tmp/demo --steps 20 --tokens 512  # proves that it works, in a minute

Needs python3-torch and python3-numpy. A GPU is used if there is one. On a CPU that lacks bfloat16
arithmetic, libopenblas0-pthread makes it many times faster. It writes a checkpoint every few
minutes and goes on from it when called again with the same --out.
The tokenizer is trained first, on the training side only, and kept in --out/tokenizer.json.
"""
import argparse
import copy
import json
import math
import os
import random
import time

import numpy as np
import torch
import torch.nn.functional as F

import chat
import gguf
from bpe import Tokenizer, train as train_bpe
from fillers import Gen
from generate import SHARES, example
from model import EPS, ROPE_BASE, Llama, Shape
from muon import Muon

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


def batches(rng, tokenizer, tokens, context, without):
    """Endless batches of about `tokens` ids: (ids, learn, positions), rows of like length."""
    gen = Gen(rng)
    while True:
        rows = []
        while len(rows) < 1500:
            messages = example(gen, without=without)["messages"]
            ids, learn = tokenizer.conversation(messages)
            if messages[-1]["content"] in LONG_FIXED and rng.random() < 0.8:
                # how a fixed sentence goes on is soon known; which one it is stands in its beginning
                start = len(learn) - 1 - learn[-2::-1].index(False)
                ids, learn = ids[:start + 8], learn[:start + 8]
            if len(ids) <= context:
                rows.append((ids, learn))
        rows.sort(key=lambda r: len(r[0]))
        groups, start = [], 0
        for i in range(len(rows)):
            if i + 1 == len(rows) or len(rows[i + 1][0]) * (i + 2 - start) > tokens:
                groups.append(rows[start:i + 1])
                start = i + 1
        rng.shuffle(groups)
        for group in groups:
            yield _pack(rng, group, tokenizer.end_of_text, context)


def _pack(rng, group, pad, context):
    longest = max(len(ids) for ids, _ in group)
    ids = np.full((len(group), longest), pad, np.int64)
    learn = np.zeros((len(group), longest), bool)
    positions = np.tile(np.arange(longest), (len(group), 1))
    for i, (row, mask) in enumerate(group):
        ids[i, :len(row)], learn[i, :len(row)] = row, mask
        if rng.random() < 0.1:  # a jump: the same text, as if more had stood before or within it
            at = rng.randrange(len(row))
            positions[i, at:] += rng.randint(0, context - longest)
    return torch.from_numpy(ids), torch.from_numpy(learn), torch.from_numpy(positions)


def export(model, tokenizer, path, context, kind, without):
    """Writes the GGUF file; the key hearth.demo.tasks says what it was trained to do."""
    file_type = {gguf.F16: 1, gguf.Q8_0: 7}[kind]
    keys = gguf.metadata(model.shape, tokenizer, "Hearth demo", DESCRIPTION, context, ROPE_BASE, EPS, file_type)
    keys.append(("hearth.demo.tasks", gguf.ARRAY, (gguf.STRING, [t for t in SHARES if t not in without])))
    tensors = {name: p.detach().float().cpu().numpy() for name, p in model.named_parameters()}
    gguf.write(path, keys, tensors, kind)


def optimizers_for(model, lr):
    """Muon for the blocks' matrices, AdamW for embedding and norms."""
    inner = [p for n, p in model.named_parameters() if p.dim() == 2 and n.startswith("blk.")]
    rest = [p for n, p in model.named_parameters() if not (p.dim() == 2 and n.startswith("blk."))]
    return [Muon(inner, lr), torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.0)]


class Average:
    """A running mean of the weights: what is exported, because it is steadier than the last step."""

    def __init__(self, model, decay=0.99):
        self.model, self.decay = copy.deepcopy(model), decay

    @torch.no_grad()
    def update(self, model, step):
        keep = min(self.decay, step / (step + 10))
        for mean, p in zip(self.model.parameters(), model.parameters()):
            mean.lerp_(p, 1 - keep)


def fast_bf16():
    """True if bfloat16 products are fast here."""
    if torch.cuda.is_available():
        return True
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            return "avx512_bf16" in f.read()
    except OSError:
        return False


def arguments():
    p = argparse.ArgumentParser(description="trains the demo model")
    p.add_argument("--out", required=True, help="folder for tokenizer, checkpoint and demo.gguf")
    p.add_argument("--steps", type=int, default=0, help="stop after so many steps (0: by --minutes)")
    p.add_argument("--minutes", type=float, default=60, help="length of the whole schedule")
    p.add_argument("--tokens", type=int, default=2048, help="ids in a batch")
    p.add_argument("--vocab", type=int, default=2048)
    p.add_argument("--dim", type=int, default=192)
    p.add_argument("--layers", type=int, default=8)
    p.add_argument("--heads", type=int, default=6)
    p.add_argument("--kv-heads", type=int, default=2)
    p.add_argument("--ffn", type=int, default=512)
    p.add_argument("--context", type=int, default=2048, help="longest distance trained")
    p.add_argument("--lr", type=float, default=3e-3)
    p.add_argument("--dropout", type=float, default=0.0)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--bf16", action=argparse.BooleanOptionalAction, default=fast_bf16(),
                   help="matrix products in bfloat16; by default where the processor has it")
    p.add_argument("--f16-file", action="store_true", help="write F16 instead of Q8_0")
    p.add_argument("--without", nargs="*", default=[], choices=["sentiment", "support", "extract", "yesno", "pick"],
                   help="leave these tasks out: their prompts get the fixed reply")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


class Run:
    """A model in training: weights, their running mean, optimizers, how far it is."""

    def __init__(self, args, device):
        self.args, self.device = args, device
        self.tokenizer = get_tokenizer(args.out, args.vocab)
        shape = Shape(args.vocab, args.dim, args.layers, args.heads, args.kv_heads, args.ffn)
        self.model = Llama(shape, args.dropout).to(device)
        self.average = Average(self.model)
        self.optimizers = optimizers_for(self.model, args.lr)
        self.step, self.minutes, self.seen = 0, 0.0, 0
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
        self.step, self.minutes, self.seen = state["step"], state["spent"], state["seen"]

    def save(self):
        """Writes the checkpoint and the GGUF file."""
        state = {"model": self.model.state_dict(), "average": self.average.model.state_dict(),
                 "optimizers": [o.state_dict() for o in self.optimizers],
                 "step": self.step, "spent": self.minutes, "seen": self.seen}
        torch.save(state, self.checkpoint + ".new")
        os.replace(self.checkpoint + ".new", self.checkpoint)
        kind = gguf.F16 if self.args.f16_file else gguf.Q8_0
        export(self.average.model, self.tokenizer, os.path.join(self.args.out, "demo.gguf"), self.args.context, kind,
               self.args.without)

    def part(self):
        """How much of the schedule is over, 0 to 1."""
        a = self.args
        return min(1.0, self.step / a.steps if a.steps else self.minutes / a.minutes)

    def rate(self):
        """Learning rate: a short warm-up, then a cosine down to a hundredth."""
        warm_up = max(self.args.steps // 5, 1) if 0 < self.args.steps < 300 else 60
        return self.args.lr * min(1, (self.step + 1) / warm_up) * (1.01 + 0.99 * math.cos(math.pi * self.part())) / 2

    def train_step(self, batch):
        """One step; returns the loss per learned id."""
        for group in (g for optimizer in self.optimizers for g in optimizer.param_groups):
            group["lr"] = self.rate()
        ids, learn, positions = (x.to(self.device) for x in batch)
        with torch.autocast(self.device, torch.bfloat16, enabled=self.args.bf16):
            logits = self.model(ids[:, :-1], positions[:, :-1], learn[:, 1:])
        loss = F.cross_entropy(logits.float(), ids[:, 1:][learn[:, 1:]])
        self.model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
        self.average.update(self.model, self.step)
        self.step, self.seen = self.step + 1, self.seen + ids.numel()
        return loss.item()


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    run = Run(args, "cuda" if torch.cuda.is_available() else "cpu")
    run.load()
    print(f"{sum(p.numel() for p in run.model.parameters())} parameters, {run.device}, step {run.step}", flush=True)
    source = batches(random.Random(f"train {args.seed} {run.step}"), run.tokenizer, args.tokens, args.context, args.without)
    started = saved = shown = time.monotonic()
    before, losses = run.minutes, []
    while True:
        losses.append(run.train_step(next(source)))
        now = time.monotonic()
        run.minutes = before + (now - started) / 60
        done = run.part() >= 1
        if now - shown > 20 or done:
            print(f"step {run.step} min {run.minutes:.1f} loss {np.mean(losses):.4f} lr {run.rate():.1e} "
                  f"ids {run.seen / 1e6:.2f}M", flush=True)
            shown, losses = now, []
        if now - saved > 180 or done:
            run.save()
            saved = now
        if done:
            return


if __name__ == "__main__":
    main()
