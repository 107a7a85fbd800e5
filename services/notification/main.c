/* aftercare-notification: the daemon of notification_service.c. */
#include "services/notification/notification.h"

int main(int argc, char **argv)
{
	return worker_main(&notification_service, argc, argv);
}
