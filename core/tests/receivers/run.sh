#!/bin/sh
# run.sh PROGRAM DIRECTORY - sends by both transports to receivers that others wrote: node's, Python's, Go's, and HAProxy
# and Apache in front of Python's, plain and with TLS, as far as they are installed.
set -eu
program=$1
directory=$2
source=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$directory"
cd "$directory"
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out certificate.pem -days 1 -subj /CN=localhost 2>/dev/null
pid=
trap '[ -z "$pid" ] || kill "$pid"' EXIT
failed=0

# start COMMAND…: waits for the line with its ports.
start() {
    rm -f ports
    "$@" key.pem certificate.pem >ports &
    pid=$!
    while [ ! -s ports ]; do
        kill -0 "$pid"
        sleep 0.05
    done
}

stop() {
    kill "$pid"
    wait "$pid" 2>/dev/null || true
    pid=
}

# compare NAME SCHEME PORT KEPT
compare() { "$program" "$1" "$2://127.0.0.1:$3" "$4" || failed=1; }

missing() { command -v "$1" >/dev/null || { echo "$1: left out, it is not installed"; return 0; } && return 1; }

if ! missing node; then
    start node "$source/node.mjs"
    read -r plain secure <ports
    compare node http "$plain" 1
    compare node-tls https "$secure" 1
    stop
fi
if ! missing python3; then
    start python3 "$source/python.py"
    read -r plain secure old <ports
    compare python http "$plain" 1
    compare python-tls https "$secure" 1
    compare python-1.0 http "$old" 0
    stop
fi
if ! missing go; then
    GO111MODULE=off GOFLAGS= go build -o receiver "$source/receiver.go"
    start ./receiver
    read -r plain newer older <ports
    compare go http "$plain" 1
    compare go-tls-1.3 https "$newer" 1
    compare go-tls-1.2 https "$older" 1
    stop
fi
PATH=$PATH:/usr/sbin
for front in haproxy apache2; do
    if ! missing python3 && ! missing "$front"; then
        start python3 -B "$source/front.py" "$front"
        read -r plain secure <ports
        compare "$front" http "$plain" 1
        compare "$front-tls" https "$secure" 1
        stop
    fi
done
exit "$failed"
