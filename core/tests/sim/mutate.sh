#!/usr/bin/env bash
# Does the simulator find faults? Each mutation below is a mistake that could be made in core/src.
# It is made in a copy of the tree, the simulator is built with it, and runs until a seed fails.
#
#   core/tests/sim/mutate.sh [NAME...]     all of them, or those with these names
#   core/tests/sim/mutate.sh --anchors     only looks whether each stands where it says; a test does so
#
# SEEDS (1..2000) is the range, JOBS (2) how many at once, SCRATCH where the copy is made (a new
# folder under /tmp, which is removed; one that is named stays, and is built faster the next time).
#
# A mutation is a name, a sentence, and one or more triples: a file below core/src, the text that
# stands there exactly once, and what comes instead; else the script fails. So it tells, too, when
# the code has gone past it. Those named both_... take away two guards, of which one is enough.
#
# For hand use: all of it takes an hour or two. The table has the seed and the step at which the first
# seed failed, the promise that it broke, and the minutes. "-": all seeds passed.
set -euo pipefail

root=$(cd "$(dirname "$0")/../../.." && pwd)
seeds=${SEEDS:-1..2000}
jobs=${JOBS:-2}
anchors=no
[ "${1:-}" != --anchors ] || { anchors=yes && shift; }
wanted=("$@")
failures=0

if [ -n "${SCRATCH:-}" ]; then
    scratch=$SCRATCH
    mkdir -p "$scratch"
else
    scratch=$(mktemp -d /tmp/webhook-mutate-XXXXXX)
    trap 'rm -rf "$scratch"' EXIT
fi

die() {
    echo "mutate.sh: $*" >&2
    exit 2
}

build() {
    cmake --build "$scratch/build" --target sim >"$scratch/build.log" 2>&1
}

# Only what differs gets a new time, so that only that is compiled again.
take_over() {
    [ -d "$scratch/tree" ] || { mv "$scratch/new" "$scratch/tree" && return; }
    (cd "$scratch" && { diff -rq new tree || true; } | sed -n 's/^Files new\/\(.*\) and .* differ$/\1/p; s/^Only in new\/*\(.*\): \(.*\)/\1\/\2/p') |
        while IFS= read -r file; do
            cp -rT "$scratch/new/$file" "$scratch/tree/$file"
        done
}

prepare() {
    rm -rf "$scratch/new" "$scratch/src"
    if [ $anchors = yes ]; then
        mkdir -p "$scratch/tree/core"
        cp -r "$root/core/src" "$scratch/tree/core/src"
        cp -r "$root/core/src" "$scratch/src"
        return 0
    fi
    mkdir -p "$scratch/new" "$scratch/build"
    (cd "$root" && git ls-files -z -c -o --exclude-standard | tar --null -T - -cf -) | tar -C "$scratch/new" -xf -
    take_over
    cp -r "$scratch/tree/core/src" "$scratch/src"
    [ -f "$scratch/build/build.ninja" ] ||
        cmake -S "$scratch/tree" -B "$scratch/build" -G Ninja -DWEBHOOK_TESTS=ON >"$scratch/build.log" 2>&1 ||
        die "see $scratch/build.log"
}

# Texts, not patterns.
substitute() {
    FROM=$2 TO=$3 perl -0777 -i -pe '
        $count = () = /\Q$ENV{FROM}\E/g;
        if ($count != 1) { print STDERR "found $count times: $ENV{FROM}\n"; $bad = 1; }
        s/\Q$ENV{FROM}\E/$ENV{TO}/;
        END { $? = 1 if $bad; }' "$scratch/tree/core/src/$1"
}

