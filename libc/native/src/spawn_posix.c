/* SPDX-License-Identifier: MIT */
/*
 * A program on the POSIX runtime (posix/start.h): the address space gets the blob, the time page, the start block and the first
 * thread's runtime stack. The runtime loads the program itself. WEFT_FDS is added to the environment.
 */
#include "spawn_impl.h"

#include <posix/start.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct posix_start *s;
	u32 room, at; /* at: next free byte */
};

static int append(struct block *k, const void *data, u32 len)
{
	if (len > k->room - k->at)
		return -E2BIG;
	memcpy((u8 *)k->s + k->at, data, len);
	k->at += len;
	return 0;
}

static int append_strings(struct block *k, const char *const *list, u32 *n)
{
	for (u32 i = 0; list && list[i]; i++, (*n)++) {
		int r = append(k, list[i], (u32)strlen(list[i]) + 1);
		if (r < 0)
			return r;
	}
	return 0;
}

static int append_fd_names(struct block *k, const struct build *b)
{
	char text[SPAWN_FDS_MAX * (NATIVE_FD_NAME + 12) + 16];
	int n = snprintf(text, sizeof text, "WEFT_FDS=");
	for (u32 i = 0; i < b->nnames; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s%s=%d", i ? "," : "", b->names[i].name, b->names[i].fd);
	int r = append(k, text, (u32)n + 1);
	if (r == 0)
		k->s->envc++;
	return r;
}

/* argv, envp and the names of the fds; or the strings that are ready made. */
static int append_all_strings(struct block *k, const struct build *b)
{
	const struct spawn_posix *p = b->a->posix;
	struct posix_start *s = k->s;
	int r = 0;
	s->strings = k->at;
	if (p && p->strings) {
		s->argc = p->argc;
		s->envc = p->envc;
		r = append(k, p->strings, p->strings_size);
	} else {
		r = append_strings(k, b->a->argv, &s->argc);
		if (r == 0)
			r = append_strings(k, b->a->envp, &s->envc);
	}
	if (r == 0 && b->nnames)
		r = append_fd_names(k, b);
	s->strings_size = k->at - s->strings;
	return r;
}

/* The child's number for one of our fds; -1 stays. */
static int give(struct build *b, i32 fd, i32 *out)
{
	*out = -1;
	if (fd < 0)
		return 0;
	i32 to = spawn_give(b, fd, -1, 0);
	if (to < 0)
		return to;
	*out = to;
	return 0;
}

static int give_paths(struct build *b, struct block *k)
{
	static const struct spawn_posix none = {.root = -1, .cwd = -1, .proc = -1, .ipc = -1, .net = -1, .umask = 022};
	const struct spawn_posix *p = b->a->posix ? b->a->posix : &none;
	struct posix_start *s = k->s;
	int r;
	if ((r = give(b, p->root, &s->root)) < 0 || (r = give(b, p->cwd, &s->cwd)) < 0 || (r = give(b, p->proc, &s->proc)) < 0 ||
		(r = give(b, p->ipc, &s->ipc)) < 0 || (r = give(b, p->net, &s->net)) < 0)
		return r;
	s->umask = p->umask;
	s->uid = p->uid;
	s->euid = p->euid;
	s->gid = p->gid;
	s->egid = p->egid;
	s->flags = p->flags;
	s->blocked = b->n.thread.blocked = p->blocked;
	s->ignored = p->ignored;
	if (p->limits)
		memcpy(s->limits, p->limits, sizeof s->limits);
	if (p->exe_path) {
		s->exe_path = k->at;
		if ((r = append(k, p->exe_path, (u32)strlen(p->exe_path) + 1)) < 0)
			return r;
	}
	k->at = (k->at + 7) & ~7u;
	s->mounts = k->at;
	s->nmounts = p->nmounts;
	for (u32 i = 0; i < p->nmounts; i++) {
		struct posix_mount m = p->mounts[i];
		if ((r = give(b, m.at, &m.at)) < 0 || (r = give(b, m.root, &m.root)) < 0 || (r = append(k, &m, sizeof m)) < 0)
			return r;
	}
	return 0;
}

static int fill_block(struct build *b, struct block *k)
{
	const struct spawn_args *a = b->a;
	struct posix_start *s = k->s;
	int r;
	k->at = sizeof *s;
	s->magic = POSIX_START_MAGIC;
	s->version = POSIX_START_VERSION;
	for (u32 i = 0; i < sizeof s->reserved_fds / sizeof s->reserved_fds[0]; i++)
		s->reserved_fds[i] = -1;
	if ((r = give(b, a->runtime, &s->runtime)) < 0 || (r = give(b, a->time_page, &s->time_page)) < 0 ||
		(r = give(b, a->image, &s->exe)) < 0 || (r = give(b, a->interp, &s->interp)) < 0)
		return r;
	r = append_all_strings(k, b);
	if (r < 0)
		return r;
	r = give_paths(b, k);
	if (r < 0)
		return r;
	strncpy(s->comm, a->name, sizeof s->comm - 1);
	s->size = k->at;
	return 0;
}

static int map_block(struct build *b)
{
	struct block k = {.room = SPAWN_STRINGS_MAX + (32u << 10) + (b->a->posix ? b->a->posix->strings_size : 0)};
	k.s = calloc(1, k.room);
	if (!k.s)
		return -ENOMEM;
	int r = fill_block(b, &k);
	if (r == 0) {
		i32 mem = spawn_image(k.s, k.at);
		i64 at = mem;
		if (mem >= 0) {
			u64 len = (k.at + WEFT_PAGE_SIZE - 1) & ~(WEFT_PAGE_SIZE - 1);
			at = weft_mem_map(b->as, POSIX_START_ADDR, len, WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED, mem, 0);
			weft_fd_close(mem);
		}
		r = at < 0 ? (int)at : 0;
	}
	free(k.s);
	return r;
}

int spawn_fill_posix(struct build *b)
{
	const struct spawn_args *a = b->a;
	struct posix_blob blob;
	i64 r = weft_fd_read(a->runtime, PTR(&blob), sizeof blob, 0, 0);
	if (r < 0)
		return (int)r;
	if (r != sizeof blob || blob.magic != POSIX_BLOB_MAGIC || blob.size == 0 || (blob.size & (WEFT_PAGE_SIZE - 1)))
		return -ENOEXEC;
	r = weft_mem_map(b->as, WEFT_RT_MIN, blob.size, WEFT_PROT_READ | WEFT_PROT_EXEC | WEFT_MAP_SHARED | WEFT_MAP_FIXED | WEFT_MAP_RUNTIME, a->runtime, 0);
	if (r >= 0 && a->time_page >= 0)
		r = weft_mem_map(b->as, POSIX_TIME_ADDR, WEFT_PAGE_SIZE, WEFT_PROT_READ | WEFT_MAP_SHARED | WEFT_MAP_FIXED, a->time_page, 0);
	if (r >= 0)
		r = weft_mem_map(b->as, POSIX_SLOT(0) + POSIX_SLOT_STACK, POSIX_STACK_SIZE,
			WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED | WEFT_MAP_RUNTIME, -1, 0);
	if (r < 0)
		return (int)r;
	int e = map_block(b);
	if (e < 0)
		return e;
	b->n.pp = POSIX_SLOT(0) + POSIX_SLOT_PP;
	b->n.thread.tp = POSIX_SLOT(0) + POSIX_SLOT_TP;
	b->n.thread.rt_stack = b->n.thread.tp;
	b->n.thread.regs.rsp = b->n.thread.tp;
	b->n.thread.regs.rip = blob.begin;
	b->n.thread.regs.rdi = POSIX_START_ADDR;
	b->n.thread.regs.rflags = 0x202;
	return 0;
}
