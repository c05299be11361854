#!/usr/bin/env bash
# Formatting and lints, natively and for wasm.
source "$(dirname "$0")/lib.sh"

use_native_toolchain
cargo fmt --check
cargo clippy --locked --all-targets -- -D warnings
use_wasm_toolchain
cargo clippy --locked --target "$WASM_TARGET" --all-targets -- -D warnings
for feature in engine cpu twins; do
    cargo clippy --locked --target "$WASM_TARGET" --lib --features $feature -- -D warnings
done
if have shellcheck; then shellcheck -x -P scripts scripts/*.sh scripts/setup/*.sh .ci/run; fi
