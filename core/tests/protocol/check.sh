#!/usr/bin/env bash
# check.sh - searches the models of the protocol: every history that a run below allows is looked at.
#
#   core/tests/protocol/check.sh [NAME...]   all of them, or those whose name begins so
#   core/tests/protocol/check.sh --full      those that take minutes as well
#
# A run is: name, model, options of the model, and what must come of it. "holds 1000": no history breaks
# an invariant, and there were at least 1000 states, about half of what was counted when the line was
# written: a model that was cut short has fewer. "found": a guard is taken away, or a promise is
# asked for that nobody can keep, and a history that breaks an invariant is found. So each guard is
# needed. JOBS (2) is how many run at once. To see the history of one that is found, in its folder:
# KEEP=folder check.sh NAME, then: spin -k MODEL.pml.trail -p -g OPTIONS MODEL.pml
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
jobs=${JOBS:-2}
full=no
limit=280 slots=21 pack="" # seconds of a search; its table of states as a power of 2; how states are packed
[ "${1:-}" != --full ] || { full=yes limit=3600 slots=24 pack=-DCOLLAPSE && shift; }
wanted=("$@")

die() {
    echo "check.sh: $*" >&2
    exit 2
}

for program in spin gcc; do
    command -v $program >/dev/null ||
        die "$program is not installed, so the protocol is not checked (Debian: apt-get install $program)"
done

if [ -n "${KEEP:-}" ]; then
    mkdir -p "$KEEP" && scratch=$(cd "$KEEP" && pwd)
else
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
fi

