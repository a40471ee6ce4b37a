#!/usr/bin/env bash
# run.sh BUILD - installs the build into an empty folder and uses what arrived there: what the
# libraries export, consumers that find the package both ways, in C and C++, shared and static,
# with every warning an error, the Lua module, the command, the examples in C.
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
examples=$(cd "$here/../../../examples/c" && pwd)
work=$(mktemp -d)
receiver=""
trap '[ -z "$receiver" ] || kill "$receiver" 2>/dev/null || true; rm -rf "$work"' EXIT
strict="-Wall -Wextra -pedantic -Werror"
failed() { echo "install: $*"; exit 1; }
quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log"; failed "$*"; }; }

echo "== files, by the default prefix"
quietly env DESTDIR="$work/root" cmake --install "$build"
configured=$(sed -n 's/^CMAKE_INSTALL_PREFIX:PATH=//p' "$build/CMakeCache.txt")
prefix=$work/root$configured
libdir=$(dirname "$(find "$prefix" -name libwebhook.so)")
core=$prefix/lib/lua/5.4/webhook/core.so
for file in include/webhook.h include/webhook_api.h include/webhook_explain.h include/webhook_sign.h include/webhook_backend.h include/webhook_store.h include/webhook_rule.h share/lua/5.4/webhook/init.lua \
    share/lua/5.4/webhook/command/init.lua lib/lua/5.4/webhook/core.so bin/webhook; do
    [ -f "$prefix/$file" ] || failed "no $file"
done
names="webhook webhook_rule"
[ ! -f "$prefix/include/webhook_http.h" ] || names="$names webhook_http" # libmicrohttpd may be missing
for name in $names; do
    [ -f "$libdir/lib$name.a" ] || failed "no lib$name.a"
    readelf -d "$libdir/lib$name.so" | grep -q "SONAME.*\[lib$name.so.1\]" || failed "lib$name.so has no soname"
done
[ "$(find "$work/root" -type f | grep -vc "^$prefix/")" = 0 ] || failed "files outside the prefix"

echo "== exported symbols"
exports() { nm -D --defined-only "$1" | awk '{print $3}' | grep -v '^$'; }
if exports "$libdir/libwebhook.so" | grep -v '^wh_'; then failed "libwebhook.so exports more than wh_*"; fi
[ "$(exports "$libdir/libwebhook.so" | wc -l)" -gt 10 ] || failed "libwebhook.so exports next to nothing"
[ "$(exports "$libdir/libwebhook_rule.so")" = wh_rule_lua ] || failed "libwebhook_rule.so exports more than wh_rule_lua"
for name in $names; do
    [ $name != webhook_http ] || [ "$(exports "$libdir/libwebhook_http.so" | sort | xargs)" = "wh_http_port wh_http_start wh_http_stop" ] ||
        failed "libwebhook_http.so exports more than wh_http_*"
done
[ "$(exports "$core")" = luaopen_webhook_core ] || failed "core.so exports more than its opener"
if readelf -d "$core" | grep -q 'NEEDED.*liblua'; then failed "core.so is linked to liblua"; fi

echo "== versions"
export PKG_CONFIG_PATH=$libdir/pkgconfig
version=$(sed -n 's/^CMAKE_PROJECT_VERSION:STATIC=//p' "$build/CMakeCache.txt")
for name in $names; do
    [ "$(pkg-config --modversion $name)" = "$version" ] || failed "$name.pc has another version"
done

