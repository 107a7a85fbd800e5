/* The rest of the world: PostgreSQL by itself, group, broker, reader, time; and the verdict when nothing is left to do. */

/* What PostgreSQL does by itself, and what is done to it. */
proctype database()
{
end:	do
	:: d_step { stray.state == OPEN_STILL -> stray_commit(); holder = 0; printf("database: the stray transaction commits\n") }
	:: d_step { stray.state == OPEN_STILL -> stray_forget(); holder = 0; printf("database: the stray transaction is rolled back\n") }
	:: d_step { stray.state == UNREAD && holder == 0 && COMPARED(stray.kind, stray.epoch, stray.next, stray.out) ->
		stray_commit(); printf("database: the stray transaction runs late and commits: out_seq %d\n", row.out) }
	:: d_step { stray.state == UNREAD -> stray_forget(); printf("database: the stray transaction comes to nothing\n") }
	:: d_step { KEPT(SERVER_ENDS_IDLE) && holder > 0 && holder < STRAY && w[holder - 1].phase == HUNG ->
		holder = 0; printf("database: ends the transaction of a worker that is silent\n") }
	/* the standby follows at any distance */
	:: d_step { failovers > 0 && (standby.epoch != row.epoch || standby.next != row.next || standby.out != row.out ||
		    standby.published != row.published || standby.timer != row.timer) -> ledger_copy(standby, row) }
	:: d_step { failovers > 0 -> failovers--; ledger_copy(row, standby); server++; holder = 0; entitled = 0; stray_forget();
		printf("database: failover, back to epoch %d, offset %d, out_seq %d\n", row.epoch, row.next, row.out) }
	:: d_step { rewinds > 0 && holder == 0 && row.next > 1 -> rewinds--;
		row.next = 1; row.done = 1; row.effects = row.effects & 1; row.dead = row.dead & 1;
		if :: row.timer == CANCELLED -> row.timer = ARMED :: else fi;
		if :: KEPT(REWIND_RAISES_EPOCH) -> row.epoch++; entitled = 0; stray.entitled = false :: else fi;
		printf("operator: rewinds to offset 1\n") }
	od
}

inline reader_take(lane, message)
{
	stamp = STAMP(message);
	HOLDS(4, taken[stamp] == 0);					/* I4: nothing twice */
	HOLDS(4, stamp > highest[lane]);					/* I4: in order of (incarnation, seq) */
	highest[lane] = stamp;
	taken[stamp] = WHAT(message)
}

/* The log is read as it is written: what a reader does with it depends on its order alone. */
inline reader_meets(lane, message)
{
	stamp = STAMP(message);
	if
	:: !KEPT(READER_BY_LANE) -> mark = 0
	:: !KEPT(READER_ONE_PAIR) -> mark = lane * 4 + stamp / 8
	:: else -> mark = lane
	fi;
	if :: !KEPT(READER_BY_INCARNATION) || !KEPT(READER_ONE_PAIR) -> stamp = stamp & 7 :: else fi;
	printf("reader: partition %d brings (%d, %d) saying %d; its mark is (%d, %d)\n", lane, message / 64, STAMP(message) & 7,
	       WHAT(message), marks[mark] / 8, marks[mark] & 7);
	if
	:: stamp > marks[mark] ->
		marks[mark] = stamp;
		if :: !KEPT(READER_EFFECT_WITH_MARK) && reader_deaths > 0 -> reader_deaths--; reader_take(lane, message) :: else fi;
		if :: !KEPT(READER_MARK_WITH_EFFECT) && reader_deaths > 0 -> reader_deaths-- :: else -> reader_take(lane, message) fi
	:: else ->		/* I4: what is dropped was taken before; but what the database has lost may be */
		stamp = STAMP(message);
		HOLDS(4, row.facts[stamp & 7] != message || taken[stamp] == WHAT(message))
	fi
}

