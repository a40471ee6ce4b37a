#!/usr/bin/env bash
# structure.sh ROOT - what the shape of the tree promises: floors, names, sizes, top level.
set -u
cd "$1" || exit 2
failed=0
say() { echo "structure: $*"; failed=1; }

# Each floor includes only itself and those below it, by name: "pure/json.h".
declare -A below=([base]="base" [pure]="base pure" [systems]="base pure systems" [outside]="base pure outside"
    [engine]="base pure systems outside engine" [sinks]="base pure systems outside engine sinks"
    [work]="base pure systems outside engine sinks work"
    [life]="base pure systems outside engine work life" [calls]="base pure systems outside engine life calls"
    [faces]="base pure systems outside calls faces" [http]="base http")
for folder in core/src/*/; do
    floor=$(basename "$folder")
    [ -n "${below[$floor]:-}" ] || { say "core/src/$floor is no floor that is known"; continue; }
    while IFS=: read -r file line rest; do
        target=$(sed -E 's/.*"([^"]*)".*/\1/' <<<"$rest")
        case $target in
        webhook.h | webhook_api.h | webhook_explain.h | webhook_sign.h | webhook_backend.h | webhook_source.h | webhook_store.h) continue ;;
        webhook_http.h) [ "$floor" = http ] || say "$file:$line: $floor includes the HTTP server"; continue ;;
        */*) target=${target%%/*} ;;
        *) say "$file:$line: \"$target\" does not name its floor"; continue ;;
        esac
        case " ${below[$floor]} " in *" $target "*) ;; *) say "$file:$line: $floor includes $target" ;; esac
    done < <(grep -nE '^ *# *include "' -r "$folder" --include='*.[ch]')
done

# Nobody asks which system it is: outside of their wing, and of the handlers of their routes, no file
# names one, neither by its description nor by its name as a text or a header. In Lua the formats
# have one table.
systems=$(sed -nE 's/^ +X\(([a-z0-9_]+), .*/\1/p' core/src/systems/list.h | paste -sd'|')
[ -n "$systems" ] || say "core/src/systems/list.h lists no systems"
naming="whi_(system|format|handlers)_($systems)\\b|\"($systems)\"|WHI_(${systems^^})\\b|\"systems/($systems)[a-z_]*\\.h\""
grep -rnE "$naming" --include='*.[ch]' core/src lua/rule |
    grep -vE "^core/src/(systems/|faces/api_($systems)(_[a-z]+)?\\.[ch]:)" && say "a system is asked for by its name"
grep -rnE "[=~]= *[\"']($systems)[\"']|^[^-]*\\b($systems) *= |\\bformats?\\.($systems)\\b" --include='*.lua' lua |
    grep -v '^lua/webhook/formats\.lua:' && say "a format is asked for by its name"

# The core knows nothing of Lua, and its library nothing of the rule engine.
grep -rnE '# *include [<"](lua|lauxlib|lualib)' core --include='*.[ch]' && say "core/ includes Lua"
grep -rnE '# *include [<"]webhook_rule' core/src core/include && say "the library includes the rule engine"

# No circle in the drawing of calls.
perl core/tests/circles.pl . || say "calls run in a circle"

# One format, by the version that made it: the others differ from it here and there.
if clang-format --version 2>/dev/null | grep -q 'version 14\.'; then
    find core lua examples -name '*.[ch]' -not -path 'core/tests/former/*' -print0 |
        xargs -0 clang-format --dry-run -Werror >/dev/null 2>&1 || say "not formatted: clang-format -i"
fi

# Banned: they know no bounds, or no errors, or no threads.
grep -rnE '(^|[^a-zA-Z0-9_])(sprintf|vsprintf|strcpy|strcat|strtok|atoi|gets) *\(' --include='*.[ch]' core lua examples &&
    say "banned calls"

# A library neither prints nor ends the program.
grep -rnE '(^|[^a-zA-Z0-9_.>])(printf|puts|putchar|exit|abort|_exit) *\(' --include='*.[ch]' core/src lua/rule --exclude-dir=tests &&
    say "the library prints or exits"