# Where the shared libraries are away, the same .pc files give the static ones.
cp -r "$prefix" "$work/archives"
find "$work/archives" -name 'libwebhook*.so*' -delete
archives=$work/archives${libdir#"$prefix"}/pkgconfig
for kind in c cpp; do
    cp "$here/consumer.c" "$work/webhook_rule.$kind"
    cp "$here/http.c" "$work/webhook_http.$kind"
done
export LD_LIBRARY_PATH=$libdir
for kind in c cpp; do
    compiler="gcc -std=c11"
    [ $kind = c ] || compiler="g++ -std=c++17"
    for name in ${names#webhook }; do
        echo "== pkg-config, $name, $compiler"
        # shellcheck disable=SC2046,SC2086
        quietly $compiler $strict "$work/$name.$kind" -o "$work/shared" $(pkg-config --cflags --libs $name)
        quietly "$work/shared"
        # shellcheck disable=SC2046,SC2086
        quietly $compiler $strict -DWH_STATIC "$work/$name.$kind" -o "$work/static" \
            $(PKG_CONFIG_PATH=$archives pkg-config --static --cflags --libs $name)
        quietly env -u LD_LIBRARY_PATH "$work/static"
    done
done

# What is named must be enough where SQLite and Lua are archives too. libcurl has a list of its own.
archived() { # program, package, library…
    local name libraries
    libraries=$(PKG_CONFIG_PATH=$archives pkg-config --static --cflags --libs "$2")
    for name in "${@:3}"; do libraries=${libraries/-l$name/-l:lib$name.a}; done
    # shellcheck disable=SC2086
    quietly gcc -std=c11 $strict -DWH_STATIC "$1" -o "$work/archived" -no-pie $libraries
    quietly env -u LD_LIBRARY_PATH "$work/archived"
    for name in "${@:3}" webhook; do
        if ldd "$work/archived" | grep -q "lib$name"; then failed "lib$name is not from its archive"; fi
    done
}
echo "== pkg-config --static, SQLite and Lua from archives"
archived "$here/core_only.c" webhook sqlite3
archived "$work/webhook_rule.c" webhook_rule sqlite3 lua5.4

consumers() { # folder, cmake options…
    quietly cmake -S "$here" -B "$work/$1" -DCMAKE_PREFIX_PATH="$prefix" "${@:2}"
    quietly cmake --build "$work/$1"
    (cd "$work/$1" && quietly ctest --output-on-failure --no-tests=error)
}
echo "== find_package"
consumers everything
echo "== find_package, where nothing but the shared library is there"
PKG_CONFIG_LIBDIR=$work consumers core -DCORE_ONLY=ON -DCMAKE_DISABLE_FIND_PACKAGE_CURL=ON -DCMAKE_DISABLE_FIND_PACKAGE_OpenSSL=ON \
    -DCMAKE_DISABLE_FIND_PACKAGE_SQLite3=ON -DCMAKE_DISABLE_FIND_PACKAGE_Lua=ON -DCMAKE_DISABLE_FIND_PACKAGE_libmicrohttpd=ON

echo "== Lua and the command"
export LUA_PATH="$prefix/share/lua/5.4/?.lua;$prefix/share/lua/5.4/?/init.lua" LUA_CPATH="$prefix/lib/lua/5.4/?.so"
quietly env -u LD_LIBRARY_PATH lua5.4 -e 'local hooks <close> = assert(require "webhook".open ":memory:")'
quietly env -u LD_LIBRARY_PATH "$prefix/bin/webhook" --help
"$prefix/bin/webhook" secret | grep -q '^whsec_' || failed "the command makes no secret"

echo "== documentation"
(cd / && quietly env -u LUA_PATH -u LUA_CPATH lua5.4 "$here/../../../spec/docs/links.lua" "$prefix/share/doc/webhook")

echo "== examples in C"
quietly cmake -S "$examples" -B "$work/examples" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_FLAGS="-std=c11 $strict"
quietly cmake --build "$work/examples"
build_by_hand() { # program, packages: as core/docs/c.md says
    # shellcheck disable=SC2046,SC2086
    quietly cc $strict "$examples/$1.c" $(pkg-config --define-variable=prefix="$prefix" --cflags --libs $2) -o "$work/$1"
}
build_by_hand publisher webhook_rule
build_by_hand receiver "webhook libmicrohttpd"
secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
"$work/examples/receiver" - 2 <<<"$secret" >"$work/received" &
receiver=$!
for _ in $(seq 100); do [ -s "$work/received" ] && break; sleep 0.05; done
"$work/examples/publisher" "$work/store.db" "http://127.0.0.1:$(head -1 "$work/received")/" "$secret" >"$work/published"
[ "$(curl -sS -m 20 -o "$work/answer" -w '%{http_code}' -H 'Transfer-Encoding: chunked' -d '{"forged":1}' "http://127.0.0.1:$(head -1 "$work/received")/")" = 401 ] ||
    failed "a request without a signature"
wait "$receiver"
receiver=""
grep -q '^verified {"id":9007199254740993,"total":1200.50}$' "$work/received" || { cat "$work/received" "$work/published"; failed "the examples"; }
