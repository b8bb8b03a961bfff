#!/bin/sh
# What Hearth adds in front of an upstream that answers at once: the same load straight at it and through Hearth,
# in turn, so that the ratio holds on a noisy machine. Everything is on: inspection, score, rules, permit, ledger.
#     tests/bench/gateway.sh [SECONDS] [ROUNDS]      defaults 5 and 3; needs `build` and the package wrk
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-5} rounds=${2:-3}
command -v wrk >/dev/null || { echo "tests/bench/gateway.sh: install the package wrk" >&2; exit 1; }
ninja -C build gateway/hearth tests/bench/fixed_upstream >/dev/null
temp=$(mktemp -d)
port=18301 upstream=18302
build/tests/bench/fixed_upstream $upstream & fixed=$!
cat >"$temp/hearth.yaml" <<YAML
listen: 127.0.0.1:$port
state: $temp/state
upstreams:
  - name: fixed
    kind: openai
    url: http://127.0.0.1:$upstream/v1
    zone: premises
    models: [{name: model, capability: 0.9, prices: {input: 1, output: 2}}]
rules:
  - {name: contracts-stay, when: {text: {regex: '(?i)\bnon-disclosure\b'}}, raise: {sensitivity: confidential}}
YAML
build/gateway/hearth serve --config "$temp/hearth.yaml" 2>"$temp/log" & hearth=$!
trap 'kill $fixed $hearth 2>/dev/null; wait 2>/dev/null; rm -rf "$temp"' EXIT
body() {
    cat <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"model":"auto","messages":[{"role":"user","content":"' .. string.rep("please compare the two offers and say which is cheaper over three years ", $1) .. '"}]}'
LUA
}
body 1 >"$temp/short.lua"
body 400 >"$temp/long.lua"
for i in 1 2 3 4 5 6 7 8 9 10; do
    curl -sf "http://127.0.0.1:$port/readyz" >/dev/null && break
    sleep 0.3
done
measure() { # name, script, connections, port
    wrk -t1 -c"$3" -d"${seconds}s" --latency -s "$2" "http://127.0.0.1:$4/v1/chat/completions" >"$temp/out"
    awk -v name="$1" '/Requests\/sec/ {rps = $2} /50%/ {p50 = $2} /99%/ {p99 = $2} /Non-2xx|Socket errors/ {bad = " " $0}
        END {printf "%-34s %9s requests/s   p50 %-9s p99 %-9s%s\n", name, rps, p50, p99, bad}' "$temp/out"
}
round=0
while [ $round -lt "$rounds" ]; do
    round=$((round + 1))
    echo "round $round"
    measure "  straight, 1 connection" "$temp/short.lua" 1 $upstream
    measure "  Hearth, 1 connection" "$temp/short.lua" 1 $port
    measure "  straight, 32 connections" "$temp/short.lua" 32 $upstream
    measure "  Hearth, 32 connections" "$temp/short.lua" 32 $port
    measure "  straight, 28 KB body, 1 connection" "$temp/long.lua" 1 $upstream
    measure "  Hearth, 28 KB body, 1 connection" "$temp/long.lua" 1 $port
done
curl -s "http://127.0.0.1:$port/metrics" | awk '/^hearth_gateway_overhead_seconds_sum/ {s = $2}
    /^hearth_gateway_overhead_seconds_count/ {n = $2} END {printf "body complete to target asked: %.0f us on average\n", s / n * 1e6}'
