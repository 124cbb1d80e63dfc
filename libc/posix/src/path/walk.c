/* SPDX-License-Identifier: MIT */
/*
 * A walk goes on where the server of one scheme stopped: at a mount point, at an absolute link, above its root, or at a magic link.
 * The program's own fds (/proc/self/fd/N, /dev/fd/N) are resolved here: they name what only this process can name.
 */
#include "path.h"
#include "../core/calls.h"

#define HOPS 40

i64 rt_path_in(char *buf, u64 user, bool empty_ok)
{
	i64 n = rt_copy_string(buf, (const char *)user, PATH_MAX);

	if (n < 0)
		return n;
	if (n == PATH_MAX)
		return -ENAMETOOLONG;
	return n || empty_ok ? n : -ENOENT;
}

void rt_mount_set(struct rt_mount *to, const struct posix_mount *from, u32 id)
{
	struct weft_fd_info info;

	*to = (struct rt_mount){.at = from->at, .root = from->root, .flags = from->flags, .id = id};
	if (from->at >= 0 && rt_fd_info(from->at, &info) >= 0) {
		to->scheme = info.scheme;
		to->node = info.attr.ino;
	}
	if (rt_fd_info(from->root, &info) >= 0) {
		to->mounted = info.scheme;
		to->top = info.attr.ino;
	}
	rt_string_set(to->fstype, sizeof(to->fstype), from->fstype);
	rt_string_set(to->source, sizeof(to->source), from->source);
	rt_string_set(to->path, sizeof(to->path), from->path);
}

i32 rt_mounted_at(struct rt_proc *p, u64 scheme, u64 node)
{
	/* The last mount on a point hides those before. */
	for (u32 i = p->nmounts; i-- > 0;)
		if (p->mounts[i].at >= 0 && p->mounts[i].scheme == scheme && p->mounts[i].node == node)
			return p->mounts[i].root;
	return -1;
}

/* Of the mount whose root a walk was about to leave: one scheme may be mounted in several places, by parts. */
static i32 mount_point_of(struct rt_proc *p, u64 scheme, u64 top)
{
	for (u32 i = p->nmounts; i-- > 0;)
		if (p->mounts[i].at >= 0 && p->mounts[i].mounted == scheme && p->mounts[i].top == top)
			return p->mounts[i].at;
	return -1;
}

static const char *skip(const char *s, const char *prefix)
{
	for (; *prefix; s++, prefix++)
		if (*s != *prefix)
			return NULL;
	return s;
}

