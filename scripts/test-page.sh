#!/usr/bin/env bash
# The page: types and lints, unit tests, and one run end to end in browsers that looks at pixels.
source "$(dirname "$0")/lib.sh"

scripts/build-page.sh
cd www
npm run --silent check
npm test --silent
# The end-to-end run starts this one itself.
CHROMIUM=$(find_chrome) || die "no Chromium or Chrome"
export CHROMIUM
npm run --silent e2e
FIREFOX=$(find_firefox) || die "no Firefox"
export FIREFOX
# A software adapter, as for the engine's own tests.
if lavapipe=$(find_lavapipe); then export VK_DRIVER_FILES=$lavapipe; fi
npm run --silent e2e:firefox
