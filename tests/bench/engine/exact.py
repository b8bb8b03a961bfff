#!/usr/bin/env python3
"""Logits and greedy tokens of this engine beside another one's, on small models with random weights.

    tests/bench/engine/exact.py --build build --driver PATH [--arch NAME] [--types 0,8,12+14] [--seeds 3] [--tokens 300]

PATH is a program that computes with the other engine:
    PATH logits MODEL ID,ID,... all=1        float32 logits of every position to stdout
    PATH greedy MODEL ID,ID,... n=16         ids of the 16 most likely continuations, one after the other
    PATH embed MODEL ID,ID,... pool=mean     float32 vector; also pool=cls and pool=last
Without --driver only this engine is compared with the plain double-precision reference.

For each model: nmse = sum((a - b)^2) / sum(b^2) over all logits against the reference, which computes
with the dequantised weights; the same for the driver; and of exact types (F32, F16, and BF16 unless the kernels
in use round its inputs) whether this engine, given the driver's greedy tokens, would have chosen each of them. Of encoders the three embeddings are compared. Rounding
to 8 bits turns near ties between experts, which changes all of a position: quantised models with
experts are judged by the median of all positions of their type, in the last lines. Sizes are drawn anew for every seed, so that another
--seeds means models not seen before. With --tokens the text is longer than 75, and windows, original contexts and heads
have the sizes of real models (the driver must take so many tokens). Exit status 1 when a model is not as exact as docs/performance.md
says. Models are written to a temporary folder.
"""
import argparse
import array
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile

F32, F16, Q8_0, BF16, MXFP4 = 0, 1, 8, 30, 39
FLOAT_TYPES = (F32, F16, BF16)
ROUNDING_SETS = ("avx512_bf16",)  # kernels that round inputs of BF16 to bfloat16, as the driver does
TOKENS = 75


def heads(rng):
    kv = rng.choice([1, 2, 3, 4])
    return {"n_head": kv * rng.choice([1, 2, 3, 5, 7]), "n_head_kv": kv}


def yarn(rng):
    return {"rope_scaling": "yarn", "rope_factor": rng.choice([2, 4, 16]), "rope_original": rng.choice([24, 40])}


def experts(rng, n_ff):
    count = rng.choice([3, 4, 8, 13, 16])
    return {"n_expert": count, "n_expert_used": rng.randint(1, min(4, count)), "n_ff_expert": n_ff}


def llama(rng):
    return rng.choice([{}, {"rope_freqs": 1}, {"biases": 1}, {"rope_linear": 4}, {"fused_qkv": 1},
                       {"mlp_biases": 1}, {"rope_factor": 2}, yarn(rng),
                       dict(yarn(rng), rope_attn_factor=0.9),
                       {"rope_scaling": "longrope", "rope_long": 1, "rope_original": 32,
                        "rope_attn_factor": 1.19}])


def mixtral(rng):
    count = rng.choice([2, 4, 8])
    return {"arch": "llama", "n_expert": count, "n_expert_used": rng.randint(1, count)}


def gemma2(rng):
    return dict(post_norms=1, tied=1, window=rng.choice([16, 40]), attn_cap=rng.choice([0, 20]),
                final_cap=rng.choice([0, 10]), n_layer=rng.choice([2, 3, 46]))


def gemma3(rng):
    return dict(post_norms=1, tied=rng.choice([0, 1]), qk_norm=1, window=rng.choice([16, 40]), rope_base=1e6,
                window_period=rng.choice([0, 2, 3]), rope_linear=rng.choice([0, 8]),
                n_layer=rng.choice([3, 7, 13, 62]))


def phi3(rng):
    more = rng.choice([{}, {"rope_scaling": "longrope", "rope_long": 1, "rope_attn_factor": 1.19,
                            "rope_original": rng.choice([32, 4096])}])
    return dict(more, stacked_mlp=1, fused_qkv=rng.choice([0, 1]), window=rng.choice([0, 8]))


def starcoder2(rng):
    return dict(layer_norm=1, plain_mlp=1, mlp_biases=1, biases=1, fused_qkv=rng.choice([0, 1]))


