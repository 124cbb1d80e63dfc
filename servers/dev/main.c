/* SPDX-License-Identifier: MIT */
/*
 * servers/dev. The nodes of other schemes (terminals, input, graphics) are mount points here: the directories dev/pts, dev/dri,
 * dev/input and the nodes dev/tty, dev/ptmx, dev/console. init marks what it mounts (FSP_MARK).
 */
#include "dev.h"

#include <native/call.h>
#include <native/devproto.h>
#include <native/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define PUT_MAX 65536
#define SYSFS_MAGIC 0x62656572u /* linux/magic.h */

static struct fs tree;

static int path_of(struct fsreq *r, char *path)
{
	u32 len = r->sqe->nbufs ? r->sqe->len[0] : 0;
	if (!len || len >= FSP_PATH_MAX)
		return -EINVAL;
	int e = fsreq_in(r, 0, 0, path, len);
	if (e)
		return e;
	path[len] = 0;
	if (strlen(path) != len || path[0] == '/' || strstr(path, "..") || strstr(path, "//"))
		return -EINVAL;
	return 0;
}

/* A device node whose driver gave a handle: opens go there. */
static i32 device_handle(struct node *n)
{
	return (i32)(intptr_t)n->priv;
}

static const struct node_ops device_ops = {.redirect = device_handle};

static int set_handle(struct fsreq *r, struct node *n)
{
	i32 fd = fs_take_fd(r);
	if (fd < 0)
		return fd;
	if (n->nops == &device_ops)
		fs_close_fd(device_handle(n));
	n->nops = &device_ops;
	n->priv = (void *)(intptr_t)fd;
	return 0;
}

static i64 put(struct fsreq *r)
{
	static char data[PUT_MAX + 1];
	char path[FSP_PATH_MAX];
	u32 mode = (u32)r->sqe->args[0];
	if (!cred_capable(r->cred, CAP_SYS_ADMIN))
		return -EPERM;
	u32 len = r->sqe->nbufs > 1 ? r->sqe->len[1] : 0;
	int e = path_of(r, path);
	if (!e && len > PUT_MAX)
		e = -E2BIG;
	if (!e && len)
		e = fsreq_in(r, 1, 0, data, len);
	if (e)
		return e;
	data[len] = 0;
	struct node *old = vfs_find(r->fs, path);
	if (old && S_ISREG(old->mode) && S_ISREG(mode) && old->mem >= 0) {
		e = fs_mem_resize(old->mem, 0);
		if (!e)
			e = fs_mem_write(old->mem, 0, data, len);
		return e;
	}
	if (old && old->nops == &device_ops && ((old->mode ^ mode) & S_IFMT) == 0 && r->sqe->nfds) {
		r->out[0] = old->ino;
		e = set_handle(r, old);
		return e ? e : 1;
	}
	if (old && !S_ISDIR(mode))
		return -EEXIST;
	struct node *n;
	if (S_ISLNK(mode)) {
		n = len ? vfs_add_link(r->fs, path, data) : NULL;
	} else {
		n = vfs_add(r->fs, path, mode, r->sqe->args[3], NULL);
		if (n && S_ISREG(mode)) {
			e = r->fs->ops->set_size(n, len);
			if (!e)
				e = fs_mem_write(n->mem, 0, data, len);
		}
		if (n && (S_ISCHR(mode) || S_ISBLK(mode)) && r->sqe->nfds)
			e = set_handle(r, n);
		else if (n && (S_ISCHR(mode) || S_ISBLK(mode)))
			n->marked = FSP_MARK_POINT;
	}
	if (!n)
		return -EINVAL;
	n->uid = (u32)r->sqe->args[1];
	n->gid = (u32)r->sqe->args[2];
	r->out[0] = n->ino;
	return e;
}

static i64 take_away(struct fsreq *r)
{
	char path[FSP_PATH_MAX];
	if (!cred_capable(r->cred, CAP_SYS_ADMIN))
		return -EPERM;
	int e = path_of(r, path);
	return e ? e : vfs_remove(r->fs, path);
}

static bool private_op(struct fs *fs, struct fsreq *r, i64 *result)
{
	(void)fs;
	switch (r->sqe->op) {
	case DEVP_PUT:
		*result = put(r);
		return true;
	case DEVP_REMOVE:
		*result = take_away(r);
		return true;
	case DEVP_EVENT:
		*result = uevent_send(r);
		return true;
	case DEVP_SUBSCRIBE:
		*result = uevent_subscribe(r);
		return true;
	}
	return false;
}

