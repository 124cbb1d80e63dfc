/* SPDX-License-Identifier: MIT */
/*
 * Namespaces, as namespaces(7) has them. Of UTS there are many: a host and a domain name each; which one a thread is in stands in its identity, so forks
 * inherit it. Of every other kind there is the first only, as on a Linux that was configured without it.
 *
 * /proc/PID/ns/KIND is a link to "KIND:[NUMBER]" beside it: a file of that directory that is found but not listed. An open one keeps its namespace.
 */
#include "proc.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define UTS_MAX	  256
#define UTS_SHIFT 16 /* in weft_identity.flags, WEFT_IDENT_MINTERS */
#define UTS_LATER 0xf0000000u /* numbers that are told, of all but the first */

static struct uts {
	struct procp_uts names;
	u32 files; /* open, or being looked up */
	bool used;
} all[UTS_MAX] = {[0] = {.names = {.host = "weft", .domain = "(none)"}, .used = true}};

static const struct kind {
	const char *link, *name;
	u32 number; /* of the first, as Linux has it */
	u32 flag;
} kinds[] = {
	{"cgroup", "cgroup", 4026531835u, 0x02000000u},
	{"ipc", "ipc", 4026531839u, CLONE_NEWIPC},
	{"mnt", "mnt", 4026531841u, CLONE_NEWNS},
	{"net", "net", 4026531840u, CLONE_NEWNET},
	{"pid", "pid", 4026531836u, CLONE_NEWPID},
	{"pid_for_children", "pid", 4026531836u, CLONE_NEWPID},
	{"time", "time", 4026531834u, 0x80u},
	{"time_for_children", "time", 4026531834u, 0x80u},
	{"user", "user", 4026531837u, CLONE_NEWUSER},
	{"uts", "uts", 4026531838u, CLONE_NEWUTS},
};
#define NKINDS	  (sizeof(kinds) / sizeof(kinds[0]))
#define ANY_KIND  (0x02000000u | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | 0x80u | CLONE_NEWUSER | CLONE_NEWUTS)
#define UNSHARED  (CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | ANY_KIND)

/* priv of the links and the files; `held` is a file's own */
struct ns_node {
	struct pnode p;
	const struct kind *kind;
	u32 uts;
	bool held;
};

static u32 uts_number(const struct weft_identity *id)
{
	u32 n = id->flags >> UTS_SHIFT;
	return n < UTS_MAX ? n : 0;
}

const struct procp_uts *uts_of(const struct weft_identity *id)
{
	return &all[uts_number(id)].names;
}

i64 op_uts(struct fsreq *r)
{
	return fsreq_out(r, 0, 0, uts_of(r->cred), sizeof(struct procp_uts));
}

