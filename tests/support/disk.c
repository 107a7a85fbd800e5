#define _GNU_SOURCE  /* unshare */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "tests/support/disk.h"
#include "tests/support/scene.h"

static int refused = ENOSYS;           /* why there is no namespace; 0: there is one */

void disk_begin(void)
{
	refused = unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ? 0 : errno;
}

void disk_or_skip(void)
{
	if (refused == 0)
		return;
	print_message("a full disk needs a mount of our own, which is not permitted here: %s\n", strerror(refused));
	skip();
}

static void change(const char *path, unsigned long flags, const char *size)
{
	char options[60];

	snprintf(options, sizeof(options), "size=%s", size);
	if (mount("none", path, "tmpfs", flags, options) != 0)
		fail_msg("%s, %s: %s", path, options, strerror(errno));
}

void disk_mount(const char *path, const char *size)
{
	(void)mkdir(path, 0700);
	change(path, 0, size);
}

static void run(const char *const *argv)
{
	char *said = NULL;

	if (stack_run(argv, &said) != 0)
		fail_msg("%s %s %s: %s", argv[0], argv[1], argv[2], said);
	free(said);
}

void disk_mount_under(const char *path, const char *size)
{
	char old[1000], all[1010];
	const char *const copy[] = { "cp", "-a", all, path, NULL }, *const remove[] = { "rm", "-rf", old, NULL };

	snprintf(old, sizeof(old), "%s.old", path);
	snprintf(all, sizeof(all), "%s/.", old);
	assert_int_equal(rename(path, old), 0);
	disk_mount(path, size);
	run(copy);
	run(remove);
}

void disk_resize(const char *path, const char *size)
{
	change(path, MS_REMOUNT, size);
}

void disk_shrink(const char *path, long room)
{
	struct statvfs now;
	char size[40];

	assert_int_equal(statvfs(path, &now), 0);
	snprintf(size, sizeof(size), "%ld", (long)((now.f_blocks - now.f_bfree) * now.f_bsize) + room);
	disk_resize(path, size);
}

void disk_unmount(const char *path)
{
	(void)umount2(path, MNT_DETACH);
}
