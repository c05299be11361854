#!/usr/bin/env bash
# The engine beside PyTorch on one NVIDIA card, on a machine that has no compiler and no network:
# card.sh prepare FOLDER: gathers in FOLDER what such a machine lacks: the command, Vulkan's loader, diffusers.
# card.sh run FOLDER OUT: measures there, within four minutes, and writes OUT/card.json, card.md and card.log.
# A rehearsal without a card: ADAPTER=llvmpipe DEVICE=cpu BATCHES=1,2 SECONDS_EACH=0.02 WARMUPS=1 PASSES=2.
source "$(dirname "$0")/lib.sh"
source scripts/card/prepare.sh
source scripts/card/run.sh

usage='usage: scripts/card.sh prepare FOLDER, or scripts/card.sh run FOLDER OUT'
case ${1:-} in
prepare) prepare "${2:?$usage}" ;;
run) run "${2:?$usage}" "${3:?$usage}" ;;
*) die "$usage" ;;
esac