runs() {
    # Who reads how far.
    run log_faults       log "EVENTS=2 RETURNS=0" holds 600000
    run log_freeze       log "EVENTS=3 DEATHS=0 RETURNS=0" holds 600000
    run log_returns      log "EVENTS=2 DEATHS=0 FREEZES=0 RETURNS=2" holds 70000
    run log_subscribe    log "EVENTS=1 DEATHS=0 RETURNS=0 SUBSCRIBE" holds 90000
    run log_publishers   log "EVENTS=2 DEATHS=0 RETURNS=0 PUBLISHERS=2" holds 100000
    run lag_death        log "EVENTS=2 FREEZES=0 RETURNS=0 LAG=1" holds 300000
    run lag_returns      log "EVENTS=2 DEATHS=0 FREEZES=0 LAG=1" holds 200000
    run lag_three        log "DEATHS=0 FREEZES=0 RETURNS=0 LAG=1" holds 200000

    run number_before_commit log "EVENTS=2 RETURNS=0 PUBLISHERS=2 NUMBER_BEFORE_COMMIT" found
    run old_registry         log "EVENTS=2 RETURNS=0 SUBSCRIBE OLD_REGISTRY" found
    run position_undecided   log "EVENTS=2 RETURNS=0 PASS_UNDECIDED" found
    run join_at_once         log "EVENTS=2 RETURNS=0 JOIN_AT_ONCE" found
    run join_behind          log "EVENTS=2 RETURNS=0 JOIN_BEHIND" found
    run join_unread          log "EVENTS=2 RETURNS=0 JOIN_UNREAD" found
    run join_nobody          log "EVENTS=2 RETURNS=0 JOIN_NOBODY" found
    run first_position       log "EVENTS=2 RETURNS=0 FIRST_KEEPS_POSITION" found
    run cursor_epoch         log "EVENTS=2 RETURNS=0 CURSOR_WITHOUT_EPOCH" found
    run floor_of_readers     log "EVENTS=2 RETURNS=0 FLOOR_OF_READERS" found
    run floor_without_lag    log "EVENTS=2 RETURNS=0 LAG=1 FLOOR_WITHOUT_LAG" found
    run lag_unwritten        log "EVENTS=2 RETURNS=0 LAG=1 LAG_UNWRITTEN" found
    run lag_leaks            log "EVENTS=2 RETURNS=0 LAG=1 LAG_LEAKS" found
    run lag_ends_behind      log "EVENTS=2 RETURNS=0 LAG=1 LAG_ENDS_BEHIND" found
    run lag_ends_unread      log "EVENTS=2 RETURNS=0 LAG=1 LAG_ENDS_UNREAD" found

    # What is sent.
    run none_two         delivery "ORDER=NONE EVENTS=2 EARLY=0" holds 140000
    run none_freeze      delivery "ORDER=NONE EARLY=0 DEATHS=0 FAILURES=0" holds 70000
    run key_two          delivery "ORDER=KEY EVENTS=2" holds 190000
    run key_three        delivery "ORDER=KEY EARLY=0" holds 200000
    run key_repeats      delivery "ORDER=KEY FREEZES=0 DEATHS=2 SAME_ORDER" holds 40000
    run key_change       delivery "ORDER=KEY EVENTS=2 EARLY=0 CHANGE" holds 120000
    run key_wire         delivery "ORDER=KEY EARLY=0 FREEZES=0 EXHAUST WIRE LINGER" holds 40000
    run key_exhaust      delivery "ORDER=KEY EVENTS=2 EARLY=0 EXHAUST WIRE" holds 90000
    run key_returns      delivery "ORDER=KEY FREEZES=0 DEATHS=0 RETURNS=2" holds 10000
    run key_others       delivery "ORDER=KEY EARLY=0 DEATHS=0 OTHERS=1" holds 170000
    run key_back         delivery "ORDER=KEY EVENTS=2 DEATHS=0 EARLY=0 CHANGE BACK=1" holds 32000
    run latest_two       delivery "ORDER=LATEST EVENTS=2" holds 600000
    run latest_three     delivery "ORDER=LATEST EARLY=0 DEATHS=0" holds 110000
    run latest_freezes   delivery "ORDER=LATEST EVENTS=2 EARLY=0 DEATHS=0 FREEZES=2" holds 110000
    run latest_returns   delivery "ORDER=LATEST EVENTS=2 EARLY=0 DEATHS=0 RETURNS=1" holds 50000
    run latest_exhaust   delivery "ORDER=LATEST EVENTS=2 DEATHS=0 EXHAUST" holds 100000
    run latest_deaths    delivery "ORDER=LATEST FREEZES=0 DEATHS=2" holds 200000
    run latest_back      delivery "ORDER=LATEST EVENTS=2 DEATHS=0 BACK=1" holds 140000
    run single_use       delivery "ORDER=SINGLE" holds 50000
    run single_back      delivery "ORDER=SINGLE BACK=2" holds 120000
    run single_change    delivery "ORDER=SINGLE CHANGE" holds 200000
    run acts_none        delivery "ORDER=NONE EVENTS=2 FREEZES=0 EARLY=0 ACTS=2" holds 300000
    run acts_key         delivery "ORDER=KEY EVENTS=2 FREEZES=0 ACTS=2" holds 300000
    run acts_freeze      delivery "ORDER=KEY EVENTS=2 DEATHS=0 EARLY=0 ACTS=1" holds 140000
    run acts_latest      delivery "ORDER=LATEST EVENTS=2 DEATHS=0 EARLY=0 ACTS=1" holds 270000
    run acts_single      delivery "ORDER=SINGLE EVENTS=2 DEATHS=0 ACTS=2" holds 200000

    run position_no_row      delivery "ORDER=KEY PASS_UNDECIDED" found
    run no_epoch             delivery "ORDER=KEY NO_EPOCH" found
    run no_generation        delivery "ORDER=KEY NO_GENERATION" found
    run torn_look            delivery "ORDER=KEY OTHERS=1 EARLY=0 TORN_LOOK" found
    run epoch_before         delivery "ORDER=LATEST EVENTS=2 EPOCH_BEFORE" found
    run no_turn              delivery "ORDER=KEY EVENTS=2 DEATHS=0 FREEZES=0 ACTS=1 NO_TURN" found
    run no_epoch_no_turn     delivery "ORDER=NONE EVENTS=2 EARLY=0 NO_EPOCH NO_TURN" found
    run next_before_record   delivery "ORDER=KEY NEXT_BEFORE_RECORD" found
    run next_after_death     delivery "ORDER=KEY FREEZES=0 SAME_ORDER NEXT_BEFORE_RECORD" found
    run next_beside_cancelled delivery "ORDER=KEY EVENTS=2 DEATHS=0 FREEZES=0 ACTS=1 NEXT_BESIDE_CANCELLED" found
    run rows_not_looked_up   delivery "ORDER=KEY FREEZES=0 SAME_ORDER ROWS_NOT_LOOKED_UP" found
    run no_look              delivery "ORDER=KEY EVENTS=2 DEATHS=0 FREEZES=0 ACTS=1 NO_LOOK" found
    run supersede_rows       delivery "ORDER=LATEST EVENTS=2 DEATHS=0 FREEZES=0 ACTS=1 SUPERSEDE_ROWS_ONLY" found
    run act_on_unbegun       delivery "ORDER=SINGLE EVENTS=2 DEATHS=0 ACTS=1 ACT_ON_UNBEGUN" found
    run present_rule         delivery "ORDER=KEY CHANGE PRESENT_RULE" found
    run return_busy          delivery "ORDER=KEY DEATHS=0 FREEZES=0 RETURNS=1 RETURN_BUSY" found
    run take_busy            delivery "ORDER=LATEST EVENTS=2 EARLY=0 TAKE_BUSY" found
    run no_word              delivery "ORDER=LATEST EVENTS=2 NO_WORD" found
    run word_of_records      delivery "ORDER=LATEST EVENTS=2 WORD_OF_RECORDS" found
    run word_by_head         delivery "ORDER=LATEST EVENTS=2 WORD_BY_HEAD" found

    # One of two guards is enough here.
    run states_without_epoch delivery "ORDER=NONE EVENTS=2 EARLY=0 NO_EPOCH" holds 200000
    run epoch_without_turn   delivery "ORDER=KEY EVENTS=2 NO_TURN" holds 190000
    run row_or_number        delivery "ORDER=SINGLE EVENTS=2 CHANGE LATE_SINGLE" holds 20000

    # What nobody can promise.
    run repeats_freeze       delivery "ORDER=KEY DEATHS=0 SAME_ORDER" found
    run repeats_wire         delivery "ORDER=KEY FREEZES=0 WIRE SAME_ORDER" found
    run given_up_freeze      delivery "ORDER=KEY EARLY=0 DEATHS=0 EXHAUST STRICT" found
    run given_up_linger      delivery "ORDER=KEY EARLY=0 DEATHS=0 FREEZES=0 EXHAUST LINGER STRICT" found
    run cancelled_freeze     delivery "ORDER=KEY EVENTS=2 EARLY=0 DEATHS=0 ACTS=1 STRICT" found
    run latest_wire          delivery "ORDER=LATEST EVENTS=2 FREEZES=0 WIRE" found
    run latest_linger        delivery "ORDER=LATEST EVENTS=2 DEATHS=0 FREEZES=0 LINGER" found
    run latest_speechless    delivery "ORDER=LATEST EVENTS=2 EARLY=0 WORD_IS_SAFE" found

    [ $full = yes ] || return 0
    run full_log_all         log "EVENTS=2" holds 3000000
    run full_log_lag         log "EVENTS=2 DEATHS=0 RETURNS=0 LAG=1" holds 1400000
    run full_log_subscribe   log "EVENTS=2 RETURNS=0 FREEZES=0 SUBSCRIBE" holds 1000000
    run full_subscribe_freeze log "EVENTS=2 DEATHS=0 RETURNS=0 SUBSCRIBE" holds 1900000
    run full_log_freezes     log "EVENTS=2 DEATHS=0 RETURNS=0 FREEZES=2" holds 700000
    run full_log_three       log "FREEZES=0 RETURNS=0" holds 230000
    run full_log_processes   log "PROCESSES=3 EVENTS=2 DEATHS=0 RETURNS=0" holds 190000
    run full_none_three      delivery "ORDER=NONE EARLY=0 DEATHS=0" holds 600000
    run full_none            delivery "ORDER=NONE EVENTS=2" holds 800000
    run full_key             delivery "ORDER=KEY" holds 2000000
    run full_key_change      delivery "ORDER=KEY EARLY=0 CHANGE" holds 800000
    run full_key_exhaust     delivery "ORDER=KEY EVENTS=2 EXHAUST WIRE" holds 400000
    run full_key_processes   delivery "PROCESSES=3 ORDER=KEY EVENTS=2 EARLY=0 DEATHS=0 FREEZES=2" holds 500000
    run full_latest_death    delivery "ORDER=LATEST EARLY=0" holds 700000
    run full_latest          delivery "ORDER=LATEST DEATHS=0" holds 2000000
    run full_latest_processes delivery "PROCESSES=3 ORDER=LATEST EVENTS=2 EARLY=0 DEATHS=0 FREEZES=2" holds 1700000
    run full_acts_key        delivery "ORDER=KEY EVENTS=2 EARLY=0 DEATHS=0 ACTS=2" holds 1500000
    run full_acts_latest     delivery "ORDER=LATEST EVENTS=2 FREEZES=0 ACTS=2" holds 700000
    run full_acts_none       delivery "ORDER=NONE EVENTS=2 EARLY=0 DEATHS=0 ACTS=2" holds 7000000
}

