#!/usr/bin/env bash
# missing.sh ROOT - without a dependency the build stops with a line that names the package
# for each system.
set -u
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# A pkg-config that knows all modules but one, and compilers' paths that know none of it.
check() { # module, the line's words
    mkdir -p "$work/bin"
    cat >"$work/bin/pkg-config" <<SCRIPT
#!/bin/sh
for word; do case \$word in $1*) exit 1 ;; esac; done
exec /usr/bin/pkg-config "\$@"
SCRIPT
    chmod +x "$work/bin/pkg-config"
    rm -rf "$work/build"
    cmake -S "$root" -B "$work/build" -DPKG_CONFIG_EXECUTABLE="$work/bin/pkg-config" -DCMAKE_DISABLE_FIND_PACKAGE_Lua=ON \
        -DCMAKE_C_COMPILER="$(command -v cc)" -DCMAKE_MAKE_PROGRAM="$(command -v make)" \
        -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF -DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=OFF >"$work/log" 2>&1
    if [ $? = 0 ]; then echo "missing: the build goes on without $1"; failed=1; return; fi
    flat=$(tr -s ' \n' ' ' <"$work/log")
    for word in "${@:2}"; do
        case $flat in *"$word"*) ;; *) echo "missing: $1: no '$word' in: $flat"; failed=1 ;; esac
    done
}

check libcurl "apt-get install libcurl4-openssl-dev" "dnf install libcurl-devel" "apk add curl-dev" "brew install curl"
check sqlite3 "apt-get install libsqlite3-dev" "dnf install" "apk add" "brew install"
check libcrypto "apt-get install libssl-dev" "dnf install" "apk add" "brew install"
check lua "apt-get install liblua5.4-dev" "dnf install" "apk add" "brew install"
exit $failed
