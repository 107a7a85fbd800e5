/* aftercare-intake: the daemon of intake_service.c. */
#include "services/intake/intake.h"

int main(int argc, char **argv)
{
	return worker_main(&intake_service, argc, argv);
}
