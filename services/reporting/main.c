/* aftercare-reporting: the daemon of reporting_service.c. */
#include "services/reporting/reporting.h"

int main(int argc, char **argv)
{
	return worker_main(&reporting_service, argc, argv);
}
