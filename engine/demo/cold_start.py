"""How long a first answer takes: from exec of `hearth serve`, with no configuration, to the end of the
first answered request.

    python3 engine/demo/cold_start.py build/gateway/hearth --runs 10

Each run has a fresh, empty working folder and home; --evict asks the kernel to forget the program and the
model file first. The default port must be free (`unshare -rn` gives a network of its own, see --help).
"""
import argparse
import http.client
import json
import os
import statistics
import subprocess
import tempfile
import time

ADDRESS = ("127.0.0.1", 8080)
BODY = json.dumps({"model": "auto", "temperature": 0, "messages": [
    {"role": "user", "content": "Is this positive, negative or neutral? The soup was cold and the waiter was rude."}]})


def evict(path):
    """Asks for the pages of `path` to be dropped from the cache."""
    fd = os.open(path, os.O_RDONLY)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def ask():
    """The answer, or None while nobody listens or it is not ready."""
    connection = http.client.HTTPConnection(*ADDRESS, timeout=10)
    try:
        connection.request("POST", "/v1/chat/completions", BODY, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        text = reply.read()
        return json.loads(text)["choices"][0]["message"]["content"] if reply.status == 200 else None
    except OSError:
        return None
    finally:
        connection.close()


def measure(program):
    """Seconds to the first answer, and the answer."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {"PATH": "/usr/bin:/bin", "HOME": folder, "XDG_RUNTIME_DIR": folder, "XDG_STATE_HOME": folder}
        with open(os.path.join(folder, "log"), "w", encoding="utf-8") as log:
            begin = time.monotonic()
            server = subprocess.Popen([program, "serve"], cwd=folder, env=environment, stdout=log, stderr=log)
            try:
                answer = None
                while answer is None and time.monotonic() - begin < 30 and server.poll() is None:
                    answer = ask()
                    if answer is None:
                        time.sleep(0.002)
                seconds = time.monotonic() - begin
            finally:
                server.terminate()
                server.wait(30)
        if answer is None:
            with open(os.path.join(folder, "log"), encoding="utf-8") as log:
                raise SystemExit("no answer within 30 s:\n" + log.read())
    return seconds, answer


def main():
    p = argparse.ArgumentParser(description="time from exec to the first answer",
                                epilog="a network of its own: unshare -rn sh -c 'ip link set lo up; exec python3 ...'")
    p.add_argument("program")
    p.add_argument("--runs", type=int, default=10)
    p.add_argument("--evict", metavar="MODEL", help="drop the program and this file from the page cache before each run")
    args = p.parse_args()
    times = []
    for _ in range(args.runs):
        for path in [args.program, args.evict] if args.evict else []:
            evict(path)
        seconds, answer = measure(os.path.abspath(args.program))
        times.append(1000 * seconds)
    print(f"{args.runs} runs: fastest {min(times):.0f} ms, median {statistics.median(times):.0f} ms, "
          f"slowest {max(times):.0f} ms; the answer was {answer!r}")


if __name__ == "__main__":
    main()