# The search of one run; what came of it goes into a file: states, word, and why.
search() { # folder, model, options, expectation, floor
    local folder=$1 options="" option states errors
    mkdir -p "$folder" && cd "$folder"
    for option in $3; do options="$options -D$option"; done
    # Optimized where the search takes longer than the compiler. No reduction by order: it gains nothing
    # here, and what it leaves out need not be believed.
    # shellcheck disable=SC2086
    if ! spin -a $options "$here/$2.pml" >spin.log 2>&1 ||
        ! gcc "$([ "$4" = holds ] && echo -O1 || echo -O0)" -w -DSAFETY -DNOREDUCE -DVECTORSZ=512 -DMEMLIM=6000 \
            $pack -o pan pan.c 2>>spin.log; then
        cat spin.log >&2
        echo "0 broken the model is not compiled" >result
        return
    fi
    # Nothing is left running behind a run that was interrupted.
    timeout "$limit" ./pan -m400000 "-w$slots" >pan.log 2>&1 || true
    rm -f pan pan.?
    states=$(sed -n 's/^ *\([0-9]*\) states, stored.*/\1/p' pan.log)
    errors=$(sed -n 's/.*errors: \([0-9]*\)$/\1/p' pan.log)
    if [ "$errors" != 1 ] && grep -qE 'depth too small|out of memory|not completed|VECTORSZ|aborting' pan.log; then
        echo "${states:-0} broken the search was cut short" >result
    elif [ -z "$states" ] || [ -z "$errors" ]; then
        echo "0 broken the search did not end" >result
    elif [ "$errors" = 0 ]; then
        if [ "$states" -lt "$5" ]; then
            echo "$states holds but has fewer than $5 states" >result
        else
            echo "$states holds" >result
        fi
    elif grep -q 'assertion violated' pan.log; then
        echo "$states found" >result
    else
        echo "$states broken $(grep -m1 '^pan:1' pan.log)" >result
    fi
}

