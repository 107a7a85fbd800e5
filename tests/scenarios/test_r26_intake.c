/* What intake knows of a request under the preset site24h-fix48h-spare72h (R26): how it came in, what belongs to the record,
 * whether the customer owns the product and what the warranty pays for. */
#include "tests/support/scene.h"

/* C012: what the customer supplied with the report. */
static void c012_attachments_are_kept_in_order(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_ticket(desk, 0, "{'attachments': [{'name': 'b.log', 'uri': 'https://files.example/b'}, "
					  "{'name': 'a.log', 'uri': 'https://files.example/a'}, {'name': 'c.png'}]}");
	const struct record *registered = desk_expect(desk, ticket, "ticket.registered");

	scene_text_is(desk, registered, "attachments.0.name", "b.log");
	scene_text_is(desk, registered, "attachments.0.uri", "https://files.example/b");
	scene_text_is(desk, registered, "attachments.1.name", "a.log");
	scene_text_is(desk, registered, "attachments.2.name", "c.png");
}

static int open_stack(void **state)
{
	static const char *const policies[] = { "site24h-fix48h-spare72h", NULL };

	return scene_open_policies(state, policies);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(c012_attachments_are_kept_in_order),
	};

	return cmocka_run_group_tests(tests, open_stack, scene_close);
}
