/* The exactly-once protocol of architecture section 4: one source, its workers, PostgreSQL, the broker, a reader.
 * README.md beside this file says what it shows and what it cannot. Settings and the rule that is broken come from the
 * environment, so that one checker runs every line of table.txt. */

#include "rules.pml"	/* made of rules.txt by run.sh: a number per rule */
c_decl { #include <stdlib.h> }
c_code { static int setting(const char *name) { const char *value = getenv(name); return value ? atoi(value) : 0; } }

/* ---- settings, the same throughout a run ---- */
hidden byte broken, broken_too;	/* numbers of rules.txt; 0: none */
hidden byte inputs;		/* offsets 0..inputs-1; the first arms the timer, the last cancels it if it is still armed */
hidden byte poison;		/* this offset can never work; 9: none */
hidden byte again;		/* the last input is the first one, sent again from outside */
hidden byte lanes;		/* output partitions, 1 or 2 */
hidden byte workers;
hidden byte batch;		/* most events of one transaction, 1 or 2 */
hidden byte timers;		/* 0: none; 1: as above; 2: nothing cancels it */
hidden byte second_lock;	/* every compare-and-set compares all that is believed (as the code does) */
hidden byte look_past_owner, look_past_mark;	/* I7, or the last watermark, is not asserted: shows the harm behind it */
hidden byte crasher;		/* the poison kills the process */
#define KEPT(rule) (broken != rule && broken_too != rule)

/* An assertion; the number of its invariant stands in what the checker prints. */
#define HOLDS(invariant, condition) assert((condition) || invariant == 0)

/* ---- faults left ---- */
byte moves;			/* the group gives the lane to the other worker */
byte kills, hangs;		/* kill -9; a worker is silent for ever, its connection open */
byte replies_lost;		/* the database's answer: done, not done, done later */
byte refusals, bounces;		/* the database refuses a transaction; the broker a message, for good */
byte failovers, rewinds;
byte reshapes;			/* output partitions are added: a key maps elsewhere */
byte reader_deaths;
byte usurpers;			/* an instance that the group did not choose takes the lane */

#define FACTS 7			/* seqs 1..6 */
#define TIMER_FACT 4		/* what the fired timer says; the input at offset n says n + 1 */
#define MESSAGE(incarnation, seq, what) ((incarnation) * 64 + (seq) * 8 + (what))
#define STAMP(message) ((message) / 8)	/* (incarnation, seq) as one number */
#define WHAT(message) ((message) & 7)
#define LANE_OF(what) (((what) + shape) & (lanes - 1))
#define BIT_OF_ID(offset) (1 << (again && (offset) == inputs - 1 -> 0 : (offset)))
#define EVERYTHING ((1 << inputs) - 1)

/* kinds of transaction */
#define EVENTS 1
#define TIMER 2
#define BEAT 3
#define ATTEMPT 4
/* phases of a worker */
#define OUTSIDE 0
#define TAKING 1
#define RUNNING 2
#define IN_TRANSACTION 3	/* compare-and-set done, the row is locked */
#define SECOND_PART 4		/* only with a rule broken */
#define ADRIFT 5		/* no connection, or one that nothing is known on */
#define HUNG 6
#define NOWHERE 9		/* the consumer has no position */
/* the timer */
#define ARMED 1
#define FIRED 2
#define CANCELLED 3
/* a stray transaction */
#define UNREAD 1
#define OPEN_STILL 2
#define STRAY 9

/* ---- the group and the broker ---- */
bit owner;			/* by the group */
bool news[2];			/* this worker has not heard yet */
bool due, shape;
byte committed_to_kafka;
#define NEW 0
#define OLD 1
chan wire[8] = [FACTS] of { byte };	/* per worker: its producer's and what older ones left under way, per output partition */
#define WIRE(me, age, lane) wire[(me) * 4 + (age) * 2 + (lane)]

/* ---- the reader, and what it has taken ---- */
byte marks[8];
byte highest[2], taken[32];	/* ghosts: highest stamp per partition; what was taken, by stamp */
byte deaths;			/* ghost: by the crasher */

/* scratch, no part of the state */
hidden byte at, seq, first, prefix, message, lane, mark, stamp;

#include "ledger.pml"
#include "worker.pml"
#include "world.pml"

init
{
	d_step {
		c_code {
			broken = setting("BROKEN"); broken_too = setting("BROKEN_TOO"); inputs = setting("inputs");
			poison = setting("poison"); again = setting("again"); lanes = setting("lanes");
			workers = setting("workers"); batch = setting("batch"); timers = setting("timers");
			second_lock = setting("second_lock"); look_past_owner = setting("look_past_owner");
			look_past_mark = setting("look_past_mark");
			crasher = setting("crasher");
			now.moves = setting("moves"); now.kills = setting("kills"); now.hangs = setting("hangs");
			now.replies_lost = setting("replies_lost"); now.refusals = setting("refusals");
			now.bounces = setting("bounces"); now.failovers = setting("failovers");
			now.rewinds = setting("rewinds"); now.reshapes = setting("reshapes");
			now.reader_deaths = setting("reader_deaths"); now.usurpers = setting("usurpers");
		};
		row.timeline = 1; standby.timeline = 1;
		news[0] = true; news[1] = true;
		w[0].session = 1; w[1].session = 1; w[0].place = NOWHERE; w[1].place = NOWHERE
	};
	atomic {
		run worker(0);
		if :: workers > 1 -> run worker(1) :: else fi;
		run database(); run world(); run verdict()
	}
}
