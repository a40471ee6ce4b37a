#!/usr/bin/env bash
# rock.sh BUILD - the rock as users get it: `luarocks make` in a clone, then `luarocks install
# webhook` from a server (a folder with a manifest) into an empty tree, without a network.
# require "webhook" and the command must run from those trees.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/rockspec/webhook-scm-1.rockspec")

mkdir "$work/clone" "$work/server"
(cd "$root" && git ls-files -z | xargs -0 tar cf - 2>/dev/null) | tar xf - -C "$work/clone"
cat >"$work/config.lua" <<LUA
rocks_servers = { "$work/server" }
rocks_provided = { lua = "5.4-1" }
variables = { CMAKE = "cmake", MAKEFLAGS = "-j2" }
LUA
export LUAROCKS_CONFIG=$work/config.lua
export MAKEFLAGS=-j2
rocks="luarocks --lua-version 5.4"

check() { # tree
    path=$($rocks --tree "$1" path --lr-path)
    cpath=$($rocks --tree "$1" path --lr-cpath)
    LUA_PATH=$path LUA_CPATH=$cpath lua5.4 -e '
        local webhook = require "webhook"
        local hooks <close> = assert(webhook.open ":memory:")
        assert(hooks:subscribe { url = "https://example.com/", rule = "return true" })
        assert(hooks:publish("order.paid", { id = 1 }))
        print("require \"webhook\" works, version " .. webhook.version)'
    "$1/bin/webhook" --help >/dev/null
    "$1/bin/webhook" secret | grep -q '^whsec_'
    echo "the command runs from $(basename "$1")"
}

(cd "$work/clone" && $rocks --tree "$work/made" make >"$work/log" 2>&1) || { tail -40 "$work/log"; exit 1; }
check "$work/made"

# A source rock: the rockspec and the sources beside it.
(cd "$work" && mkdir src && cp -r clone src/webhook && rm -rf src/webhook/build.luarocks && cp clone/rockspec/webhook-scm-1.rockspec src/ &&
    sed -i 's|url = "git+file://."|url = "webhook.zip", dir = "webhook"|' src/webhook-scm-1.rockspec &&
    cd src && zip -qr webhook.zip webhook && rm -r webhook &&
    zip -q "../server/webhook-$version.src.rock" webhook-scm-1.rockspec webhook.zip)
luarocks-admin-5.4 make-manifest "$work/server" >"$work/log" 2>&1 || luarocks-admin --lua-version 5.4 make-manifest "$work/server" >"$work/log" 2>&1
(cd / && $rocks --tree "$work/installed" --dev install webhook >"$work/log" 2>&1) || (cd / && $rocks --tree "$work/installed" install webhook "$version" >"$work/log" 2>&1) || { tail -40 "$work/log"; exit 1; }
check "$work/installed"
