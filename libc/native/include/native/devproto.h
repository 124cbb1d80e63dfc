/* SPDX-License-Identifier: MIT */
/*
 * What drivers and the POSIX runtime ask of servers/dev, on the root handle of scheme `dev` (besides the file protocol). Its tree has
 *   dev/    what is mounted at /dev     sys/    what is mounted at /sys     udev/   what is mounted at /run/udev
 * A device's directory in sys/, its links from class/, bus/ and dev/, its node and its udev record are put by the one who drives it, in
 * one DEVP_PUT each; DEVP_EVENT then tells those who listen to uevents. Putting and removing need CAP_SYS_ADMIN.
 */
#ifndef NATIVE_DEVPROTO_H
#define NATIVE_DEVPROTO_H

#include <native/fsproto.h>

enum devp_op {
	/* args: mode with S_IFMT, uid, gid, rdev. Buffer 0 IN: path below the scheme's root; buffer 1 IN: contents of a regular file (up to
	 * 64 KiB), target of a symbolic link. Directories on the way are made. Devices are nodes that another scheme serves: with
	 * fds[0], an O_PATH handle of the node there, opens go to it (put again: to the new one); without, the node is marked as a mount
	 * point, and the runtime's mount table must know it. out[0] = the node's number */
	DEVP_PUT = FSP_PRIVATE,
	/* Buffer 0 IN: path; with everything below it */
	DEVP_REMOVE,
	/* Buffer 0 IN: a uevent as the kernel's netlink socket would carry it ("add@/devices/...", NUL, "KEY=value", NUL ...), at most 8 KiB;
	 * sent to every subscriber of group args[0] (1 kernel, 2 udev) */
	DEVP_EVENT,
	/* args: groups (bits 0 and 1: kernel, udev). fds[0]: the sending end of a SEQPACKET channel, which gets the messages */
	DEVP_SUBSCRIBE,
};

#endif
