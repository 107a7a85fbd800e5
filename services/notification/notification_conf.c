/* Lists in the configuration: "a b c", "role=address role=address"; blanks or commas between. */
#include <time.h>

#include "services/notification/notification.h"

struct str notification_list_next(struct str *list)
{
	size_t n = 0;

	while (list->n && (*list->p == ' ' || *list->p == ','))
		*list = (struct str){ list->p + 1, list->n - 1 };
	while (n < list->n && list->p[n] != ' ' && list->p[n] != ',')
		n++;
	struct str word = { list->p, n };
	*list = (struct str){ list->p + n, list->n - n };
	return word;
}

bool notification_listed(const char *list, struct str word)
{
	struct str rest = str_of(list);

	for (struct str one = notification_list_next(&rest); one.n; one = notification_list_next(&rest))
		if (str_eq(one, word))
			return true;
	return false;
}

struct str notification_listed_value(const char *list, struct str name)
{
	struct str rest = str_of(list);

	for (struct str one = notification_list_next(&rest); one.n; one = notification_list_next(&rest))
		if (str_eq(str_cut(&one, '='), name))
			return one;
	return STR_NONE;
}

int64_t notification_monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}
