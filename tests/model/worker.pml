/* A worker: what common/worker holds in memory about its source, and the steps it may take next. A slow, stopped or zombie
 * worker is one whose step is not chosen; kill -9 loses all of `mirror`. */

typedef mirror {
	byte phase, epoch, next, out;		/* as believed of the row */
	byte session;				/* timeline of the server that the connection goes to */
	byte place;				/* offset of the record that the consumer brings next */
	byte kind, count;			/* of the open transaction */
	byte sent, mark, acked;			/* publishing: last seq handed over; published_seq as known; bit per seq */
	bool gate;				/* a timer is armed, as remembered */
	bool failed;				/* the producer takes no more */
	bool counted;				/* this try of the suspect has been counted */
	bool good_refused, unsure		/* only with a rule broken */
};
mirror w[2];

/* ---- publishing ---- */

inline produce(me, lane, message)
{
	if :: !w[me].failed || !KEPT(NOTHING_PASSES_FAILED) -> WIRE(me, NEW, lane)!message :: else fi
}

inline publish(me, seq)
{
	message = row.facts[seq];
	if :: KEPT(ROW_KEEPS_INCARNATION) :: else -> message = MESSAGE(row.incarnation, seq, WHAT(message)) fi;
	lane = (KEPT(ROW_KEEPS_LANE) -> (row.lanes >> seq) & 1 : LANE_OF(WHAT(message)));
	produce(me, lane, message);
	w[me].sent = seq
}

inline publish_up_to(me, last)
{
	do :: w[me].sent < last -> seq = w[me].sent + 1; publish(me, seq) :: else -> break od;
	skip
}

/* Only with a rule broken: publishes what the open transaction would write, before anybody knows that it has. */
inline publish_ahead(me)
{
	message = (w[me].kind == EVENTS -> w[me].place + 1 : TIMER_FACT);
	lane = LANE_OF(message);
	message = MESSAGE(row.incarnation, row.out + 1, message);
	produce(me, lane, message);
	w[me].sent = row.out + 1
}

/* What a producer had under way stays on the wire when it is given up. */
inline wire_move(from, to)
{
	do :: nempty(to) -> to?_ :: empty(to) -> break od;
	do :: nempty(from) -> from?message; to!message :: empty(from) -> break od;
	skip
}

inline producer_drop(me)
{
	wire_move(WIRE(me, NEW, 0), WIRE(me, OLD, 0));
	wire_move(WIRE(me, NEW, 1), WIRE(me, OLD, 1));
	w[me].failed = false;
	if :: KEPT(OLD_ACKS_IGNORED) -> w[me].acked = 0 :: else fi
}

/* Into `prefix`: what may be written as published_seq. */
inline acknowledged(me)
{
	prefix = w[me].mark;
	if
	:: !KEPT(MARK_IS_ACKNOWLEDGED) -> prefix = w[me].sent
	:: KEPT(MARK_IS_ACKNOWLEDGED) && !KEPT(MARK_IS_CONTIGUOUS) ->
		do :: w[me].acked >> (prefix + 1) -> prefix++ :: else -> break od;
		skip
	:: else ->
		do :: (w[me].acked >> (prefix + 1)) & 1 -> prefix++ :: else -> break od;
		skip
	fi
}
#define MARK_MOVES(me) ((w[me].acked >> (w[me].mark + 1)) & 1 || !KEPT(MARK_IS_CONTIGUOUS) && w[me].acked >> (w[me].mark + 1) || \
			!KEPT(MARK_IS_ACKNOWLEDGED) && w[me].sent > w[me].mark)

/* ---- taking, losing ---- */

/* The process begins anew, or the lane is somebody else's. */
inline source_forget(me, to)
{
	producer_drop(me);
	w[me].phase = to; w[me].epoch = 0; w[me].next = 0; w[me].out = 0; w[me].place = NOWHERE; w[me].kind = 0; w[me].count = 0;
	w[me].sent = 0; w[me].mark = 0; w[me].acked = 0; w[me].gate = false; w[me].counted = false; w[me].good_refused = false;
	w[me].unsure = false
}

inline die(me)
{
	if :: holder == me + 1 -> holder = 0 :: else fi;
	source_forget(me, OUTSIDE);
	w[me].session = server;
	news[me] = true;
	if :: entitled == me + 1 -> entitled = 0 :: else fi
}

