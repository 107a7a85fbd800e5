/* aftercare-survey: the daemon of survey_service.c. */
#include "services/survey/survey.h"

int main(int argc, char **argv)
{
	return worker_main(&survey_service, argc, argv);
}
