#!/usr/bin/env bash
# Digits learned from nothing, then adapted to another user's hand: by the last layer alone, and by matrices of low rank.
# Wants scripts/setup --torch, and Portfire built and installed as scripts/demo does it.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=build/personalize-data portfire=build/release/portfire run=build/personalize/personalize
.venv/bin/python examples/personalize/prepare.py $folder
cmake -G Ninja -S examples/personalize -B build/personalize -DCMAKE_PREFIX_PATH="$PWD/build/install" >/dev/null
cmake --build build/personalize | tail -1
train() { $portfire compile $folder/digits.pt2 --train --loss cross_entropy --optimizer adamw "$@"; }

printf '\n== from nothing ==\n'
train -o $folder/digits.train.pte
$run $folder/digits.train.pte $folder/train $folder/test 30 0.002 $folder/digits.ptd

printf '\n== another hand: the last layer ==\n'
train --weights $folder/digits.ptd -o $folder/head.train.pte --trainable 'head.*'
$run $folder/head.train.pte $folder/user_train $folder/user_test 30 0.005 $folder/head.ptd

printf '\n== another hand: LoRA ==\n'
train --weights $folder/digits.ptd -o $folder/lora.train.pte --lora '*.weight' --rank 4 --alpha 8
$run $folder/lora.train.pte $folder/user_train $folder/user_test 30 0.005 $folder/lora.ptd
