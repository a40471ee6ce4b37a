#!/usr/bin/env bash
# python.sh BUILD - the vendors' Python clients against `webhook serve` of a build tree. Each has an environment of its
# own there, installed from the package index once.
set -euo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
mkdir -p "$build/python"
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# Installs a package and runs a script with it: python, script, package
run() {
    local folder=$build/python/${3//[^a-z0-9.]/-}
    if [ "$(cat "$folder/installed" 2>/dev/null)" != "$1 $3" ]; then
        rm -rf "$folder"
        "$1" -m venv "$folder"
        "$folder/bin/pip" install --quiet --retries 3 "$3"
        echo "$1 $3" >"$folder/installed"
    fi
    mkdir "$work/$(basename "$folder")"
    "$folder/bin/python" "$here/python/$2" "$root" "$build" "$work/$(basename "$folder")" || failed=1
}

python=$(command -v python3)
run "$python" unified_client.py unified-python-sdk==0.61.5
run "$python" unified_client.py unified-python-sdk==0.45.1
run "$python" callfire_client.py callfire-api-client-python==0.0.9

# Truto's needs a Python that not every system has.
newer=""
for name in python3.14 python3.13 python3.12 "$python"; do
    if "$name" -c 'import sys, venv, ensurepip, ssl; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
        newer=$name
        break
    fi
done
if [ -n "$newer" ]; then
    run "$newer" truto_client.py truto-python-sdk==0.1.6
else
    mkdir "$work/truto"
    "$python" "$here/python/truto_client.py" "$root" "$build" "$work/truto" || failed=1
fi
exit $failed
