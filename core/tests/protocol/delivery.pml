/* delivery.pml - what is sent, and what is said of it. Two processes, one partition, one subscription, a
 * publisher, events of one key, which all are wanted unless a rule says otherwise.
 *
 * A delivery row is written early (before its first attempt: it waits) or late (with its first attempt); turn
 * counts its changes, 0 is no row. Any step may be the last before a death, and between any two steps a live
 * owner may be taken for dead: that is a pause of any length, in which its request is still to arrive.
 * core/docs/protocol.md has the words.
 *
 * Shape:   ORDER (NONE, KEY, LATEST, SINGLE), PROCESSES, EVENTS, EARLY (rows may be written early), DEATHS, FREEZES,
 *          FAILURES, RETURNS (partition given back), ACTS (cancel, replay by another process),
 *          OTHERS (another partition of a process is taken),
 *          BACK (the partition joins a process whose position is further back)
 *          CHANGE     a new rule, which drops event 1, comes into force in between
 *          EXHAUST    a failed attempt may have been the last of the list
 *          WIRE       the request of a process that dies may arrive later
 *          LINGER     the request of an attempt that failed may arrive later
 * Guards that can be taken away:
 *   PASS_UNDECIDED       the position passes what has no row and may be wanted
 *   NO_EPOCH             a record is made by whoever believes to own the partition
 *   NO_GENERATION        who takes a partition does not tell so to its former owner's row
 *   TORN_LOOK            the generation that is trusted was read after the epochs, not with them
 *   EPOCH_BEFORE         the epoch is looked at before the transaction of the record
 *   NO_TURN              a record does not ask whether the row was changed meanwhile
 *   NEXT_BEFORE_RECORD   the next of a key starts when the one before is answered
 *   NEXT_BESIDE_CANCELLED  a delivery that is cancelled while under way does not hold up its key
 *   ROWS_NOT_LOOKED_UP   who takes a partition does not look for rows beyond the position
 *   NO_LOOK              an owner does not look at what others changed
 *   ACT_ON_UNBEGUN       another process makes a row for an event of single use that has none
 *   SUPERSEDE_ROWS_ONLY  an older one that was cancelled by another process stays in the owner's memory
 *   PRESENT_RULE         the rule in force now decides, not the one at the event's number
 *   LATE_SINGLE          single use without a row before the attempt
 *   RETURN_BUSY          a partition is given back with requests under way
 *   TAKE_BUSY            a process takes a partition again while a request of its lost ownership is under way
 *   NO_WORD              a late owner of a latest key does not say that it sent
 *   WORD_OF_RECORDS      it does so when a record is refused, and not when it learns otherwise that it is late
 *   WORD_BY_HEAD         the newest that was read is sent again, not the newest that has a row
 * Promises that nobody can keep (each is found):
 *   SAME_ORDER           repeats never go back in the order
 *   STRICT               what was given up (cancelled, exhausted) never arrives first after a newer one
 *   WORD_IS_SAFE         a late owner never dies before its word */
#define NONE 0
#define KEY 1
#define LATEST 2
#define SINGLE 3
#ifndef ORDER
#define ORDER KEY
#endif
#ifndef PROCESSES
#define PROCESSES 2
#endif
#ifndef EVENTS
#define EVENTS 3
#endif
#ifndef EARLY
#define EARLY 1
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef FREEZES
#define FREEZES 1
#endif
#ifndef FAILURES
#define FAILURES 1
#endif
#ifndef RETURNS
#define RETURNS 0
#endif
#ifndef ACTS
#define ACTS 0
#endif
#ifndef OTHERS
#define OTHERS 0
#endif
#ifndef BACK
#define BACK 0
#endif
#define NOBODY PROCESSES
#define NO_ROW 15
#define bit_of(e) (1 << (e))
#define has(set, e) (((set) >> (e)) & 1)

/* States of a row. */
#define ABSENT 0
#define WAITING 1
#define DELIVERED 2
#define CANCELLED 3
#define EXHAUSTED 4

/* What a process knows of a delivery. */
#define UNREAD 0
#define READY 1
#define UNDER_WAY 2
#define ACCEPTED 3 /* answered with success, not recorded */
#define FAILED 4   /* answered otherwise, not recorded */
#define ENDED 5    /* recorded, or unwanted */

