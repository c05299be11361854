#!/usr/bin/env bash
# step.sh NAME TITLE COMMAND...: one step of `make test`: a heading, the command, its time.
# The output is kept in target/steps/NAME.log, where scripts/summary.sh counts the tests.
source "$(dirname "$0")/lib.sh"

name=$1 title=$2
shift 2
log=target/steps/$name.log
mkdir -p target/steps
# The output goes through a pipe: say whether there is a person's terminal behind it.
if [ -t 1 ] && [ -z "${NO_COLOR-}" ]; then
    export CARGO_TERM_COLOR=always FORCE_COLOR=1
else
    export CARGO_TERM_COLOR=never NO_COLOR=1
fi

printf '\n==> %s\n' "$title"
start=$SECONDS
status=0
"$@" 2>&1 | tee "$log" || status=$?
took=$((SECONDS - start))
if [ "$status" -ne 0 ]; then
    printf '\n==> FAILED: %s (after %s s). Again, alone: make %s\n' "$title" "$took" "$name" >&2
    exit "$status"
fi
printf '%s %s\n' "$took" "$name" >>target/steps/times
printf '==> done: %s (%s s)\n' "$title" "$took"
