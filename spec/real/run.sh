#!/bin/sh
# run.sh BUILD - the end-to-end tests: on real payloads, npm's packages go into the build tree; of an order, over a
# network that keeps requests back; of filters, against MongoDB's as another wrote them; of signatures,
# against the packages of those who made them.
set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build/real"
cp "$here/package.json" "$build/real/"
(cd "$build/real" && npm install --silent --ignore-scripts --no-audit --no-fund --no-package-lock)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
LUA_PATH="$build/lua/?.lua;$build/lua/?/init.lua;;" LUA_CPATH="$build/lua/?.so;;"
export LUA_PATH LUA_CPATH
node "$here/real.mjs" "$build/real/node_modules" "$work/store.db"
lua5.4 "$here/explain.lua" "$work/store.db"
node "$here/order.mjs" "$work/order.db"
node "$here/signatures.mjs" "$build/real/node_modules" "$work/signatures.db"
node "$here/filters.mjs" "$build/real/node_modules" 20000 >"$work/filters"
lua5.4 "$here/filters.lua" <"$work/filters"
