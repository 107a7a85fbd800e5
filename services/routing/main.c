/* aftercare-routing: the daemon of routing_service.c. */
#include "services/routing/routing_run.h"

int main(int argc, char **argv)
{
	return worker_main(&routing_service, argc, argv);
}