is_wanted() {
    local name
    [ ${#wanted[@]} -gt 0 ] || return 0
    for name in "${wanted[@]}"; do
        [ "$name" != "$1" ] || return 0
    done
    return 1
}

restore() {
    local file
    for file in "$@"; do
        cp "$scratch/src/$file" "$scratch/tree/core/src/$file"
    done
}

# Where only the anchors are looked at, all of them are.
gone_past() {
    [ $anchors = yes ] || die "$1"
    echo "mutate.sh: $1" >&2
    failures=$((failures + 1))
}

mutation() {
    local name=$1 what=$2 files=() began=$SECONDS found
    shift 2
    is_wanted "$name" || return 0
    while [ $# -gt 0 ]; do
        substitute "$1" "$2" "$3" || gone_past "$name: $1 is not as it was"
        files+=("$1")
        shift 3
    done
    if [ $anchors = yes ]; then
        restore "${files[@]}"
        return 0
    fi
    build || die "$name does not compile, see $scratch/build.log"
    "$scratch/build/sim" --seeds "$seeds" --jobs "$jobs" --first >"$scratch/$name.log" 2>&1 || true
    found=$(sed -n 's/^seed \([0-9]*\), step \([0-9]*\): \([a-z_]*\): .*/\1 \2 \3/p' "$scratch/$name.log" |
        sort -n | head -1)
    [ -n "$found" ] || failures=$((failures + 1))
    # shellcheck disable=SC2086
    set -- ${found:-- - -}
    printf '%-22s %7s %7s %-12s %5.1f  %s\n' "$name" "$1" "$2" "$3" \
        "$(echo "$((SECONDS - began))" | awk '{ print $1 / 60 }')" "$what"
    restore "${files[@]}"
}

prepare
[ $anchors = yes ] || printf '%-22s %7s %7s %-12s %5s  %s\n' mutation seed step invariant min 'what is wrong'

# ------------------------------------------------------------------------------ the lease

mutation record_unchecked 'what an owner without a row sent is recorded as its own' \
    outside/store_sqlite_facts.c 'holds(store, row->holder, &held);' 'holds(store, 0, &held);'

mutation used_unchecked 'a single_use delivery of an owner whose row is gone' \
    work/retire.c 'code = whi_lease_check(engine->lease, store, self->delivery->event->owner);' \
    'code = engine != NULL ? WH_OK : WH_ENOTFOUND;'

mutation check_remembered 'the lease was there in an earlier transaction' \
    outside/store_sqlite.c 'store->next_body = store->last_number = store->holds = store->there_event = 0;' \
    'store->next_body = store->last_number = store->there_event = 0;'

mutation owner_reused 'an engine gets the smallest free number' \
    outside/store_sqlite_sql.c '"INSERT INTO webhook_workers (beat, share, position) VALUES (0, ?1, " NOWHERE ")"' \
    '"INSERT INTO webhook_workers (id, beat, share, position) SELECT min(n), 0, ?1, " NOWHERE " FROM (SELECT 1 AS n UNION ALL SELECT id + 1 FROM webhook_workers) WHERE n NOT IN (SELECT id FROM webhook_workers)"'

mutation any_look_counts 'looks that follow each other at once count as still beats' \
    engine/lease.c 'self.counts = lease->looked_us - lease->seen_us >= BETWEEN_US;' \
    'self.counts = lease->looked_us >= lease->seen_us;'

mutation buried_early 'a row is taken away after one still beat' \
    engine/lease.c 'lease->next.list[i].still >= WHI_STILL' 'lease->next.list[i].still >= 1'

mutation never_buried 'the row of a dead engine stays' \
    engine/lease.c 'lease->next.list[i].still >= WHI_STILL' 'lease->next.list[i].still >= 1000000'

mutation trusts_longer 'an owner trusts in its row for 20 s' \
    engine/lease.c 'lease->started_us + WHI_LEASE_US : 0' 'lease->started_us + 4 * WHI_LEASE_US : 0'

mutation trusts_from_commit 'the lease counts from the end of the commit' \
    engine/lease.c 'lease->started_us + WHI_LEASE_US : 0' 'whi_monotonic_us() + WHI_LEASE_US : 0'

mutation beat_by_a_turn 'a long turn costs the lease: nobody beats but who turns' \
    engine/lease.c 'if (now_us < next) {' 'if (now_us < next || !atomic_load(&lease->off)) {'

mutation never_asleep 'an engine that nobody turns keeps its work' \
    engine/lease.c 'return !atomic_load(&engine->started) && !atomic_load' 'return 0 && !atomic_load(&engine->started) && !atomic_load'

mutation asleep_in_a_turn 'a long turn is taken for sleep' \
    engine/lease.c '!atomic_load(&engine->started) && !atomic_load(&engine->stepping) &&' '!atomic_load(&engine->started) &&'

mutation came_untold 'nobody looks for what came with a partition' \
    engine/lease.c 'if (changed || more) {' 'if (changed) {'

mutation others_untold 'nobody is told of what was done for subscriptions of others' \
    outside/store_sqlite_facts.c 'return whi_sqlite_run_numbers(store, WHI_SQL_TELL, NULL, 0, "telling others");' \
    'return WH_OK;'

mutation told_unread 'what is told is not looked at' \
    work/upkeep.c 'if (told != worker->seen_told || told < 0) {' 'if (worker->seen_told == -1) {'

mutation end_keeps_row 'wh_stop leaves its row and partitions' \
    life/run.c 'code = whi_lease_end(engine->lease);' 'code = WH_OK;'

# ----------------------------------------------------- partitions, and who has them

mutation robs 'partitions are taken from an owner that has its row' \
    outside/store_sqlite_sql.c 'FROM webhook_partitions WHERE owner NOT IN (SELECT id FROM webhook_workers) ORDER BY id LIMIT ?1"' \
    'FROM webhook_partitions ORDER BY id LIMIT ?1"'

mutation not_lowered 'who takes partitions does not go back to their position' \
    outside/store_sqlite_sql.c 'SET position = min(position, ?2)' 'SET position = max(min(position, ?2), CASE position WHEN " NOWHERE " THEN ?2 ELSE position END)'

mutation lowered_up 'who takes partitions goes to their position, also if that is further' \
    outside/store_sqlite_sql.c 'SET position = min(position, ?2)' 'SET position = ?2'

mutation taking_unminded 'a position that is written with the taking of partitions passes theirs' \
    engine/position.c 'smaller(position->read, smaller(position->taking, position->stuck))' 'smaller(position->read, position->stuck)'

mutation taken_unlisted 'what a beat has taken is known from the next beat on' \
    engine/lease.c 'return code == WH_OK ? list_partitions(lease, store) : code;
}

static int arrange' 'return code;
}

static int arrange'

mutation position_stale 'the position is found out before the transaction in which it is written' \
    work/record.c '    record->position = whi_position_now(record->task.worker->engine->position, record->asked, &record->pass);
' '' \
    work/record.c '    worker->records_open++;
' '    worker->records_open++;
    record->position = whi_position_now(worker->engine->position, atomic_load(&worker->engine->lease->owner), &record->pass);
'

mutation left_where_taken 'partitions that go with a row keep the position at which they came' \
    outside/store_sqlite_sql.c 'SET owner = 0, position = (SELECT position FROM webhook_workers WHERE id = ?1)"' 'SET owner = 0"'

mutation left_at_the_end 'partitions that go with a row go at the end of the log' \
    outside/store_sqlite_sql.c 'SET owner = 0, position = (SELECT position FROM webhook_workers WHERE id = ?1)"' \
    'SET owner = 0, position = (SELECT max(number) FROM webhook_events)"'

mutation gives_held 'a partition is given back with deliveries in memory' \
    engine/position.c 'is_leaving(position, partition) && atomic_load(&position->partitions[partition].held) == 0 &&' 'is_leaving(position, partition) &&'

mutation gives_undecided 'a partition is given back with undecided events before its end' \
    engine/position.c 'position->read >= *until && (first == NULL || first->due > *until);' 'position->read >= *until && (first == NULL || first->due > 0);'

mutation gives_at_read 'a partition is given back at the end of the reading, not at its own' \
    engine/lease.c 'whi_store_partition_give(store, lease->now_owner, i, until[i])' 'whi_store_partition_give(store, lease->now_owner, i, lease->engine->position->read)'

mutation gives_all_as_one 'partitions that leave together are given back at the end of the last' \
    engine/lease.c '*all = left == 0 || *all == until[i] ? until[i] : -1;' '*all = until[i];'

mutation gives_those_that_stay 'with those that leave all are given back' \
    engine/lease.c '*all = left == atomic_load(&position->count) ? *all : -1;' '*all = left > 0 ? *all : -1;'

mutation rests_and_takes 'who rests takes what it gives back' \
    engine/lease.c 'if (atomic_load(&lease->resting) || whi_position_is_behind(lease->engine->position)) {' 'if (whi_position_is_behind(lease->engine->position)) {'

mutation dead_have_a_share 'one whose row is taken away counts among those that share' \
    engine/lease.c 'row->share && now.still < WHI_STILL;' 'row->share;'

mutation doubt_forgotten 'a commit in doubt has taken nothing' \
    engine/lease.c '    if (!atomic_load(&lease->doubted)) {
        whi_position_taking' '    if (lease != NULL) {
        whi_position_taking'

mutation until_unminded 'a partition that leaves goes on deciding' \
    engine/position.c 'number > from && number <= until &&' 'number > from && (number <= until || until > 0) &&'

mutation until_not_held 'a partition that leaves does not hold the position' \
    engine/position.c 'value = is_leaving(position, i) ? smaller(value, atomic_load(&position->partitions[i].until)) : value;' 'value = smaller(value, WHI_NOWHERE);'

mutation leaves_behind 'a partition leaves while the reading is behind' \
    engine/lease.c 'lease->old_sharers > 0 && !whi_position_is_behind(position) &&' 'lease->old_sharers > 0 &&'

mutation takes_behind 'partitions are taken while the reading is behind' \
    engine/lease.c 'if (atomic_load(&lease->resting) || whi_position_is_behind(lease->engine->position)) {' 'if (atomic_load(&lease->resting)) {'

mutation given_kept 'a partition that was given back and taken again is the same as before' \
    engine/lease.c '    whi_position_given(position, lease->now_owner, lease->given);
' ''

mutation lost_kept 'who has a new number keeps what the former one had' \
    engine/position.c '        forget_all(position);
        position->owner = owner;' '        position->owner = owner;'

mutation adopted_untold 'nobody reads the log for partitions that came' \
    engine/lease.c '        atomic_store(&engine->more_events, 1);
' ''

mutation rest_busy 'who rests does not ask whether anything is in memory' \
    life/run.c '    if (is_quiet(engine)) {
        whi_lease_rest' '    if (engine != NULL) {
        whi_lease_rest'

# ------------------------------------------------------------------ the log, and the position

mutation passes_undecided 'the position passes what is not decided' \
    engine/position.c 'value = first != NULL ? smaller(value, first->due - 1) : value;' '(void)first;'

mutation passes_first 'the position passes the first that is not decided' \
    engine/position.c 'smaller(value, first->due - 1)' 'smaller(value, first->due)'

mutation no_pass 'going back begins no new pass' \
    engine/position.c '        position->pass++;
' ''

mutation again_unminded 'what comes again is decided for all partitions' \
    engine/position.c '(mark->again ? since == mark->pass : since <= mark->pass)' 'since <= mark->pass'

mutation again_always 'what is new is decided for the partitions that came last' \
    engine/position.c '(mark->again ? since == mark->pass : since <= mark->pass)' 'since == mark->pass'

mutation high_forgotten 'a pass does not know where the one before ended' \
    engine/position.c 'position->high = had == 0 ? least : position->read;' 'position->high = least;'

mutation stays_ahead 'the reading does not go back' \
    engine/position.c 'position->high = had == 0 ? least : position->read;
        position->read = least;' 'position->high = had == 0 ? least : position->read;
        position->read = had == 0 ? least : position->read;'

mutation from_unminded 'what lies before a partition, or is of another process, is decided' \
    engine/position.c 'number > from && number <= until &&' '(number > from || from > 0) && number <= until &&'

mutation written_before 'a position that was written before the reading went back counts as written' \
    engine/position.c 'if (owner == position->owner && pass == position->pass) {' 'if (owner == position->owner && pass >= 0) {'

mutation from_before_until 'the beginning of a partition is read before its end' \
    engine/position.c '    int64_t until = atomic_load(&position->partitions[partition].until);
    int64_t from = atomic_load(&position->partitions[partition].from);' '    int64_t from = atomic_load(&position->partitions[partition].from);
    int64_t until = atomic_load(&position->partitions[partition].until);'

mutation written_kept 'what was written before partitions came counts as written' \
    engine/position.c 'position->written = -1; /* it has gone back' '(void)least; /* it has gone back'

mutation dropped_passed 'the position passes an event that was dropped' \
    engine/position.c 'position->stuck = number - 1;' '(void)number;'

mutation seen_unset 'an event that comes again has no rows' \
    work/reading.c '    event->seen_before = 1;
' ''

mutation gap_handed 'an event is handed over although others lie between' \
    engine/position.c 'atomic_load(&position->count) == 0 || before > position->read ||
        number <= position->read ||' 'atomic_load(&position->count) == 0 || (before > position->read && number < before) ||
        number <= position->read ||'

mutation handed_twice 'an event that was read is handed over from memory' \
    engine/position.c '        number <= position->read ||' '        (number <= position->read && before > number) ||'

mutation passed_from_page 'all is passed from the beginning of a page on' \
    work/reading.c 'after = hand_all(&self, after, owner);' '(void)hand_all(&self, after, owner);'

mutation passed_unasked 'all is passed, whatever of it was refused' \
    engine/position.c 'passed = owner == position->owner && after <= position->read;' 'passed = owner == position->owner;'

mutation registry_first 'the registry is read before the log' \
    work/reading.c '    int code = store->vtable->event_log(store, after, limit, NULL, take_event, &self, &upto);

    code = code == WH_OK ? whi_registry_sync(engine->registry) : code;' \
    '    int code = whi_registry_sync(engine->registry);

    code = code == WH_OK ? store->vtable->event_log(store, after, limit, NULL, take_event, &self, &upto) : code;'

mutation log_asked_late 'that there is more is forgotten after the look' \
    work/reading.c '        atomic_store(&engine->more_events, 0); /* before the look: what comes after it sets it again */
        worker->done_count += read_log(worker, limit, after, owner);' \
    '        worker->done_count += read_log(worker, limit, after, owner);
        atomic_store(&engine->more_events, 0);'

mutation refused_untold 'what could not be handed over is not read again' \
    work/reading.c '    if (!whi_position_passed(engine->position, owner, after, upto)) {
        atomic_store(&engine->more_events, 1);' '    if (!whi_position_passed(engine->position, owner, after, upto)) {
        (void)engine;'

mutation page_untold 'a full page is taken for the last one' \
    work/reading.c '    if (self.count >= limit) {' '    if (self.count > limit) {'

mutation outbox_after 'rows of the outbox get their numbers after what is published' \
    calls/publish.c '    if (code == WH_OK) {
        code = whi_outbox_precede(self->engine, store, &self->changes);
    }
    for (size_t i = 0; i < self->claim_count && code == WH_OK && self->shortage.tenant == NULL; i++) {
        code = whi_quota_ask(self->engine, store, &self->claims[i], &self->shortage);
    }
    for (size_t i = 0; i < self->count && code == WH_OK && self->shortage.tenant == NULL; i++) {
        code = add(self, store, i);
    }
    return code;' '    for (size_t i = 0; i < self->count && code == WH_OK; i++) {
        code = add(self, store, i);
    }
    return code == WH_OK ? whi_outbox_precede(self->engine, store, &self->changes) : code;'

mutation outbox_once 'the outbox is emptied before the first event, and never again' \
    engine/outbox.c 'code == WH_OK && *changes != atomic_load(&engine->outbox_seen)' 'code == WH_OK && atomic_load(&engine->outbox_seen) == 0'

mutation appended_untold 'nobody is told of what came out of the outbox' \
    engine/outbox.c '        atomic_store(&engine->appended, 1);
' ''

mutation floor_workers 'partitions that nobody has hold nothing back' \
    outside/store_sqlite_sql.c '" WHERE had.owner NOT IN (SELECT id FROM webhook_workers)))"' '" WHERE had.owner < 0))"'

mutation floor_partitions 'owners hold nothing back' \
    outside/store_sqlite_sql.c '" (SELECT coalesce(min(position), " NOWHERE ") FROM webhook_workers), (WITH' '" " NOWHERE ", (WITH'

mutation idle_undecided 'wh_idle forgets what is not decided' \
    life/run.c 'return work.events || work.outbox' 'return work.outbox'

# ------------------------------------------------------------- what is no longer ours

mutation foreign_queued 'what an earlier owner queued stays in its lane' \
    work/turn.c '        whi_lanes_drop(worker);
' ''

mutation foreign_sent 'what an earlier owner queued is sent' \
    work/send.c 'if (!whi_lease_has(worker->engine->lease, delivery->event->owner)) {' 'if (delivery->event == NULL) {'

mutation both_foreign 'neither is looked at' \
    work/turn.c '        whi_lanes_drop(worker);
' '' work/send.c 'if (!whi_lease_has(worker->engine->lease, delivery->event->owner)) {' 'if (delivery->event == NULL) {'

mutation foreign_fanned_out 'an event of an earlier owner is fanned out' \
    work/fanout.c 'if (!whi_lease_has(engine->lease, event->owner)) {' 'if (event == NULL) {'

# ------------------------------------------------------------- what is under way, and turns

mutation known_ignored 'what is in memory is fetched again' \
    work/fetch.c 'return whi_underway_has(self->worker->engine->underway, event, self->registration->subscription->id);' \
    'return event == 0 && self != NULL;'

mutation known_never 'what was fetched is not noted' \
    engine/underway.c '        whi_table_put(&underway->rows, &row_kind, way);
        way->fetched = 1;' '        way->fetched = 0;'

mutation key_not_begun 'several of a key begin' \
    work/fetch.c 'return delivery->key != NULL && delivery->version != 0' 'return delivery->version < 0'

mutation key_for_good 'a key that has begun does not end' \
    engine/underway.c '    if (way->begun) {
        (void)whi_table_take' '    if (way->begun && way->event == 0) {
        (void)whi_table_take'

mutation key_let_go_sent 'a key is let go when its request leaves' \
    work/send.c '    parcel->delivery = delivery;
    parcel->kept' '    whi_underway_leave(worker->engine->underway, &delivery->way);
    parcel->delivery = delivery;
    parcel->kept'

mutation key_let_go_answered 'a key is let go when its request is answered' \
    work/send.c '    unlink_flying(flight);
    atomic_fetch_sub(&worker->engine->flights_open, 1);
    worker->in_flight--;' '    unlink_flying(flight);
    whi_underway_leave(worker->engine->underway, &flight->parcel.delivery->way);
    atomic_fetch_sub(&worker->engine->flights_open, 1);
    worker->in_flight--;'

# Harmless while the change of the number cuts: both_forgotten_uncut takes that away, too.
mutation forgotten_by_new 'under a new number nothing is under way' \
    work/turn.c '        worker->owner = owner;
        whi_lanes_drop(worker);' '        worker->owner = owner;
        whi_underway_end(worker->engine->underway);
        whi_underway_init(worker->engine->underway);
        whi_lanes_drop(worker);'

mutation both_forgotten_uncut 'the same, and what it sent under the old one goes on' \
    work/turn.c '        worker->owner = owner;
        whi_lanes_drop(worker);' '        worker->owner = owner;
        whi_underway_end(worker->engine->underway);
        whi_underway_init(worker->engine->underway);
        whi_lanes_drop(worker);' \
    work/turn.c '        whi_send_cut(worker, LAPSED);' '        (void)owner;'

mutation turn_uncompared 'a change does not compare the turn' \
    outside/store_sqlite_sql.c '(?13 < 0 OR turn = ?13)' '(?13 < 0 OR turn >= 0 OR turn = ?13)'

# Harmless for the row itself, whose statement compares; and of its key the process begins one alone.
mutation turn_uncompared_keyed 'what a record does to others of its key does not depend on the turn' \
    outside/store_sqlite_write.c 'sqlite3_column_int64(statement, 0) == row->turn;' 'sqlite3_column_int64(statement, 0) >= 0;'

mutation both_turns_uncompared 'neither is compared' \
    outside/store_sqlite_sql.c '(?13 < 0 OR turn = ?13)' '(?13 < 0 OR turn >= 0 OR turn = ?13)' \
    outside/store_sqlite_write.c 'sqlite3_column_int64(statement, 0) == row->turn;' 'sqlite3_column_int64(statement, 0) >= 0;'

mutation released_behind 'what is held and released is not compared with what was delivered' \
    outside/store_sqlite_order.c 'event == 0 && !in_place' 'event == 0 && in_place < 0'

mutation newest_unmarked 'the newest that was delivered is not marked anew' \
    outside/store_sqlite_order.c 'code != WH_OK || marked > row->event' 'code != WH_OK || marked > 0'

mutation turn_unread 'what is fetched has turn 0' \
    work/fetch.c '    delivery->turn = row->turn;' '    delivery->turn = row->turn * 0;'

mutation turn_kept_change 'a record does not count the turn' \
    outside/store_sqlite_sql.c 'due = ?7, turn = turn + 1, updated_at = ?8' 'due = ?7, updated_at = ?8'

mutation turn_kept_cancel 'a cancel does not count the turn' \
    outside/store_sqlite_sql.c '", due = 0, turn = turn + 1, updated_at = ?2 WHERE subscription' '", due = 0, updated_at = ?2 WHERE subscription'

mutation turn_kept_turn 'who gets his turn keeps his count' \
    outside/store_sqlite_sql.c 'SET due = created_at, turn = turn + 1 WHERE' 'SET due = created_at WHERE'

mutation turn_kept_supersede 'what a newer one takes the place of keeps its count' \
    outside/store_sqlite_sql.c '", due = 0, turn = turn + 1, updated_at = ?4' '", due = 0, updated_at = ?4'

mutation turn_kept_again 'what goes again keeps its count' \
    outside/store_sqlite_sql.c ', due = ?3, tries = 0, turn = turn + 1,"
                          " updated_at = ?4' ', due = ?3, tries = 0,"
                          " updated_at = ?4'

mutation turn_kept_hasten 'what is hastened keeps its count' \
    outside/store_sqlite_sql.c 'SET due = ?3, tries = 0, turn = turn + 1, updated_at = ?3"' 'SET due = ?3, tries = 0, updated_at = ?3"'

mutation under_way_untold 'a newer one takes the place of what is under way' \
    work/record.c 'whi_underway_of(engine->underway, delivery->way.subscription, delivery->key);' '0 * whi_underway_of(engine->underway, delivery->way.subscription, delivery->key);'

mutation refused_unlooked 'a record that was refused is the end' \
    work/record.c '(delivery->turn != WHI_TURN_ABSENT && !delivery->written.done) ||' '(delivery->turn != WHI_TURN_ABSENT && delivery->event == NULL) ||'

mutation behind_unlooked 'nobody looks for what stands behind in the key' \
    work/record.c '(delivery->key != NULL && (delivery->state != WHI_WAITING || is_of_latest(delivery)));' '(delivery->key != NULL && delivery->event == NULL);'

# Late, and not lost: the newer one is found when the next try of the older one would have been due.
mutation newer_unlooked 'nobody looks for the newer one behind what is to be tried again' \
    work/record.c '(delivery->state != WHI_WAITING || is_of_latest(delivery))' 'delivery->state != WHI_WAITING'

mutation held_late 'a lane is held after its partition was looked at' \
    work/fetch.c '    whi_position_hold(position, subscription);
    if (whi_inbox_of(worker->engine, subscription) == &worker->inbox && whi_position_has(position, subscription)) {
        look_at_lane(worker, lane);
    } else {
        whi_allowance_end(worker, lane, 0);
    }
    whi_position_release(position, subscription);' '    if (whi_inbox_of(worker->engine, subscription) == &worker->inbox && whi_position_has(position, subscription)) {
        whi_position_hold(position, subscription);
        look_at_lane(worker, lane);
        whi_position_release(position, subscription);
    }'

mutation rate_free 'a request takes no token' \
    work/allowance.c '        whi_bucket_take(&lane->bucket, &lane->rate);' '        (void)lane;'

mutation rate_kept 'who takes over believes in a full bucket' \
    work/allowance.c 'subscription->created_at > since' 'subscription->created_at > 0'

mutation tenant_rate_free 'a request takes no token of its tenant' \
    engine/tenant_rate.c '    whi_bucket_take(&self->bucket, &self->part);' '    (void)self;'

mutation probe_not_alone 'an open breaker lets a window of probes go' \
    pure/breaker.c 'return !breaker->probing && now >= breaker->until;' 'return now >= breaker->until ? 64 : 0;'

mutation breaker_never 'a breaker that is to open stays closed' \
    pure/breaker.c 'if (!failed || count < rule->least ||' 'if (!failed || count < rule->least + 1000000 ||'

mutation held_not 'a lane is not held while it is fetched for' \
    work/fetch.c '    whi_position_hold(position, subscription);' '' \
    work/fetch.c '    whi_position_release(position, subscription);' ''

mutation fetched_foreign 'a lane is fetched for without its partition' \
    work/fetch.c ' && whi_position_has(position, subscription)) {
        look_at_lane' ') {
        look_at_lane'

mutation put_back_untold 'what is put back is fetched with the next' \
    work/queue.c '        whi_lane_stored(worker, lane, whi_now(worker->engine));' '        (void)lane;'

mutation fetched_for_now 'what is fetched bears the number of now, not of this turn' \
    work/fetch.c '#include "engine/position.h"' '#include "engine/position.h"
#include "engine/lease.h"' \
    work/fetch.c '    delivery->event->owner = self->worker->owner;' '    delivery->event->owner = atomic_load(&engine->lease->owner);'

# Slow, and not wrong: what stands behind is found when the known one goes.
mutation waiting_known_due 'what is known says when to come again, and ends the search' \
    outside/store_sqlite_waiting.c '    if (asked->known(event, asked->payload)) {
        return WH_OK;' '    if (asked->known(event, asked->payload)) {
        *next = due;
        return WH_OK;'

mutation waiting_rest_lost 'a search that has enough forgets the rest' \
    outside/store_sqlite_waiting.c '        *next = due;
        return WH_OK;' '        *next = due > asked->now ? due : INT64_MAX - 1;
        return WH_OK;'

mutation waiting_later_lost 'a search does not tell when the next is due' \
    outside/store_sqlite_waiting.c '        *next = due;
        return WH_OK;' '        *next = due <= asked->now ? due : INT64_MAX - 1;
        return WH_OK;'

mutation waiting_early 'a search gives what is not due' \
    outside/store_sqlite_waiting.c 'if (due > asked->now || *given >= asked->limit) {' 'if (*given >= asked->limit) {'

mutation waiting_behind 'what stands behind in its key is given' \
    outside/store_sqlite_sql.c 'AND subscription = ?1 AND due < " BEHIND " ORDER BY due, event",' 'AND subscription = ?1 ORDER BY due % " BEHIND ", event",'

mutation replayed_on_its_way 'a replay changes what is on its way' \
    calls/replay.c 'row->state == WHI_WAITING && row->due <= self->now' 'row->state == WHI_WAITING && row->due < 0'

# ---------------------------------------------------------------------------- lags

mutation lag_numbers 'what a lag is met in before it has a row is forgotten' \
    engine/lag.c 'lag->numbers[lag->count++] = event->number;' '(void)event;'

mutation lag_not_held 'the position passes what a lag without a row is met in' \
    engine/lag.c 'code == WH_OK && lag->written < 0 ? hold(lag, event) : code;' 'code;'

mutation lag_unsettled 'a lag goes on before its deliveries are written' \
    work/lagging.c 'if (atomic_load(&lag->page[i]->unwritten) > 1) {' 'if (0) {'

mutation lag_not_loaded 'who takes a partition does not look for lags' \
    engine/lease.c 'code = whi_store_lag_list(store, has_lag, lease);' 'code = WH_OK;'

mutation lag_unmet 'workers decide for what lags' \
    work/fanout.c 'lags == 0 ? deliver_to' 'lags >= 0 ? deliver_to'

mutation lag_reads_early 'a lag reads on before all that was handed over is decided' \
    work/lagging.c '    int beyond = whi_lagging_has_passed(worker, lag->from), code' '    int beyond = 1, code'

mutation lag_ends_unread 'a lag ends before it has read what the workers have read' \
    engine/lag.c 'lag->count == 0 && lag->at >= position->read && lag->at >= position->high;' 'lag->count == 0;'

mutation lag_gone_early 'a lag that ends is gone before all that was handed over is decided' \
    work/lagging_state.c 'return whi_lagging_has_passed(worker, lag->until);' 'return 1;'

mutation lag_unlisted 'numbers of a lag are lost with another page' \
    engine/lag.c 'if (bsearch(&lag->numbers[i], numbers, count, sizeof *numbers, compare) == NULL) {' \
    'if (lag->numbers[i] > numbers[count - 1]) {'

mutation lag_unasked 'a lag does not ask what has a row already' \
    work/lagging.c 'code = whi_fanout_exists(worker, event, registration, &known);' 'code = WH_OK;'

mutation lag_floor 'lags hold nothing back' \
    outside/store_sqlite_sql.c '"min((SELECT coalesce(min(position), " NOWHERE ") FROM webhook_lags),"' '"min(" NOWHERE ","'

# ------------------------------------------------------------------- late, and cut

mutation cut_never 'what is under way goes on when the lease is over' \
    work/turn.c '        whi_send_cut(worker, LAPSED);' '        (void)owner;'

mutation cut_by_the_clock 'it goes on when a new number was faster' \
    work/turn.c 'if (owner == 0 || owner != worker->owner) {' 'if (owner == 0) {'

mutation cut_is_a_try 'a cut is a try of the retry list' \
    work/send.c '    note_attempt(worker, &flight->parcel);
    delivery->error' '    note_attempt(worker, &flight->parcel);
    delivery->tries++;
    delivery->error'

mutation cut_gives_up 'what was cut is given up' \
    work/send.c '} else if (parcel->outcome == WHI_OUTCOME_CUT) {' '} else if (parcel->delivery == NULL) {'

mutation again_never 'a late one sends nothing again' \
    work/record.c 'if (delivery->attempt == NULL || !is_of_latest(delivery)) {' 'if (engine != NULL) {'

mutation again_known_only 'who finds out by its record alone that it is late says nothing' \
    work/record.c '    return send_newest_again(engine, store, delivery, owner);' '    return code;'

mutation again_unknown_only 'who knew before its record that it is late says nothing' \
    work/record.c 'return code == WH_OK ? send_newest_again(record->task.worker->engine, store, delivery, 0) : code;' 'return code;'

mutation again_of_successes 'who is late says nothing of what was cut or failed' \
    work/record.c 'if (delivery->attempt == NULL || !is_of_latest(delivery)) {' 'if (delivery->attempt == NULL || delivery->state != WHI_DELIVERED || !is_of_latest(delivery)) {'

mutation again_untimely 'who is not late sends the newest again, too' \
    outside/store_sqlite_facts.c 'fact->of.again.unless != 0 ? holds(store, fact->of.again.unless, &held) : WH_OK' 'fact->of.again.unless != 0 ? holds(store, 0, &held) : WH_OK'

mutation again_oldest 'the oldest behind the late one goes again' \
    outside/store_sqlite_sql.c 'AND key = ?2 AND state = " DELIVERED " ORDER BY event DESC LIMIT 1"' 'AND key = ?2 AND state = " DELIVERED " ORDER BY event LIMIT 1"'

mutation again_any 'the newest that was delivered goes again, also if a newer one waits' \
    outside/store_sqlite_order.c 'found.event = waits > row->event ? waits : row->event;' 'found.event = row->event;'

mutation again_delivered_only 'a newer one that waits for its next try goes when it goes' \
    outside/store_sqlite_order.c ': hasten(store, &found, now);' ': WH_OK;'

# Harmless while the process begins one of a key alone, and the newest is looked for among those that wait first.
mutation again_beside 'what goes again does not wait behind the one of its key' \
    outside/store_sqlite_order.c 'place == WHI_PLACE_BEHIND ? WHI_DUE_BEHIND : now, now }' 'now, now }'

# ------------------------------------------------------------------------------- lanes

mutation no_room_foreign 'a dropped delivery leaves the lane without room' \
    work/send.c 'whi_delivery_free(worker->engine, delivery);
        whi_lane_left(worker, lane);' 'whi_delivery_free(worker->engine, delivery);'

mutation no_rescan 'a new owner does not ask the store for what its lanes had' \
    work/turn.c '        whi_lanes_drop(worker);
        atomic_store(&worker->inbox.rescan, 1);' '        whi_lanes_drop(worker);'

mutation both_no_room_foreign 'lanes whose foreign deliveries were dropped get no room, and the store is not asked' \
    work/send.c 'whi_delivery_free(worker->engine, delivery);
        whi_lane_left(worker, lane);' 'whi_delivery_free(worker->engine, delivery);' \
    work/lane.c '    whi_lane_left(worker, lane);
}

void whi_lanes_drop' '}

void whi_lanes_drop' \
    work/turn.c '        whi_lanes_drop(worker);
        atomic_store(&worker->inbox.rescan, 1);' '        whi_lanes_drop(worker);'

mutation no_room_cancelled 'a delivery that may not be sent leaves the lane without room' \
    work/send.c 'leave_unsent(worker, delivery);
        whi_lane_left(worker, lane);' 'leave_unsent(worker, delivery);'

mutation no_room_drop 'a lane whose queue was dropped stays put aside' \
    work/lane.c '    whi_lane_left(worker, lane);
}

void whi_lanes_drop' '}

void whi_lanes_drop'

mutation no_room_landed 'an answer gives the lane no room' \
    work/lane.c '    whi_lane_left(worker, lane);
    whi_lane_ready(worker, lane);' '    whi_lane_ready(worker, lane);'

mutation parked_for_good 'a lane that was put aside stays so' \
    work/lane.c 'whi_lane_stored(worker, lane, lane->parked_due);' ''

mutation landed_untold 'the next in the queue is not made ready' \
    work/lane.c '    whi_lane_left(worker, lane);
    whi_lane_ready(worker, lane);' '    whi_lane_left(worker, lane);'

mutation cap_ignored 'the cap of a subscription is ignored' \
    work/lane.c 'return lane->window < lane->cap ? lane->window : lane->cap;' 'return lane->window;'

# ------------------------------------------------------------------------- events, records

mutation done_early 'an event is done before its deliveries are written' \
    work/fanout.c '    atomic_fetch_add(&event->unwritten, 1);
' ''

mutation done_never 'an event is never decided' \
    work/record.c 'if (atomic_fetch_sub(&event->unwritten, 1) == 1) {' 'if (atomic_fetch_sub(&event->unwritten, 1) == 0) {'

mutation number_early 'the last number is of an earlier transaction' \
    outside/store_sqlite.c 'store->next_body = store->last_number = store->holds = store->there_event = 0;' \
    'store->next_body = store->holds = store->there_event = 0;'

mutation present_decides 'whatever was in force, the present version decides' \
    engine/registry.c 'return registration->since < number && (ended == 0 || number <= ended);' \
    'return number > 0 && ended == 0;'

mutation former_dropped 'a version that has ended is let go at once' \
    engine/registry.c '    self->first = work.first;' '    self->first = 0;'

mutation former_unread 'versions that others made and ended between two looks are not read' \
    engine/registry.c 'self->list[i].made != NULL ? read_former' 'self->list[i].made == NULL ? read_former'

mutation event_told_early 'workers get an event that was not committed' \
    calls/publish.c '    if (code != WH_OK || self->shortage.tenant != NULL) {
        drop(self);
        return;
    }' ''

mutation sync_off 'commits are not synced' \
    outside/store_sqlite.c '"PRAGMA synchronous = FULL"' '"PRAGMA synchronous = OFF"'

mutation sync_normal 'commits are synced at checkpoints only' \
    outside/store_sqlite.c '"PRAGMA synchronous = FULL"' '"PRAGMA synchronous = NORMAL"'

mutation no_rollback 'a job that failed leaves its half in the transaction' \
    engine/writer.c 'whi_store_rollback(writer->store);' 'if (whi_store_commit(writer->store, NULL) != WH_OK) whi_store_rollback(writer->store);'

mutation id_unknown 'an id that was there is new' \
    outside/store_sqlite_idempotency.c '*duplicate = code == WH_OK && whi_sqlite_changed(store) == 0;' '*duplicate = 0;'

mutation outbox_kept 'rows of the outbox stay' \
    outside/store_sqlite_admin.c 'return whi_sqlite_run_numbers(store, WHI_SQL_OUTBOX_DROP, &row.number, 1, "emptying the outbox");' \
    'return code;'

mutation record_dropped 'a record that failed is dropped' \
    work/record.c 'keep_failed(worker, record);
        try_later' 'free_record(record);
        try_later'

mutation records_crossed 'records are tried again newest first' \
    work/record.c '(*place)->number < record->number' '(*place)->number > record->number'

mutation record_overtakes 'a record overtakes one that failed' \
    work/record.c 'if (atomic_load(&record->task.worker->record_failed)) {' 'if (record == NULL) {'

mutation retry_dropped 'after the second failure there is no retry' \
    work/again.c 'if (parcel->outcome != WHI_OUTCOME_RETRY) {' 'if (parcel->outcome != WHI_OUTCOME_RETRY || parcel->delivery->tries == 2) {'

mutation retry_not_announced 'nobody is told when a retry is due' \
    work/record.c 'if (delivery->state == WHI_WAITING) {' 'if (delivery->state == WHI_WAITING && delivery->turn == WHI_TURN_ABSENT) {'

mutation reading_forgotten 'a log that could not be read is not asked for again' \
    work/reading.c 'whi_monotonic_us() + AGAIN_US);
    atomic_store(&engine->more_events, 1);
}' 'whi_monotonic_us() + AGAIN_US);
}'