/* The store. */
byte last; /* the highest number, given in the commit */
byte row[4], turn[4];
byte owner = NOBODY, epoch, position;
bit owner_died;
byte generation[PROCESSES]; /* of each process's row */
byte changed;               /* the number from which the new rule is in force; 0: there is none */
bit word;                   /* a late owner of the key has sent something */

byte network; /* requests whose sender no longer listens */
byte deaths = DEATHS, freezes = FREEZES, failures = FAILURES, returns = RETURNS, acts = ACTS, others = OTHERS, backs = BACK;

/* What the judge remembers; no process looks at it. */
byte arrived, newest, latest;         /* events that were accepted; the highest of them; the one that came last */
bit disturbed;                        /* there was a death, or a live owner was replaced */
bit excused;                          /* a late owner died before its word */
byte asked, fresh[PROCESSES];         /* replays not yet followed by a request; requests begun after the replay */
byte called_off, given_up, replayed;  /* by another process; cancelled or exhausted; replayed at all */

#define dropped_at(e, from) ((e) == 1 && (from) != 0 && (from) <= (e))
#define wanted(e) (!dropped_at(e, changed))
#ifdef PRESENT_RULE
#define matches(e) (!((e) == 1 && changed != 0))
#else
#define matches(e) wanted(e)
#endif
#define present (owner == me && epoch == my_epoch)
#ifdef NO_EPOCH
#define holds 1
#else
#define holds (generation[me] == my_generation || present)
#endif
#define busy(e) (stage[e] >= UNDER_WAY && stage[e] <= FAILED)
#define answered(e) (stage[e] == ACCEPTED || stage[e] == FAILED)
#define idle (!busy(1) && !busy(2) && !busy(3))
#ifdef NEXT_BEFORE_RECORD
#define over(e) (stage[e] == ENDED || stage[e] == ACCEPTED)
#define others_busy(e) 0
#else
#define over(e) (stage[e] == ENDED)
#define others_busy(e) (e != 1 && busy(1) || e != 2 && busy(2) || e != 3 && busy(3))
#endif
#define older_over(e) ((e < 2 || over(1)) && (e < 3 || over(2)))
#define newer_over(e) ((e > 1 || head < 2 || over(2)) && (e > 2 || head < 3 || over(3)))

/* Which may start. Of a latest key the newest that was read; of all ordered ones one at a time. */
#if ORDER == NONE
#define in_turn(e) 1
#elif ORDER == KEY
#define in_turn(e) (older_over(e) && !others_busy(e))
#elif ORDER == LATEST
#define in_turn(e) (newer_over(e) && idle)
#elif defined(LATE_SINGLE)
#define in_turn(e) 1
#else
#define in_turn(e) (my_turn[e] > 0)
#endif
#define may_start(e) (mine && e <= head && stage[e] == READY && in_turn(e))

#ifdef LINGER
#define LINGERS 1
#else
#define LINGERS 0
#endif
/* A request arrives, and is accepted. */
inline arrive(e) {
    if
    :: has(arrived, e) -> assert(disturbed || network != 0 || has(replayed, e) || LINGERS)
    :: else ->
#ifdef STRICT
        assert(ORDER != KEY || newest < e);
#else
        assert(ORDER != KEY || newest < e || has(given_up, e) && (disturbed || LINGERS || has(replayed, e)));
#endif
        assert(ORDER != SINGLE || arrived == 0);
        arrived = arrived | bit_of(e)
    fi;
#ifdef SAME_ORDER
    assert(newest <= e);
#endif
    newest = (newest < e -> e : newest);
    latest = e
}

/* A request that is answered while another owns the partition: of an ordered key there is at most one. */
inline count_late() {
    if
    :: (ORDER == KEY || ORDER == LATEST) && !present -> late++; assert(late <= 1)
    :: else
    fi
}

/* What is not sent is anybody's; what is under way is waited for, because it may have to be told of. */
#define keep_busy(e) (busy(e) -> stage[e] : UNREAD)
inline step_down() {
    mine = 0; my_epoch = 0; my_generation = NO_ROW; head = 0; looked = 0; torn = 0;
#ifdef WORD_OF_RECORDS
    stage[1] = UNREAD; stage[2] = UNREAD; stage[3] = UNREAD;
#else
    stage[1] = keep_busy(1); stage[2] = keep_busy(2); stage[3] = keep_busy(3);
#endif
    my_turn[1] = 0; my_turn[2] = 0; my_turn[3] = 0;
    if
    :: idle -> late = 0; fresh[me] = 0
    :: else
    fi
}

