/* Policy documents -> compiled policies. All errors of a document at once, each "FILE: /json/pointer: what is wrong". */
#ifndef AFTERCARE_IO_POLICY_FILE_H
#define AFTERCARE_IO_POLICY_FILE_H

#include "common/base/fault.h"
#include "common/base/policy.h"

/* Values an operator gives for the blanks of a regulation: --set NAME=VALUE. */
struct policy_setting {
	struct str name;
	struct str value;    /* text: a duration "PT4H", a number "15" */
};

/* Compiles one policy document. `name` stands before each error; `errors` collects one line each. FATAL when there is
 * any. Paths are interned in `attributes`. The caller frees with policy_free. The text is not kept. */
enum verdict policy_compile(struct str text, const char *name, const struct policy_setting *settings, size_t setting_count,
			    struct attributes *attributes, struct policy **ret_policy, struct buf *errors,
			    struct fault *fault) must_check;
/* The same for a document that is to be loaded: it may name these calendars only (and 24x7), not just any, and nothing in it may
 * contradict itself (policy_never.c, policy_gate_never.c). */
enum verdict policy_compile_among(struct str text, const char *name, const struct policy_setting *settings,
				  size_t setting_count, const struct strings *calendars, struct attributes *attributes,
				  struct policy **ret_policy, struct buf *errors, struct fault *fault) must_check;
void policy_free(struct policy *policy);
/* The same for the lifecycle document. */
enum verdict lifecycle_compile(struct str text, const char *name, struct attributes *attributes,
			       struct lifecycle **ret_lifecycle, struct buf *errors, struct fault *fault) must_check;
/* The same for one that is to be loaded: also states that nothing leads to or out of are errors. */
enum verdict lifecycle_compile_new(struct str text, const char *name, struct attributes *attributes,
				   struct lifecycle **ret_lifecycle, struct buf *errors, struct fault *fault) must_check;
void lifecycle_free(struct lifecycle *lifecycle);
/* The document with every {"set": name} replaced by the value given, canonical JSON (sorted keys, no spaces): what is
 * stored, hashed and compared ("the same name and version with other content is refused"). Errors as above. */
enum verdict policy_resolve(struct str text, const char *name, const struct policy_setting *settings, size_t setting_count,
			    struct buf *ret_text, struct buf *errors, struct fault *fault) must_check;
/* The codes that ship, NULL-terminated, to which a policy may add: of "kind", "severity", "mode", "channel" or "role". */
const char *const *policy_codes(const char *name);

#endif