names=() models=() options=() expected=() floors=()
run() {
    local prefix hit=no
    for prefix in ${wanted[@]+"${wanted[@]}"}; do case $1 in "$prefix"*) hit=yes ;; esac; done
    [ ${#wanted[@]} = 0 ] || [ $hit = yes ] || return 0
    names+=("$1") models+=("$2") options+=("$3") expected+=("$4") floors+=("${5:-0}")
}
runs
[ ${#names[@]} -gt 0 ] || die "there is no run of that name"

for ((at = 0; at < ${#names[@]}; at++)); do
    [ "$at" -lt "$jobs" ] || wait -n
    search "$scratch/${names[at]}" "${models[at]}" "${options[at]}" "${expected[at]}" "${floors[at]}" &
done
wait

differ=0
printf '%-22s %10s  %-6s %s\n' run states result "model, options"
for ((at = 0; at < ${#names[@]}; at++)); do
    read -r states word why <"$scratch/${names[at]}/result" || { states=0 word=broken why="there is no result"; }
    printf '%-22s %10s  %-6s %s, %s\n' "${names[at]}" "$states" "$word" "${models[at]}" "${options[at]}"
    if [ "$word" != "${expected[at]}" ] || [ -n "$why" ]; then
        differ=$((differ + 1))
        echo "    expected: ${expected[at]}; $word${why:+ }$why"
    fi
done
echo "${#names[@]} runs, $differ differ from what is expected"
[ $differ = 0 ]