mutation publish_untold 'nobody is told of an event that only the store has' \
    calls/publish.c 'if (left > 0) {' 'if (left < 0) {'

# ------------------------------------------------------------ subscriptions, replay, purge

mutation deaf 'changes by other processes are not heard' \
    work/upkeep.c 'if (changes == worker->seen_changes) {' 'if (changes >= worker->seen_changes) {'

mutation expects_nothing 'what a transaction saw of other processes is not expected' \
    engine/registry.c 'atomic_store(&registry->news, changes);' ''

mutation used_outside 'whether single_use is used is decided outside of the transaction' \
    work/disable.c 'code = code == WH_OK ? switch_off(' \
    'code = registration->subscription->disabled != NULL ? WH_OK : code == WH_OK ? switch_off('

mutation used_stays 'a used single_use subscription stays' \
    engine/version.c '*used = self.used;' '*used = self.used & 2;'

mutation used_by_ours 'its use is asked of the version in memory alone' \
    engine/version.c 'int code = whi_store_subscription_now(store, ours->id, look, &self);' 'int code = ((void)store, (void)look, self.used = is_used(ours), WH_OK);'

mutation replay_uncompared 'a replay by query takes what was delivered since' \
    calls/replay.c '(self->state != 0 && row->state != self->state)' '(self->state < 0)'