inline delivery_fails(me, lane)
{
	if
	:: KEPT(PRODUCER_RENEWED) && KEPT(NOTHING_PASSES_FAILED) ->
		do :: nempty(WIRE(me, NEW, lane)) -> WIRE(me, NEW, lane)?_ :: empty(WIRE(me, NEW, lane)) -> break od;
		producer_drop(me);
		w[me].failed = true
	:: else ->
		WIRE(me, NEW, lane)?_;
		w[me].failed = !KEPT(NOTHING_PASSES_FAILED)
	fi;
	printf("broker: refuses a message of worker %d for partition %d\n", me, lane)
}

#define DELIVERIES(me, lane) \
	:: d_step { nempty(WIRE(me, NEW, lane)) -> WIRE(me, NEW, lane)?message; \
		w[me].acked = w[me].acked | (1 << (STAMP(message) & 7)); reader_meets(lane, message) } \
	:: d_step { nempty(WIRE(me, OLD, lane)) -> WIRE(me, OLD, lane)?message; reader_meets(lane, message) } \
	:: d_step { nempty(WIRE(me, OLD, lane)) -> do :: nempty(WIRE(me, OLD, lane)) -> WIRE(me, OLD, lane)?_ \
						      :: empty(WIRE(me, OLD, lane)) -> break od; skip } \
	:: d_step { bounces > 0 && nempty(WIRE(me, NEW, lane)) -> bounces--; delivery_fails(me, lane) }

proctype world()
{
end:	do
	DELIVERIES(0, 0)
	DELIVERIES(0, 1)
	DELIVERIES(1, 0)
	DELIVERIES(1, 1)
	:: d_step { timers && !due -> due = true; printf("time: the timer is due\n") }
	:: d_step { moves > 0 && w[1 - owner].phase != HUNG -> moves--; owner = 1 - owner; news[0] = true; news[1] = true;
		printf("group: the lane is of worker %d\n", owner) }
	:: d_step { w[owner].phase == HUNG -> owner = 1 - owner; news[owner] = true; printf("group: the lane is of worker %d\n", owner) }
	:: d_step { reshapes > 0 -> reshapes--; shape = !shape; printf("operator: adds partitions\n") }
	:: d_step { !KEPT(START_FROM_ROW) && committed_to_kafka != row.next -> committed_to_kafka = row.next }
	:: d_step { moves + kills + hangs + replies_lost + refusals + bounces + failovers + rewinds + reshapes + reader_deaths +
		    usurpers > 0 ->
		moves = 0; kills = 0; hangs = 0; replies_lost = 0; refusals = 0; bounces = 0; failovers = 0; rewinds = 0;
		reshapes = 0; reader_deaths = 0; usurpers = 0; printf("from here on nothing goes wrong\n") }
	od
}

/* I8: where nothing can happen any more, everything has happened. */
proctype verdict()
{
end:	timeout;
	d_step {
		HOLDS(8, holder == 0 && row.next == inputs && row.done == EVERYTHING);			/* I8 */
		HOLDS(6, row.dead == ((1 << poison) & EVERYTHING));					/* I6 */
		HOLDS(1, (row.effects | row.dead | (again << (inputs - 1))) == EVERYTHING);		/* I1 */
		HOLDS(5, !timers || row.timer == FIRED || row.timer == CANCELLED);			/* I5 */
		at = 1; mark = 0;
		do
		:: at <= row.out ->		/* I4: the reader has every row; */
			HOLDS(4, row.facts[at] && taken[STAMP(row.facts[at])] == WHAT(row.facts[at]));
			mark = mark | (1 << WHAT(row.facts[at]));
			at++
		:: else -> break
		od;				/* I3: every input and the fired timer has one */
		HOLDS(3, mark == ((EVERYTHING << 1) | ((row.timer == FIRED) << TIMER_FACT)));
		HOLDS(8, row.published == row.out || look_past_mark)							/* I8: the watermark too */
	}
}
