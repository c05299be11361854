# Sourced by every script here: where things are, how they speak, which compiler builds what.
# shellcheck shell=bash
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT"

say() { printf '    %s\n' "$*"; }
die() {
    printf '\nerror: %s\n' "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# Nothing may depend on what a login shell puts on the PATH. Tools that would disturb a person's
# own, newer or older, ones live in a cache of their own that every checkout shares.
TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/reverie/tools
export PATH="$TOOLS/bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"

WASM_TARGET=wasm32-unknown-unknown
# The rustup name of the distribution's compiler, where the set-up had to fall back on that.
DISTRO_TOOLCHAIN=web

# The compiler for everything native: the one that is active here, unless that is the fallback for
# wasm, which the set-up makes active so that a plain `wasm-pack test` finds its target.
native_toolchain() {
    have rustup || return 0
    local active
    active=$(rustup show active-toolchain 2>/dev/null | cut -d' ' -f1)
    if [ -z "$active" ] || [ "$active" = "$DISTRO_TOOLCHAIN" ]; then
        active=$(rustup default 2>/dev/null | cut -d' ' -f1)
    fi
    printf '%s' "$active"
}

has_wasm_target() { # TOOLCHAIN
    local sysroot
    sysroot=$(RUSTUP_TOOLCHAIN=$1 rustc --print sysroot 2>/dev/null) || return 1
    compgen -G "$sysroot/lib/rustlib/$WASM_TARGET/lib/libstd-*.rlib" >/dev/null
}

use_native_toolchain() {
    local toolchain
    toolchain=$(native_toolchain)
    if [ -n "$toolchain" ]; then export RUSTUP_TOOLCHAIN=$toolchain; fi
}

use_wasm_toolchain() {
    use_native_toolchain
    if ! has_wasm_target "${RUSTUP_TOOLCHAIN-}" && has_wasm_target "$DISTRO_TOOLCHAIN"; then
        export RUSTUP_TOOLCHAIN=$DISTRO_TOOLCHAIN
        # Two compilers in one folder would keep rebuilding each other's build scripts.
        export CARGO_TARGET_DIR=$ROOT/target/$DISTRO_TOOLCHAIN-toolchain
    fi
}

# The first of some commands that exists, as a path.
first_of() {
    local name
    for name; do
        if command -v "$name" 2>/dev/null; then return 0; fi
    done
    return 1
}

find_chrome() {
    first_of "${CHROMIUM:-google-chrome-stable}" google-chrome chromium chromium-browser \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
}

find_firefox() {
    first_of firefox firefox-esr /Applications/Firefox.app/Contents/MacOS/firefox
}

# Mesa's software Vulkan driver, as VK_DRIVER_FILES names it.
find_lavapipe() {
    local file found=''
    for file in /usr/share/vulkan/icd.d/lvp_icd*.json /usr/local/share/vulkan/icd.d/lvp_icd*.json; do
        if [ -f "$file" ]; then found+=${found:+:}$file; fi
    done
    [ -n "$found" ] && printf '%s\n' "$found"
}