i32 rt_fd_of_path(const char *path, const char **rest)
{
	static const char *const prefixes[] = {"/proc/self/fd/", "/dev/fd/", "/proc/thread-self/fd/"};
	static const char *const names[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
	const char *s = NULL;
	char own[32];
	u32 n = 0;

	if (path[0] != '/')
		return -1;
	for (u32 i = 0; i < ARRAY_SIZE(prefixes) && !s; i++)
		s = skip(path, prefixes[i]);
	for (u32 i = 0; i < ARRAY_SIZE(names) && !s; i++) {
		const char *e = skip(path, names[i]);
		if (e && (!*e || *e == '/')) {
			*rest = e;
			return i;
		}
	}
	if (!s && path[1] == 'p') {
		rt_format(own, sizeof(own), "/proc/%u/fd/", rt_tp()->pid);
		s = skip(path, own);
	}
	if (!s || *s < '0' || *s > '9')
		return -1;
	for (; *s >= '0' && *s <= '9'; s++) {
		n = n * 10 + *s - '0';
		if (n >= WEFT_FD_PRIVATE)
			return -1;
	}
	if (*s && *s != '/')
		return -1;
	*rest = s;
	return n;
}

static u64 scheme_of(i32 fd)
{
	struct weft_fd_info info;

	return rt_fd_info(fd, &info) < 0 ? 0 : info.scheme;
}

struct walker {
	i32 at;	   /* the handle to ask next */
	bool owned; /* it came from a magic link: close it */
};

static void go(struct walker *w, i32 to, bool owned)
{
	if (w->owned)
		NC(FD_CLOSE, w->at);
	w->at = to;
	w->owned = owned;
}

/* Where the walk begins; the path's leading slashes go. */
static i64 begin(struct path_call *c, struct walker *w)
{
	struct rt_proc *p = rt_proc();
	const char *rest;
	u32 cut = 0;

	if (!c->internal) {
		i32 n = rt_fd_of_path(c->path, &rest);
		/* The name itself, without following, is the server's to answer. */
		if (n >= 0 && (*rest || !(c->walk & FSP_WALK_NOFOLLOW))) {
			i64 type = rt_fd_type(n);
			if (type < 0)
				return -ENOENT;
			if (type != WEFT_OBJ_HANDLE) {
				if (*rest)
					return -ENOTDIR;
				c->magic = n;
				return 1;
			}
			while (*rest == '/')
				rest++;
			cut = rest - c->path;
			go(w, n, false);
		}
	}
	if (!cut && !(c->walk & FSP_WALK_BENEATH)) {
		i32 to = rt_cache_cross(c->dirfd, c->path, &rest);
		if (to >= 0) {
			cut = rest - c->path;
			go(w, to, false);
		}
	}
	if (!cut && c->path[0] == '/') {
		if (p->root < 0)
			return -ENOENT;
		while (c->path[cut] == '/')
			cut++;
		go(w, p->root, false);
	} else if (!cut && c->dirfd == AT_FDCWD) {
		if (p->cwd < 0)
			return -ENOENT;
		go(w, p->cwd, false);
	} else if (!cut) {
		if (!c->internal && (u32)c->dirfd >= WEFT_FD_PRIVATE)
			return -EBADF;
		go(w, c->dirfd, false);
	}
	if (cut) {
		memmove(c->path, c->path + cut, c->len - cut + 1);
		c->len -= cut;
	}
	return 0;
}

/* The server stopped: on to the next handle with the rest of the path. */
static i64 hop(struct path_call *c, struct walker *w, i64 why, const struct weft_req *q, char *rest, i32 got)
{
	struct rt_proc *p = rt_proc();
	u64 n = q->out[1], lead = 0;
	u32 used;
	i32 to;

	if (n >= FSP_REST_MAX)
		return -ENAMETOOLONG;
	switch (why) {
	case FSP_STOP_MOUNT:
		to = rt_mounted_at(p, scheme_of(w->at), q->out[0]);
		if (to < 0)
			return -ENOENT; /* of a scheme that this process was not given */
		go(w, to, false);
		break;
	case FSP_STOP_ROOT:
		go(w, p->root, false);
		break;
	case FSP_STOP_PARENT:
		to = mount_point_of(p, scheme_of(w->at), q->out[0]);
		if (to < 0) {
			go(w, p->root, false);
			break;
		}
		/* The mount point's own "..", then the rest. */
		lead = n ? 3 : 2;
		memcpy(c->path, "../", 3);
		go(w, to, false);
		break;
	case FSP_STOP_SCHEME:
		to = rt_scheme_open(rest, n, &used);
		if (to < 0)
			return to;
		go(w, to, true);
		rest += used;
		n -= used;
		break;
	case FSP_STOP_MAGIC:
		if (got < 0)
			return -EIO;
		go(w, got, true);
		break;
	default:
		return -EIO;
	}
	if (lead + n >= FSP_PATH_MAX)
		return -ENAMETOOLONG;
	memcpy(c->path + lead, rest, n);
	c->len = lead + n;
	c->path[c->len] = 0;
	return 0;
}

i64 rt_path_do(struct path_call *c)
{
	char rest[FSP_REST_MAX];
	struct walker w = {.at = -1};
	struct weft_buf bufs[4];
	struct weft_req q;
	i32 got[1];
	i64 r;

	c->magic = -1;
	c->fd = -1;
	r = begin(c, &w);
	if (r)
		return r == 1 ? 0 : r;
	for (u32 hops = 0; hops < HOPS; hops++) {
		while (c->len && c->path[c->len - 1] == '/') { /* a trailing slash wants a directory */
			c->path[--c->len] = 0;
			c->walk |= FSP_WALK_DIRECTORY;
		}
		bufs[0] = (struct weft_buf){(u64)c->path, c->len, WEFT_BUF_IN};
		bufs[1] = (struct weft_buf){(u64)rest, sizeof(rest), WEFT_BUF_OUT};
		for (u32 i = 0; i < c->nextra; i++)
			bufs[2 + i] = c->extra[i];
		q = (struct weft_req){.op = c->op, .flags = c->req_flags, .nbufs = 2 + c->nextra, .nfds = c->nsend, .max_fds = 1,
			.args = {c->arg0, c->walk, c->arg2}, .bufs = (u64)bufs, .fds = (u64)c->send, .fds_out = (u64)got};
		r = UNLESS_IGNORED(NC(FD_CALL, w.at, &q));
		if (r <= 0)
			break;
		/* What came with a stop is a handle in the table that the answer's fd would have gone to. */
		i32 fd = q.nfds_out ? got[0] : -1;
		if (fd >= 0)
			fd = rt_private(fd);
		r = hop(c, &w, r, &q, rest, fd);
		if (r < 0)
			break;
		r = -ELOOP;
	}
	go(&w, -1, false);
	if (r == -EINTR)
		return -ERESTARTSYS;
	if (r)
		return r;
	memcpy(c->out, q.out, sizeof(c->out));
	if (q.nfds_out) {
		c->fd = got[0];
		if (!c->want_fd && !c->may_fd)
			NC(FD_CLOSE, got[0]);
	} else if (c->want_fd) {
		return -EIO;
	}
	return 0;
}
