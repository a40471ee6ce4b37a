#!/usr/bin/env bash
# run.sh BUILD - the page of `webhook serve` in a real Chromium. npm's packages and the pictures of each
# view go to BUILD/browser. $CHROMIUM names another browser.
set -euo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build/browser/shots"
cp "$here/package.json" "$here"/*.mjs "$here/../api/common.mjs" "$build/browser/"
cd "$build/browser"
cmp -s package.json installed.json || { npm install --silent --ignore-scripts --no-audit --no-fund --no-package-lock && cp package.json installed.json; }
work=$(mktemp -d)
node=
# The server and the browser are the test's own: when it is ended early, they end with it.
finish() {
    [ -z "$node" ] || kill "$node" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM HUP
HOME=$work node page.mjs "$here/../.." "$build" "$work" &
node=$!
code=0
wait "$node" || code=$?
node=
exit "$code"