/* All that is believed comes from the take's answer: consumer and producer begin again from it. */
inline source_adopt(me)
{
	w[me].next = row.next;
	w[me].out = row.out;
	if
	:: !KEPT(START_FROM_ROW) -> w[me].place = committed_to_kafka
	:: !KEPT(CONSUMER_PLACED_ANEW) && w[me].place != NOWHERE
	:: else -> w[me].place = row.next
	fi;
	w[me].mark = row.published; w[me].counted = false; w[me].good_refused = false; w[me].unsure = false;
	w[me].kind = 0; w[me].count = 0;
	w[me].gate = (row.timer == ARMED && KEPT(TIMERS_RELOADED));
	producer_drop(me);
	w[me].sent = (KEPT(TAKE_RELOADS_OUTBOX) -> row.published : row.out);
	publish_up_to(me, row.out)
}

inline group_poll(me)
{
	news[me] = false;
	if :: owner == me -> w[me].phase = TAKING :: else -> source_forget(me, OUTSIDE) fi
}

/* A compare-and-set changed no row. */
inline fenced(me)
{
	printf("worker %d: fenced (believes epoch %d offset %d out_seq %d; the row has %d %d %d)\n", me, w[me].epoch, w[me].next,
	       w[me].out, row.epoch, row.next, row.out);
	if :: KEPT(FENCED_TAKES_AGAIN) -> group_poll(me) :: else -> source_forget(me, OUTSIDE) fi
}

/* ---- a transaction ---- */

inline transaction_begin(me, what, n)
{
	if
	:: COMPARED(what, w[me].epoch, w[me].next, w[me].out) || !KEPT(ONE_ROW_CHECKED) ->
		w[me].kind = what; w[me].count = n; w[me].phase = IN_TRANSACTION;
		if :: KEPT(ROW_LOCKED) -> holder = me + 1 :: else fi;
		if :: KEPT(PUBLISH_AFTER_COMMIT) :: else -> publish_ahead(me) fi;
		printf("worker %d: begins %d (1 events, 2 timer) at offset %d, epoch %d\n", me, what, w[me].place, w[me].epoch)
	:: else -> fenced(me)
	fi
}

/* Only with a rule broken: a part of the transaction is left to a second one. */
#define IN_TWO_PARTS (!KEPT(OFFSET_WITH_STATE) || !KEPT(STATE_WITH_OFFSET) || !KEPT(OUTBOX_WITH_STATE) || \
		      !KEPT(TIMERS_WITH_STATE) || !KEPT(DEAD_LETTER_WITH_OFFSET))

inline transaction_end(me)	/* COMMIT, answered; its facts are published from memory */
{
	if :: KEPT(SEQ_FROM_ROW) :: else -> row.out = w[me].out fi;
	first = row.out + 1;
	acknowledged(me);
	transaction_commit(w[me].kind, w[me].place, w[me].count, prefix, entitled == me + 1, w[me].good_refused);
	if :: w[me].kind == EVENTS -> w[me].place = w[me].place + w[me].count; w[me].next = w[me].place :: else fi;
	w[me].phase = (w[me].kind == EVENTS && IN_TWO_PARTS -> SECOND_PART : RUNNING);
	if
	:: KEPT(TIMERS_RELOADED) -> w[me].gate = (row.timer == ARMED)
	:: else -> w[me].gate = (w[me].kind == EVENTS && (w[me].gate || timers && w[me].place == w[me].count))
	fi;
	w[me].mark = prefix; w[me].out = row.out; w[me].good_refused = false; w[me].kind = 0; w[me].count = 0;
	if :: holder == me + 1 -> holder = 0 :: else fi;
	if :: KEPT(PUBLISH_AFTER_COMMIT) :: else -> first = w[me].sent + 1 fi;
	do :: first <= row.out -> publish(me, first); first++ :: else -> break od;
	printf("worker %d: committed; offset %d, out_seq %d, published_seq %d\n", me, row.next, row.out, row.published)
}

/* What should have been in the first. */
inline second_part(me)
{
	at = w[me].place - 1;
	if
	:: !KEPT(OFFSET_WITH_STATE) -> row.next = w[me].place
	:: !KEPT(STATE_WITH_OFFSET) && at != poison -> row.effects = row.effects | BIT_OF_ID(at)
	:: !KEPT(TIMERS_WITH_STATE) && at != poison -> timers_change(at); w[me].gate = (row.timer == ARMED)
	:: !KEPT(DEAD_LETTER_WITH_OFFSET) && at == poison -> row.dead = row.dead | (1 << at)
	:: !KEPT(OUTBOX_WITH_STATE) -> outbox_insert(at + 1); seq = row.out; w[me].out = row.out; publish(me, seq)
	:: else
	fi;
	w[me].phase = RUNNING
}

