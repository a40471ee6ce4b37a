/* log.pml - who reads the log how far. Two processes, two partitions, a publisher; nothing is sent here.
 *
 * An event is decided for a stream when its delivery row is written, or is known to be unwanted. Streams
 * are the two partitions, and (LAG, SUBSCRIBE) one subscription of partition 0 that is looked at by itself.
 * A process reads the log once for all partitions that have joined, and has one position for them. A
 * partition that was taken over further back has a cursor of its own until it joins; so has a subscription
 * that lags. Any step may be the last before a death, and between any two steps a live owner may be taken
 * for dead: that is a pause of any length. core/docs/protocol.md has the words.
 *
 * Shape:   PROCESSES, EVENTS, DEATHS, FREEZES, RETURNS (partitions given back), LAG, SUBSCRIBE, PUBLISHERS
 * Guards that can be taken away:
 *   NUMBER_BEFORE_COMMIT  the number is given before the transaction that commits the event
 *   OLD_REGISTRY          subscriptions are read apart from the log, so they may be older than it
 *   PASS_UNDECIDED        a position passes what is not decided
 *   JOIN_AT_ONCE          a partition shares the position of its new owner from the start
 *   JOIN_BEHIND           it joins though its cursor is below the position
 *   JOIN_UNREAD           it joins where cursor and position meet, whatever was read beyond
 *   JOIN_NOBODY           it joins a position whose partitions are all lost, so that it counts for nothing
 *   FIRST_KEEPS_POSITION  the first to join does not bring its position along
 *   CURSOR_WITHOUT_EPOCH  a cursor is written by whoever believes to own the partition
 *   LAG_UNWRITTEN         a subscription is left behind without a cursor in the store
 *   LAG_LEAKS             later events of one that lags do not go behind its cursor
 *   LAG_ENDS_BEHIND       the lag ends though its cursor is below the position
 *   LAG_ENDS_UNREAD       the lag ends where cursor and position meet, whatever was read beyond
 *   FLOOR_OF_READERS      purge and idle look at the positions of processes, and at no cursor
 *   FLOOR_WITHOUT_LAG     they look at no cursor of a subscription */
#ifndef PROCESSES
#define PROCESSES 2
#endif
#ifndef EVENTS
#define EVENTS 3
#endif
#ifndef DEATHS
#define DEATHS 1
#endif
#ifndef FREEZES
#define FREEZES 1
#endif
#ifndef RETURNS
#define RETURNS 1
#endif
#ifndef LAG
#define LAG 0
#endif
#ifndef PUBLISHERS
#define PUBLISHERS 1
#endif

#define NOBODY PROCESSES
#define NEVER 7 /* more than any number */
#define SINGLED 2 /* the stream of the one subscription */
#if LAG || defined(SUBSCRIBE)
#define HAS_SINGLED 1
#else
#define HAS_SINGLED 0
#endif
#define bit_of(e) (1 << (e))
#define has(set, e) (((set) >> (e)) & 1)

/* The store. */
byte last;    /* the highest number that can be seen */
byte events;  /* which numbers are events; the others are changes of subscriptions */
byte done[3]; /* of each stream: events with their delivery row */
byte owner[2] = NOBODY, epoch[2], cursor[2];
bit joined[2];
byte position[PROCESSES]; /* of each process */
bit lagging;
byte lag_at;
byte purged; /* events up to here are gone */
#ifdef SUBSCRIBE
byte since = NEVER;
#else
byte since = 0;
#endif

byte deaths = DEATHS, freezes = FREEZES, returns = RETURNS, lags = LAG;
byte published, numbers; /* the publishers' */

#define wanted(s, e) (has(events, e) && ((s) != SINGLED || e > since))
#define settled(s, e) (!wanted(s, e) || has(done[s], e))
#define place(p) (joined[p] -> position[owner[p]] : cursor[p])
#define partition_of(s) (s == 1 -> 1 : 0)
#define holds(p) (owner[p] == me && epoch[p] == my_epoch[p])
#define shares(p) (mine[p] && together[p])
#define alone(p) (!shares(1 - p))
#define blocked(s, e) has(pending[s], e)
#define passed_all(p, e) (settled(p, e) && (p == 1 || !HAS_SINGLED || lagging || settled(SINGLED, e)))

