#!/usr/bin/env python3
"""Parallel streaming requests against `hearth serve`, beside another server that speaks the same dialect.

    tests/bench/engine/streams.py MODEL [--other "llama-server -m {model} --port {port} -t {threads} -np {streams} ..."]
                                  [--streams 1,4,8] [--prompt 128] [--gen 64] [--threads 2] [--rounds 3]

All streams of a round start at once, each with a prompt of its own. Servers take turns, each with as many places as
there are streams. Figures: tokens that all streams got together per second, from the first request to the last token,
prompts included; median and latest time to a first token. Needs `build`; MODEL as made by make_model.py (in its
vocabulary a letter is a token)."""
import argparse
import http.client
import json
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HEARTH = "build/gateway/hearth"
CONFIG = """listen: 127.0.0.1:{port}
state: {folder}/state
engine:
  models:
    - {{name: model, path: {model}, sequences: {streams}, context: {context}, threads: {threads}, speculation: {{tokens: 0}}}}
"""


class Stream(threading.Thread):
    def __init__(self, port, body):
        super().__init__()
        self.port, self.body = port, body
        self.first = self.last = None
        self.tokens = 0
        self.error = None

    def run(self):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
            connection.request("POST", "/v1/completions", json.dumps(self.body), {"Content-Type": "application/json"})
            self.read(connection.getresponse())
        except Exception as problem:  # told by the main thread
            self.error = problem

    def read(self, response):
        if response.status != 200:
            raise RuntimeError(f"status {response.status}: {response.read(500)!r}")
        for line in response:
            if not line.startswith(b"data: {"):
                continue
            event = json.loads(line[6:])
            if any(choice.get("text") for choice in event.get("choices", [])):
                self.first = self.first or time.monotonic()
                self.last = time.monotonic()
            if event.get("usage"):
                self.tokens = event["usage"]["completion_tokens"]


def measure(options, port, streams, seed):
    """Tokens per second, and the times to first tokens."""
    pick = random.Random(seed)
    bodies = [{
        "model": "model", "stream": True, "stream_options": {"include_usage": True}, "max_tokens": options.gen,
        "prompt": "".join(pick.choices("abcdefghijklmnopqrst", k=options.prompt)),
        "temperature": 1.0, "top_k": 40, "top_p": 0.95, "seed": pick.randrange(1 << 30), "logit_bias": {"2": -100},
    } for _ in range(streams)]
    threads = [Stream(port, body) for body in bodies]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for thread in threads:
        if thread.error or not thread.first or thread.tokens != options.gen:
            sys.exit(f"a stream failed: {thread.error}, {thread.tokens} tokens")
    seconds = max(thread.last for thread in threads) - start
    return streams * options.gen / seconds, sorted(thread.first - start for thread in threads)


def wait_until_ready(port, server):
    for _ in range(600):
        if server.poll() is not None:
            sys.exit("a server ended before it was ready")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/v1/models")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit("a server was not ready within a minute")


def start(command, port):
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until_ready(port, server)
    return server


def compare(options, streams, folder):
    context = options.prompt + options.gen + 64
    values = {"model": options.model, "threads": options.threads, "streams": streams, "context": context,
              "total": context * streams, "folder": folder}
    config = f"{folder}/hearth-{streams}.yaml"
    with open(config, "w", encoding="utf-8") as file:
        file.write(CONFIG.format(port=18401, **values))
    servers = {"Hearth": (18401, [HEARTH, "serve", "--config", config])}
    if options.other:
        servers["other"] = (18402, shlex.split(options.other.format(port=18402, **values)))
    running = [start(command, port) for port, command in servers.values()]
    found = {name: [] for name in servers}
    try:
        for turn in range(options.rounds + 1):
            for name, (port, _) in servers.items():
                result = measure(options, port, streams, turn)
                if turn > 0:  # the first one warms up
                    found[name].append(result)
    finally:
        for server in running:
            server.terminate()
            server.wait()
    line = f"{streams} streams"
    for name, results in found.items():
        rate = statistics.median(r[0] for r in results)
        first = statistics.median(statistics.median(r[1]) for r in results)
        latest = statistics.median(r[1][-1] for r in results)
        line += f"   {name} {rate:.1f} tokens/s, first after {first:.2f} s (latest {latest:.2f})"
    if options.other:
        ratios = [ours[0] / theirs[0] for ours, theirs in zip(found["Hearth"], found["other"])]
        line += f"   {statistics.median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"
    print(line, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--other")
    parser.add_argument("--streams", default="1,4,8")
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--gen", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for streams in map(int, options.streams.split(",")):
            compare(options, streams, folder)


if __name__ == "__main__":
    main()
