#!/bin/sh
# Speed of the engine on random-weight models that it makes (tests/bench/engine/make_model.py), beside what this
# machine's memory allows and, if given, another engine in the same run.
#     tests/bench/engine.sh [--driver PROGRAM] [--models 1.1b-Q4_0,...] [--threads 1,2] [--prompts 128,512] [--gen 64]
#                           [--rounds 3] [--keep FOLDER] [--busy]
# PROGRAM is asked `PROGRAM bench MODEL p=128 n=64 threads=1 r=1` and answers `pp 12.3 tg 4.5` (tokens per second).
# --busy runs a process beside that keeps one core busy. Needs `build`, a C compiler and NumPy (python3-numpy).
set -eu
cd "$(dirname "$0")/../.."
ninja -C build gateway/hearth >/dev/null
exec /usr/bin/python3 tests/bench/engine/run.py "$@"