/* What is known of a partition that is no longer ours is dropped. */
inline drop(p) {
    mine[p] = 0; together[p] = 0; my_epoch[p] = 0; read[p] = 0; mark[p] = 0; pending[p] = 0;
    if
    :: p == 0 -> read[SINGLED] = 0; pending[SINGLED] = 0; apart = 0
    :: else
    fi;
    if
    :: !shares(0) && !shares(1) -> head = 0
    :: else
    fi
}

/* The partition has no owner, and its position is where that was. */
inline set_free(p) {
    cursor[p] = place(p);
    joined[p] = 0;
    owner[p] = NOBODY
}

/* An event that is read looks up the row that it may have already. */
inline deal(s, e) {
    read[s] = e;
    if
    :: has(events, e) && !has(done[s], e) && (s != SINGLED || e > known) -> pending[s] = pending[s] | bit_of(e)
    :: else
    fi
}

inline lead(p) {
    joined[p] = 1; together[p] = 1; head = read[p];
#ifdef FIRST_KEEPS_POSITION
    if
    :: position[me] < cursor[p] -> position[me] = cursor[p]
    :: else
    fi
#else
    position[me] = cursor[p]
#endif
}

inline look() {
#ifndef OLD_REGISTRY
    known = since
#else
    skip
#endif
}

inline take(p) {
    if
    :: owner[p] != NOBODY -> freezes--; set_free(p)
    :: else
    fi;
    owner[p] = me; epoch[p]++; my_epoch[p] = epoch[p]; mine[p] = 1;
    read[p] = cursor[p]; mark[p] = cursor[p];
    if
    :: p == 0 && HAS_SINGLED -> apart = lagging; read[SINGLED] = (lagging -> lag_at : cursor[0])
    :: else
    fi;
    if
    :: alone(p) -> lead(p)
    :: else ->
#ifdef JOIN_AT_ONCE
        joined[p] = 1; together[p] = 1
#else
        skip
#endif
    fi;
    assert(place(p) >= purged)
}

inline read_shared() {
    look();
    head++;
    if
    :: shares(0) ->
        deal(0, head);
        if
        :: HAS_SINGLED && !apart -> deal(SINGLED, head)
        :: else
        fi
    :: else
    fi;
    if
    :: shares(1) -> deal(1, head)
    :: else
    fi;
#ifdef LAG_LEAKS
    if
    :: shares(0) && apart && has(events, head) && !has(done[SINGLED], head) ->
        pending[SINGLED] = pending[SINGLED] | bit_of(head)
    :: else
    fi
#endif
}

inline read_own(p) {
    look();
    read[p]++;
    deal(p, read[p]);
    if
    :: p == 0 && HAS_SINGLED && !apart -> deal(SINGLED, read[0])
    :: else
    fi
}

#define decides(s, e) (blocked(s, e) && (s != SINGLED || !has(pending[s], e - 1) && (e < 3 || !has(pending[s], 1))))
inline decide(s, e) {
    if
    :: holds(partition_of(s)) ->
        /* Of one subscription the rows are written in the order of their numbers. */
        assert(s != SINGLED || (e < 2 || settled(s, 1)) && (e < 3 || settled(s, 2)));
        done[s] = done[s] | bit_of(e);
        pending[s] = pending[s] & ~bit_of(e)
    :: else -> drop(partition_of(s))
    fi
}

#ifdef PASS_UNDECIDED
#define free_of(p, e) 1
#else
#define free_of(p, e) (!blocked(p, e) && (p == 1 || apart || !blocked(SINGLED, e)))
#endif
#define next_of(p) (!shares(p) || free_of(p, position[me] + 1))

inline check_passed(p, e) {
    if
    :: shares(p) -> assert(passed_all(p, e))
    :: else
    fi
}

inline move_position() {
    if
    :: shares(0) && !holds(0) -> drop(0)
    :: else
    fi;
    if
    :: shares(1) && !holds(1) -> drop(1)
    :: else
    fi;
    if
    :: shares(0) || shares(1) ->
        position[me]++;
        check_passed(0, position[me]);
        check_passed(1, position[me])
    :: else
    fi
}