mutation replay_not_due 'a replayed delivery is due tomorrow' \
    calls/replay.c 'changed->due = self->now;' 'changed->due = self->now + 86400000;'

mutation body_remade 'each retry is made by the present rule' \
    work/fetch.c 'if (delivery->version == 0) {' 'if (delivery->version >= 0) {'

mutation purge_beyond 'the purge takes events that are not decided' \
    outside/store_sqlite_sql.c 'number <= min(?2 - 1, " FLOOR
                           ", (SELECT max(number)' 'number <= min(?2 - 1, (SELECT max(number)'

mutation purge_open 'the purge takes events whose deliveries wait' \
    outside/store_sqlite_sql.c '"SELECT total(state = " WAITING ") > 0,"' '"SELECT total(state = 9) > 0,"'

mutation idle_looks_once 'wh_idle does not look again' \
    life/run.c '&& atomic_load(&engine->jobs_begun) == begun && is_quiet(engine)' '&& begun >= 0'

# ------------------------------------------------------------------------------- order

mutation order_in_memory 'what has an order is sent at once' \
    work/fanout.c '(delivery->key != NULL || delay > 0 ||' '(delay > 0 ||'

mutation order_no_turn 'the next of a key does not get its turn' \
    pure/order.c 'first->found && first->due == WHI_DUE_BEHIND' 'first->found && first->due == 1'

