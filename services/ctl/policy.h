/* policy: what checking and loading (policy.c), the versions of the database (policy_versions.c), their steps (policy_steps.c) and
 * what is told of them (policy_diff.c, policy_explain.c, policy_standard.c) share. */
#ifndef AFTERCARE_CTL_POLICY_H
#define AFTERCARE_CTL_POLICY_H

#include "common/io/policy_file.h"
#include "services/ctl/ctl.h"

/* A version as the database has it; all in the arena of ctl. */
struct policy_stored {
	struct str type;             /* "policy", "lifecycle", "calendar" */
	struct str name, text, sha256;
	int32_t version;
	struct str state;            /* draft, reviewed, approved, abolished */
	instant effective_from, approved_at;
};

/* The version that "NAME@3" names, or "NAME": the one in force now, else the newest. Exit status; 2 after it has said why. */
int policy_find(struct ctl *ctl, struct db *db, const char *words, struct policy_stored *ret);
/* What a state is called at that time: an approved version whose date has come is "effective". */
struct str policy_state_name(struct str state, instant effective_from, instant now);
/* Compiles a policy that is stored; it was right when it was loaded. NULL after it has said why. */
struct policy *policy_open(struct ctl *ctl, const struct policy_stored *stored, struct attributes *attributes);

/* ---- policy_rank.c ---- */
struct policy_file {
	const char *path;
	struct str text;             /* blanks filled in; absent: no policy */
};
/* Two policies of equal rank in one family: of the files, and of these against what is loaded (db NULL: nothing). Number found,
 * each told on stderr; -1 when the database does not answer. */
int policy_rank_check(struct ctl *ctl, struct db *db, const struct policy_file *files, size_t count);

#endif
