/* The table of commands, in the order of --help. */
#include <stddef.h>

#include "services/ctl/ctl.h"

const struct command commands[] = {
	{ "db migrate", "[--dry-run]", "bring the database to this version's schema", ctl_db_migrate },
	{ "topics apply", "[--lanes N] [--replication N] [--dry-run]", "create the topics that are missing", ctl_topics_apply },
	{ "policy check", "FILE... [--set NAME=VALUE]", "say everything that is wrong with a document", ctl_policy_check },
	{ "policy load", "FILE... [--approved] [--set NAME=VALUE]", "bring in a version, as a draft or approved", ctl_policy_load },
	{ "policy list", "", "the versions, their state and since when", ctl_policy_list },
	{ "replay", "FILE --map MAP.json [--rate N] [--dry-run]", "turn a log of the past into claims", ctl_replay },
	{ 0 }
};