def mistral3(rng):
    return rng.choice([{}, dict(yarn(rng), temperature=0.3),
                       dict(yarn(rng), temperature=0.1, yarn_fast=8, yarn_slow=0.5, yarn_log=1)])


def gpt_oss(rng):
    more = experts(rng, 64)
    if rng.choice([0, 1]):
        more["expert_type"] = MXFP4
    return dict(more, **yarn(rng), ffn_norm="post_attention_norm", sinks=1, biases=1, expert_biases=1,
                window=rng.choice([16, 40]), tied=0)


def encoder(rng, **more):
    return dict(more, encoder=1, layer_norm=1, context=80, token_types=rng.choice([1, 2]), tied=0)


def bert(rng):
    return encoder(rng, positions=1, plain_mlp=1, mlp_biases=1, biases=1)


ARCHS = {
    "llama": llama,
    "mixtral": mixtral,
    "mistral3": mistral3,
    "qwen2": lambda rng: dict(biases=rng.choice([0, 1]), no_output_bias=1, **rng.choice([{}, yarn(rng)])),
    "qwen3": lambda rng: dict(qk_norm=1, **rng.choice([{}, yarn(rng)])),
    "qwen3moe": lambda rng: dict(experts(rng, rng.choice([32, 96])), qk_norm=1),
    "gemma": lambda rng: dict(tied=1),
    "gemma2": gemma2,
    "gemma3": gemma3,
    "phi3": phi3,
    "starcoder2": starcoder2,
    "gpt-oss": gpt_oss,
    "bert": bert,
    "nomic-bert": lambda rng: encoder(rng, **rng.choice([{}, {"rope_base": 1000}])),
}
ENCODERS = ("bert", "nomic-bert")
SQUARE = ("qwen2", "phi3", "starcoder2") + ENCODERS  # the other engine takes heads * head_dim = n_embd there
FULL_ROPE = ("llama", "gemma", "mixtral", "mistral3", "qwen3", "qwen3moe", "starcoder2", "gpt-oss", "qwen2") + ENCODERS


