/* aftercare-sla: the daemon of sla_service.c. */
#include "services/sla/sla_run.h"

int main(int argc, char **argv)
{
	return worker_main(&sla_service, argc, argv);
}
