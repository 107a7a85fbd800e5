/* The table of commands, in the order of --help, and what each says about itself. */
#include <stddef.h>

#include "services/ctl/ctl.h"

static const char status_help[] =
	"Looks twice, 1.5 s apart, and shows for every daemon its state, its lanes, events per second, how many events it is\n"
	"behind the end of its topics, facts not yet acknowledged by Kafka, and when its owner was last seen in PostgreSQL; then\n"
	"clocks, outbox and today's dead letters. --json gives the same for programs.\n\n"
	"Exit status: 0 all well; 1 something is late; 2 a daemon is down, stopped or was never started; 3 something could not\n"
	"be seen (the line \"not seen\" says what).\n";

static const char ticket_help[] =
	"ID is a ticket's id, its beginning (AC-7K2M) where that is unique, or --request SOURCE EVENT-ID of the request that\n"
	"opened it. Shows who, what and whose, then everything that happened to it in the order of the log, who was told, what\n"
	"was refused, and which clock is due next. Reads the ticket's lane in Kafka; times are in the zone of TZ or the machine.\n\n"
	"Exit status: 0 fine; 1 overdue; 2 there is no such ticket; 3 the log could not be read.\n";

static const char dead_list_help[] =
	"The newest first: what was refused, by which daemon and why. --limit is 20 unless given; --reason shows one reason only\n"
	"(schema_invalid, ...). Each has an ID, SERVICE/NUMBER, for dead show and dead redrive.\n";

static const char dead_show_help[] =
	"All that is kept of one: reason, where it came from, its headers and its bytes as they came. They may hold personal\n"
	"data. ID is SERVICE/NUMBER as dead list gives it; the NUMBER alone will do where only one service has it.\n";

static const char dead_redrive_help[] =
	"Publishes key, headers and bytes again, unchanged, to the topic and partition they came from, and notes the time. Mend\n"
	"first what was wrong: a policy, a directory entry, the state of the ticket.\n\n"
	"An event that was accepted has no second effect, so redriving twice does no harm. What intake had accepted and a later\n"
	"daemon refused (gate_unmet, illegal_transition, forbidden, ...) would be such a repeat: it is left alone, unless\n"
	"--as-new sends it with a new event id, ID.again-NUMBER.\n";

static const char event_check_help[] =
	"FILE holds one event in the structured JSON form of CloudEvents, an array of them, or one a line; with --type\n"
	"staff.replied it holds data alone. - is the standard input. Says whether intake would accept the form, and if not the\n"
	"file, the line, the reason as in a dead letter, the place and what belongs there. --topic says where the events shall\n"
	"be sent, and is checked too; --facts takes facts also, as they stand in the logs.\n\n"
	"A note is about something that is right but perhaps not meant: a member that no schema names, a code that only a\n"
	"policy can add, a claim that names no ticket. What depends on the database is not checked (known ticket, permission).\n"
	"--json gives one line for each event.\n\n"
	"Exit status: 0 all right; 1 something is wrong; 2 a file could not be read.\n";

static const char event_list_help[] =
	"WORD shows only those whose name, topic or title holds it. Facts are shown with --facts. --json for programs.\n";

static const char event_example_help[] =
	"Prints an event that is right, to edit and to send; --data prints its data alone. For example:\n\n"
	"  aftercarectl event example request.submitted >event.json\n"
	"  aftercarectl event check event.json\n"
	"  jq -c . event.json | kcat -P -b HOST:PORT -t aftercare.inbound -k EVENT-ID \\\n"
	"      -H content-type=application/cloudevents+json\n";

static const char republish_help[] =
	"Asks aftercare-reporting to publish the snapshots of all tickets, or of these, on aftercare.ticket-state once more: for a\n"
	"reader that has lost its own. Each has the bytes of its last one. Shows the progress; with --no-wait it only asks. A request\n"
	"stays until it is done, also when the daemon is not running now.\n\n"
	"Exit status: 0 done, 1 no progress for 10 s, 2 the database refuses.\n";

static const char rebuild_help[] =
	"Makes the rows of the daemons anew in an empty database, from the topics alone, and compares them one by one with those\n"
	"of the database in use (or of --compare-with). DATABASE is a name on the same server, which is made when it is not there,\n"
	"or a connection string. It must hold nothing of Aftercare; it stays when all is done, dropdb removes it.\n\n"
	"--tables lists the tables that are compared and, of all others, why they are not.\n\n"
	"The daemons must have read and published everything and nothing may happen meanwhile; waits 30 s for that. For each\n"
	"table: rows compared, different, missing (the topics say there must be one) and extra (no topic knows of it), and the\n"
	"first differences by key and column. These may show personal data. Progress is told on stderr; --json for programs.\n\n"
	"Where retention has removed the beginning of a topic, what only that could tell is not judged, and it says so.\n\n"
	"Exit status: 0 no difference; 1 differences; 2 something is down or refused; 3 it could not be compared, because\n"
	"daemons are behind or events keep coming.\n";

static const char replay_help[] =
	"FILE is CSV, plain or gzip; the map says which columns are case, activity and time and which claims a row becomes.\n"
	"Doing it again changes nothing: the same row gives the same event id.\n";

static const char policy_help[] =
	"All errors are told at once, each with file, place and reason. --set gives a value that the regulation leaves blank.\n";

