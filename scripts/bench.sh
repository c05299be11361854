#!/usr/bin/env bash
# The benchmarks of docs/benchmark.md: ours beside onnxruntime-web and TensorFlow.js in two browsers, and natively.
# The networks as ONNX come from train/, in the Python that is active. Arguments go to run.mjs.
source "$(dirname "$0")/lib.sh"

nets=target/bench
if [ ! -f $nets/a/model.onnx ]; then
    PYTHONPATH=train python3 -m reverie_train contenders --out $nets \
        bench/nets/*.json www/models/digits www/models/portraits
fi
scripts/build-wasm.sh
(cd bench && npm ci --silent --no-audit --no-fund)

chrome=$(find_chrome) || die "no Chromium or Chrome"
firefox=$(find_firefox) || die "no Firefox"
(cd bench && node run.mjs --browser "$chrome" --json ../docs/bench/chromium.json "$@")
if lavapipe=$(find_lavapipe); then export VK_DRIVER_FILES=$lavapipe; fi
(cd bench && node run.mjs --firefox --browser "$firefox" --batch 1 \
    --contenders reverie-webgpu,reverie-cpu,ort-wasm-1,tfjs-webgpu --json ../docs/bench/firefox.json)

unset VK_DRIVER_FILES
use_native_toolchain
cargo build --release --locked
for backend in gpu cpu; do
    target/release/reverie bench --backend $backend --output docs/bench/native-$backend.json \
        --model bench/nets/a.json --model bench/nets/c.json --model digits --model portraits
done
target/release/reverie bench --model digits --curves docs/bench/curves.json
