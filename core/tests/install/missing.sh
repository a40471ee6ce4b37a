#!/usr/bin/env bash
# missing.sh ROOT - without a dependency the build stops, and one line names what is missing
# and the packages of each system.
set -u
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# Configures with a pkg-config and a find_package that know all but the given ones.
configure() { # pattern of pkg-config modules, packages of find_package
    local modules=$1 package options=()
    shift
    for package; do
        case $package in
        -D*) options+=("$package") ;;
        *) options+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON") ;;
        esac
    done
    cat >"$work/pkg-config" <<SCRIPT
#!/bin/sh
for word; do case \$word in $modules) exit 1 ;; esac; done
exec $(command -v pkg-config) "\$@"
SCRIPT
    chmod +x "$work/pkg-config"
    rm -rf "$work/build"
    cmake -S "$root" -B "$work/build" -DWEBHOOK_TESTS=ON -DPKG_CONFIG_EXECUTABLE="$work/pkg-config" "${options[@]}" >"$work/log" 2>&1
}

# The line must be there as it stands, and be the only one of its kind.
stops() { # line
    local found
    found=$(grep '^ *webhook: ' "$work/log" | sed 's/^ *//')
    [ "$found" = "$1" ] && return
    printf 'missing: expected: %s\nmissing: found:    %s\n' "$1" "$found"
    failed=1
}

check() { # pattern, packages as one word, line
    # shellcheck disable=SC2086
    if configure "$1" $2; then echo "missing: the build goes on without $2"; failed=1; return; fi
    stops "$3"
}

check 'libcurl*' CURL "webhook: missing libcurl 7.85 with OpenSSL: apt-get install libcurl4-openssl-dev | dnf install libcurl-devel | apk add curl-dev | brew install curl"
check 'libssl*' OpenSSL "webhook: missing OpenSSL 3.0: apt-get install libssl-dev | dnf install openssl-devel | apk add openssl-dev | brew install openssl@3"
check 'sqlite3*' SQLite3 "webhook: missing SQLite 3.35: apt-get install libsqlite3-dev | dnf install sqlite-devel | apk add sqlite-dev | brew install sqlite"
check 'lua*' Lua "webhook: missing Lua 5.4: apt-get install liblua5.4-dev | dnf install lua-devel | apk add lua5.4-dev | brew install lua@5.4"
check 'cmocka*' cmocka "webhook: missing cmocka (for the tests): apt-get install libcmocka-dev | dnf install libcmocka-devel | apk add cmocka-dev | brew install cmocka"
check 'lua* | sqlite3*' "Lua SQLite3" "webhook: missing SQLite 3.35, Lua 5.4: apt-get install libsqlite3-dev liblua5.4-dev | dnf install sqlite-devel lua-devel | apk add sqlite-dev lua5.4-dev | brew install sqlite lua@5.4"

# The HTTP server may be missing, unless it is asked for.
http="apt-get install libmicrohttpd-dev | dnf install libmicrohttpd-devel | apk add libmicrohttpd-dev | brew install libmicrohttpd"
configure 'libmicrohttpd*' libmicrohttpd || { cat "$work/log"; failed=1; }
grep -q "^-- Without libmicrohttpd 0.9.71 there is no libwebhook_http.*: ${http//|/[|]}$" "$work/log" || { cat "$work/log"; failed=1; }
configure 'libmicrohttpd*' libmicrohttpd -DWEBHOOK_HTTP=ON && failed=1
stops "webhook: missing libmicrohttpd 0.9.71: $http"

# So may the clients of databases.
optional() { # option, pkg-config module, find_package, what, packages
    configure "$2*" "$3" || { cat "$work/log"; failed=1; }
    grep -q "^-- Without $4 there is no destination in .*: ${5//|/[|]}$" "$work/log" || { cat "$work/log"; failed=1; }
    configure "$2*" "$3" "-D$1=ON" && failed=1
    stops "webhook: missing $4: $5"
    configure "none" "-D$1=OFF" || { cat "$work/log"; failed=1; }
    grep -q "Without $4" "$work/log" && failed=1
}
optional WEBHOOK_POSTGRES libpq PostgreSQL "libpq 14" "apt-get install libpq-dev | dnf install libpq-devel | apk add libpq-dev | brew install libpq"
optional WEBHOOK_MARIADB libmariadb MariaDB "MariaDB Connector/C 3.1" "apt-get install libmariadb-dev | dnf install mariadb-connector-c-devel | apk add mariadb-connector-c-dev | brew install mariadb-connector-c"

# Where pkg-config knows nothing, find_package finds all of it.
PKG_CONFIG_LIBDIR=$work cmake -S "$root" -B "$work/second" >"$work/log" 2>&1 || { cat "$work/log"; failed=1; }
exit $failed
