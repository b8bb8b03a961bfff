#!/usr/bin/env python3
"""Writes a GGUF model of random weights, for measuring speed: the shape and the type are those of models that people
run, the numbers mean nothing.
    tests/bench/engine/make_model.py SHAPE TYPE FILE
SHAPE: 135m, 1.1b, moe (16 experts, 2 used), 8b.  TYPE: F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q4_K Q5_K Q6_K Q4_K_M
Needs NumPy. The same arguments give the same file."""
import struct
import sys

import numpy as np

SHAPES = {
    "135m": dict(embd=576, layers=30, heads=9, kv=3, ff=1536, vocab=49152, tied=True),
    "1.1b": dict(embd=2048, layers=22, heads=32, kv=4, ff=5632, vocab=32000),
    "moe": dict(embd=1024, layers=16, heads=16, kv=4, ff=1024, vocab=32000, experts=16, used=2),
    "8b": dict(embd=4096, layers=32, heads=32, kv=8, ff=14336, vocab=128256),
}
# name: number in the file, numbers per block, bytes per block, where scales in half precision stand, their size
TYPES = {
    "F32": (0, 1, 4, (), 0),
    "F16": (1, 1, 2, (), 0),
    "BF16": (30, 1, 2, (), 0),
    "Q4_0": (2, 32, 18, (0,), 0.003),
    "Q4_1": (3, 32, 20, (0, 2), 0.003),
    "Q5_0": (6, 32, 22, (0,), 0.0015),
    "Q5_1": (7, 32, 24, (0, 2), 0.0015),
    "Q8_0": (8, 32, 34, (0,), 0.0002),
    "Q4_K": (12, 256, 144, (0, 2), 0.0001),
    "Q5_K": (13, 256, 176, (0, 2), 0.00005),
    "Q6_K": (14, 256, 210, (208,), 0.00001),
}
FALLBACK = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
CHUNK = 1 << 18  # blocks made at a time


def write_tensor(out, rng, kind, count):
    _, block, size, halves, scale = TYPES[kind]
    left = count // block
    while left > 0:
        n = min(left, CHUNK)
        if kind == "F32":
            data = (rng.standard_normal(n, dtype=np.float32) * 0.02).tobytes()
        elif kind == "F16":
            data = (rng.standard_normal(n, dtype=np.float32) * 0.02).astype(np.float16).tobytes()
        elif kind == "BF16":
            data = (rng.standard_normal(n, dtype=np.float32) * 0.02).view(np.uint16)[1::2].tobytes()
        else:
            rows = rng.integers(0, 256, (n, size), dtype=np.uint8)
            for at in halves:
                sign = -8 if at == 2 and kind in ("Q4_1", "Q5_1") else 1
                value = np.array([scale * sign], dtype=np.float16).view(np.uint8)
                rows[:, at : at + 2] = value
            data = rows.tobytes()
        out.write(data)
        left -= n


def more_bits(layer, layers):
    return layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2


def kind_of(name, layer, cols, wanted, shape):
    if wanted == "Q4_K_M":
        wanted = "Q4_K"
        if name == ("token_embd.weight" if "tied" in shape else "output.weight"):
            wanted = "Q6_K"
        elif name.split(".")[-2] in ("attn_v", "ffn_down", "ffn_down_exps") and more_bits(layer, shape["layers"]):
            wanted = "Q6_K"
    return FALLBACK[wanted] if cols % TYPES[wanted][1] else wanted