inline forget() {
    stage[1] = UNREAD; stage[2] = UNREAD; stage[3] = UNREAD;
    step_down()
}

inline adopt(e) {
    my_turn[e] = turn[e];
    stage[e] = (row[e] == WAITING -> READY : ENDED)
}

inline write_row(e, state) {
    row[e] = state;
    turn[e]++;
    my_turn[e] = turn[e]
}

#ifdef ROWS_NOT_LOOKED_UP
#define is_known(e) (row[e] != ABSENT && e <= position)
#else
#define is_known(e) (row[e] != ABSENT)
#endif
inline find(e) {
    if
    :: is_known(e) -> adopt(e)
    :: !is_known(e) && e <= position -> stage[e] = ENDED
    :: else
    fi
}

inline leave_on_wire(e) {
    if
    :: stage[e] == UNDER_WAY -> network = network | bit_of(e)
    :: else
    fi
}

#ifdef TAKE_BUSY
#define may_take 1
#else
#define may_take idle
#endif
inline take() {
#ifdef TAKE_BUSY
    leave_on_wire(1); leave_on_wire(2); leave_on_wire(3);
    forget();
#endif
    if
    :: owner != NOBODY && !owner_died -> freezes--; disturbed = 1
    :: else
    fi;
#ifndef NO_GENERATION
    if
    :: owner != NOBODY -> generation[owner]++
    :: else
    fi;
#endif
    owner = me; owner_died = 0; epoch++;
    mine = 1; my_epoch = epoch; my_generation = generation[me];
    head = position;
    find(1); find(2); find(3)
}

/* Single use: the lowest that is wanted, whoever decides. */
#define bound(e) (row[e] != ABSENT || stage[e] >= READY && stage[e] <= FAILED)
#define spent(e) (ORDER == SINGLE && (e > 1 && bound(1) || e > 2 && bound(2)))
#ifdef ROWS_NOT_LOOKED_UP
#define ROWS_UNSEEN 1
#else
#define ROWS_UNSEEN 0
#endif
inline read_event(e) {
    if
    :: e > head && e <= last && stage[e] == UNREAD ->
        if
        :: row[e] != ABSENT && !ROWS_UNSEEN -> adopt(e)
        :: (row[e] == ABSENT || ROWS_UNSEEN) && matches(e) && !spent(e) -> stage[e] = READY
        :: else -> stage[e] = ENDED
        fi
    :: else
    fi
}

/* The epochs are looked at again, and the generation that they go with is kept. */
inline look_again() {
    if
    :: present -> my_generation = generation[me]
    :: else -> step_down()
    fi
}

inline write_early(e) {
    if
    :: holds && turn[e] == 0 -> write_row(e, WAITING)
    :: holds && turn[e] != 0 ->
        if
        :: stage[e] == READY -> adopt(e)
        :: else
        fi
    :: else -> step_down()
    fi
}

inline start(e) {
    stage[e] = UNDER_WAY;
    fresh[me] = (has(asked, e) -> fresh[me] | bit_of(e) : fresh[me] & ~bit_of(e))
}

inline honour(e) {
    if
    :: has(fresh[me], e) -> asked = asked & ~bit_of(e); fresh[me] = fresh[me] & ~bit_of(e)
    :: else
    fi
}

inline succeed(e) {
    count_late();
    arrive(e);
    stage[e] = ACCEPTED;
    honour(e)
}

inline supersede(e) {
    if
    :: row[e] == ABSENT || row[e] == WAITING -> write_row(e, CANCELLED); stage[e] = ENDED
    :: row[e] != ABSENT && row[e] != WAITING && stage[e] == READY ->
#ifdef SUPERSEDE_ROWS_ONLY
        skip
#else
        adopt(e)
#endif
    :: else
    fi
}

