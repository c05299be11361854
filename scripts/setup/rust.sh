# A Rust that compiles to wasm32: rustup's, or where rustup's server is out of reach, the one Debian
# builds Firefox and Chromium with.
# shellcheck shell=bash

DISTRO_PACKAGES=(rustc-web cargo-web rust-web-src rust-web-llvm rust-web-clippy rustfmt-web)

# Whether a toolchain compiles and links a wasm test program, library and linker and all.
links_wasm() { # TOOLCHAIN
    has_wasm_target "$1" || return 1
    mkdir -p target
    printf '#[test]\nfn probe() {}\n' >target/probe.rs
    RUSTUP_TOOLCHAIN=$1 rustc --edition 2024 --test --target "$WASM_TARGET" \
        -o target/probe.wasm target/probe.rs 2>target/probe.log
}

check_rust() { # TOOLCHAIN
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(RUSTUP_TOOLCHAIN=$1 rustc --version | cut -d' ' -f2)
    [ "$(printf '%s\n%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1)" = "$wanted" ] ||
        die "Rust $found is too old, $wanted is needed: rustup update stable"
    local component
    for component in cargo-fmt cargo-clippy; do
        [ -x "$(RUSTUP_TOOLCHAIN=$1 rustc --print sysroot)/bin/$component" ] && continue
        rustup component add --toolchain "$1" rustfmt clippy || die "$component is missing"
    done
}

# Compiles the standard library for wasm32 from Debian's sources, into Debian's toolchain.
build_distro_std() {
    local dir lib
    dir=$(mktemp -d)
    lib=$(/usr/bin/rustc --print sysroot)/lib/rustlib/$WASM_TARGET/lib
    say "compiling the standard library for $WASM_TARGET into $lib"
    mkdir -p "$dir/src"
    printf '[package]\nname = "std_for_wasm"\nedition = "2024"\n' >"$dir/Cargo.toml"
    printf '#![no_std]\n' >"$dir/src/lib.rs"
    # RUSTC_BOOTSTRAP lets a stable compiler use -Z; nothing else here needs it. `test` is the crate
    # that every `cargo test` links.
    (
        cd "$dir"
        RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc CARGO_TARGET_DIR=$dir/target RUSTUP_TOOLCHAIN='' \
            /usr/bin/cargo build --release -Z build-std=std,panic_abort,test --target "$WASM_TARGET"
    ) >"$dir/log" 2>&1 || {
        tail -n 20 "$dir/log" >&2
        die "the standard library did not compile"
    }
    rm -rf "$lib"
    mkdir -p "$lib"
    cp "$dir/target/$WASM_TARGET/release/deps/"*.rlib "$lib/"
    rm -f "$lib"/libstd_for_wasm-*.rlib
    rm -rf "$dir"
}

setup_distro_rust() {
    local missing=() package
    have dpkg-query || die "no $WASM_TARGET: 'rustup target add $WASM_TARGET' failed, and this is no Debian"
    for package in "${DISTRO_PACKAGES[@]}"; do
        [[ $(dpkg-query -Wf '${Status}' "$package" 2>/dev/null) == *"ok installed" ]] || missing+=("$package")
    done
    if [ ${#missing[@]} -gt 0 ]; then
        [ "$(id -u)" = 0 ] || die "no $WASM_TARGET: 'rustup target add $WASM_TARGET' failed, and only root can put Debian's compiler in its place: as root, make setup"
        apt_install "${missing[@]}"
    fi
    # The packages only recommend the linker that rust-lld is a link to.
    local linker
    linker=$(readlink /usr/bin/rust-lld || true)
    if ! have "${linker:-lld}"; then apt_install "${linker:-lld}"; fi
    rustup toolchain list | grep -q "^$DISTRO_TOOLCHAIN\b" || rustup toolchain link "$DISTRO_TOOLCHAIN" /usr
    # Also after an update of the packages: a library of another version does not link.
    links_wasm "$DISTRO_TOOLCHAIN" || build_distro_std
    links_wasm "$DISTRO_TOOLCHAIN" || {
        cat target/probe.log >&2
        die "Debian's Rust does not link for $WASM_TARGET"
    }
}

add_wasm_target() { # TOOLCHAIN
    have rustup || die "this Rust lacks $WASM_TARGET: install that, or Rust from https://rustup.rs"
    say "adding $WASM_TARGET to $1"
    local patience=()
    if have timeout; then patience=(timeout 180); fi
    if ! "${patience[@]}" rustup target add --toolchain "$1" "$WASM_TARGET" || ! links_wasm "$1"; then
        say "that failed; falling back to Debian's compiler for wasm"
        return 1
    fi
}

# A plain `cargo` or `wasm-pack` in this folder is to find the target too.
activate() { # TOOLCHAIN, or nothing for the person's own
    have rustup || return 0
    local active
    active=$(rustup override list | awk -F' *\t *' -v root="$ROOT" '{ sub(/ +$/, "") } $1 == root { print $2 }')
    if [ "$1" = "$active" ]; then return 0; fi
    if [ -n "$1" ]; then
        rustup override set "$1" 2>/dev/null
        say "rustup: this folder uses the toolchain '$1' now"
    elif [ "$active" = "$DISTRO_TOOLCHAIN" ]; then
        rustup override unset 2>/dev/null
    fi
}

setup_rust() {
    have cargo || die "Rust is missing: https://rustup.rs"
    use_native_toolchain
    local native=${RUSTUP_TOOLCHAIN-}
    check_rust "$native"
    if links_wasm "$native"; then
        activate ''
    elif links_wasm "$DISTRO_TOOLCHAIN"; then
        activate "$DISTRO_TOOLCHAIN"
    elif ! add_wasm_target "$native"; then
        setup_distro_rust
        activate "$DISTRO_TOOLCHAIN"
    fi
}
