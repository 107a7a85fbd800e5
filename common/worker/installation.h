/* Installations of the directory's tables, and what is said of them in facts about tickets. */
#ifndef AFTERCARE_WORKER_INSTALLATION_H
#define AFTERCARE_WORKER_INSTALLATION_H

#include "common/base/findings.h"
#include "common/worker/worker.h"

/* By what an installation is found, in this order; any may be absent. The last one needs both of its halves. */
struct installation_wish {
	struct str installation, serial_no, customer, model;
};

/* From the columns installation, customer, product, accepted_on, sold_by, manufacturer_months, quality_grade of a row,
 * beginning at column `first`; copied to the arena. */
void installation_read(const struct db_result *rows, size_t row, int first, struct arena *arena, struct installation *ret);
/* The installation that makes the customer an owner, asked of the database at once: for what is rare. *ret is NULL when
 * there is none. Nothing may be queued. */
enum verdict installation_find(struct batch *batch, const struct installation_wish *wish, const struct installation **ret,
			       struct fault *fault) must_check;
/* The members entitlement, review, installation and charge. `again`: they may have been said before, so that also what is
 * not known any more is written, as null. */
void findings_write(struct writer *writer, const struct findings *findings, bool again);

#endif