/* The attempt is kept in any case; the row is changed if it is as it was when the attempt began. */
#ifdef NO_TURN
#define unchanged(e) 1
#else
#define unchanged(e) (turn[e] == my_turn[e])
#endif
inline write_record(e, after_failure) {
    if
    :: !unchanged(e) -> adopt(e)
    :: unchanged(e) && stage[e] == ACCEPTED ->
        write_row(e, DELIVERED);
        stage[e] = ENDED;
        if
        :: ORDER == LATEST && e > 1 -> supersede(1)
        :: else
        fi;
        if
        :: ORDER == LATEST && e > 2 -> supersede(2)
        :: else
        fi
    :: unchanged(e) && stage[e] == FAILED ->
        write_row(e, after_failure);
        stage[e] = (after_failure == WAITING -> READY : ENDED);
        if
        :: after_failure == EXHAUSTED -> given_up = given_up | bit_of(e); honour(e)
        :: else
        fi
    fi
}

inline lose(e) {
#ifndef NO_WORD
    word = (ORDER == LATEST -> 1 : 0);
#endif
    stage[e] = UNREAD;
    step_down()
}

inline record(e, after_failure) {
    if
    :: holds -> write_record(e, after_failure)
    :: else -> lose(e)
    fi
}

/* What EPOCH_BEFORE does instead. */
inline look_before(e) {
    if
    :: holds -> looked = e
    :: else -> lose(e)
    fi
}

/* The newest that was delivered goes out once more, behind what the late owner sent, unless a newer one
 * waits and will. It is the row that tells which one that is: the log may not be read so far again. */
#define stands(e) (row[e] == WAITING || row[e] == DELIVERED)
#ifdef WORD_BY_HEAD
#define newest_row head
#else
#define newest_row (stands(3) -> 3 : (stands(2) -> 2 : (stands(1) -> 1 : 0)))
#endif
inline repeat(e) {
    if
    :: newest_row == e && stage[e] == ENDED -> write_row(e, WAITING); stage[e] = READY
    :: else
    fi
}
/* A newer one waits: the older need not wait for its record. */
inline supersede_early(e) {
    if
    :: holds -> supersede(e)
    :: else -> step_down()
    fi
}
inline answer_word() {
    if
    :: holds -> repeat(1); repeat(2); repeat(3); word = 0
    :: else -> step_down()
    fi
}

#ifdef PASS_UNDECIDED
#define decided(e) 1
#else
#define decided(e) (stage[e] == ENDED || my_turn[e] > 0)
#endif
inline move_position() {
    if
    :: holds ->
        position++;
        assert(row[position] != ABSENT || !wanted(position) || ORDER == SINGLE && position > 1)
    :: else -> step_down()
    fi
}

#ifdef RETURN_BUSY
#define may_return 1
#else
#define may_return idle
#endif
inline give_back() {
    if
    :: holds -> returns--; generation[me]++; owner = NOBODY
    :: else
    fi;
    step_down()
}

inline die() {
    deaths--;
    disturbed = 1;
#ifdef WIRE
    leave_on_wire(1); leave_on_wire(2); leave_on_wire(3);
#endif
    if
    :: present -> owner_died = 1
    :: else -> excused = (excused || stage[1] == ACCEPTED || stage[2] == ACCEPTED || stage[3] == ACCEPTED)
    fi;
    forget()
}