# What the C library and Lua know of letters and of decimal points is the program's locale: base/ascii.h and
# base/number.h are for that, webhook.letters in Lua. Rules run in a locale of their own (lua/rule/rule.c).
letters='strn?casecmp|strcasestr|is(alpha|alnum|digit|space|upper|lower|punct|print|graph|xdigit|cntrl|blank)|to(upper|lower)'
points='strto(d|f|ld)|atof|strcoll|strxfrm|strptime|strftime|localeconv|setlocale'
grep -rnE "\\b($letters|$points) *\\(|<(ctype|strings)\\.h>" --include='*.[ch]' core/src core/include lua/rule/*.[ch] lua/binding examples |
    grep -v '^core/src/base/number\.c:' && say "a call that depends on the locale"
grep -rnE '"[^"]*%[-+ #0-9.*]*[aefgAEFG]\b' --include='*.[ch]' core/src lua/binding |
    grep -v '^core/src/base/number\.c:' && say "a number is written in the program's locale"
grep -rnE ":(lower|upper)\\(|string\\.(lower|upper)|(match|find|gsub)\\(? *[\"'].*%[aglpsuwAGLPSUW]" --include='*.lua' lua/webhook lua/bin &&
    say "letters of the program's locale"

# The page shows what strangers named and sent: as text, in elements that dom.js makes, and without an inline style or
# handler. It asks this server alone, and says what it has to say in words.js.
grep -rnE 'innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc|setHTML|\beval\b|new Function|javascript:' \
    core/src/faces/page && say "the page makes markup or code of a text"
grep -nE '<[a-z]+[^>]* (on[a-z]+|style)=|<style|<script[^>]*>[^<]' core/src/faces/page/*.html && say "the page has inline styles or scripts"
grep -rnE "https?://" core/src/faces/page | grep -vE "http://www\.w3\.org/2000/svg|https://example\.com" && say "the page names another server"
grep -rnE "setAttribute\('(style|href|src)" core/src/faces/page && say "the page sets what could be a script"

# Files that one can read.
while IFS= read -r file; do
    lines=$(wc -l <"$file")
    [ "$lines" -lt 800 ] || say "$file has $lines lines"
done < <(find core lua spec examples -name '*.[ch]' -o -name '*.lua' -o -name '*.mjs' -o -path '*/page/*')

# Each file of the core has a test of its name, or says in its opening comment whose tests are its:
# "Tests: test_store, test_store_list."
for file in core/src/*/*.c; do
    name=$(basename "$file" .c)
    [ ! -f "core/tests/test_$name.c" ] || continue
    tests=$(sed '/\*\//q' "$file" | sed -n 's/.*Tests: \([a-z0-9_, ]*\)\..*/\1/p')
    [ -n "$tests" ] || say "$file has no test of its name, and does not say whose tests are its"
    for test in ${tests//,/ }; do
        [ -f "core/tests/$test.c" ] || [ -f "lua/rule/tests/$test.c" ] || say "$file: there is no $test"
    done
done

# Where a table has a column of tests, each of them is there: a program, a case (behind its program and a colon it is
# one of that), or a file of spec/.
while IFS=: read -r page line program case; do
    if [ -n "$case" ]; then
        grep -qs "^static void $case(" "core/tests/$program.c" || say "$page:$line: $program has no case $case"
    else
        case $program in
        spec/*) [ -e "$program" ] || say "$page:$line: there is no $program" ;;
        test_*) [ -f "core/tests/$program.c" ] || say "$page:$line: there is no $program" ;;
        *) grep -qs "^static void $program(" core/tests/*.[ch] || say "$page:$line: there is no case $program" ;;
        esac
    fi
done < <(awk '
    /^\|.*\| test \|$/ { on = 1; next }
    !/^\|/ { on = 0 }
    on && !/^\|---/ {
        count = split($0, cells, "|"); program = ""
        gsub(/;/, " ;", cells[count - 1])
        words = split(cells[count - 1], word, /[ ,]+/)
        for (i = 1; i <= words; i++) {
            if (word[i] == ";") program = ""
            else if (word[i] ~ /:$/) program = substr(word[i], 1, length(word[i]) - 1)
            else if (word[i] ~ /^(test_|spec\/)|_.*_/) print FILENAME ":" FNR ":" (program == "" ? word[i] : program) ":" (program == "" ? "" : word[i])
        }
    }' core/docs/*.md)

# A header can be included twice.
for header in core/src/*/*.h core/include/*.h lua/rule/*.h lua/binding/*.h; do
    guard=$(grep -m1 -oE '^#ifndef W[A-Z0-9_]+_H$' "$header") || { say "$header has no guard"; continue; }
    grep -q "^#define ${guard#'#ifndef '}\$" "$header" || say "$header defines another guard"
done

if [ -e .git ] && command -v git >/dev/null; then
    for entry in $(git -c safe.directory="$PWD" ls-files | cut -d/ -f1 | sort -u); do
        case $entry in
        .* | CMakeLists.txt | core | lua | rockspec | spec | examples | README.md) ;;
        *) say "top level: $entry" ;;
        esac
    done
fi
exit $failed
