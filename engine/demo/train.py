"""Trains the demo model and writes it as GGUF.

    nice python3 engine/demo/train.py --out /tmp/demo --minutes 60      # then: --out/demo.gguf
    python3 engine/demo/train.py --out /tmp/demo --steps 20             # proves that it works, in a minute

Needs python3-torch and python3-numpy. A GPU is used if there is one. On a CPU, --bf16 makes matrix
products many times faster where the processor has bfloat16 arithmetic; so does libopenblas0-pthread.
It writes a checkpoint every few minutes and goes on from it when called again with the same --out.
The tokenizer is trained first, on the training side only, and kept in --out/tokenizer.json.
"""
import argparse
import json
import math
import os
import random
import time

import numpy as np
import torch
import torch.nn.functional as F

import gguf
from bpe import Tokenizer, train as train_bpe
from fillers import Gen
from generate import example
from model import EPS, ROPE_BASE, Llama, Shape

DESCRIPTION = ("The small model inside Hearth: sentiment, sorting support messages, extraction as JSON, yes/no, picking an option, "
               "questions about Hearth. Everything else gets one fixed reply. Trained on generated sentences only.")


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


def batches(rng, tokenizer, tokens, context):
    """Endless batches of about `tokens` ids: (ids, learn, positions), rows of like length."""
    gen = Gen(rng)
    while True:
        rows = []
        while len(rows) < 1500:
            ids, learn = tokenizer.conversation(example(gen)["messages"])
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
        if rng.random() < 0.2:  # a jump: the same text, as if more had stood before or within it
            at = rng.randrange(len(row))
            positions[i, at:] += rng.randint(0, context - longest)
    return torch.from_numpy(ids), torch.from_numpy(learn), torch.from_numpy(positions)


def export(model, tokenizer, path, context, kind):
    """Writes the GGUF file."""
    file_type = {gguf.F16: 1, gguf.Q8_0: 7}[kind]
    keys = gguf.metadata(model.shape, tokenizer, "Hearth demo", DESCRIPTION, context, ROPE_BASE, EPS, file_type)
    tensors = {name: p.detach().float().cpu().numpy() for name, p in model.named_parameters()}
    gguf.write(path, keys, tensors, kind)


def optimizer_for(model, lr):
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() != 2]
    return torch.optim.AdamW([{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
                             lr=lr, betas=(0.9, 0.98))


def save(path, **state):
    torch.save(state, path + ".new")
    os.replace(path + ".new", path)


def arguments():
    p = argparse.ArgumentParser(description="trains the demo model")
    p.add_argument("--out", required=True, help="folder for tokenizer, checkpoint and demo.gguf")
    p.add_argument("--steps", type=int, default=0, help="stop after so many steps (0: by --minutes)")
    p.add_argument("--minutes", type=float, default=60, help="length of the whole schedule")
    p.add_argument("--tokens", type=int, default=4096, help="ids in a batch")
    p.add_argument("--vocab", type=int, default=2048)
    p.add_argument("--dim", type=int, default=192)
    p.add_argument("--layers", type=int, default=6)
    p.add_argument("--heads", type=int, default=6)
    p.add_argument("--kv-heads", type=int, default=2)
    p.add_argument("--ffn", type=int, default=512)
    p.add_argument("--context", type=int, default=2048, help="longest distance trained")
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--dropout", type=float, default=0.0)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--bf16", action="store_true", help="matrix products in bfloat16")
    p.add_argument("--f16-file", action="store_true", help="write F16 instead of Q8_0")
    p.add_argument("--seed", type=int, default=1)
    return p.parse_args()


def main():
    args = arguments()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = get_tokenizer(args.out, args.vocab)
    shape = Shape(args.vocab, args.dim, args.layers, args.heads, args.kv_heads, args.ffn)
    model = Llama(shape, args.dropout).to(device)
    optimizer = optimizer_for(model, args.lr)
    step, spent, seen = 0, 0.0, 0
    checkpoint = os.path.join(args.out, "checkpoint.pt")
    if os.path.exists(checkpoint):
        state = torch.load(checkpoint, map_location=device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        step, spent, seen = state["step"], state["spent"], state["seen"]
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {device}, step {step}", flush=True)
    kind = gguf.F16 if args.f16_file else gguf.Q8_0
    source = batches(random.Random(f"train {args.seed} {step}"), tokenizer, args.tokens, args.context)
    started = saved = shown = time.monotonic()
    before, losses, done = spent, [], False
    while not done:
        spent = before + (time.monotonic() - started) / 60
        part = min(1.0, step / args.steps if args.steps else spent / args.minutes)
        lr = args.lr * min(1, (step + 1) / min(200, max(args.steps // 5, 1) if args.steps else 200)) * (0.02 + 0.98 * (1 + math.cos(math.pi * part)) / 2)
        for group in optimizer.param_groups:
            group["lr"] = lr
        ids, learn, positions = (x.to(device) for x in next(source))
        with torch.autocast(device, torch.bfloat16, enabled=args.bf16):
            logits = model(ids[:, :-1], positions[:, :-1], learn[:, 1:])
        loss = F.cross_entropy(logits.float(), ids[:, 1:][learn[:, 1:]])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, seen = step + 1, seen + ids.numel()
        losses.append(loss.item())
        done = step >= args.steps if args.steps else part >= 1
        now = time.monotonic()
        if now - shown > 20 or done:
            print(f"step {step} min {spent:.1f} loss {np.mean(losses):.4f} lr {lr:.1e} ids {seen / 1e6:.2f}M", flush=True)
            shown, losses = now, []
        if now - saved > 180 or done:
            save(checkpoint, model=model.state_dict(), optimizer=optimizer.state_dict(), step=step, spent=spent, seen=seen)
            export(model, tokenizer, os.path.join(args.out, "demo.gguf"), args.context, kind)
            saved = now


if __name__ == "__main__":
    main()
