# The measurement: each part a process of its own, so that one that fails takes no other with it.
# shellcheck shell=bash
source "$ROOT/scripts/card/vulkan.sh"

run() { # FOLDER OUT
    local folder
    folder=$(cd "$1" && pwd -P)
    mkdir -p "$2"
    OUT_FOLDER=$(cd "$2" && pwd -P)
    WORK=$(mktemp -d)
    trap 'rm -rf "$WORK"' EXIT
    exec > >(tee "$OUT_FOLDER/card.log") 2>&1
    export TORCHINDUCTOR_CACHE_DIR=$WORK/inductor TRITON_CACHE_DIR=$WORK/triton
    export HF_HUB_OFFLINE=1 PYTHONPATH=$ROOT/train:$WORK/site${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1
    PYTHON=${PYTHON:-python3}
    DEVICE=${DEVICE:-cuda}
    # A copy, since what travels may lose its mode.
    install -m 755 "$folder/reverie" "$WORK/reverie"
    for wheel in "$folder"/wheels/*.whl; do "$PYTHON" -m zipfile -e "$wheel" "$WORK/site"; done

    began=$(date +%s)
    local budget=${BUDGET:-230}
    local card=true
    find_card "$folder" "${ADAPTER:-NVIDIA}" || {
        card=false
        stopped "no set-up of loader and driver shows an adapter called ${ADAPTER:-NVIDIA}"
    }
    part networks $((budget / 4))
    compile_ahead $((budget * 4 / 10 - $(elapsed)))
    if $card; then part parity $((budget / 4)); fi
    await_compilers
    if $card; then part bench $((budget * 3 / 10)); fi
    part eager $((budget * 2 / 10))
    part compiled $((budget - $(elapsed) - 8))
    "$PYTHON" -m reverie_train.on_card report --work "$WORK" --out "$OUT_FOLDER"
    cat "$OUT_FOLDER/card.md"
    say "$(elapsed) s in all"
}

elapsed() { echo $(($(date +%s) - began)); }

# A line for the report's list of what failed.
stopped() {
    echo "$*" | tee -a "$WORK/stopped"
}

# Runs a part for so many seconds at the most; it begins nothing new in the last ones.
part() { # NAME SECONDS
    local until
    until=$(($(date +%s) + $2 - 5))
    call_part "$1" "$2" --until "$until" || stopped "$1: stopped before its end ($?), after $(elapsed) s"
}

call_part() { # NAME SECONDS ARGUMENT...
    local name=$1 seconds=$2
    shift 2
    timeout "$seconds" "$PYTHON" -m reverie_train.on_card "$name" --work "$WORK" --device "$DEVICE" \
        --binary "$WORK/on-card" --adapter "${ADAPTER:-NVIDIA}" --batches "${BATCHES:-1,16}" \
        --seconds "${SECONDS_EACH:-1}" --warmups "${WARMUPS:-20}" --passes "${PASSES:-100}" "$@"
}

# While nothing is timed: torch.compile takes longer than all the timing, and keeps what it makes.
compile_ahead() { # SECONDS
    COMPILERS=()
    local only
    for only in digits/f32 c/f32 digits/tf32 c/tf32; do
        call_part warm "$1" --only "$only" >"$WORK/warm-${only/\//-}.log" 2>&1 &
        COMPILERS+=($!)
    done
}

# A timing beside the compilers would not count.
await_compilers() {
    local id
    for id in "${COMPILERS[@]}"; do
        wait "$id" || stopped "warm: a compiler was stopped before its end ($?), after $(elapsed) s"
    done
    tail -n 2 "$WORK"/warm-*.log
    say "compiled ahead after $(elapsed) s"
}
