/* What the system finds out about a request by itself: whose the thing is, whether it is in warranty, and what has to be paid.
 * intake does it at registration, routing again when a supplement says more. Pure. */
#ifndef AFTERCARE_BASE_FINDINGS_H
#define AFTERCARE_BASE_FINDINGS_H

#include "common/base/warranty.h"

#define INSTALLATION_UNKNOWN INT64_MIN   /* the same number stands in intake.sql */

/* What the directory says of a thing in use; INSTALLATION_UNKNOWN: it does not say. */
struct installation {
	struct str id, customer, product;
	struct str accepted_on;        /* a date or a time, as it came */
	struct str sold_by;
	int64_t manufacturer_months, quality_grade;
};
struct findings {
	const struct installation *installation;   /* NULL: none that could be the customer's */
	struct str cause_code;         /* of a resolution; absent: nobody knows it yet */
	struct str entitlement;        /* owner or none */
	bool review;
	bool warranty_known, in_warranty;
	char until[DATE_TEXT];         /* its last day, when known */
	struct charge charge;
};

/* The installation that makes the customer (absent: he has no id) an owner: the first found that is not somebody else's;
 * NULL: none. */
const struct installation *installation_owned(struct str customer, const struct installation *by_id,
					      const struct installation *by_serial, const struct installation *by_model);
/* What the attributes say of the findings so far: nothing of what a request might say of itself stands. */
void findings_lay(const struct findings *findings, const struct attributes *attributes, struct value *vector);
/* Entitlement, warranty and charge by the policies of the ticket, for the installation and the cause that stand in the
 * findings already; laid upon the vector. */
void findings_judge(struct findings *findings, const struct policy *const *policies, size_t count,
		    const struct attributes *attributes, struct value *vector, instant received_at, instant now);

#endif
