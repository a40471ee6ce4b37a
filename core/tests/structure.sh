#!/usr/bin/env bash
# structure.sh ROOT - what the shape of the tree promises: floors, names, sizes, top level.
set -u
cd "$1" || exit 2
failed=0
say() { echo "structure: $*"; failed=1; }

# Each floor includes only itself and those below it.
declare -A below=([base]="base" [pure]="base pure" [outside]="base pure outside" [engine]="base pure outside engine")
for floor in base pure outside engine; do
    while IFS=: read -r file line rest; do
        target=$(sed -E 's/.*#include "([a-z]+)\/.*/\1/' <<<"$rest")
        case " ${below[$floor]} " in *" $target "*) ;; *) say "$file:$line: $floor includes $target" ;; esac
    done < <(grep -nE '#include "(base|pure|outside|engine)/' -r "core/src/$floor")
done

# The core knows nothing of Lua.
grep -rnE '#include [<"](lua|lauxlib|lualib)' core/src core/include && say "core/ includes Lua"

# Banned: no bounds, or no errors.
grep -rnE '\b(sprintf|strcpy|strcat|strtok|atoi|gets) *\(' --include='*.[ch]' core/src lua && say "banned calls"

while IFS= read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -le 800 ] || say "$file has $lines lines"
done < <(find core/src core/include lua core/tests core/bench core/fuzz spec examples -name '*.[ch]' -o -name '*.lua')

for entry in $(git ls-files 2>/dev/null | cut -d/ -f1 | sort -u | grep -v '^\.'); do
    case $entry in CMakeLists.txt | core | lua | rockspec | spec | examples | README.md) ;; *) say "top level: $entry" ;; esac
done
exit $failed
