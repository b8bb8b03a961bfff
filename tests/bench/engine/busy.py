#!/usr/bin/env python3
"""Generation beside a foreign process that keeps one core busy, and undisturbed, in turn.

    tests/bench/engine/busy.py MODEL [--driver PROGRAM] [--threads 2] [--gen 64] [--rounds 5]

PROGRAM (see tests/bench/engine.sh) is measured the same way. The foreign process has the priority of the engine.
Prints tokens per second of each round, and the median share that is left. Needs `build`."""
import argparse
import json
import statistics
import subprocess

HEARTH = "build/gateway/hearth"


def output(command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout


def hearth(options):
    found = output([HEARTH, "bench", options.model, "-p", "0", "-n", str(options.gen), "-t", str(options.threads),
                    "-r", "1", "--json"])
    return json.loads(found)["tg_tokens_per_s"]


def other(options):
    words = output([options.driver, "bench", options.model, "p=1", f"n={options.gen}", f"threads={options.threads}",
                    "r=1"]).split()
    return float(words[words.index("tg") + 1])


def busy(measure, options):
    process = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    try:
        return measure(options)
    finally:
        process.kill()
        process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--driver")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--gen", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    engines = {"Hearth": hearth} | ({"other": other} if options.driver else {})
    shares = {name: [] for name in engines}
    for _ in range(options.rounds):
        for name, measure in engines.items():
            free, beside = measure(options), busy(measure, options)
            shares[name].append(beside / free)
            print(f"{name}: {free:.1f} tokens/s, beside a busy process {beside:.1f}: {beside / free:.2f}", flush=True)
    for name, values in shares.items():
        print(f"{name}: median {statistics.median(values):.2f}, {min(values):.2f} to {max(values):.2f}")


if __name__ == "__main__":
    main()
