"""What tests/bench/engine.sh runs; its head says how."""
import argparse
import json
import os
import statistics
import subprocess
import sys

sys.path.insert(0, os.path.dirname(__file__))
import make_model  # noqa: E402

HEARTH = "build/gateway/hearth"
MODELS = "135m-Q8_0,135m-Q4_0,135m-Q4_K_M,1.1b-Q8_0,1.1b-Q4_0,1.1b-Q4_K_M"


def output(command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def hearth(model, prompt, gen, threads):
    found = json.loads(output([HEARTH, "bench", model, "-p", str(prompt), "-n", str(gen), "-t", str(threads),
                               "-r", "1", "--json"]))
    return found["pp_tokens_per_s"], found["tg_tokens_per_s"]


def other(driver, model, prompt, gen, threads):
    words = output([driver, "bench", model, f"p={prompt}", f"n={gen}", f"threads={threads}", "r=1"]).split()
    return float(words[words.index("pp") + 1]), float(words[words.index("tg") + 1])


def token_bytes(shape, kind):
    """Bytes of weights that one generated token reads."""
    total = 0
    for name, dims, wanted in make_model.tensors(shape, kind):
        if len(dims) == 1 or (name == "token_embd.weight" and "tied" not in shape):
            continue
        _, block, size = make_model.TYPES[wanted][:3]
        numbers = dims[0] * dims[1] * (shape["used"] if len(dims) == 3 else 1)
        total += numbers // block * size
    return total


def median(rounds, index):
    return statistics.median(r[index] for r in rounds)


def measure(options, model, path, threads, bandwidth):
    shape, kind = model.split("-", 1)
    size = token_bytes(make_model.SHAPES[shape], kind)
    for prompt in options.prompts:
        gen = options.gen if prompt == options.prompts[0] else 0
        ours, theirs, shares, bandwidths = [], [], [], []
        for _ in range(options.rounds):  # in turn, so that what disturbs one disturbs the other
            if gen:
                bandwidths.append(float(output([bandwidth, str(threads)])))
            ours.append(hearth(path, prompt, gen, threads))
            if gen:
                shares.append(ours[-1][1] * size / 1e9 / bandwidths[-1])
            if options.driver:
                theirs.append(other(options.driver, path, prompt, gen or 1, threads))
        line = f"{model:13} {threads} threads  prompt {prompt:4} {median(ours, 0):8.1f} tokens/s"
        if theirs:
            line += f" ({median(theirs, 0):7.1f}: {median(ours, 0) / median(theirs, 0):4.2f} x)"
        if gen:
            rate = median(ours, 1)
            line += f"   generation {rate:7.1f} tokens/s, {rate * size / 1e9:5.1f} of {statistics.median(bandwidths):.1f} GB/s"
            line += f" = {statistics.median(shares) * 100:.0f} % ({min(shares) * 100:.0f} to {max(shares) * 100:.0f})"
            if theirs:
                line += f" ({median(theirs, 1):6.1f}: {rate / median(theirs, 1):4.2f} x)"
        print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/engine.sh")
    parser.add_argument("--driver")
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--prompts", default="128,512")
    parser.add_argument("--gen", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", default="/tmp/hearth-bench")
    parser.add_argument("--busy", action="store_true")
    options = parser.parse_args()
    options.prompts = [int(p) for p in options.prompts.split(",")]
    os.makedirs(options.keep, exist_ok=True)
    bandwidth = os.path.join(options.keep, "bandwidth")
    subprocess.run(["cc", "-O2", "-march=native", "-pthread", "-o", bandwidth, "tests/bench/engine/bandwidth.c"], check=True)
    busy = subprocess.Popen(["sh", "-c", "while :; do :; done"]) if options.busy else None
    try:
        for threads in map(int, options.threads.split(",")):
            for model in options.models.split(","):
                shape, kind = model.split("-", 1)
                path = os.path.join(options.keep, model + ".gguf")
                if not os.path.exists(path):
                    make_model.write_model(path, make_model.SHAPES[shape], kind)
                measure(options, model, path, threads, bandwidth)
    finally:
        if busy:
            busy.kill()


if __name__ == "__main__":
    main()
