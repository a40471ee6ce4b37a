#!/usr/bin/env bash
# run.sh BUILD - installs into an empty prefix and builds consumers that find the package
# both ways, in C and C++, with every warning an error; checks what the libraries export;
# builds the examples in C and runs them against each other.
set -euo pipefail
build=$1
here=$(cd "$(dirname "$0")" && pwd)
examples=$(cd "$here/../../../examples/c" && pwd)
work=$(mktemp -d)
receiver=""
trap '[ -z "$receiver" ] || kill "$receiver" 2>/dev/null || true; rm -rf "$work"' EXIT
prefix=$work/prefix

cmake --install "$build" --prefix "$prefix" >"$work/install.log" || { cat "$work/install.log"; exit 1; }
libdir=$(dirname "$(find "$prefix" -name 'libwebhook.so' | head -1)")
export LD_LIBRARY_PATH=$libdir
# The package files name the prefix that was configured; DESTDIR-like moves say where it is.
export PKG_CONFIG_PATH=$libdir/pkgconfig
flags=(--define-variable=prefix="$prefix" --define-variable=libdir="$libdir" --define-variable=includedir="$prefix/include")

echo "exported symbols"
if nm -D --defined-only "$libdir/libwebhook.so" | awk '$2 ~ /[TDBR]/ {print $3}' | grep -v '^wh_'; then
    echo "libwebhook.so exports more than wh_*"; exit 1
fi
core=$(find "$prefix" -path '*webhook/core.so')
[ "$(nm -D --defined-only "$core" | awk '$2 ~ /[TDBR]/ {print $3}')" = luaopen_webhook_core ] || { echo "core.so exports more than its opener"; exit 1; }
if ldd "$core" | grep -q liblua; then echo "core.so is linked to liblua"; exit 1; fi
readelf -d "$libdir/libwebhook.so" | grep -q 'SONAME.*libwebhook.so.0' || { echo "no soname"; exit 1; }

strict="-Wall -Wextra -pedantic -Werror"
for kind in "gcc -std=c11" "g++ -std=c++17"; do
    case $kind in g++*) name=consumer.cpp; cp "$here/consumer.c" "$work/$name" ;; *) name=consumer.c; cp "$here/consumer.c" "$work/$name" ;; esac
    echo "pkg-config, $kind"
    # shellcheck disable=SC2086,SC2046
    $kind $strict "$work/$name" -o "$work/by-pkg-config" $(pkg-config "${flags[@]}" --cflags --libs webhook_rule)
    "$work/by-pkg-config"
    echo "static libraries, $kind"
    # shellcheck disable=SC2086,SC2046
    $kind $strict -DWH_STATIC "$work/$name" -o "$work/static" $(pkg-config "${flags[@]}" --cflags webhook_rule) \
        "$libdir/libwebhook_rule.a" "$libdir/libwebhook.a" $(pkg-config --libs libcurl libssl libcrypto sqlite3 lua5.4) -lm -lpthread
    "$work/static"
done

echo "find_package"
cmake -S "$here" -B "$work/consumer" -DCMAKE_PREFIX_PATH="$prefix" >"$work/cmake.log" || { cat "$work/cmake.log"; exit 1; }
cmake --build "$work/consumer" >"$work/cmake.log" || { cat "$work/cmake.log"; exit 1; }
"$work/consumer/consumer_c"
"$work/consumer/consumer_cpp"
"$work/consumer/consumer_static"

echo "examples in C"
cmake -S "$examples" -B "$work/examples" -DCMAKE_PREFIX_PATH="$prefix" >"$work/cmake.log" || { cat "$work/cmake.log"; exit 1; }
cmake --build "$work/examples" >"$work/cmake.log" || { cat "$work/cmake.log"; exit 1; }
secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
"$work/examples/receiver" "$secret" 1 >"$work/received" &
receiver=$!
for _ in $(seq 100); do [ -s "$work/received" ] && break; sleep 0.05; done
"$work/examples/publisher" "$work/store.db" "http://127.0.0.1:$(head -1 "$work/received")/" "$secret" >"$work/published"
wait "$receiver"
receiver=""
grep -q '^verified {"id":9007199254740993,"total":1200.50}$' "$work/received" || { cat "$work/received" "$work/published"; exit 1; }
echo "ok"
