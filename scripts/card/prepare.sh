# What a machine with a card lacks, into one folder.
# shellcheck shell=bash

# Vulkan's loader, and the loaders that a driver's libraries may lean on.
LOADERS=(libvulkan1 libegl1 libglvnd0 libopengl0 libgl1 libglx0 libgles2)
# What libGLX_nvidia.so may want besides, where no display was ever thought of.
X11=(libx11-6 libxext6 libxcb1 libxau6 libxdmcp6 libbsd0 libmd0)

prepare() { # FOLDER
    rm -rf "$1/loaders" "$1/x11" "$1/wheels"
    mkdir -p "$1/loaders" "$1/x11" "$1/wheels"
    local folder
    folder=$(cd "$1" && pwd -P)
    use_native_toolchain
    cargo build --release --locked
    cp "${CARGO_TARGET_DIR:-target}/release/reverie" "$folder/reverie"
    strip "$folder/reverie"
    libraries "$folder/loaders" "${LOADERS[@]}"
    libraries "$folder/x11" "${X11[@]}"
    local diffusers
    diffusers=$(grep '^diffusers==' train/requirements.lock)
    "${PYTHON:-python3}" -m pip download --quiet --no-deps --dest "$folder/wheels" "$diffusers"
    du -sh "$folder"
}

# The libraries of Debian's packages for x86-64, each by the name that it is loaded by. With package lists of
# their own, whatever this machine is.
libraries() { # FOLDER PACKAGE...
    local lists=$ROOT/target/apt folder=$1 debs library
    debs=$(mktemp -d)
    shift
    mkdir -p "$lists/partial"
    local apt=(apt-get -qq -oAPT::Architecture=amd64 -oAPT::Architectures=amd64 -oDir::State::Lists="$lists")
    if ! compgen -G "$lists/*Packages*" >/dev/null; then "${apt[@]}" update; fi
    (cd "$debs" && "${apt[@]}" download "$@" && for deb in *.deb; do dpkg -x "$deb" .; done)
    find "$debs" -name '*.so.?' | while read -r library; do cp -L "$library" "$folder/"; done
    rm -rf "$debs"
}