def tensors(shape, wanted):
    embd, ff, vocab = shape["embd"], shape["ff"], shape["vocab"]
    head = embd // shape["heads"]
    kv = shape["kv"] * head
    rows = [("token_embd.weight", 0, (embd, vocab))]
    if "tied" not in shape:
        rows.append(("output.weight", 0, (embd, vocab)))
    for il in range(shape["layers"]):
        for name, dims in [("attn_q", (embd, embd)), ("attn_k", (embd, kv)), ("attn_v", (embd, kv)),
                           ("attn_output", (embd, embd))]:
            rows.append((f"blk.{il}.{name}.weight", il, dims))
        if "experts" in shape:
            rows.append((f"blk.{il}.ffn_gate_inp.weight", il, (embd, shape["experts"])))
        for name, dims in [("ffn_gate", (embd, ff)), ("ffn_up", (embd, ff)), ("ffn_down", (ff, embd))]:
            if "experts" in shape:
                rows.append((f"blk.{il}.{name}_exps.weight", il, dims + (shape["experts"],)))
            else:
                rows.append((f"blk.{il}.{name}.weight", il, dims))
        rows += [(f"blk.{il}.{name}.weight", il, (embd,)) for name in ("attn_norm", "ffn_norm")]
    rows.append(("output_norm.weight", 0, (embd,)))
    for name, il, dims in rows:
        plain = len(dims) == 1 or "gate_inp" in name
        yield name, dims, "F32" if plain else kind_of(name, il, dims[0], wanted, shape)


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def keys(shape):
    arch, head = "llama", shape["embd"] // shape["heads"]
    numbers = {
        "context_length": 8192, "embedding_length": shape["embd"], "block_count": shape["layers"],
        "feed_forward_length": shape["ff"], "attention.head_count": shape["heads"],
        "attention.head_count_kv": shape["kv"], "rope.dimension_count": head, "vocab_size": shape["vocab"],
    }
    if "experts" in shape:
        numbers |= {"expert_count": shape["experts"], "expert_used_count": shape["used"]}
    found = [string("general.architecture") + struct.pack("<I", 8) + string(arch)]
    found += [string(f"{arch}.{k}") + struct.pack("<II", 4, v) for k, v in numbers.items()]
    found.append(string(f"{arch}.attention.layer_norm_rms_epsilon") + struct.pack("<If", 6, 1e-5))
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    tokens = special + [f"\u2581w{i}" for i in range(shape["vocab"] - len(special))]
    kinds = [2, 3, 3] + [6] * 256 + [1] * (len(tokens) - len(special))
    array = string("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, len(tokens))
    found += [
        string("tokenizer.ggml.model") + struct.pack("<I", 8) + string("llama"),
        array + b"".join(string(t) for t in tokens),
        string("tokenizer.ggml.scores") + struct.pack("<IIQ", 9, 6, len(tokens)) + np.zeros(len(tokens), "<f4").tobytes(),
        string("tokenizer.ggml.token_type") + struct.pack("<IIQ", 9, 5, len(tokens)) + np.array(kinds, "<i4").tobytes(),
        string("tokenizer.ggml.bos_token_id") + struct.pack("<II", 4, 1),
        string("tokenizer.ggml.eos_token_id") + struct.pack("<II", 4, 2),
    ]
    return found


def write_model(path, shape, wanted):
    rng = np.random.default_rng(1)
    rows, infos, at = list(tensors(shape, wanted)), [], 0
    for name, dims, kind in rows:
        number, block, size = TYPES[kind][:3]
        infos.append(string(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, number, at))
        at += (int(np.prod(dims)) // block * size + 31) // 32 * 32
    found = keys(shape)
    with open(path, "wb") as out:
        out.write(struct.pack("<4sIQQ", b"GGUF", 3, len(rows), len(found)) + b"".join(found) + b"".join(infos))
        out.write(bytes(-out.tell() % 32))
        for name, dims, kind in rows:
            if len(dims) == 1:
                out.write(np.ones(dims[0], "<f4").tobytes())
            else:
                write_tensor(out, rng, kind, int(np.prod(dims)))
            out.write(bytes(-out.tell() % 32))


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in SHAPES or sys.argv[2] not in list(TYPES) + ["Q4_K_M"]:
        sys.exit(__doc__)
    write_model(sys.argv[3], SHAPES[sys.argv[1]], sys.argv[2])
