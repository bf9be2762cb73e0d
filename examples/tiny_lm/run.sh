#!/usr/bin/env bash
# A small Llama learns the text of this machine's documentation, byte by byte, and writes some.
# Wants scripts/setup --torch, and Portfire built and installed as scripts/demo does it. Usage: run.sh [STEPS]
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=build/tiny_lm-data
.venv/bin/python examples/tiny_lm/prepare.py $folder 50 2>/dev/null
cmake -G Ninja -S examples/tiny_lm -B build/tiny_lm -DCMAKE_PREFIX_PATH="$PWD/build/install" >/dev/null
cmake --build build/tiny_lm | tail -1
build/release/portfire compile $folder/lm.pt2 -o $folder/lm.train.pte --train --loss cross_entropy --class-dim -1 --optimizer adamw --clip-norm 1
build/tiny_lm/tiny_lm $folder/lm.train.pte $folder/text.bin "${1:-600}" $folder/lm.ptd $folder/losses.txt
