# Finding the loader and the driver by which the command sees the card.
# shellcheck shell=bash

# Leaves $WORK/on-card, the command with what it needs in its surroundings; fails where nothing shows the
# adapter. PyTorch is not to see any of it.
find_card() { # FOLDER ADAPTER
    local driver icd libraries files
    driver=$(find_file 'libGLX_nvidia.so.0')
    icd=${VK_DRIVER_FILES:-$(find_file 'nvidia_icd*.json')}
    for libraries in '' "$1/loaders" "$1/loaders:$1/x11" "$1/loaders:$1/x11:${driver%/*}"; do
        for files in '' "$icd"; do
            surround "$libraries" "$files"
            if sees "$2"; then return 0; fi
        done
    done
    return 1
}

# The first file of that name where drivers lie.
find_file() { # PATTERN
    local places=(/usr/local/nvidia /usr/share/vulkan /etc/vulkan /usr/lib /usr/local/lib /opt)
    find "${places[@]}" -name "$1" -print -quit 2>/dev/null || true
}

# Writes the command with its libraries before the system's, and its drivers, where any are named.
surround() { # LIBRARIES DRIVER-FILES
    {
        echo '#!/bin/sh'
        if [ -n "$1" ]; then echo "export LD_LIBRARY_PATH='$1'\"\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}\""; fi
        if [ -n "$2" ]; then echo "export VK_DRIVER_FILES='$2'"; fi
        echo "WGPU_BACKEND=vulkan exec '$WORK/reverie' \"\$@\""
    } >"$WORK/on-card"
    chmod +x "$WORK/on-card"
}

# Whether a pass runs on the adapter.
sees() { # ADAPTER
    local said
    said=$(timeout 30 "$WORK/on-card" bench --model www/models/digits --whole --seconds 0.01 2>&1) || true
    say "$(grep export "$WORK/on-card" | tr '\n' ' '): $(head -n 1 <<<"$said")"
    grep -q "$1.*(vulkan)" <<<"$said"
}
