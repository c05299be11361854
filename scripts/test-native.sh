#!/usr/bin/env bash
# Every native test, on whatever GPU Vulkan, Metal or DirectX offers, a software one included.
source "$(dirname "$0")/lib.sh"

use_native_toolchain
cargo test --locked "$@"
