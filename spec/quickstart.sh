#!/bin/sh
# quickstart.sh BUILD - the first of the two commands does what it says.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
output=$(WEBHOOK_BUILD="$1/quickstart" "$root/examples/quickstart") || { echo "$output"; exit 1; }
echo "$output"
[ "$(echo "$output" | grep -c 'signature verified')" = 6 ] || { echo "expected 6 deliveries, each verified"; exit 1; }
