/* Finding people in the directory; pure. */
#include "common/base/directory.h"

#include <stdlib.h>

static int compare_person(const void *key, const void *person)
{
	return str_cmp(*(const struct str *)key, ((const struct person *)person)->id);
}

const struct person *directory_person(const struct directory *directory, struct str id)
{
	if (!id.p || directory->count == 0)
		return NULL;
	return bsearch(&id, directory->people, directory->count, sizeof(*directory->people), compare_person);
}

bool directory_on_leave(const struct person *person, instant at)
{
	for (size_t i = 0; i < person->leave_count && at != INSTANT_NONE; i++)
		if (person->leaves[i].from <= at && at < person->leaves[i].to)
			return true;
	return false;
}

bool directory_goes(const struct person *person, instant now)
{
	for (size_t i = 0; i < person->leave_count; i++)
		if (now < person->leaves[i].to)
			return true;
	return person->leaving;
}