proctype Process(byte me) {
    bit mine;
    byte my_epoch, my_generation = NO_ROW, head, looked;
    bit torn;
    byte stage[4], my_turn[4];
    byte late; /* the judge's: requests under an epoch that was over */
end:
    do
    :: d_step { !mine && may_take && (owner == NOBODY || owner_died || owner != me && freezes > 0) -> take() }
    :: d_step { mine && head < last -> read_event(1); read_event(2); read_event(3); head = last }
    :: d_step { may_start(1) -> start(1) }
    :: d_step { may_start(2) -> start(2) }
    :: d_step { may_start(3) -> start(3) }
    :: d_step { stage[1] == UNDER_WAY -> succeed(1) }
    :: d_step { stage[2] == UNDER_WAY -> succeed(2) }
    :: d_step { stage[3] == UNDER_WAY -> succeed(3) }
    :: d_step { stage[1] == UNDER_WAY && failures > 0 -> failures--; stage[1] = FAILED }
    :: d_step { stage[2] == UNDER_WAY && failures > 0 -> failures--; stage[2] = FAILED }
    :: d_step { stage[3] == UNDER_WAY && failures > 0 -> failures--; stage[3] = FAILED }
#ifdef LINGER
    :: d_step { stage[1] == UNDER_WAY && failures > 0 -> failures--; leave_on_wire(1); stage[1] = FAILED }
    :: d_step { stage[2] == UNDER_WAY && failures > 0 -> failures--; leave_on_wire(2); stage[2] = FAILED }
    :: d_step { stage[3] == UNDER_WAY && failures > 0 -> failures--; leave_on_wire(3); stage[3] = FAILED }
#endif
#ifdef EPOCH_BEFORE
    :: d_step { looked == 0 && answered(1) -> look_before(1) }
    :: d_step { looked == 0 && answered(2) -> look_before(2) }
    :: d_step { looked == 0 && answered(3) -> look_before(3) }
    :: d_step { looked == 1 -> looked = 0; write_record(1, WAITING) }
    :: d_step { looked == 2 -> looked = 0; write_record(2, WAITING) }
    :: d_step { looked == 3 -> looked = 0; write_record(3, WAITING) }
#else
    :: d_step { answered(1) -> record(1, WAITING) }
    :: d_step { answered(2) -> record(2, WAITING) }
    :: d_step { answered(3) -> record(3, WAITING) }
#endif
#ifdef EXHAUST
    :: d_step { stage[1] == FAILED -> record(1, EXHAUSTED) }
    :: d_step { stage[2] == FAILED -> record(2, EXHAUSTED) }
    :: d_step { stage[3] == FAILED -> record(3, EXHAUSTED) }
#endif
#if EARLY
    :: d_step { (stage[1] == READY || stage[1] == UNDER_WAY) && my_turn[1] == 0 -> write_early(1) }
    :: d_step { (stage[2] == READY || stage[2] == UNDER_WAY) && my_turn[2] == 0 -> write_early(2) }
    :: d_step { (stage[3] == READY || stage[3] == UNDER_WAY) && my_turn[3] == 0 -> write_early(3) }
#endif
#if ACTS && !defined(NO_LOOK)
    :: d_step { mine && head >= 1 && !busy(1) && turn[1] != my_turn[1] -> adopt(1) }
    :: d_step { mine && head >= 2 && !busy(2) && turn[2] != my_turn[2] -> adopt(2) }
    :: d_step { mine && head >= 3 && !busy(3) && turn[3] != my_turn[3] -> adopt(3) }
#endif
#ifdef NEXT_BESIDE_CANCELLED
    :: d_step { stage[1] == UNDER_WAY && row[1] == CANCELLED -> leave_on_wire(1); adopt(1) }
    :: d_step { stage[2] == UNDER_WAY && row[2] == CANCELLED -> leave_on_wire(2); adopt(2) }
    :: d_step { stage[3] == UNDER_WAY && row[3] == CANCELLED -> leave_on_wire(3); adopt(3) }
#endif
    :: d_step { mine && position < head && decided(position + 1) -> move_position() }
#if ORDER == LATEST
    :: d_step { mine && word && idle -> answer_word() }
#if EARLY
    :: d_step { stage[1] == READY && (stage[2] == READY || stage[3] == READY) -> supersede_early(1) }
    :: d_step { stage[2] == READY && stage[3] == READY -> supersede_early(2) }
#endif
#endif
#if OTHERS
    :: d_step { others > 0 && mine -> others--; generation[me]++ }
#ifdef TORN_LOOK
    :: d_step { mine && !torn && my_generation != generation[me] && present -> torn = 1 }
    :: d_step { mine && !torn && my_generation != generation[me] && !present -> step_down() }
    :: d_step { torn -> torn = 0; my_generation = generation[me] }
#else
    :: d_step { mine && my_generation != generation[me] -> look_again() }
#endif
#endif
#if BACK
    :: d_step { backs > 0 && mine && position > 0 && holds -> backs--; position-- }
#endif
    :: d_step { returns > 0 && mine && may_return -> give_back() }
    :: d_step { deaths > 0 && (mine || !idle) -> die() }
    od
}

proctype Publisher() {
    do
    :: d_step { last < EVENTS -> last++ }
    :: last == EVENTS -> break
    od
}