#ifdef CURSOR_WITHOUT_EPOCH
#define may_mark(p) 1
#else
#define may_mark(p) holds(p)
#endif
inline move_cursor(p) {
    if
    :: may_mark(p) ->
        mark[p]++;
        cursor[p] = mark[p];
        assert(cursor[p] >= purged);
        assert(passed_all(p, cursor[p]))
    :: else -> drop(p)
    fi
}

#ifdef JOIN_UNREAD
#define caught_up(p) 1
#define may_join(p) (cursor[p] == position[me])
#else
#define caught_up(p) (read[p] == head)
#ifdef JOIN_BEHIND
#define may_join(p) 1
#else
#define may_join(p) (cursor[p] >= position[me])
#endif
#endif
#ifdef JOIN_NOBODY
#define is_shared(p) 1
#else
#define is_shared(p) holds(p)
#endif
inline join(p) {
    if
    :: !is_shared(1 - p) -> drop(1 - p)
    :: is_shared(1 - p) && holds(p) -> joined[p] = 1; together[p] = 1; read[p] = head; assert(place(p) >= purged)
    :: else -> drop(p)
    fi
}

inline leave_behind() {
    lags--;
    if
    :: holds(0) ->
        read[SINGLED] = (blocked(SINGLED, 1) -> 0 : (blocked(SINGLED, 2) -> 1 : 2));
        pending[SINGLED] = 0;
        apart = 1;
#ifndef LAG_UNWRITTEN
        lagging = 1;
        lag_at = read[SINGLED]
#endif
    :: else -> drop(0)
    fi
}

inline move_lag() {
    if
    :: holds(0) -> lag_at++; assert(settled(SINGLED, lag_at))
    :: else -> drop(0)
    fi
}

#ifdef LAG_ENDS_UNREAD
#define lag_over (lag_at == place(0))
#else
#ifdef LAG_ENDS_BEHIND
#define lag_over (read[SINGLED] == read[0])
#else
#define lag_over (read[SINGLED] == read[0] && lag_at >= place(0))
#endif
#endif
inline end_lag() {
    if
    :: holds(0) -> lagging = 0; lag_at = 0; apart = 0; read[SINGLED] = read[0]
    :: else -> drop(0)
    fi
}

inline give_back(p) {
    if
    :: holds(p) -> returns--; set_free(p)
    :: else
    fi;
    drop(p)
}

inline die() {
    deaths--;
    if
    :: mine[0] && holds(0) -> set_free(0)
    :: else
    fi;
    if
    :: mine[1] && holds(1) -> set_free(1)
    :: else
    fi;
    drop(0);
    drop(1)
}

