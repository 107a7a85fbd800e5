/* The services as PostgreSQL shows them: every schema that has a ledger is one. There is no list of them in C. */
#ifndef AFTERCARE_CTL_SERVICES_H
#define AFTERCARE_CTL_SERVICES_H

#include "services/ctl/ctl.h"

struct services {
	const struct str *names;       /* those that we may look into */
	size_t count;
	struct str hidden;             /* the others, "a, b"; absent: none */
};

/* False after it has said why. */
bool services_list(struct ctl *ctl, struct db *db, struct services *ret);
/* A connection whose search_path is the service's schema, with the statements of ctl_service.sql; NULL after it has said
 * why. */
struct db *services_connect(struct ctl *ctl, struct str service);

#endif
