#!/bin/sh
# Requests per second of the front door alone, with trivial handlers, measured by wrk (Debian package `wrk`).
#     tests/bench/http.sh [SECONDS]      default 5 per case; needs a build folder `build`
# wrk runs on the same machine and takes its share of the processors: say so beside the figures.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-5}
command -v wrk >/dev/null || { echo "tests/bench/http.sh: install the package wrk" >&2; exit 1; }
ninja -C build tests/bench/bench_http_server >/dev/null
temp=$(mktemp -d)
trap 'exec 3>&-; rm -rf "$temp"' EXIT
mkfifo "$temp/hold"
cat >"$temp/post.lua" <<'LUA'
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"model":"auto","messages":[{"role":"user","content":"' .. string.rep("word ", 400) .. '"}]}'
LUA
cat >"$temp/pipeline.lua" <<'LUA'
init = function(args)
    local one = wrk.format("GET", "/ping")
    many = string.rep(one, 16)
end
request = function() return many end
LUA
for workers in 1 2; do
    build/tests/bench/bench_http_server "$workers" <"$temp/hold" >"$temp/port" &
    exec 3>"$temp/hold"
    while [ ! -s "$temp/port" ]; do sleep 0.1; done
    base="http://127.0.0.1:$(cat "$temp/port")"
    measure() {
        name=$1; shift
        wrk -t1 -d"${seconds}s" --latency "$@" >"$temp/out"
        awk -v name="$name" -v workers="$workers" '
            /Requests\/sec/ {rps = $2} /50%/ {p50 = $2} /99%/ {p99 = $2}
            /Non-2xx|Socket errors/ {bad = " " $0}
            END {printf "%d worker(s)  %-34s %10s requests/s   p50 %-9s p99 %-9s%s\n", workers, name, rps, p50, p99, bad}' "$temp/out"
    }
    measure "GET, 1 connection" -c1 "$base/ping"
    measure "GET, 64 connections" -c64 "$base/ping"
    measure "GET, 64 connections, pipelined 16" -c64 -s "$temp/pipeline.lua" "$base/ping"
    measure "POST 2 KiB, echoed, 64 connections" -c64 -s "$temp/post.lua" "$base/echo"
    measure "64 events, 64 connections" -c64 "$base/stream"
    exec 3>&-
    wait
    : >"$temp/port"
done
