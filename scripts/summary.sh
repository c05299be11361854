#!/usr/bin/env bash
# What `make test` ran: time and tests of each step, and the sum in one line.
source "$(dirname "$0")/lib.sh"

printf '\n'
passed=0 failed=0
while read -r seconds name; do
    # cargo's and wasm-bindgen's "test result: ok. 3 passed; 0 failed", the page's "3 passed, 0 failed"
    # and vitest's "Tests  3 passed (3)".
    read -r p f < <(
        sed 's/\x1b\[[0-9;]*m//g' "target/steps/$name.log" |
            awk '/^ *test result: / || /^[a-z]*:? *[0-9]+ passed, [0-9]+ failed/ || /^ *Tests +[0-9]+ passed/ {
                    for (i = 2; i <= NF; i++) {
                        if ($i ~ /^passed/) p += $(i - 1)
                        if ($i ~ /^failed/) f += $(i - 1)
                    }
                }
                END { print p + 0, f + 0 }'
    )
    printf '    %-14s %4d s  %5d tests\n' "$name" "$seconds" "$p"
    passed=$((passed + p)) failed=$((failed + f))
done <target/steps/times
printf '\n%d passed, %d failed\n' "$passed" "$failed"