i64 op_set_uts(struct fsreq *r)
{
	struct procp_uts *u = &all[uts_number(r->cred)].names;
	char *to = r->sqe->args[0] ? u->domain : u->host, name[sizeof(u->host)] = "";
	if (!cred_capable(r->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (r->sqe->nbufs < 1 || r->sqe->len[0] >= sizeof(name))
		return -EINVAL;
	int e = fsreq_in(r, 0, 0, name, r->sqe->len[0]);
	if (!e)
		memcpy(to, name, sizeof(name));
	return e;
}

static bool mark(u32 pid, const struct weft_proc_info *info, void *arg)
{
	static u32 tids[4096];
	bool *in_use = arg;
	i32 fd = process_open(pid);
	i64 n = fd < 0 ? 0 : weft_proc_ctl((u64)fd, WEFT_PROC_THREADS, PTR(tids), 4096, 0);
	(void)info;
	for (i64 i = 0; i < n && i < 4096; i++) {
		struct weft_thread_info t;
		if (weft_thread_ctl((u64)fd, tids[i], WEFT_THREAD_INFO, PTR(&t), 0) < 0)
			continue;
		const struct weft_identity *id = fs_identity(t.identity);
		if (id)
			in_use[uts_number(id)] = true;
	}
	if (fd >= 0)
		weft_fd_close((u64)fd);
	return false;
}

/* Those that no thread and no open file has are free again. */
static void collect(void)
{
	bool in_use[UTS_MAX] = {true};
	process_each(mark, in_use);
	for (u32 i = 1; i < UTS_MAX; i++)
		if (!in_use[i] && !all[i].files)
			all[i].used = false;
}

static u32 uts_new(const struct procp_uts *from)
{
	for (u32 again = 0; again < 2; again++) {
		for (u32 i = 1; i < UTS_MAX; i++) {
			if (all[i].used)
				continue;
			all[i] = (struct uts){.names = *from, .used = true};
			return i;
		}
		collect();
	}
	return 0;
}

static i64 enter(const struct fsreq *r, const struct weft_identity *me, u32 uts)
{
	struct weft_identity id = *me;
	id.flags = (id.flags & ~WEFT_IDENT_MINTERS) | uts << UTS_SHIFT;
	return set_identity(r->sqe->pid, r->sqe->tid, &id);
}

i64 op_unshare(struct fsreq *r)
{
	struct weft_identity me = *r->cred; /* fs_identity may give its place away */
	u32 flags = (u32)r->sqe->args[0];
	if (flags & ~(u32)UNSHARED)
		return -EINVAL;
	if (!(flags & ANY_KIND))
		return 0;
	if (!cred_capable(&me, CAP_SYS_ADMIN))
		return -EPERM;
	if ((flags & ANY_KIND) != CLONE_NEWUTS)
		return -EINVAL;
	u32 uts = uts_new(uts_of(&me));
	if (!uts)
		return -ENOSPC;
	i64 e = enter(r, &me, uts);
	if (e)
		all[uts].used = false;
	return e;
}

/* Opening the link */

static u32 told_number(const struct kind *k, u32 uts)
{
	return k->flag == CLONE_NEWUTS && uts ? UTS_LATER + uts : k->number;
}

static void ns_free(struct node *n)
{
	struct ns_node *x = n->priv;
	if (x->held)
		all[x->uts].files--;
	free(x);
}

static int ns_readlink(struct node *n, const struct fsreq *r)
{
	const struct ns_node *x = n->priv;
	char name[48];
	(void)r;
	snprintf(name, sizeof(name), "%s:[%u]", x->kind->name, told_number(x->kind, x->uts));
	free(n->link);
	n->link = strdup(name);
	return n->link ? 0 : -ENOMEM;
}

static const struct node_ops link_ops = {.readlink = ns_readlink, .free = ns_free};
static const struct node_ops file_ops = {.free = ns_free};

static int make(const struct pnode *p, const struct kind *k, u32 uts, bool file, struct node **out)
{
	struct ns_node *x = calloc(1, sizeof(*x));
	u64 number = told_number(k, uts);
	struct node *n = x ? node_new(&tree, file ? number : (u64)p->pid << 32 | (u64)(k - kinds) << 8 | 0xf0, file ? S_IFREG | 0444 : S_IFLNK | 0777, 0, 0)
			   : NULL;
	if (!n) {
		free(x);
		return -ENOMEM;
	}
	*x = (struct ns_node){.p = *p, .kind = k, .uts = uts, .held = file};
	if (file)
		all[uts].files++;
	n->priv = x;
	n->nops = file ? &file_ops : &link_ops;
	*out = n;
	return 0;
}

/* The process's, or the thread's, below task/. */
static int uts_at(const struct pnode *p, u32 *uts)
{
	const struct weft_identity *id = NULL;
	if (p->tid) {
		struct weft_thread_info t;
		i32 fd = process_open(p->pid);
		if (fd >= 0 && weft_thread_ctl((u64)fd, p->tid, WEFT_THREAD_INFO, PTR(&t), 0) >= 0)
			id = fs_identity(t.identity);
		if (fd >= 0)
			weft_fd_close((u64)fd);
	} else {
		id = process_identity(p->pid);
	}
	if (!id)
		return -ENOENT;
	*uts = uts_number(id);
	return 0;
}

static int ns_lookup(struct node *dir, const char *name, u32 len, const struct fsreq *r, struct node **out)
{
	const struct pnode *p = dir->priv;
	u32 uts;
	if (r && p->pid != r->sqe->pid && process_may_look(p->pid, r->cred))
		return -EACCES;
	int e = uts_at(p, &uts);
	for (u32 i = 0; i < NKINDS && !e; i++) {
		const struct kind *k = &kinds[i];
		char file[48];
		int n = snprintf(file, sizeof(file), "%s:[%u]", k->name, told_number(k, uts));
		if (strlen(k->link) == len && memcmp(k->link, name, len) == 0)
			return make(p, k, uts, false, out);
		if ((u32)n == len && memcmp(file, name, len) == 0)
			return make(p, k, uts, true, out);
	}
	return e ? e : -ENOENT;
}

static int ns_readdir(struct node *dir, u64 *pos,
	bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 mode, u64 next), void *arg, const struct fsreq *r)
{
	const struct pnode *p = dir->priv;
	(void)r;
	for (u64 i = *pos > 2 ? *pos - 2 : 0; i < NKINDS; i++)
		if (!emit(arg, kinds[i].link, (u32)strlen(kinds[i].link), (u64)p->pid << 32 | i << 8 | 0xf0, S_IFLNK, i + 3))
			return 0;
	return 0;
}

static void dir_free(struct node *n)
{
	free(n->priv);
}

const struct node_ops ns_ops = {.lookup = ns_lookup, .readdir = ns_readdir, .free = dir_free};

i64 op_setns(struct fsreq *r)
{
	u32 type = (u32)r->sqe->args[0];
	i32 fd = fs_take_fd(r);
	if (fd < 0)
		return -EBADF;
	struct handle *h = fs_identify(&tree, fd);
	const struct ns_node *x = h && h->node->nops == &file_ops ? h->node->priv : NULL;
	i64 e = !x || (type && type != x->kind->flag) || x->kind->flag == CLONE_NEWUSER ? -EINVAL
		: !cred_capable(r->cred, CAP_SYS_ADMIN)				  ? -EPERM
		: x->kind->flag == CLONE_NEWUTS					  ? enter(r, r->cred, x->uts)
										  : 0;
	weft_fd_close((u64)fd);
	return e;
}
