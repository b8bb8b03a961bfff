#!/bin/sh
# What idle and slow clients cost: memory per idle connection, and what they do to the requests of others.
#     tests/bench/http_idle.sh [IDLE [SLOW]]      default 9000 idle and 1000 slow; needs `build` and wrk
set -eu
cd "$(dirname "$0")/../.."
idle=${1:-9000} slow=${2:-1000}
command -v wrk >/dev/null || { echo "tests/bench/http_idle.sh: install the package wrk" >&2; exit 1; }
ulimit -n "$(ulimit -Hn)"
ninja -C build tests/bench/bench_http_server tests/bench/bench_http_idle >/dev/null
temp=$(mktemp -d)
trap 'exec 3>&- 4>&-; rm -rf "$temp"' EXIT
mkfifo "$temp/server_in" "$temp/clients_in"
build/tests/bench/bench_http_server 2 <"$temp/server_in" >"$temp/port" &
server=$!
exec 3>"$temp/server_in"
while [ ! -s "$temp/port" ]; do sleep 0.1; done
port=$(cat "$temp/port")
rss() { awk '/VmRSS/ {print $2}' "/proc/$server/status"; }
healthy() {
    wrk -t1 -c8 -d5s --latency "http://127.0.0.1:$port/ping" |
        awk -v when="$1" '/Requests\/sec/ {r = $2} /50%/ {a = $2} /99%/ {b = $2}
            END {printf "healthy clients %s: %s requests/s, p50 %s, p99 %s\n", when, r, a, b}'
}
healthy "alone"
before=$(rss)
build/tests/bench/bench_http_idle "$port" "$idle" "$slow" <"$temp/clients_in" >"$temp/clients" &
clients=$!
exec 4>"$temp/clients_in"
while ! grep -q ready "$temp/clients"; do sleep 0.2; done
sleep 1
after=$(rss)
echo "$idle idle and $slow slow connections: $(( (after - before) * 1024 / (idle + slow) )) bytes each"
healthy "beside them"
sleep 8
exec 4>&-
wait "$clients"
echo "slow ones refused: $(tail -1 "$temp/clients")"
exec 3>&-
wait "$server"
