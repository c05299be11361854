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