static int cpu_files(struct fs *fs)
{
	struct weft_sys_info info;
	char range[32];
	i64 e = weft_sys_ctl((u64)-1, WEFT_SYS_INFO, PTR(&info), 0, 0);
	u32 last = e < 0 || !info.cpus ? 0 : info.cpus - 1;
	snprintf(range, sizeof(range), last ? "0-%u\n" : "%u\n", last);
	static const char *const files[] = {"online", "possible", "present"};
	char path[80];
	for (int i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "sys/devices/system/cpu/%s", files[i]);
		if (!vfs_add_text(fs, path, 0444, range))
			return -ENOMEM;
	}
	for (u32 i = 0; i <= last; i++) {
		snprintf(path, sizeof(path), "sys/devices/system/cpu/cpu%u/online", i);
		if (!vfs_add_text(fs, path, 0444, "1\n"))
			return -ENOMEM;
	}
	return vfs_add_text(fs, "sys/devices/system/node/node0/cpulist", 0444, range) &&
			       vfs_add_text(fs, "sys/devices/system/node/online", 0444, "0\n") ?
		       0 :
		       -ENOMEM;
}

static int make_tree(struct fs *fs)
{
	static const struct {
		const char *path;
		u32 mode;
		u32 rdev;
	} nodes[] = {
		{"dev", S_IFDIR | 0755, 0},
		{"dev/pts", S_IFDIR | 0755, 0},
		{"dev/dri", S_IFDIR | 0755, 0},
		{"dev/input", S_IFDIR | 0755, 0},
		{"dev/snd", S_IFDIR | 0755, 0},
		{"dev/shm", S_IFDIR | 01777, 0},
		{"dev/mqueue", S_IFDIR | 01777, 0},
		{"dev/tty", S_IFCHR | 0666, 0x500},
		{"dev/console", S_IFCHR | 0600, 0x501},
		{"dev/ptmx", S_IFCHR | 0666, 0x502},
		{"dev/tty0", S_IFCHR | 0620, 0x400},
		{"dev/tty1", S_IFCHR | 0620, 0x401},
		{"dev/udmabuf", S_IFCHR | 0666, 0xa7e},
		{"sys", S_IFDIR | 0555, 0},
		{"sys/bus", S_IFDIR | 0755, 0},
		{"sys/class/drm", S_IFDIR | 0755, 0},
		{"sys/class/input", S_IFDIR | 0755, 0},
		{"sys/dev/char", S_IFDIR | 0755, 0},
		{"sys/dev/block", S_IFDIR | 0755, 0},
		{"sys/devices/virtual", S_IFDIR | 0755, 0},
		{"sys/fs", S_IFDIR | 0755, 0},
		{"sys/kernel", S_IFDIR | 0755, 0},
		{"sys/module", S_IFDIR | 0755, 0},
		{"udev", S_IFDIR | 0755, 0},
		{"udev/data", S_IFDIR | 0755, 0},
		{"udev/tags", S_IFDIR | 0755, 0},
	};
	static const char *const links[][2] = {
		{"dev/fd", "/proc/self/fd"},
		{"dev/stdin", "/proc/self/fd/0"},
		{"dev/stdout", "/proc/self/fd/1"},
		{"dev/stderr", "/proc/self/fd/2"},
		{"dev/core", "/proc/kcore"},
	};
	for (u32 i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		struct node *n = vfs_add(fs, nodes[i].path, nodes[i].mode, nodes[i].rdev, NULL);
		if (!n)
			return -ENOMEM;
		if (strcmp(nodes[i].path, "sys") == 0) { /* a file system of its own: what is made below inherits this */
			n->magic = SYSFS_MAGIC;
			n->dev = 0x16;
		}
	}
	for (u32 i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (!vfs_add_link(fs, links[i][0], links[i][1]))
			return -ENOMEM;
	int e = memory_devices(fs);
	if (!e)
		e = netlink_node(fs);
	return e ? e : cpu_files(fs);
}

int main(void)
{
	int e = memfs_create(&tree, 6, 0x01021994);
	if (!e)
		e = make_tree(&tree);
	vfs_other = private_op;
	if (!e)
		e = vfs_init(&tree, "scheme:dev");
	if (!e)
		e = vfs_run(&tree);
	native_log("dev: %s", strerror(-e));
	return 1;
}
