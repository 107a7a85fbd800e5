/* Small file systems for tests that fill them: tmpfs, in a mount namespace of our own, so that they end with us whatever happens.
 * Needs root; each call fails the test when it cannot be done. */
#ifndef AFTERCARE_TESTS_SUPPORT_DISK_H
#define AFTERCARE_TESTS_SUPPORT_DISK_H

/* First in main(): whoever is started before does not see what is mounted. */
void disk_begin(void);
/* Skips the test, with the reason, where mounts are not permitted. */
void disk_or_skip(void);
/* Makes the folder if need be and mounts an empty file system of `size` ("300k", "2g") there. */
void disk_mount(const char *path, const char *size);
/* The same in the place of a folder that is in use by nobody: what is in it moves onto the new file system. */
void disk_mount_under(const char *path, const char *size);
void disk_resize(const char *path, const char *size);
/* Makes it so small that only `room` bytes are left. */
void disk_shrink(const char *path, long room);
/* Nothing happens when nothing is mounted there. */
void disk_unmount(const char *path);

#endif
