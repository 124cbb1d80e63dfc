/* SPDX-License-Identifier: MIT */
/*
 * Set-id exec. The caller's word counts for nothing but what it may choose for any program: arguments, environment, umask, limits, signal
 * mask. The file is looked at through a handle that this server opens from the caller's; its owner, group and mode come from the
 * file's server; root, mounts, runtime and private fds are the session's. The result is an image (WEFT_PROC_IMAGE), of which the caller gets a
 * process fd that is good for nothing but becoming it. An image that nobody has taken after a while is killed.
 */
#include "proc.h"

#include <native/init.h>
#include <native/spawn.h>
#include <native/start.h>
#include <native/time.h>
#include <posix/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define IMAGES_MAX 32
#define IMAGE_LIFE (60 * 1000000000ll)
#define SWEEP (1 * 1000000000ll)
#define CAP_ALL ((1ull << 41) - 1)

static i32 runtime = -1, time_page = -1;
static struct {
	i32 proc; /* of the image, or -1 */
	u32 pid;  /* the caller */
	i64 made;
} images[IMAGES_MAX];
static u32 next_image;
static struct loop_timer timer;

static void image_drop(u32 i)
{
	if (images[i].proc < 0)
		return;
	/* One that has been taken is a finished process: the kill finds nobody. */
	weft_proc_ctl((u64)images[i].proc, WEFT_PROC_KILL, 9, 0, 0);
	weft_fd_close((u64)images[i].proc);
	images[i].proc = -1;
}

/* Drops what was taken, what has nobody to take it any more, and what is too old. */
static void sweep(struct loop_timer *t)
{
	i64 now = time_monotonic();
	bool more = false;
	for (u32 i = 0; i < IMAGES_MAX; i++) {
		struct weft_proc_info caller, image = {0};
		if (images[i].proc < 0)
			continue;
		weft_proc_ctl((u64)images[i].proc, WEFT_PROC_INFO, PTR(&image), 0, 0);
		if (image.state == 'Z' || process_info(images[i].pid, &caller) || caller.state == 'Z' || now - images[i].made > IMAGE_LIFE)
			image_drop(i);
		else
			more = true;
	}
	if (more)
		loop_timer_set(vfs_loop(&tree), t, now + SWEEP);
}

/* A caller has one image at most, and together they are few: the oldest goes first. */
static void image_keep(i32 proc, u32 pid)
{
	for (u32 i = 0; i < IMAGES_MAX; i++)
		if (images[i].pid == pid)
			image_drop(i);
	image_drop(next_image);
	images[next_image].proc = proc;
	images[next_image].pid = pid;
	images[next_image].made = time_monotonic();
	next_image = (next_image + 1) % IMAGES_MAX;
	if (!timer.armed)
		loop_timer_set(vfs_loop(&tree), &timer, time_monotonic() + SWEEP);
}

int setid_init(void)
{
	u64 size;
	for (u32 i = 0; i < IMAGES_MAX; i++)
		images[i].proc = -1;
	timer.fn = sweep;
	time_page = native_fd("time");
	runtime = init_image(native_fd("open:init"), "lib/posix.rt", &size);
	return time_page < 0 ? time_page : runtime < 0 ? runtime : 0;
}

struct building {
	struct posix_start *s; /* our copy of the caller's block */
	u32 size;
	i32 file;
	struct fsp_stat st;
	struct weft_identity id;
	char *strings; /* without what only our own programs read */
	u32 strings_size, envc;
	char exe[FSP_PATH_MAX];
};

static i64 ask(i32 handle, u32 op, const u64 args[3], struct weft_buf *data, i32 *fd)
{
	static char rest[FSP_REST_MAX];
	struct weft_buf bufs[3] = {{PTR(""), 0, WEFT_BUF_IN}, {PTR(rest), sizeof(rest), WEFT_BUF_OUT}};
	struct weft_req q = {.op = (u16)op, .nbufs = data ? 3 : 2, .bufs = PTR(bufs), .args = {args[0], args[1], args[2]},
		.max_fds = fd ? 1 : 0, .fds_out = PTR(fd), .flags = WEFT_REQ_PRIVATE | WEFT_REQ_CLOEXEC};
	if (data)
		bufs[2] = *data;
	i64 e = weft_fd_call((u64)handle, PTR(&q));
	return e > 0 ? -EXDEV : e;
}

/* Opens the file anew and asks its server what it is. */
static int open_file(struct building *b, i32 given, const struct weft_identity *c)
{
	struct weft_fd_info info;
	struct weft_buf out = {PTR(&b->st), sizeof(b->st), WEFT_BUF_OUT};
	char magic[4];
	i64 e = weft_fd_ctl((u64)given, WEFT_FD_INFO, PTR(&info), 0);
	if (e < 0 || info.type != WEFT_OBJ_HANDLE || !S_ISREG(info.attr.mode))
		return -EACCES;
	if (!mounts_suid(info.scheme))
		return -EPERM;
	e = ask(given, FSP_OPEN, (u64[3]){0, 0, 0}, NULL, &b->file);
	if (!e)
		e = ask(b->file, FSP_STAT, (u64[3]){0, 0, 0}, &out, NULL);
	if (e)
		return (int)e;
	struct node n = {.fs = &tree, .mode = b->st.mode, .uid = b->st.uid, .gid = b->st.gid};
	if (!S_ISREG(n.mode) || perm_check(&n, c, MAY_X))
		return -EACCES;
	if (weft_fd_read((u64)b->file, PTR(magic), 4, 0, 0) != 4 || memcmp(magic, "\177ELF", 4))
		return -ENOEXEC;
	return 0;
}

