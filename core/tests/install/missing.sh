#!/usr/bin/env bash
# missing.sh ROOT - without a dependency the build stops with a line that names the package
# for each system.
set -u
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# A pkg-config that knows all modules but one, and compilers' paths that know none of it.
check() { # module, variable, the line's words
    mkdir -p "$work/bin"
    cat >"$work/bin/pkg-config" <<SCRIPT
#!/bin/sh
for word; do case \$word in $1|$1[\<\>=]*|*\ $1*) exit 1 ;; esac; done
exec /usr/bin/pkg-config "\$@"
SCRIPT
    chmod +x "$work/bin/pkg-config"
    rm -rf "$work/build"
    PATH=$work/bin:$PATH cmake -S "$root" -B "$work/build" -D"$2=$2-NOTFOUND" -DCMAKE_FIND_USE_CMAKE_SYSTEM_PATH=OFF \
        -DCMAKE_FIND_USE_SYSTEM_ENVIRONMENT_PATH=ON -DCMAKE_DISABLE_FIND_PACKAGE_Lua=ON >"$work/log" 2>&1
    if [ $? = 0 ]; then echo "missing: the build goes on without $1"; failed=1; return; fi
    flat=$(tr -s ' \n' ' ' <"$work/log")
    for word in "${@:3}"; do
        case $flat in *"$word"*) ;; *) echo "missing: $1: no '$word' in: $flat"; failed=1 ;; esac
    done
}

check libcurl dep__curl_HEADER "apt-get install libcurl4-openssl-dev" "dnf install libcurl-devel" "apk add curl-dev" "brew install curl"
check sqlite3 dep__sqlite_HEADER "apt-get install libsqlite3-dev" "dnf install" "apk add" "brew install"
check libcrypto dep__crypto_HEADER "apt-get install libssl-dev" "dnf install" "apk add" "brew install"
check lua5.4 none "apt-get install liblua5.4-dev" "dnf install" "apk add" "brew install"
exit $failed
