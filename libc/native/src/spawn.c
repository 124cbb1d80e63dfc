/* SPDX-License-Identifier: MIT */
/* A new address space is filled by spawn_native.c or spawn_posix.c; then one call makes the process with its fds and first thread. */
#include "spawn_impl.h"

#include <stdlib.h>
#include <string.h>

void spawn_args_init(struct spawn_args *a)
{
	*a = (struct spawn_args){.image = -1, .interp = -1, .ns = -1, .runtime = -1, .time_page = -1, .ident_auth = -1};
}

i32 spawn_give(struct build *b, i32 fd, i32 to, u32 rights)
{
	if (b->ngive == SPAWN_FDS_MAX)
		return -E2BIG;
	if (!rights) {
		struct weft_fd_info info;
		i64 r = weft_fd_ctl(fd, WEFT_FD_INFO, PTR(&info), 0);
		if (r < 0)
			return (i32)r;
		rights = info.rights;
	}
	if (to < 0)
		to = (i32)(WEFT_FD_PRIVATE + b->next_private++);
	b->give[b->ngive++] = (struct weft_fd_give){.fd = fd, .to = to, .rights = rights};
	return to;
}

static int give_named(struct build *b)
{
	const struct spawn_args *a = b->a;
	for (u32 i = 0; i < a->nfds; i++) {
		const struct spawn_fd *f = &a->fds[i];
		i32 to = spawn_give(b, f->fd, f->to, f->rights);
		if (to < 0)
			return to;
		if (!f->name)
			continue;
		if (strlen(f->name) >= NATIVE_FD_NAME)
			return -ENAMETOOLONG;
		if (b->nnames == SPAWN_FDS_MAX - 1)
			return -E2BIG;
		strcpy(b->names[b->nnames].name, f->name);
		b->names[b->nnames++].fd = to;
	}
	return 0;
}

static int start_process(struct build *b, struct spawned *out)
{
	const struct spawn_args *a = b->a;
	struct weft_proc_new *n = &b->n;
	n->flags = a->flags | WEFT_PROC_FD;
	n->exit_signal = a->exit_signal;
	n->as = b->as;
	n->ns = a->ns;
	n->ident_auth = a->ident_auth;
	n->identity = a->identity;
	n->nfds = b->ngive;
	n->fds = PTR(b->give);
	strncpy(n->name, a->name, sizeof n->name - 1);
	n->thread.proc = -1;
	n->thread.prio = a->prio;
	i64 pid = weft_proc_create(PTR(n), sizeof *n);
	if (pid < 0)
		return (int)pid;
	out->pid = (i32)pid;
	out->proc = n->proc_fd;
	return 0;
}

int spawn(const struct spawn_args *a, struct spawned *out)
{
	struct build *b = calloc(1, sizeof *b);
	if (!b)
		return -ENOMEM;
	b->a = a;
	i64 as = weft_as_create(WEFT_DUP_CLOEXEC | WEFT_DUP_PRIVATE);
	int r = as < 0 ? (int)as : 0;
	if (r == 0) {
		b->as = (i32)as;
		r = give_named(b);
		if (r == 0)
			r = a->runtime >= 0 ? spawn_fill_posix(b) : spawn_fill_native(b);
		if (r == 0)
			r = start_process(b, out);
		weft_fd_close(b->as);
	}
	free(b);
	return r;
}

i32 spawn_image(const void *data, u64 size)
{
	i64 fd = weft_mem_create(WEFT_MEM_ANON, size, -1, 0, WEFT_MEM_CLOEXEC | WEFT_MEM_PRIVATE_FD);
	for (u64 done = 0; fd >= 0 && done < size;) {
		i64 n = weft_fd_write(fd, PTR(data) + done, size - done, done, 0);
		if (n <= 0) {
			weft_fd_close(fd);
			return n < 0 ? (i32)n : -EIO;
		}
		done += (u64)n;
	}
	return (i32)fd;
}
