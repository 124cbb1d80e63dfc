/* SPDX-License-Identifier: MIT */
/*
 * Joins the trees of the servers into the one that programs see. Arguments, one a mount, in the order of their depth:
 *
 *	SCHEME:PATH=SCHEME:PATH,FSTYPE,WHERE,FLAGS
 *
 * the mount point as its own server knows it (made, as a directory, if it is absent), the root of what is mounted, and what /proc/self/mountinfo
 * says of it. SCHEME:PATH alone becomes the directory of schemes. All are marked in their servers, so that walks stop there; init hands the
 * table to every program with paths, and servers/proc to those that it builds. Each scheme named must be in `opens` of the manifest.
 */
#include <native/call.h>
#include <native/fsproto.h>
#include <native/init.h>
#include <native/procproto.h>
#include <native/start.h>
#include <posix/start.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define O_PATH_FLAG 010000000u
#define BATCH 8

static i64 fs_call(i32 handle, u32 op, const char *path, u64 a0, u64 a1, u64 a2, i32 *fd)
{
	static char rest[FSP_REST_MAX];
	struct weft_buf bufs[2] = {{PTR(path), (u32)strlen(path), WEFT_BUF_IN}, {PTR(rest), sizeof(rest), WEFT_BUF_OUT}};
	struct weft_req r = {.op = (u16)op, .nbufs = 2, .bufs = PTR(bufs), .args = {a0, a1, a2}, .max_fds = fd ? 1 : 0,
		.fds_out = PTR(fd), .flags = WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC};
	return weft_fd_call((u64)handle, PTR(&r));
}

static i32 scheme_root(const char *name)
{
	char fd_name[64];
	snprintf(fd_name, sizeof(fd_name), "open:%s", name);
	return native_fd(fd_name);
}

/* "SCHEME:PATH" -> an O_PATH handle. */
static i32 open_node(char *what, bool make)
{
	i32 fd = -1;
	char *path = strchr(what, ':');
	if (!path)
		return -EINVAL;
	*path++ = 0;
	i32 root = scheme_root(what);
	if (root < 0)
		return root;
	i64 e = fs_call(root, FSP_OPEN, path, O_PATH_FLAG, 0, 0, &fd);
	for (char *slash = path; e == -ENOENT && make; slash++) {
		slash = slash + strcspn(slash, "/");
		char c = *slash;
		*slash = 0;
		e = fs_call(root, FSP_MKDIR, path, 0755, 0, 0, NULL);
		*slash = c;
		if (e && e != -EEXIST)
			return (i32)e;
		e = -ENOENT;
		if (!c)
			e = fs_call(root, FSP_OPEN, path, O_PATH_FLAG, 0, 0, &fd);
		if (!c)
			break;
	}
	if (e > 0) /* the mount point lies in another server's tree */
		e = -EXDEV;
	return e < 0 ? (i32)e : fd;
}

static int one(char *spec, struct posix_mount *m, i32 fds[2])
{
	char *root = strchr(spec, '=');
	char *type = root ? strchr(root, ',') : NULL;
	char *where = type ? strchr(type + 1, ',') : NULL;
	char *flags = where ? strchr(where + 1, ',') : NULL;
	if (!flags)
		return -EINVAL;
	*root++ = *type++ = *where++ = *flags++ = 0;
	memset(m, 0, sizeof(*m));
	m->flags = (u32)strtoul(flags, NULL, 0);
	snprintf(m->fstype, sizeof(m->fstype), "%s", type);
	snprintf(m->source, sizeof(m->source), "%s", type);
	snprintf(m->path, sizeof(m->path), "%s", where);
	fds[0] = open_node(spec, true);
	if (fds[0] < 0)
		return fds[0];
	fds[1] = open_node(root, false);
	if (fds[1] < 0)
		return fds[1];
	i64 e = fs_call(fds[0], FSP_MARK, "", 0, FSP_MARK_POINT, 0, NULL);
	if (!e)
		e = fs_call(fds[1], FSP_MARK, "", 0, FSP_MARK_ROOT, 0, NULL);
	return (int)e;
}

