#!/usr/bin/env bash
# The page, ready for any static host: www/dist.
source "$(dirname "$0")/lib.sh"

scripts/build-wasm.sh
cd www
npm run --silent build
