#!/usr/bin/env bash
# A visitor downloads at most 300 kB of engine.
source "$(dirname "$0")/lib.sh"

limit=300000
wasm=www/pkg/reverie_bg.wasm
[ -f "$wasm" ] || die "$wasm is not there: make build"
size=$(gzip -9 -c "$wasm" | wc -c | tr -d ' ')
say "$wasm: $(wc -c <"$wasm" | tr -d ' ') bytes, gzipped $size of at most $limit"
[ "$size" -le "$limit" ] || die "the engine is $size bytes gzipped, more than $limit"

# Only those who compute on the CPU download this one.
cpu=www/pkg/cpu/cpu_bg.wasm
if [ -f "$cpu" ]; then say "$cpu: $(wc -c <"$cpu" | tr -d ' ') bytes, gzipped $(gzip -9 -c "$cpu" | wc -c | tr -d ' ')"; fi