def longer(m, rng):
    """Sizes that only longer texts tell apart; heads as large as those of real models."""
    if "window" in m:
        m["window"] = rng.choice([33, 64, 100, 128])
    if "rope_original" in m:
        m["rope_original"] = rng.choice([64, 120, 256])
    if m["type"] in FLOAT_TYPES and m["arch"] not in SQUARE:
        m["head_dim"] = rng.choice([64, 80, 96, 128, 256])
        if "n_rot" in m:
            m["n_rot"] = rng.choice([0, m["head_dim"] // 2])


def shape(arch, types, seed, tokens=TOKENS):
    """Sizes of one model; blocks of 256 need rows of 256. Of two types the second is that of the matrices
    which mixtures such as Q4_K_M give more bits."""
    rng = random.Random(f"{arch} {types} {seed}")
    quant, more = (list(map(int, types.split("+"))) + [0])[:2]
    unit = 256 if 10 <= quant <= 14 or quant == 23 else 32
    m = dict(arch=arch, n_vocab=97, n_layer=rng.choice([1, 2, 3]), type=quant, seed=seed,
             tied=rng.choice([0, 1]), **heads(rng))
    if more:
        m["more_type"] = more
    m["head_dim"] = unit if unit == 256 else rng.choice([32, 64])
    if quant in FLOAT_TYPES and arch != "gpt-oss":
        m["head_dim"] = rng.choice([6, 10, 16, 20, 64])
    if unit == 256:
        m["n_head"], m["n_head_kv"] = rng.choice([(1, 1), (2, 1), (3, 3), (4, 2)])
    m["n_embd"] = m["n_head"] * m["head_dim"] if arch in SQUARE else unit * rng.choice([1, 2])
    m["n_ff"] = unit * rng.choice([1, 2, 3])
    if arch not in FULL_ROPE and m["head_dim"] > 8:
        m["n_rot"] = rng.choice([0, m["head_dim"] // 2 // 2 * 2])
    m.update(ARCHS[arch](rng))
    if unit == 256 and "n_ff_expert" in m:
        m["n_ff_expert"] = 256
    if tokens > TOKENS:
        longer(m, rng)
    if "context" in m:
        m["context"] = tokens + 5
    return m


def floats(data):
    out = array.array("f")
    out.frombytes(data)
    return out


def nmse(a, b):
    if len(a) != len(b):
        return float("inf")
    return sum((x - y) ** 2 for x, y in zip(a, b)) / sum(y * y for y in b)


class Run:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder
        self.model = os.path.join(folder, "model.gguf")
        self.experts = {}  # type: nmse of each position of all models with experts, ours and the driver's
        self.kernels = None  # name of the set in use
        self.ratios = {}  # type: our nmse / the driver's, of all quantised models without experts

    def tool(self, *command):
        return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                              stderr=None if self.args.verbose else subprocess.DEVNULL).stdout

    def is_exact(self, quant):
        """Whether nmse has to be below 1e-9, whatever the driver's is."""
        if quant == BF16 and self.kernels is None:
            found = self.tool(os.path.join(self.args.build, "gateway/hearth"), "bench", self.model, "-p", "1", "-n", "0",
                              "-r", "1", "--json")
            self.kernels = json.loads(found)["cpu"]
        return quant in FLOAT_TYPES and not (quant == BF16 and self.kernels in ROUNDING_SETS)

    def bench(self, name):
        return os.path.join(self.args.build, "tests/bench", name)

    def make(self, m):
        self.tool(self.bench("random_model"), self.model, *(f"{k}={v}" for k, v in m.items()))

    def ours(self, ids):
        listed, out = os.path.join(self.folder, "ids.json"), os.path.join(self.folder, "ours.f32")
        with open(listed, "w", encoding="ascii") as file:
            json.dump(ids, file)
        self.tool(os.path.join(self.args.build, "gateway/hearth"), "logits", self.model, "--tokens", listed,
                  "--out", out)
        with open(out, "rb") as file:
            return floats(file.read())

    def exact(self, ids):
        out = os.path.join(self.folder, "exact.f32")
        self.tool(self.bench("reference_logits"), self.model, ",".join(map(str, ids)), out)
        with open(out, "rb") as file:
            return floats(file.read())

    def theirs(self, ids):
        return floats(self.tool(self.args.driver, "logits", self.model, ",".join(map(str, ids)), "all=1"))

    def embeddings(self, ids, hidden):
        """Ours, the driver's, and what the reference's hidden states give: mean, first, last, in one list."""
        rows = [hidden[i:i + len(hidden) // len(ids)] for i in range(0, len(hidden), len(hidden) // len(ids))]
        exact = [sum(column) / len(rows) for column in zip(*rows)] + list(rows[0]) + list(rows[-1])
        listed, ours, theirs = os.path.join(self.folder, "ids.json"), [], []
        with open(listed, "w", encoding="ascii") as file:
            json.dump(ids, file)
        for mine, other in (("mean", "mean"), ("first", "cls"), ("last", "last")):
            line = self.tool(os.path.join(self.args.build, "gateway/hearth"), "embed", self.model, "--tokens",
                             listed, "--raw", "--pooling", mine)
            ours += json.loads(line)["embedding"]
            if self.args.driver:
                theirs += floats(self.tool(self.args.driver, "embed", self.model, ",".join(map(str, ids)),
                                           f"pool={other}"))
        return ours, theirs, exact

    def greedy(self, ids):
        """How many of the driver's greedy tokens this engine chooses too, of how many."""
        text = self.tool(self.args.driver, "greedy", self.model, ",".join(map(str, ids)), "n=16")
        more = [int(word) for word in text.split()]
        rows, n = self.ours(ids + more), 97
        same = 0
        for i, token in enumerate(more):
            row = rows[(len(ids) + i - 1) * n:(len(ids) + i) * n]
            same += max(range(n), key=row.__getitem__) == token
        return same, len(more)


def check(run, arch, types, seed):
    m = shape(arch, types, seed, run.args.tokens)
    rng = random.Random(seed)
    ids = [rng.randrange(97) for _ in range(run.args.tokens)]
    run.make(m)
    try:
        return compare(run, m, types, ids)
    except subprocess.CalledProcessError as error:
        print(f"BAD {arch:10} type {types:5} seed {seed}: {os.path.basename(error.cmd[0])} failed")
        print("    " + " ".join(f"{k}={v}" for k, v in m.items()), flush=True)
        return False


def positions(a, exact):
    return [nmse(a[i:i + 97], exact[i:i + 97]) for i in range(0, len(exact), 97)]


def compare(run, m, types, ids):
    arch, seed = m["arch"], m["seed"]
    quant = m.get("expert_type", m["type"])
    types = str(m.get("expert_type", types))
    same = of = 0
    is_exact = run.is_exact(quant)
    theirs = None
    exact = run.exact(ids)
    if arch in ENCODERS:
        ours, theirs, exact = run.embeddings(ids, exact)
    else:
        ours = run.ours(ids)
    mine, line = nmse(ours, exact), ""
    good = mine < 1e-9 if is_exact else True
    if run.args.driver:
        if arch not in ENCODERS:
            theirs = run.theirs(ids)
            same, of = run.greedy(ids) if is_exact else (0, 0)
        other, between = nmse(theirs, exact), nmse(ours, theirs)
        line = f"  driver {other:.1e}  between {between:.1e}" + (f"  greedy {same}/{of}" if of else "")
        if quant == F32:  # the other engine's GELU may be a table of halves: then it is the one that is off
            table = arch.startswith("gemma") or arch in ("starcoder2", "bert")
            near = max(1e-6, 1.5 * other) if table else 1e-9
            good = good and between < near and same == of
        elif "n_expert" in m and not is_exact:
            pools = run.experts.setdefault(types, ([], []))
            pools[0].extend(positions(ours, exact))
            pools[1].extend(positions(theirs, exact))
        elif not is_exact:
            good = good and mine <= max(1.5 * other, 1e-9)
            run.ratios.setdefault(types, []).append(mine / other)
    name = "mixtral" if arch == "llama" and "n_expert" in m else arch
    print(f"{'ok ' if good else 'BAD'} {name:10} type {types:5} seed {seed}: nmse {mine:.1e}{line}", flush=True)
    if not good or run.args.verbose:
        print("    " + " ".join(f"{k}={v}" for k, v in m.items()), flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build")
    parser.add_argument("--driver")
    parser.add_argument("--arch", default=",".join(ARCHS))
    parser.add_argument("--types", default="0", help="ggml numbers of weight types, with commas; 12+14 is a mixture like Q4_K_M")
    parser.add_argument("--seeds", default="1", help="how many, or FIRST-LAST")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="length of the text")
    parser.add_argument("--verbose", action="store_true", help="print the sizes of every model")
    args = parser.parse_args()
    first, last = (args.seeds.split("-") + [None])[:2] if "-" in args.seeds else ("1", args.seeds)
    subprocess.run(["ninja", "-C", args.build, "gateway/hearth", "tests/bench/random_model",
                    "tests/bench/reference_logits"], check=True, stdout=subprocess.DEVNULL)
    bad = total = 0
    with tempfile.TemporaryDirectory() as folder:
        run = Run(args, folder)
        for arch in args.arch.split(","):
            for types in args.types.split(","):
                for seed in range(int(first), int(last) + 1):
                    bad += not check(run, arch, types, seed)
                    total += 1
        for types, ratios in run.ratios.items():
            print(f"type {types:5}: {len(ratios)} models without experts, nmse / the driver's: least {min(ratios):.2f}, "
                  f"median {statistics.median(ratios):.2f}, most {max(ratios):.2f}")
        for types, (mine, other) in run.experts.items():
            ours, theirs = statistics.median(mine), statistics.median(other)
            good = ours <= max(1.5 * theirs, 1e-9)
            bad += not good
            total += 1
            print(f"{'ok ' if good else 'BAD'} experts    type {types:5}: median nmse of {len(mine)} positions "
                  f"{ours:.1e}  driver {theirs:.1e}")
    print(f"{total - bad} of {total} models as exact as they should be")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