mutation order_beside 'a delivery does not wait behind the one of its key' \
    outside/store_sqlite_order.c 'row->due = WHI_DUE_BEHIND;' 'row->due += 0;'

mutation order_two_workers 'events of an order go to several workers' \
    engine/handover.c 'return engine->inboxes[whi_registry_may_have_order(engine->registry)' 'return engine->inboxes[engine == NULL'

mutation latest_all 'of a key all are kept' \
    outside/store_sqlite_order.c 'return cancel_before(store, row, row->event, row->under_way, whi_order_reason(WHI_PLACE_SUPERSEDED));' 'return WH_OK;'

mutation latest_oldest 'an older one takes the place of the newer' \
    outside/store_sqlite_order.c 'code != WH_OK || *newer' 'code != WH_OK' \
    outside/store_sqlite_order.c 'return cancel_before(store, row, row->event, row->under_way, whi_order_reason(WHI_PLACE_SUPERSEDED));' \
    'return cancel_before(store, row, INT64_MAX, row->under_way, whi_order_reason(WHI_PLACE_SUPERSEDED)) + (*newer = 0);'

# ------------------------------------------------------------------------------- health

mutation health_untold 'a change of health is told where there is luck' \
    work/watch.c 'return code == WH_OK && taken && attempt' 'return code == WH_OK && taken && attempt->at % 2 == 0 && attempt'