static int schemes(char *spec)
{
	i32 fd = open_node(spec, true);
	return fd < 0 ? fd : (int)fs_call(fd, FSP_MARK, "", 0, FSP_MARK_SCHEMES, 0, NULL);
}

/* Set-id programs begin with what this program has: its namespace is the sessions'. */
static i64 tell_session(i32 proc)
{
	i64 ns = weft_ns_ctl((u64)-1, WEFT_NS_CLONE, 0, 0, WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC);
	char top[] = "fs:";
	i32 fds[5] = {open_node(top, false), proc, scheme_root("ipc"), (i32)ns, scheme_root("net")};
	struct weft_req r = {.op = PROCP_SESSION, .nfds = fds[4] < 0 ? 4 : 5, .fds = PTR(fds)};
	return ns < 0 ? ns : weft_fd_call((u64)proc, PTR(&r));
}

static i64 tell_mount(i32 proc, struct posix_mount *m, i32 *fds)
{
	struct weft_buf buf = {PTR(m), sizeof(*m), WEFT_BUF_IN};
	struct weft_req r = {.op = PROCP_MOUNT, .nbufs = 1, .bufs = PTR(&buf), .nfds = 2, .fds = PTR(fds)};
	return weft_fd_call((u64)proc, PTR(&r));
}

/* What a Linux's first process does; without the file the name stays what servers/proc calls it. */
static void tell_hostname(i32 proc)
{
	char name[66] = "";
	i32 fd = -1;
	if (fs_call(scheme_root("fs"), FSP_OPEN, "etc/hostname", 0, 0, 0, &fd) || fd < 0)
		return;
	i64 n = weft_fd_read((u64)fd, PTR(name), sizeof(name) - 1, 0, 0);
	weft_fd_close((u64)fd);
	struct weft_buf buf = {PTR(name), (u32)strcspn(name, "\n"), WEFT_BUF_IN};
	struct weft_req r = {.op = PROCP_SET_UTS, .nbufs = 1, .bufs = PTR(&buf)};
	if (n > 0 && weft_fd_call((u64)proc, PTR(&r)) < 0)
		native_log("mounts: /etc/hostname is no name for a host");
}

int main(int argc, char **argv)
{
	static struct posix_mount mounts[BATCH];
	static i32 fds[2 * BATCH];
	i32 init = native_fd("open:init"), proc = scheme_root("proc");
	int status = 0;
	i64 told = tell_session(proc);
	if (told < 0)
		native_log("mounts: the session: error %d", (int)-told);
	tell_hostname(proc);
	for (int i = 1; i < argc;) {
		u32 n = 0;
		for (; i < argc && n < BATCH; i++) {
			char spec[256];
			snprintf(spec, sizeof(spec), "%s", argv[i]);
			bool is_mount = strchr(spec, '=') != NULL;
			int e = is_mount ? one(spec, &mounts[n], &fds[2 * n]) : schemes(spec);
			if (!e && is_mount)
				e = (int)tell_mount(proc, &mounts[n], &fds[2 * n]);
			if (e) {
				native_log("mounts: %s: error %d", argv[i], -e);
				status = 1;
			} else {
				n += is_mount;
			}
		}
		struct weft_buf buf = {PTR(mounts), (u32)(n * sizeof(mounts[0])), WEFT_BUF_IN};
		struct weft_req r = {.op = INIT_MOUNTS, .nbufs = 1, .bufs = PTR(&buf), .nfds = (u8)(2 * n), .fds = PTR(fds)};
		i64 e = n ? weft_fd_call((u64)init, PTR(&r)) : 0;
		if (e < 0) {
			native_log("mounts: init refused: %d", (int)-e);
			return 1;
		}
	}
	init_notify();
	return status;
}
