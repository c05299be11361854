#!/usr/bin/env bash
# demo.sh check: whether the port is free, before anything is built for it.
# demo.sh serve: serves the built page on http://localhost:PORT and says when it is up.
source "$(dirname "$0")/lib.sh"

port=${PORT:-8080}
address=http://localhost:$port

answers() { (exec 3<>"/dev/tcp/localhost/$port") 2>/dev/null; }

if answers; then die "port $port is taken: choose another one, as in PORT=8081 make demo"; fi
if [ "${1:-serve}" = check ]; then exit 0; fi
mkdir -p target

cd www
node_modules/.bin/vite preview --host 127.0.0.1 --port "$port" --strictPort >"$ROOT/target/demo.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null' EXIT
trap 'exit 0' HUP INT TERM

until answers; do
    kill -0 "$server" 2>/dev/null || {
        cat "$ROOT/target/demo.log" >&2
        die "the server did not start"
    }
    sleep 0.1
done
printf '\n    Reverie is at %s (Ctrl-C stops it)\n' "$address"
wait "$server"
