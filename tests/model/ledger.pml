/* What PostgreSQL keeps for one source, and what happens to it there: architecture section 4.
 *
 * The names follow common/worker/ledger.sql. A COMMIT is one step: all that the transaction wrote, at once. Assertions carry
 * the name of the invariant that they stand for. */

typedef ledger {
	byte epoch, incarnation, timeline, next, out, published;	/* the source row */
	byte attempts;
	byte done, effects, dead;	/* bit per offset; `effects`: bit per event id */
	byte timer;			/* NONE, ARMED, FIRED, CANCELLED */
	byte lanes;			/* output partition of an outbox row: bit per seq */
	byte facts[FACTS]		/* the outbox: a MESSAGE per seq, 0: no row */
};
ledger row, standby;
byte holder;			/* of the row lock: 0, worker + 1, or STRAY */
byte server = 1;		/* timeline of the server that accepts writes */

/* A transaction whose answer nobody will hear: its client is gone or has lost the connection. */
typedef stray_transaction {
	byte state;		/* 0: none; UNREAD: its bytes lie in the server's socket; OPEN_STILL: it holds the lock */
	byte kind, epoch, next, out, place, count, published;
	bool entitled		/* ghost */
};
stray_transaction stray;
byte entitled;			/* ghost: worker + 1 of the latest take; 0: nobody may commit */
byte wall;			/* database clock, for incarnations: no failover sets it back */

/* The compare-and-set. `second_lock`: all that the worker believes is compared; otherwise each kind compares what it must. */
#define COMPARED(kind, e, n, o) \
	(((e) == row.epoch || (kind) == EVENTS && !KEPT(BATCH_COMPARES_EPOCH) || (kind) == TIMER && !KEPT(TIMERS_COMPARE_EPOCH)) && \
	 ((kind) != EVENTS || (n) == row.next || !KEPT(BATCH_COMPARES_OFFSET)) && \
	 (!second_lock || (n) == row.next && (o) == row.out))

inline outbox_insert(what)
{
	row.out++;
	HOLDS(3, row.out < FACTS && row.facts[row.out] == 0);		/* I3: no seq is issued twice */
	row.facts[row.out] = MESSAGE(row.incarnation, row.out, what);
	row.lanes = row.lanes | (LANE_OF(what) << row.out)
}

inline timers_change(offset)
{
	if
	:: timers && offset == 0 -> row.timer = ARMED
	:: timers == 1 && offset == inputs - 1 && row.timer == ARMED -> row.timer = CANCELLED
	:: else
	fi
}

/* One event of a batch; `bad_luck`: an outage was taken for poison. */
inline event_apply(offset, bad_luck)
{
	HOLDS(1, row.done == (1 << offset) - 1);				/* I1, I2: each once, in order */
	row.done = row.done | (1 << offset);
	if
	:: offset == poison || bad_luck ->
		HOLDS(6, offset == poison);				/* I6: dead letters are the poison */
		if :: KEPT(DEAD_LETTER_WITH_OFFSET) -> row.dead = row.dead | (1 << offset) :: else fi
	:: else ->
		if
		:: (row.effects & BIT_OF_ID(offset)) && KEPT(INPUT_DEDUPLICATED)
		:: else ->
			HOLDS(1, !(row.effects & BIT_OF_ID(offset)));	/* I1: sent again, no second effect */
			if :: KEPT(STATE_WITH_OFFSET) -> row.effects = row.effects | BIT_OF_ID(offset) :: else fi
		fi;
		if :: KEPT(TIMERS_WITH_STATE) -> timers_change(offset) :: else fi
	fi;
	if :: KEPT(OUTBOX_WITH_STATE) -> outbox_insert(offset + 1) :: else fi
}

/* COMMIT. Uses `at`. */
inline transaction_commit(sort, begin, many, published_to, may, bad_luck)
{
	HOLDS(7, may || look_past_owner);					/* I7: only the latest taker commits */
	if
	:: sort == EVENTS ->
		at = begin;
		do
		:: at < begin + many -> event_apply(at, bad_luck); at++
		:: else -> break
		od;
		if :: KEPT(OFFSET_WITH_STATE) -> row.next = begin + many :: else fi
	:: sort == TIMER && row.timer == ARMED -> row.timer = FIRED; outbox_insert(TIMER_FACT)
	:: else
	fi;
	row.published = published_to
}

/* source_take, the locking part: from here on only worker `me` may commit. */
inline source_take(me)
{
	row.epoch = row.epoch + KEPT(TAKE_RAISES_EPOCH);
	if
	:: row.timeline != server ->	/* another server may issue a seq again: it needs another incarnation */
		row.timeline = server;
		wall++;
		if
		:: !KEPT(FAILOVER_RAISES_INCARNATION)
		:: KEPT(FAILOVER_RAISES_INCARNATION) && !KEPT(INCARNATION_BY_CLOCK) -> row.incarnation++
		:: else -> row.incarnation = wall
		fi
	:: else
	fi;
	w[me].epoch = row.epoch;
	w[me].session = server;
	entitled = me + 1;
	stray.entitled = false
}

inline stray_forget()
{
	stray.state = 0; stray.kind = 0; stray.epoch = 0; stray.next = 0; stray.out = 0; stray.place = 0; stray.count = 0;
	stray.published = 0; stray.entitled = false
}

inline stray_commit()
{
	transaction_commit(stray.kind, stray.place, stray.count, stray.published, stray.entitled, false);
	stray_forget()
}

inline ledger_copy(to, from)
{
	to.epoch = from.epoch; to.incarnation = from.incarnation; to.timeline = from.timeline; to.next = from.next;
	to.out = from.out; to.published = from.published; to.attempts = from.attempts; to.done = from.done;
	to.effects = from.effects; to.dead = from.dead; to.timer = from.timer; to.lanes = from.lanes;
	at = 0;
	do :: at < FACTS -> to.facts[at] = from.facts[at]; at++ :: else -> break od;
	skip	/* no d_step may end with a loop */
}