/* A change by another process: of the row if there is one, else it makes one, which tells the owner. */
inline change_row(e, state) {
    acts--;
    row[e] = state;
    turn[e]++
}

inline call_off(e) {
    change_row(e, CANCELLED);
    called_off = called_off | bit_of(e);
    given_up = given_up | bit_of(e);
    asked = asked & ~bit_of(e)
}

inline replay(e) {
    change_row(e, WAITING);
    called_off = called_off & ~bit_of(e);
    replayed = replayed | bit_of(e);
    asked = asked | bit_of(e);
    fresh[0] = fresh[0] & ~bit_of(e);
    fresh[1] = fresh[1] & ~bit_of(e);
#if PROCESSES > 2
    fresh[2] = fresh[2] & ~bit_of(e)
#endif
}

/* Single use: what has no row was not begun, and a row made for it would be a second event. */
#ifdef ACT_ON_UNBEGUN
#define may_make_row 1
#else
#define may_make_row (ORDER != SINGLE)
#endif
#define is_there(e) (e <= last && (row[e] != ABSENT || e > position && wanted(e) && may_make_row))
#define may_call_off(e) (acts > 0 && is_there(e) && (row[e] == ABSENT || row[e] == WAITING))
#define may_replay(e) (acts > 0 && is_there(e))
proctype Operator() {
end:
    do
    :: d_step { may_call_off(1) -> call_off(1) }
    :: d_step { may_call_off(2) -> call_off(2) }
    :: d_step { may_call_off(3) -> call_off(3) }
    :: d_step { may_replay(1) -> replay(1) }
    :: d_step { may_replay(2) -> replay(2) }
    :: d_step { may_replay(3) -> replay(3) }
    od
}

proctype Network() {
end:
    do
    :: d_step { has(network, 1) -> arrive(1); network = network & ~bit_of(1) }
    :: d_step { has(network, 2) -> arrive(2); network = network & ~bit_of(2) }
    :: d_step { has(network, 3) -> arrive(3); network = network & ~bit_of(3) }
    od
}

#ifdef CHANGE
proctype Change() {
    d_step { changed = last + 1 }
}
#endif

/* Faults may stay away from any moment on. */
proctype Calm() {
    d_step { deaths = 0; freezes = 0; failures = 0; returns = 0; acts = 0; others = 0; backs = 0 }
}

#ifdef WORD_IS_SAFE
#define pardoned 0
#else
#define pardoned excused
#endif

/* Whoever replays an older one of a latest key wants it to be the last; and a newer one may replace it. */
#define wished_otherwise (has(called_off, EVENTS) || (replayed & ~bit_of(EVENTS)) != 0)

/* Of each event, when nothing can move any more. */
inline judge(e) {
    assert(e > EVENTS || row[e] != WAITING);
    assert(e > EVENTS || !has(asked, e) || ORDER == LATEST && row[e] == CANCELLED);
    if
    :: e > EVENTS || !wanted(e) || ORDER == LATEST || ORDER == SINGLE
    :: else ->
        if
        :: has(called_off, e) -> assert(row[e] == CANCELLED)
        :: else -> assert(row[e] == EXHAUSTED || has(arrived, e) && row[e] == DELIVERED)
        fi
    fi
}

#define ended_unsent(e) (row[e] == EXHAUSTED || row[e] == CANCELLED)
proctype Judge() {
    timeout;
    d_step {
        judge(1); judge(2); judge(3);
        assert(position == EVENTS && !word);
        assert(ORDER != LATEST || row[EVENTS] == EXHAUSTED || latest == EVENTS || pardoned || wished_otherwise);
        assert(ORDER != SINGLE || arrived != 0 || ended_unsent(1) || ended_unsent(2))
    }
}

init {
    atomic {
        run Process(0);
        run Process(1);
#if PROCESSES > 2
        run Process(2);
#endif
        run Publisher();
#if ACTS
        run Operator();
#endif
#if defined(WIRE) || defined(LINGER) || defined(NEXT_BESIDE_CANCELLED) || defined(TAKE_BUSY)
        run Network();
#endif
#ifdef CHANGE
        run Change();
#endif
        run Calm();
        run Judge()
    }
}
