#!/usr/bin/env bash
# run.sh BUILD - a day with the example of a CRM (examples/crm), on a clock of its own. Its service, and the vendor's
# client, are in an environment of the build tree, installed from the package index once.
set -euo pipefail
build=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
packages="unified-python-sdk==0.61.5 bottle==0.13.4"
folder=$build/python/crm
export PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
if [ "$(cat "$folder/installed" 2>/dev/null)" != "$packages" ]; then
    rm -rf "$folder"
    python3 -m venv "$folder"
    # shellcheck disable=SC2086
    "$folder/bin/pip" install --quiet --retries 3 $packages
    echo "$packages" >"$folder/installed"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
setpriv --pdeathsig KILL "$folder/bin/python" "$root/spec/crm/day.py" "$root" "$build" "$work"
