#!/usr/bin/env bash
# The page's three wasm packages: www/pkg the engine on WebGPU, www/pkg/cpu the one on the CPU,
# www/pkg/twins what Proof holds a device against.
source "$(dirname "$0")/lib.sh"
use_wasm_toolchain
scripts/page-deps.sh
mkdir -p target

build() { # FEATURE FOLDER NAME PROFILE WASM-OPT'S LEVEL
    # wasm-pack would download its own wasm-opt: the page's tools bring one. It takes a while, hence
    # the copy of what it was given last.
    wasm-pack build --target web --profile "$4" --no-opt --no-pack --out-dir "$2" --out-name "$3" \
        . -- --locked --features "$1"
    local wasm=$2/$3_bg.wasm given=target/$1-given.wasm smaller=target/$1-smaller.wasm
    if ! cmp -s "$wasm" "$given" || [ ! -f "$smaller" ]; then
        # Functions with one caller stay what they are: all in one another they gzip 8% worse. By
        # name, those made of the same source stand side by side: 2% better.
        www/node_modules/.bin/wasm-opt "$5" --one-caller-inline-max-function-size=0 \
            --reorder-functions-by-name --strip-debug --strip-producers "$wasm" -o "$smaller"
        cp "$wasm" "$given"
    fi
    cp "$smaller" "$wasm"
}

build engine www/pkg reverie web -Os
# The one whose own speed counts.
build cpu www/pkg/cpu cpu web-fast -O3
build twins www/pkg/twins twins web -Os
scripts/check-size.sh
