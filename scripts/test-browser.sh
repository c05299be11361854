#!/usr/bin/env bash
# test-browser.sh chrome|firefox [OPTION...]: the wasm tests in a real browser with real WebGPU.
# Both take a software adapter, so that the tests are the same everywhere: Chromium by its flags in
# webdriver.json, Firefox where Mesa's is the one driver that Vulkan sees.
source "$(dirname "$0")/lib.sh"
use_wasm_toolchain

browser=$1
shift
case $browser in
    chrome) driver=chromedriver ;;
    firefox)
        driver=geckodriver
        if lavapipe=$(find_lavapipe); then export VK_DRIVER_FILES=$lavapipe; fi
        ;;
    *) die "neither chrome nor firefox: $browser" ;;
esac
options=(--headless "--$browser")
# Without one wasm-pack looks for one to download.
if have "$driver"; then options+=("--$driver" "$(command -v "$driver")"); fi
wasm-pack test "${options[@]}" . --locked "$@"
