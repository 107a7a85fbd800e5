/* The words of a scenario. A verb is a claim with what is usually said in it: a new one is a line here, never code. */
#include <string.h>

#include "tests/support/scenario.h"

static const struct verb verbs[] = {
	{ "reports", "request.submitted", "problem", NULL },
	{ "adds", "request.supplemented", "problem", NULL },
	{ "writes", "customer.messaged", "text", NULL },
	{ "confirms", "customer.confirmed", "comment", "{'satisfied': true, 'score': 5}" },
	{ "signs", "customer.confirmed", "comment",
	  "{'satisfied': true, 'score': 5, 'signature': {'signer': 'Wang Min', 'time': '2026-01-05T16:20:00+08:00', 'reference': 'scan-118'}}" },
	{ "rejects", "customer.rejected", "reason", NULL },
	{ "cancels", "customer.cancelled", "reason", NULL },
	{ "verifies", "staff.verified", "facts", NULL },
	{ "classifies", "staff.classified", "cause", NULL },
	{ "proposes", "staff.proposed", "solution", NULL },
	{ "chooses", "staff.mode_chosen", NULL, NULL },
	{ "assigns", "staff.assigned", NULL, NULL },
	{ "replies", "staff.replied", "text", "{'automatic': false}" },
	{ "tries", "staff.contact_attempted", "outcome", "{'channel': 'phone'}" },
	{ "contacts", "staff.contacted", "outcome", "{'channel': 'phone'}" },
	{ "schedules", "staff.scheduled", "content", NULL },
	{ "arrives", "staff.arrived", NULL, NULL },
	{ "starts", "staff.started", NULL, NULL },
	{ "works", "staff.worked", "content", NULL },
	{ "waits", "staff.waiting", "reason", NULL },
	{ "resumes", "staff.resumed", "reason", NULL },
	{ "promises", "staff.promised", NULL, NULL },
	{ "answers", "staff.answered", "text", NULL },
	{ "resolves", "staff.resolved", "solution", NULL },
	{ "files", "staff.report_filed", "text", NULL },
	{ "evaluates", "staff.effect_evaluated", "text", NULL },
	{ "corrects", "staff.corrective_action", "text", NULL },
	{ "closes", "staff.close_requested", NULL, NULL },
	{ "annotates", "staff.annotated", "note", NULL },
};

static const char *const particles[][2] = {
	{ "a", "kind" }, { "an", "kind" }, { "by", "channel" }, { "to", "to" }, { "on", "on" }, { "until", "until" }, { "at", "place" },
};

const struct verb *scenario_verb(const char *word)
{
	for (size_t i = 0; i < array_count(verbs); i++)
		if (strcmp(verbs[i].word, word) == 0)
			return &verbs[i];
	return NULL;
}

const char *scenario_particle(const char *word)
{
	for (size_t i = 0; i < array_count(particles); i++)
		if (strcmp(particles[i][0], word) == 0)
			return particles[i][1];
	return NULL;
}

static const char help_head[] =
	"A file: a head, then scenarios; a line that begins with # is a remark.\n"
	"\n"
	"  clause: C072                    the clause; zh: and en: its words; policy: what is in force, by source or id (R04 R26)\n"
	"                                  (again between two scenarios: for those below); lacks: what of the clause is not shown\n"
	"  scenario: nobody replies        what follows, up to the next one, are its steps\n"
	"\n"
	"Steps:\n"
	"  T0 is 25h ago                   when the first report reaches the house (else: now)\n"
	"  name P1 P2                      things of this scenario alone; CUSTOMER, PRODUCT and TICKET are there\n"
	"  ANNA is an engineer for P1/F1   a person of this scenario alone; `for` products, with or without a type of fault;\n"
	"                                  ENGINEER (for PRODUCT), CSR, DISPATCHER and MANAGER are there when they are named\n"
	"  customer reports a fault by email as FIRST severity=urgent: no data since Monday\n"
	"  ANNA replies: we are looking into it\n"
	"  at T0+1h59m ANNA replies: ...   when it happened; staff can look back 15 minutes, customers as far as they like\n"
	"  about FIRST                     what follows is about that ticket, else about the last one reported\n"
	"  ANNA staff.subtask_opened subtask=S1 department=production\n"
	"  claim call.answered call=K1     any claim of the contract, about the ticket, or the desk or the directory by its nature\n"
	"Each claim must be accepted, unless the next line says that it is refused.\n"
	"\n"
	"  expect sla.breached clock=reply due_at=T0+2h as late\n"
	"                                  waits for a fact about the ticket that no other line has taken yet\n"
	"  expect on the desk visit.due installation=I1\n"
	"                                  the same among the facts that are about no ticket\n"
	"  expect no ticket.assigned       once all has come to rest; expect exactly 2 notify.sent rule=result\n"
	"  expect ticket.classified before ticket.assigned\n"
	"  expect state in_progress\n"
	"  expect refused gate_unmet \"signature\"\n"
	"                                  the claim above, for that reason; the explanation has these words\n"
	"  expect shown state=closed \"no data\"\n"
	"                                  aftercarectl ticket TICKET --json says so, and has these words\n"
	"\n"
	"Conditions: path=value, path!=value, path~part (of a text or a list), path>=value, path<=value, path? (there), !path\n"
	"Values: word, \"text with spaces\", 12, true, null, [a, b], {'a': 1}, T0, now, today, with +1h30m or -2d (y mo w d h m s),\n"
	"  late.due_at+24h (of a fact that a line has called `late`), a name of this scenario\n"
	"\n"
	"Verbs (the claim; what the text behind the colon is):\n";

void scenario_help(FILE *out)
{
	fputs(help_head, out);
	for (size_t i = 0; i < array_count(verbs); i++)
		fprintf(out, "  %-12s %-26s %s\n", verbs[i].word, verbs[i].claim, verbs[i].text ? verbs[i].text : "");
	fputs("Small words before a value:", out);
	for (size_t i = 0; i < array_count(particles); i++)
		fprintf(out, "%s %s (%s)", i ? "," : "", particles[i][0], particles[i][1]);
	fputs("\n", out);
}