mutation health_twice 'it is told by each attempt after it' \
    outside/store_sqlite_health.c 'fact->answer.done ? (int64_t)news : WHI_NO_NEWS;' \
    'fact->answer.done ? (row.state == WHI_FAILING ? WHI_NEWS_FAILING : (int64_t)news) : WHI_NO_NEWS;'

mutation health_remembered 'that all were well is known from an earlier transaction' \
    outside/store_sqlite.c 'store->healths = 0;' ''

mutation health_said 'a success behind a failure is not handed over' \
    work/record.c 'record->well = attempt->saw == WHI_SAW_SUCCESS ? delivery->way.subscription : 0;' \
    'record->well = delivery->way.subscription;'

mutation health_late 'one more failure is needed than the machine says' \
    pure/health.c 'health->failures >= WHI_HEALTH_REPEATED' 'health->failures > WHI_HEALTH_REPEATED'

# ------------------------------------------------------------------------------- polls

mutation poll_any_turn 'who has lost a reading writes what it has read all the same' \
    outside/store_sqlite_poll_sql.h 'turn = ?28 AND salt' '?28 >= 0 AND salt'

mutation poll_believes 'a list that is empty by mistake is believed at once' \
    work/poll_end.c 'return row->pages > 1 || row->objects + row->large == 0;' 'return row->pages < 0;'

mutation poll_forgetful 'what was told is not remembered with it' \
    work/poll_commit.c 'code = code == WH_OK ? write_notes(self, store) : code;' ''

mutation poll_wish 'a wish is used up by a reading that had broken off' \
    work/poll_run.c 'self->goes_on = is_begun && !self->own.is_history;' ''

# ------------------------------------------- neighbours (seed 22 finds two, seed 36 the third)

mutation slots_unparted 'slots are nobody'"'"'s in particular: those that hang have them all' \
    work/slots.c 'return slots->used[kind] < part_of(slots) ? free > 0 : free > left_by(slots, kind);' \
    'return free > 0 || left_by(slots, kind) < 0;'

mutation slots_kept 'whoever is new waits for new ones that hang' \
    work/send.c 'while (make_room(worker) > 0);' 'while (make_room(worker) < 0);'

mutation slice_endless 'a turn waits for a rule, however long it takes' \
    work/fanout.c 'code = decide(worker, event, registration, SLICE_US, &decided);' \
    'code = decide(worker, event, registration, 0, &decided);'

[ $anchors = no ] || exit $((failures > 0 ? 2 : 0))
echo "$failures not found"