/* The connection is lost with the transaction on its way; the worker will never hear what became of it. */
inline transaction_stray(me, how, what, n)
{
	replies_lost--;
	acknowledged(me);
	stray.state = how; stray.kind = what; stray.epoch = w[me].epoch; stray.next = w[me].next; stray.out = w[me].out;
	stray.place = w[me].place; stray.count = n; stray.published = prefix; stray.entitled = (entitled == me + 1);
	w[me].kind = what; w[me].count = n; w[me].unsure = true; w[me].phase = ADRIFT;
	if :: KEPT(PUBLISH_WHEN_KNOWN) || what == BEAT :: else -> publish_ahead(me) fi;
	if :: how == OPEN_STILL -> holder = STRAY :: else fi;
	printf("worker %d: connection lost with %d (1 events, 2 timer, 3 beat) in doubt, %d (1: unread, 2: holds the lock)\n", me, what, how)
}

/* Only with a rule broken: "epoch and offset in the row tell whether it was committed". */
inline doubt_resolved_by_looking(me)
{
	w[me].session = server;
	if
	:: w[me].epoch != row.epoch -> fenced(me)
	:: else ->
		w[me].phase = RUNNING;
		if
		:: w[me].unsure && w[me].kind == EVENTS && row.next == w[me].next + w[me].count ->
			w[me].next = row.next; w[me].place = row.next; w[me].out = row.out; publish_up_to(me, row.out)
		:: w[me].unsure && w[me].kind == TIMER && row.out > w[me].out ->
			w[me].gate = (row.timer == ARMED); w[me].out = row.out; publish_up_to(me, row.out)
		:: else
		fi
	fi;
	w[me].unsure = false; w[me].kind = 0; w[me].count = 0
}

#define CONNECTED(me) (w[me].session == server)
#define CAN(me) (w[me].phase == RUNNING && CONNECTED(me) && holder == 0)
#define DUE(me) (due && w[me].gate)
/* The suspect kills whoever tries it; after so many tries it is refused unseen. */
#define TRIES 2
#define UNCOUNTED(me) (crasher && w[me].place == poison && !w[me].counted)
#define DEADLY(me) (crasher && w[me].kind == EVENTS && w[me].place == poison && row.attempts <= TRIES)

