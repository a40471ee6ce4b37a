#!/usr/bin/env bash
# run.sh BUILD NAME - NAME.mjs against `webhook serve` of a build tree; npm's packages go there.
set -euo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build/api"
(
    flock 9 # several of these run at once
    cp "$here/package.json" "$here"/*.mjs "$build/api/"
    cd "$build/api"
    # There are a few thousand small files in it: it is enough to look at them once.
    cmp -s package.json installed.json || { npm install --silent --ignore-scripts --no-audit --no-fund --no-package-lock && cp package.json installed.json; }
) 9>"$build/api.lock"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$build/api"
node "$2.mjs" "$here/../.." "$build" "$work"
