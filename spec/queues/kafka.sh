#!/usr/bin/env bash
# kafka.sh FOLDER - the broker of Kafka, out of the archive that Maven is set up for, as jars in FOLDER.
set -eu
here=$(dirname "$(realpath "$0")")
mkdir -p "$1"
folder=$(realpath "$1")
[ ! -f "$folder/all" ] || exit 0
# What Maven makes besides stays out of the tree.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here/kafka.xml" "$work/pom.xml"
mvn -q -B -f "$work/pom.xml" dependency:copy-dependencies "-DoutputDirectory=$folder"
chmod -R a+rX "$folder" # the broker runs as somebody else
touch "$folder/all"