proctype worker(byte me)
{
end:	do
	/* the group and the one way back */
	:: d_step { news[me] && (w[me].phase == OUTSIDE || w[me].phase == RUNNING) -> group_poll(me);
		printf("worker %d: polls, the lane is of worker %d\n", me, owner) }
	:: d_step { w[me].phase == TAKING && holder == 0 && KEPT(TAKE_LOCKS) -> source_take(me); source_adopt(me);
		w[me].phase = RUNNING;
		printf("worker %d: takes; epoch %d incarnation %d offset %d out_seq %d published_seq %d\n", me, row.epoch,
		       row.incarnation, row.next, row.out, row.published) }
	:: d_step { w[me].phase == TAKING && !KEPT(TAKE_LOCKS) -> w[me].session = server; source_adopt(me); w[me].phase = SECOND_PART;
		printf("worker %d: reads the row, has not locked it\n", me) }
	:: d_step { w[me].phase == SECOND_PART && !KEPT(TAKE_LOCKS) && holder == 0 -> source_take(me); w[me].phase = RUNNING;
		printf("worker %d: raises the epoch\n", me) }
	:: d_step { w[me].phase == TAKING && holder == 0 && replies_lost > 0 -> replies_lost--; source_take(me);
		w[me].place = NOWHERE; w[me].phase = ADRIFT; printf("worker %d: takes, the answer is lost\n", me) }
	:: d_step { (w[me].phase == RUNNING || w[me].phase == IN_TRANSACTION || w[me].phase == SECOND_PART) && !CONNECTED(me) ->
		w[me].phase = ADRIFT; printf("worker %d: its connection is gone\n", me) }
	:: d_step { w[me].phase == ADRIFT && (KEPT(DOUBT_SETTLED_BY_TAKE) || w[me].place == NOWHERE) ->
		w[me].phase = (KEPT(TAKE_ON_CONNECTION) || w[me].unsure || w[me].place == NOWHERE -> TAKING : RUNNING);
		w[me].session = server; printf("worker %d: connects\n", me) }
	:: d_step { w[me].phase == ADRIFT && !KEPT(DOUBT_SETTLED_BY_TAKE) && w[me].place != NOWHERE && holder == 0 ->
		doubt_resolved_by_looking(me); printf("worker %d: connects and looks: offset %d out_seq %d\n", me, row.next, row.out) }
	:: d_step { w[me].phase == RUNNING && w[me].failed && CONNECTED(me) -> w[me].phase = TAKING;
		printf("worker %d: its producer has failed\n", me) }

	/* events, timers */
	:: d_step { CAN(me) && w[me].place < inputs && !UNCOUNTED(me) -> transaction_begin(me, EVENTS, 1) }
	:: d_step { CAN(me) && batch == 2 && w[me].place + 1 < inputs -> transaction_begin(me, EVENTS, 2) }
	:: d_step { CAN(me) && DUE(me) -> transaction_begin(me, TIMER, 1) }
	:: d_step { w[me].phase == IN_TRANSACTION && CONNECTED(me) && !DEADLY(me) -> transaction_end(me) }
	:: d_step { w[me].phase == SECOND_PART && IN_TWO_PARTS && CONNECTED(me) && holder == 0 -> second_part(me) }
	:: d_step { w[me].phase == IN_TRANSACTION && CONNECTED(me) && refusals > 0 -> refusals--; holder = 0; w[me].phase = RUNNING;
		w[me].good_refused = (w[me].kind == EVENTS && !KEPT(OUTAGE_IS_NO_POISON)); w[me].kind = 0; w[me].count = 0;
		printf("worker %d: the database refuses, rolled back\n", me) }
	:: d_step { CAN(me) && UNCOUNTED(me) ->
		if
		:: !KEPT(ATTEMPT_COUNTED_FIRST) -> w[me].counted = true
		:: KEPT(ATTEMPT_COUNTED_FIRST) && COMPARED(ATTEMPT, w[me].epoch, w[me].next, w[me].out) ->
			row.attempts++; w[me].counted = true
		:: else -> fenced(me)
		fi;
		printf("worker %d: suspect, attempt %d\n", me, row.attempts) }
	:: d_step { w[me].phase == IN_TRANSACTION && DEADLY(me) -> deaths++; HOLDS(8, deaths <= TRIES);	/* I8 */
		die(me); printf("worker %d: the event kills it\n", me) }

	/* the beat: who has nothing to commit learns that the row is not his, and writes the watermark */
	:: d_step { CAN(me) && (MARK_MOVES(me) && (KEPT(OWNER_BEATS) || COMPARED(BEAT, w[me].epoch, w[me].next, w[me].out)) ||
		    KEPT(OWNER_BEATS) && !COMPARED(BEAT, w[me].epoch, w[me].next, w[me].out) && KEPT(MARK_UNDER_EPOCH)) ->
		if
		:: COMPARED(BEAT, w[me].epoch, w[me].next, w[me].out) || !KEPT(MARK_UNDER_EPOCH) ->
			acknowledged(me); row.published = prefix; w[me].mark = prefix;
			printf("worker %d: beat; published_seq %d\n", me, prefix)
		:: else -> fenced(me)
		fi }
	:: d_step { CAN(me) && !KEPT(MARK_UNDER_EPOCH) && !MARK_MOVES(me) && w[me].epoch != row.epoch -> fenced(me) }

	/* answers lost */
	:: d_step { w[me].phase == IN_TRANSACTION && CONNECTED(me) && replies_lost > 0 && stray.state == 0 && !DEADLY(me) ->
		transaction_stray(me, OPEN_STILL, w[me].kind, w[me].count) }
	:: d_step { w[me].phase == RUNNING && CONNECTED(me) && replies_lost > 0 && stray.state == 0 && w[me].place < inputs &&
		    !UNCOUNTED(me) && !crasher -> transaction_stray(me, UNREAD, EVENTS, 1) }
	:: d_step { w[me].phase == RUNNING && CONNECTED(me) && replies_lost > 0 && stray.state == 0 && DUE(me) ->
		transaction_stray(me, UNREAD, TIMER, 1) }
	:: d_step { w[me].phase == RUNNING && CONNECTED(me) && replies_lost > 0 && stray.state == 0 && MARK_MOVES(me) ->
		transaction_stray(me, UNREAD, BEAT, 0) }

	/* the end of a process */
	:: d_step { kills > 0 && w[me].phase != HUNG -> kills--; die(me); printf("worker %d: kill -9\n", me) }
	:: d_step { kills > 0 && w[me].phase == IN_TRANSACTION && CONNECTED(me) && stray.state == 0 && !DEADLY(me) ->
		kills--; replies_lost++; at = entitled; transaction_stray(me, OPEN_STILL, w[me].kind, w[me].count); die(me);
		printf("worker %d: kill -9 with COMMIT on its way\n", me) }
	:: d_step { hangs > 0 && workers > 1 && w[me].phase != HUNG -> hangs--; source_forget(me, HUNG);
		printf("worker %d: hangs for ever\n", me) }

	/* whom the group did not choose */
	:: d_step { usurpers > 0 && w[me].phase == OUTSIDE && !news[me] -> usurpers--; w[me].phase = TAKING;
		printf("worker %d: sees no owner and takes\n", me) }
	:: d_step { !KEPT(ONLY_TAKER_FIRES) && w[me].phase == OUTSIDE && !news[me] && holder == 0 && due && row.timer == ARMED ->
		row.timer = FIRED; outbox_insert(TIMER_FACT); printf("worker %d: fires for the owner, seq %d\n", me, row.out) }
	od
}
