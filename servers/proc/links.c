/* SPDX-License-Identifier: MIT */
/* /proc/PID/fd/N, exe, cwd, root: links that lead to the object itself (FSP_STOP_MAGIC), and read as its name. */
#include "proc.h"

#include <posix/public.h>
#include <posix/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int read_memory(u32 pid, u64 addr, void *to, u64 len)
{
	i32 fd = process_open(pid);
	if (fd < 0)
		return fd;
	i64 as = weft_proc_ctl((u64)fd, WEFT_PROC_AS, 0, 0, 0);
	weft_fd_close((u64)fd);
	if (as < 0)
		return (int)as;
	i64 n = weft_mem_query((u64)as, WEFT_QUERY_READ, addr, len, PTR(to), len);
	weft_fd_close((u64)as);
	return n < 0 ? (int)n : (u64)n == len ? 0 : -EIO;
}

int read_public(u32 pid, struct posix_public *out)
{
	return read_memory(pid, POSIX_SLOT(0) + POSIX_SLOT_PP + offsetof(struct weft_pp, rt), out, sizeof(*out));
}

static i32 get_fd(u32 pid, i32 fd)
{
	i32 p = process_open(pid);
	if (p < 0)
		return -ENOENT;
	i64 got = weft_proc_ctl((u64)p, WEFT_PROC_GET_FD, (u64)fd, 0, 0);
	weft_fd_close((u64)p);
	return got < 0 ? -ENOENT : (i32)got;
}

static int handle_name(i32 fd, const struct weft_fd_info *info, char *buf, u64 size)
{
	char path[FSP_PATH_MAX];
	struct weft_buf out = {PTR(path), sizeof(path) - 1, WEFT_BUF_OUT};
	struct weft_req req = {.op = FSP_PATH, .nbufs = 1, .bufs = PTR(&out)};
	if (info->attr.dev == 0x17)
		return snprintf(buf, size, "/proc"); /* asking ourselves would never be answered */
	i64 e = weft_fd_call((u64)fd, PTR(&req));
	if (e < 0 || req.out[1] >= sizeof(path))
		return snprintf(buf, size, "anon_inode:[handle]");
	path[req.out[1]] = 0;
	const char *place = mounts_place(info->scheme, req.out[0]);
	return snprintf(buf, size, "%s%s%s", place, path[0] || !place[0] ? "/" : "", path);
}

/* What readlink says, as proc_pid_fd(5) has it. */
static int object_name(i32 fd, char *buf, u64 size)
{
	struct weft_fd_info info;
	i64 e = weft_fd_ctl((u64)fd, WEFT_FD_INFO, PTR(&info), 0);
	if (e < 0)
		return (int)e;
	switch (info.type) {
	case WEFT_OBJ_HANDLE:
		return handle_name(fd, &info, buf, size);
	case WEFT_OBJ_PIPE:
		return snprintf(buf, size, "pipe:[%llu]", (unsigned long long)(info.object < info.koid2 ? info.object : info.koid2));
	case WEFT_OBJ_CHANNEL:
	case WEFT_OBJ_DGRAM:
		return snprintf(buf, size, "socket:[%llu]", (unsigned long long)info.object);
	case WEFT_OBJ_MEM:
		return snprintf(buf, size, "/memfd: (deleted)");
	case WEFT_OBJ_POLLSET:
		return snprintf(buf, size, "anon_inode:[eventpoll]");
	case WEFT_OBJ_COUNTER:
		return snprintf(buf, size, "anon_inode:[eventfd]");
	case WEFT_OBJ_TIMER:
		return snprintf(buf, size, "anon_inode:[timerfd]");
	case WEFT_OBJ_SIGNALS:
		return snprintf(buf, size, "anon_inode:[signalfd]");
	case WEFT_OBJ_PROCESS:
		return snprintf(buf, size, "anon_inode:[pidfd]");
	case WEFT_OBJ_SYS:
		return snprintf(buf, size, "/dev/console");
	}
	return snprintf(buf, size, "anon_inode:[%u]", info.type);
}

static int link_to(struct node *n, i32 fd)
{
	char name[FSP_PATH_MAX + 64];
	if (fd < 0)
		return fd;
	int len = object_name(fd, name, sizeof(name));
	weft_fd_close((u64)fd);
	if (len < 0)
		return len;
	free(n->link);
	n->link = strdup(name);
	return n->link ? 0 : -ENOMEM;
}

static i32 checked_fd(const struct pnode *p, const struct fsreq *r)
{
	if (r && p->pid != r->sqe->pid && process_may_look(p->pid, r->cred))
		return -EACCES;
	return get_fd(p->pid, p->fd);
}

static i32 fd_magic(struct node *n, const struct fsreq *r)
{
	return checked_fd(n->priv, r);
}

static int fd_readlink(struct node *n, const struct fsreq *r)
{
	return link_to(n, checked_fd(n->priv, r));
}

/* exe, cwd and root: which private fd, the process itself tells. */
static i32 public_fd(const struct pnode *p, const struct fsreq *r, u64 offset)
{
	struct posix_public pub;
	if (r && p->pid != r->sqe->pid && process_may_look(p->pid, r->cred))
		return -EACCES;
	if (read_public(p->pid, &pub))
		return -ENOENT;
	i32 fd = *(const i32 *)((const char *)&pub + offset);
	return fd < 0 ? -ENOENT : get_fd(p->pid, fd);
}

#define PUBLIC_LINK(what)                                                                          \
	static i32 what##_magic(struct node *n, const struct fsreq *r)                             \
	{                                                                                          \
		return public_fd(n->priv, r, offsetof(struct posix_public, what));                 \
	}                                                                                          \
	static int what##_readlink(struct node *n, const struct fsreq *r)                          \
	{                                                                                          \
		return link_to(n, what##_magic(n, r));                                             \
	}
PUBLIC_LINK(exe)
PUBLIC_LINK(cwd)
PUBLIC_LINK(root)

static void free_pnode(struct node *n)
{
	free(n->priv);
}

const struct node_ops fd_link_ops = {.magic = fd_magic, .readlink = fd_readlink, .free = free_pnode};
const struct node_ops exe_ops = {.magic = exe_magic, .readlink = exe_readlink, .free = free_pnode};
const struct node_ops cwd_ops = {.magic = cwd_magic, .readlink = cwd_readlink, .free = free_pnode};
const struct node_ops root_link_ops = {.magic = root_magic, .readlink = root_readlink, .free = free_pnode};
