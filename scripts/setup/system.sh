# What only the system's package manager can give: browsers, their drivers, a software GPU.
# shellcheck shell=bash

has_library() { # NAME
    # Not `ldconfig -p | grep -q`: grep would close the pipe early, which pipefail takes for a failure.
    [[ $(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null) == *"$1"* ]]
}

# Prints Debian's names of the packages that are missing.
missing_packages() { # build|test
    have cc || echo gcc libc6-dev
    [ "$1" = test ] || return 0
    # Any Chrome does; its driver has to be of the same version, so it comes from the same hands. For
    # Google's Chrome wasm-pack fetches the driver itself.
    local chrome
    if ! chrome=$(find_chrome); then
        echo chromium chromium-driver
    elif [[ $chrome == *chromium* ]] && ! have chromedriver; then
        echo chromium-driver
    fi
    find_firefox >/dev/null || echo firefox-esr
    # Firefox and the native tests compute on Vulkan; Chromium brings its own software adapter.
    has_library libvulkan.so.1 || echo libvulkan1
    find_lavapipe >/dev/null || echo mesa-vulkan-drivers
}

apt_install() { # PACKAGE...
    say "installing with apt-get: $*"
    mkdir -p target
    local log=target/apt.log
    export DEBIAN_FRONTEND=noninteractive
    if ! { apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "apt-get could not install: $*"
    fi
}

check_node() {
    if ! have node || ! have npm; then
        die "Node.js 20.19 or newer with npm is missing: https://nodejs.org"
    fi
    node -e 'const [a, b] = process.versions.node.split(".").map(Number)
        process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' ||
        die "Node.js $(node --version) is too old for the page's tools: 20.19, or 22.12 and newer"
}

setup_system() { # build|test
    check_node
    if [ "$(uname)" = Darwin ]; then
        have cc || die "a C compiler is missing: xcode-select --install"
        [ "$1" = test ] || return 0
        find_chrome >/dev/null || die "install Google Chrome: https://www.google.com/chrome/"
        find_firefox >/dev/null || die "install Firefox: https://www.mozilla.org/firefox/"
        return 0
    fi
    local packages
    mapfile -t packages < <(missing_packages "$1" | tr ' ' '\n')
    [ ${#packages[@]} -gt 0 ] || return 0
    have apt-get || die "missing, by Debian's names: ${packages[*]}. Install them with this system's package manager"
    [ "$(id -u)" = 0 ] || die "missing, and only root can install it:
    sudo apt-get install --no-install-recommends ${packages[*]}"
    apt_install "${packages[@]}"
}
