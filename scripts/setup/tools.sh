# Command-line tools from crates.io: wasm-pack, wasm-bindgen's, Firefox's driver.
# shellcheck shell=bash

# wasm-bindgen's tools have to be of the version that the crate is locked to.
locked_version() { # CRATE
    awk -v name="\"$1\"" '$1 == "name" { found = $3 == name } found && $1 == "version" { gsub(/"/, "", $3); print $3; exit }' Cargo.lock
}

version_of() { # COMMAND
    "$1" --version 2>/dev/null | awk 'NR == 1 { print $2 }'
}

at_least() { # VERSION MINIMUM
    [ -n "$1" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}

cargo_install() { # COMMAND CRATE VERSION [OPTION...]
    local command=$1 crate=$2 version=$3
    shift 3
    local root=()
    # A person's own version stays as it is: ours goes beside it, where only these scripts look.
    if have "$command"; then root=(--root "$TOOLS"); fi
    say "installing $crate $version with cargo (a few minutes)"
    mkdir -p "$TOOLS"
    local log=$TOOLS/$crate.log
    # The three share dependencies, hence one build folder. A lock file can name versions that a
    # registry does not have (yet or any more): then cargo chooses.
    (
        cd /
        export CARGO_TARGET_DIR=$TOOLS/build
        # Fast enough tools, in half the time.
        export CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off
        cargo install --locked "${root[@]}" "$crate" --version "=$version" "$@" ||
            cargo install "${root[@]}" "$crate" --version "=$version" "$@"
    ) >"$log" 2>&1 || {
        tail -n 30 "$log" >&2
        die "cargo could not install $crate $version"
    }
}

setup_tools() { # build|test
    use_native_toolchain
    local bindgen
    bindgen=$(locked_version wasm-bindgen)
    # Custom profiles came with 0.14.
    at_least "$(version_of wasm-pack)" 0.14.0 || cargo_install wasm-pack wasm-pack 0.15.1
    # The test runner speaks plain HTTP to a driver on this machine: it needs no TLS.
    if [ "$(version_of wasm-bindgen)" != "$bindgen" ] || ! have wasm-bindgen-test-runner; then
        cargo_install wasm-bindgen wasm-bindgen-cli "$bindgen" --no-default-features \
            --bin wasm-bindgen --bin wasm-bindgen-test-runner
    fi
    if [ "$1" = test ]; then
        at_least "$(version_of geckodriver)" 0.36.0 || cargo_install geckodriver geckodriver 0.37.1
    fi
    rm -rf "$TOOLS/build"
}
