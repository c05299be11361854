#!/usr/bin/env bash
# The page's packages, exactly as locked; only when the lock is newer than what is installed.
source "$(dirname "$0")/lib.sh"

cd www
# npm writes that file last.
if [ package-lock.json -nt node_modules/.package-lock.json ]; then
    say "npm ci: the page's packages"
    npm ci --no-audit --no-fund
fi
