#!/bin/sh
# Installs the packages into a directory of the build and runs the comparison there:
#   run.sh PATH-OF-interop_sign DIRECTORY
set -eu
program=$1
directory=$2
source=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$directory"
cp "$source/package.json" "$source/interop.mjs" "$source/interop_as.mjs" "$directory/"
cd "$directory"
npm install --ignore-scripts --no-audit --no-fund --no-package-lock --silent
node interop.mjs "$program"
exec node interop_as.mjs "$program"
