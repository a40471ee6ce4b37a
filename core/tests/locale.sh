#!/bin/sh
# locale.sh FOLDER - makes the locale tr_TR.UTF-8 there, for LOCPATH, if the system has its source.
set -eu
[ -d "$1/tr_TR.UTF-8" ] && exit 0
mkdir -p "$1"
exec localedef -i tr_TR -f UTF-8 "$1/tr_TR.UTF-8"
