#!/usr/bin/env bash
# The engine as a package for the page: www/pkg.
source "$(dirname "$0")/lib.sh"
use_wasm_toolchain

# wasm-pack would download its own wasm-opt: the page's tools bring one. It takes a while, hence the
# copy of what it was given last.
wasm-pack build --target web --profile web --no-opt --no-pack --out-dir www/pkg --out-name reverie \
    . -- --locked

scripts/page-deps.sh
wasm=www/pkg/reverie_bg.wasm given=target/engine-given.wasm smaller=target/engine-smaller.wasm
mkdir -p target
if ! cmp -s "$wasm" "$given" || [ ! -f "$smaller" ]; then
    www/node_modules/.bin/wasm-opt -Os --strip-debug --strip-producers "$wasm" -o "$smaller"
    cp "$wasm" "$given"
fi
cp "$smaller" "$wasm"
scripts/check-size.sh