proctype Process(byte me) {
    bit mine[2], together[2], apart;
    byte my_epoch[2], mark[2]; /* of each partition, as this process believes */
    byte head;                 /* read so far for all that have joined */
    byte read[3], pending[3];  /* of each stream: read so far; read, wanted, undecided */
    byte known = since;        /* the registry */
end:
    do
    :: d_step { !mine[0] && (owner[0] == NOBODY || (owner[0] != me && freezes > 0)) -> take(0) }
    :: d_step { !mine[1] && (owner[1] == NOBODY || (owner[1] != me && freezes > 0)) -> take(1) }
    :: d_step { (shares(0) || shares(1)) && head < last -> read_shared() }
    :: d_step { mine[0] && !together[0] && read[0] < last -> read_own(0) }
    :: d_step { mine[1] && !together[1] && read[1] < last -> read_own(1) }
    :: d_step { decides(0, 1) -> decide(0, 1) }
    :: d_step { decides(0, 2) -> decide(0, 2) }
    :: d_step { decides(0, 3) -> decide(0, 3) }
    :: d_step { decides(1, 1) -> decide(1, 1) }
    :: d_step { decides(1, 2) -> decide(1, 2) }
    :: d_step { decides(1, 3) -> decide(1, 3) }
    :: d_step { (shares(0) || shares(1)) && position[me] < head && next_of(0) && next_of(1) -> move_position() }
    :: d_step { mine[0] && !together[0] && mark[0] < read[0] && free_of(0, mark[0] + 1) -> move_cursor(0) }
    :: d_step { mine[1] && !together[1] && mark[1] < read[1] && free_of(1, mark[1] + 1) -> move_cursor(1) }
    :: d_step { mine[0] && !together[0] && shares(1) && caught_up(0) && may_join(0) -> join(0) }
    :: d_step { mine[1] && !together[1] && shares(0) && caught_up(1) && may_join(1) -> join(1) }
    :: d_step { mine[0] && !together[0] && !shares(1) -> if :: holds(0) -> lead(0) :: else -> drop(0) fi }
    :: d_step { mine[1] && !together[1] && !shares(0) -> if :: holds(1) -> lead(1) :: else -> drop(1) fi }
#if HAS_SINGLED
    :: d_step { decides(SINGLED, 1) -> decide(SINGLED, 1) }
    :: d_step { decides(SINGLED, 2) -> decide(SINGLED, 2) }
    :: d_step { decides(SINGLED, 3) -> decide(SINGLED, 3) }
#endif
#if LAG
    :: d_step { lags > 0 && mine[0] && !apart && pending[SINGLED] != 0 -> leave_behind() }
    :: d_step { apart && read[SINGLED] < read[0] -> look(); read[SINGLED]++; deal(SINGLED, read[SINGLED]) }
    :: d_step { apart && lagging && lag_at < read[SINGLED] && !blocked(SINGLED, lag_at + 1) -> move_lag() }
    :: d_step { apart && lagging && lag_over -> end_lag() }
#endif
#ifdef OLD_REGISTRY
    :: d_step { known != since -> known = since }
#endif
    :: d_step { returns > 0 && mine[0] -> give_back(0) }
    :: d_step { returns > 0 && mine[1] -> give_back(1) }
    :: d_step { deaths > 0 && (mine[0] || mine[1]) -> die() }
    od
}

proctype Publisher() {
    byte number;
    do
#ifdef NUMBER_BEFORE_COMMIT
    :: d_step { published < EVENTS -> published++; numbers++; number = numbers }
       d_step { events = events | bit_of(number); last = (last < number -> number : last); number = 0 }
#else
    :: d_step { published < EVENTS -> published++; last++; events = events | bit_of(last) }
#endif
    :: published == EVENTS -> break
    od
}

#define least(a, b) ((a) < (b) -> (a) : (b))
#ifdef FLOOR_OF_READERS
#define shared_by(p) (joined[p] || joined[1 - p] && owner[1 - p] == owner[p])
#define spot(p) (owner[p] == NOBODY -> cursor[p] : (shared_by(p) -> position[owner[p]] : NEVER))
#else
#define spot(p) place(p)
#endif
#ifdef FLOOR_WITHOUT_LAG
#define lag_spot NEVER
#else
#define lag_spot (lagging -> lag_at : NEVER)
#endif
#define floor_at(e) (spot(0) >= e && spot(1) >= e && lag_spot >= e)

/* Takes away what is behind everybody; by the same condition a store with nothing before it is idle. */
proctype Purge() {
end:
    do
    :: d_step { purged < last && floor_at(purged + 1) ->
        purged++;
        assert(settled(0, purged) && settled(1, purged));
        assert(!HAS_SINGLED || settled(SINGLED, purged)) }
    od
}

#ifdef SUBSCRIBE
proctype Subscriber() {
    d_step { last++; since = last }
}
#endif

/* Faults may stay away from any moment on. */
proctype Calm() {
    d_step { deaths = 0; freezes = 0; returns = 0; lags = 0 }
}

/* Nothing can move any more: all is decided, and everybody says so. */
proctype Judge() {
    timeout;
    d_step {
        assert(settled(0, 1) && settled(0, 2) && settled(0, 3));
        assert(settled(1, 1) && settled(1, 2) && settled(1, 3));
        assert(!HAS_SINGLED || settled(SINGLED, 1) && settled(SINGLED, 2) && settled(SINGLED, 3));
        assert(place(0) == last && place(1) == last && !lagging && purged == last)
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
#if PUBLISHERS > 1
        run Publisher();
#endif
#ifdef SUBSCRIBE
        run Subscriber();
#endif
        run Purge();
        run Calm();
        run Judge()
    }
}
