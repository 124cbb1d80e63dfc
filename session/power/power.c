/* SPDX-License-Identifier: MIT */
/*
 * poweroff, reboot, halt and shutdown -h|-r|-P|-H [now], by the name it is called: all of them are reboot(2). On Weft the system
 * ends in good order below that call; elsewhere the file systems are written back first.
 */
#include <stdio.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

static int by_name(const char *name, int argc, char **argv)
{
	if (strcmp(name, "reboot") == 0)
		return RB_AUTOBOOT;
	if (strcmp(name, "halt") == 0)
		return RB_HALT_SYSTEM;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-r") == 0 || strcmp(argv[i], "--reboot") == 0)
			return RB_AUTOBOOT;
		if (strcmp(argv[i], "-H") == 0 || strcmp(argv[i], "--halt") == 0)
			return RB_HALT_SYSTEM;
	}
	return RB_POWER_OFF;
}

int main(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];

	sync();
	if (reboot(by_name(name, argc, argv)) < 0) {
		perror(name);
		return 1;
	}
	return 0;
}
