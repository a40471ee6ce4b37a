#!/usr/bin/env bash
# rock.sh - the rock as users get it: `luarocks make` in a clone, then `luarocks install webhook`
# from a server (a folder with a manifest) into an empty tree, without a network. The module
# and the command must run from those trees, and the links of the documentation lead somewhere there.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/clone" "$work/server" "$work/pack" "$work/pack/webhook"
quietly() { "$@" >"$work/log" 2>&1 || { tail -60 "$work/log"; echo "rock: failed: $*"; exit 1; }; }

cat >"$work/config.lua" <<LUA
rocks_servers = { "$work/server" }
rocks_provided = { lua = "5.4-1", ["lua-cjson"] = "2.1.0-1" } -- Debian's
local_cache = "$work/cache"
LUA
export LUAROCKS_CONFIG=$work/config.lua
export MAKEFLAGS=-j2
unset LUA_PATH LUA_CPATH LUA_INIT

check() { # tree
    local path cpath
    path=$(luarocks --lua-version 5.4 --tree "$1" path --lr-path)
    cpath=$(luarocks --lua-version 5.4 --tree "$1" path --lr-cpath)
    (cd / && LUA_PATH=$path LUA_CPATH=$cpath lua5.4 -e '
        local webhook = require "webhook"
        local hooks <close> = assert(webhook.open ":memory:")
        assert(hooks:subscribe { url = "https://example.com/", rule = "return true" })
        assert(hooks:publish("order.paid", { id = 1 }))
        print("require \"webhook\" works, version " .. webhook.version)')
    (cd / && "$1/bin/webhook" --help) >/dev/null
    (cd / && "$1/bin/webhook" secret) | grep -q '^whsec_'
    echo "the command runs from the tree $(basename "$1")"
    (cd / && lua5.4 "$root/spec/docs/links.lua" "$1"/lib/luarocks/rocks-5.4/webhook/*/doc)
}

# As git would give it, also where there is no git; builds are none of it.
sources() { (cd "$root" && tar cf - --exclude='./build*' --exclude=./.git .) | tar xf - -C "$1"; }

sources "$work/clone"

cd "$work/clone"
# Where --local puts it, which root may not say; the line of the README finds it there.
export HOME=$work/home
mkdir "$HOME"
quietly luarocks --lua-version 5.4 --tree "$HOME/.luarocks" make
check "$HOME/.luarocks"
(cd / && eval "$(luarocks --lua-version 5.4 path)" && webhook --version >/dev/null && lua5.4 -e 'require "webhook"')
echo "luarocks path finds it"

# A source rock is a zip of the rockspec and of the sources that it names.
cd "$work/pack"
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/rockspec/webhook-scm-1.rockspec")
sources webhook
quietly zip -qr webhook.zip webhook
sed 's|url = "git+file://."|url = "webhook.zip", dir = "webhook"|' "$root/rockspec/webhook-scm-1.rockspec" >"webhook-$version.rockspec"
quietly zip -q "$work/server/webhook-$version.src.rock" "webhook-$version.rockspec" webhook.zip
quietly luarocks-admin --lua-version 5.4 make-manifest "$work/server"

cd /
quietly luarocks --lua-version 5.4 --tree "$work/installed" install webhook
check "$work/installed"