static const char policy_list_help[] =
	"A version is a draft, reviewed, approved (its date is to come), effective, or abolished. \"until\" is the day on which the next\n"
	"version takes over; a ticket keeps the version it was registered under, so older ones still have tickets: those that are open\n"
	"are counted. \"by\" is whoever brought it to its state. --json gives a line each.\n";

static const char policy_show_help[] =
	"Without @VERSION the version in force now, else the newest. Prints the document as it was loaded, blanks filled in, so that it\n"
	"can be edited and loaded as the next version; --steps tells who did what with it and when; --json gives both.\n";

static const char policy_diff_help[] =
	"What changes from A to B, in the words of the regulation: \"clock response (kind fault, severity urgent): within PT2H → PT1H\".\n"
	"Each is a FILE, NAME@VERSION, or NAME (the version in force, else the newest). Notes are left out. --json gives a line each,\n"
	"with the place in A (of what is new: in B).\n\n"
	"Exit status: 0 they say the same; 1 they differ; 2 something could not be read.\n";

static const char policy_explain_help[] =
	"Which policies and versions a ticket stands under, and why: what their applies.match asks for, and what the ticket has of it.\n"
	"Then for each clock where its number comes from: policy, version and the place in its document. --json for programs.\n";

static const char policy_standard_help[] =
	"The published service standard, in Markdown: who is served when, and within what time, generated from the versions that are in\n"
	"force now, which are what the watchdog uses. --language zh-CN or en; without it, that of the terminal.\n";

static const char policy_review_help[] =
	"Notes that somebody of the directory has reviewed a draft. A policy whose \"approval\" names several (\"department\",\n"
	"\"management\") must be reviewed before it can be approved.\n";

static const char policy_approve_help[] =
	"Sends the claim policy.approved in the person's name and waits for intake's answer: the person must have the right, by default\n"
	"as general_manager. The version is in force for tickets received at or after its date; --effective-from gives another one\n"
	"than its document, a date or a time.\n\n"
	"Exit status: 0 approved; 2 refused, or something is down; 3 intake did not answer.\n";

static const char policy_abolish_help[] =
	"No ticket comes under it any more; those that run on it keep it to their end. Where an earlier version is still approved, it is\n"
	"in force again, which is said. Who may approve a version may abolish it. Nothing leads back.\n";

const struct command commands[] = {
	{ "status", "[--json]", "every daemon: is it there, does it keep up; clocks, dead letters", ctl_status, status_help },
	{ "ticket", "ID | --request SOURCE EVENT-ID [--json]", "one ticket: its history, its clocks, what is due next", ctl_ticket,
	  ticket_help },
	{ "dead list", "[--service S] [--reason R] [--limit N] [--json]", "what was refused, and why", ctl_dead_list, dead_list_help },
	{ "dead show", "ID [--json]", "one dead letter, bytes and headers as they came", ctl_dead_show, dead_show_help },
	{ "dead redrive", "ID... [--as-new]", "send dead letters again to where they came from", ctl_dead_redrive, dead_redrive_help },
	{ "event check", "FILE... [--type NAME] [--topic T] [--facts] [--json]", "whether events are right, before they are sent",
	  ctl_event_check, event_check_help },
	{ "event example", "NAME [--data]", "an event that is right, to edit and to send", ctl_event_example, event_example_help },
	{ "event list", "[WORD] [--facts] [--json]", "the names of all events, with topic and key", ctl_event_list, event_list_help },
	{ "db migrate", "[--dry-run]", "bring the database to this version's schema", ctl_db_migrate, NULL },
	{ "rebuild", "--into DATABASE [--compare-with DATABASE] [--json] | --tables [--json]", "make the state anew from the topics, and compare it",
	  ctl_rebuild, rebuild_help },
	{ "topics apply", "[--lanes N] [--replication N] [--dry-run]", "create the topics that are missing", ctl_topics_apply, NULL },
	{ "policy check", "FILE... [--set NAME=VALUE]", "say everything that is wrong with a document", ctl_policy_check, policy_help },
	{ "policy load", "FILE... [--approved] [--set NAME=VALUE]", "bring in a version, as a draft or approved", ctl_policy_load,
	  policy_help },
	{ "policy list", "[--json]", "the versions, their state and since when", ctl_policy_list, policy_list_help },
	{ "policy show", "NAME[@VERSION] [--steps] [--json]", "the text of a version, or what became of it", ctl_policy_show,
	  policy_show_help },
	{ "policy diff", "A B [--json]", "what changes from one version or file to another", ctl_policy_diff, policy_diff_help },
	{ "policy explain", "TICKET [--json]", "why a ticket stands under its policies, where its clocks come from", ctl_policy_explain,
	  policy_explain_help },
	{ "policy standard", "[--language zh-CN|en]", "the service standard, as a document", ctl_policy_standard, policy_standard_help },
	{ "policy review", "NAME@VERSION --by PERSON", "a draft has been reviewed", ctl_policy_review, policy_review_help },
	{ "policy approve", "NAME@VERSION --by PERSON [--effective-from DATE]", "a version is approved, and in force from its date",
	  ctl_policy_approve, policy_approve_help },
	{ "policy abolish", "NAME@VERSION --by PERSON", "a version is not used for new tickets any more", ctl_policy_abolish,
	  policy_abolish_help },
	{ "reporting republish", "[TICKET...] [--no-wait] [--json]", "publish snapshots of tickets once more", ctl_reporting_republish,
	  republish_help },
	{ "replay", "FILE --map MAP.json [--rate N] [--dry-run]", "turn a log of the past into claims", ctl_replay, replay_help },
	{ 0 }
};