/* execve(2), "Effect on process credentials", and capabilities(7), "Transformation of capabilities during execve". */
static int new_identity(struct building *b, const struct weft_identity *old)
{
	struct weft_identity *n = &b->id;
	*n = *old;
	if (old->flags & WEFT_IDENT_NO_NEW_PRIVS)
		return -EPERM;
	if (b->st.mode & S_ISUID)
		n->euid = b->st.uid;
	if ((b->st.mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		n->egid = b->st.gid;
	if (n->euid == old->euid && n->egid == old->egid)
		return -EPERM;
	cred_after_exec(n);
	n->cap_ambient = 0;
	return 0;
}

/* Offsets and lengths of the caller's block, and its strings without those that name private fds or tracing. */
static int take_strings(struct building *b)
{
	const struct posix_start *s = b->s;
	const char *base = (const char *)s;
	if (s->magic != POSIX_START_MAGIC || s->version != POSIX_START_VERSION || s->size > b->size ||
		s->strings > b->size || s->strings_size > b->size - s->strings || s->exe_path >= b->size || !s->exe_path)
		return -EINVAL;
	u64 len = strnlen(base + s->exe_path, b->size - s->exe_path);
	if (len >= sizeof(b->exe) || s->exe_path + len >= b->size)
		return -EINVAL;
	memcpy(b->exe, base + s->exe_path, len + 1);
	b->strings = malloc(s->strings_size + 1);
	if (!b->strings)
		return -ENOMEM;
	const char *at = base + s->strings, *end = at + s->strings_size;
	for (u64 i = 0; i < (u64)s->argc + s->envc; i++) {
		u64 n = strnlen(at, (u64)(end - at)) + 1;
		if (n > (u64)(end - at))
			return -EINVAL;
		if (i < s->argc || strncmp(at, "WEFT_", 5) != 0) {
			memcpy(b->strings + b->strings_size, at, n);
			b->strings_size += (u32)n;
			b->envc += i >= s->argc;
		}
		at += n;
	}
	return 0;
}

static int take_block(struct fsreq *r, struct building *b)
{
	b->size = r->sqe->nbufs ? r->sqe->len[0] : 0;
	if (b->size < sizeof(*b->s) || b->size > POSIX_START_MAX)
		return -EINVAL;
	b->s = malloc(b->size);
	if (!b->s)
		return -ENOMEM;
	int e = fsreq_in(r, 0, 0, b->s, b->size);
	return e ? e : take_strings(b);
}

static bool is_directory(i32 fd)
{
	struct weft_fd_info info;
	return weft_fd_ctl((u64)fd, WEFT_FD_INFO, PTR(&info), 0) >= 0 && info.type == WEFT_OBJ_HANDLE && S_ISDIR(info.attr.mode);
}

static int build(const struct building *b, i32 cwd, struct spawned *out)
{
	struct spawn_args a;
	char name[16];
	struct spawn_posix p = {.root = session.root, .cwd = cwd, .proc = session.proc, .ipc = session.ipc, .net = session.net,
		.umask = b->s->umask & 0777, .uid = b->id.uid, .euid = b->id.euid, .gid = b->id.gid, .egid = b->id.egid,
		.exe_path = b->exe, .flags = POSIX_START_SECURE, .blocked = b->s->blocked, .ignored = b->s->ignored,
		.limits = b->s->limits, .strings = b->strings, .strings_size = b->strings_size, .argc = b->s->argc, .envc = b->envc};
	const char *slash = strrchr(b->exe, '/');
	p.mounts = mounts_all(&p.nmounts);
	spawn_args_init(&a);
	snprintf(name, sizeof(name), "%.15s", slash ? slash + 1 : b->exe);
	a.name = name;
	a.image = b->file;
	a.runtime = runtime;
	a.time_page = time_page;
	a.posix = &p;
	a.ns = session.ns;
	a.flags = WEFT_PROC_NO_PARENT | WEFT_PROC_IMAGE;
	a.ident_auth = identities;
	i64 number = weft_ident_ctl((u64)identities, WEFT_IDENT_MINT, 0, PTR(&b->id));
	if (number < 0)
		return (int)number;
	a.identity = (u32)number;
	return spawn(&a, out);
}

i64 op_exec_setid(struct fsreq *r)
{
	struct building *b;
	struct weft_identity me = *r->cred;
	struct spawned made;
	if (session.root < 0)
		return -EPERM;
	if (r->sqe->nfds < 2 || r->sqe->max_fds < 1 || !is_directory(r->sqe->fds[1]))
		return -EINVAL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->file = -1;
	i64 e = take_block(r, b);
	if (!e)
		e = open_file(b, r->sqe->fds[0], &me);
	if (!e)
		e = new_identity(b, &me);
	if (!e)
		e = build(b, r->sqe->fds[1], &made);
	if (b->file >= 0)
		weft_fd_close((u64)b->file);
	free(b->strings);
	free(b->s);
	free(b);
	if (e)
		return e;
	image_keep(made.proc, r->sqe->pid);
	return request_give_fd(vfs_request(r), made.proc, WEFT_RIGHT_EXEC, 0);
}
