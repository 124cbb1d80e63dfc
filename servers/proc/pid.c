/* SPDX-License-Identifier: MIT */
/* The tree below /proc/PID, made anew at every look. Positions in directories: the order of what is emitted. */
#include "proc.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct node_ops pid_ops, task_ops, fd_ops, fdinfo_ops, file_ops;

struct node *pid_node(u32 pid, u32 tid, i32 fd, const struct pfile *file, u32 mode)
{
	const struct weft_identity *id = process_identity(pid);
	struct pnode *p = malloc(sizeof(*p));
	u64 kind = file ? (u64)(file - pid_files) + 16 : 0;
	struct node *n = p && id ? node_new(&tree, (u64)pid << 32 | (u64)(tid & 0xffff) << 16 | kind << 8 | (u32)(fd + 2), mode,
					   id->euid, id->egid) :
				   NULL;
	if (!n) {
		free(p);
		return NULL;
	}
	*p = (struct pnode){.pid = pid, .tid = tid, .fd = fd, .file = file};
	n->priv = p;
	return n;
}

static int made(struct node *n, const struct node_ops *ops, struct node **out)
{
	if (!n)
		return -ENOENT;
	n->nops = ops;
	if (S_ISDIR(n->mode))
		n->nlink = 2;
	*out = n;
	return 0;
}

static void free_pnode(struct node *n)
{
	free(n->priv);
}

static bool number(const char *name, u32 len, u32 *out)
{
	u64 v = 0;
	if (!len || len > 10 || (name[0] == '0' && len > 1))
		return false;
	for (u32 i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		v = v * 10 + (u64)(name[i] - '0');
	}
	*out = (u32)v;
	return v <= 0x7fffffff;
}

static bool named(const char *name, u32 len, const char *want)
{
	return strlen(want) == len && memcmp(name, want, len) == 0;
}

/* /proc/PID/fd and fdinfo */
static int fd_lookup(struct node *dir, const char *name, u32 len, const struct fsreq *r, struct node **out)
{
	const struct pnode *p = dir->priv;
	struct weft_fd_info info;
	u32 fd;
	if (!number(name, len, &fd))
		return -ENOENT;
	if (r && p->pid != r->sqe->pid && process_may_look(p->pid, r->cred))
		return -EACCES;
	i32 proc = process_open(p->pid);
	i64 e = proc < 0 ? proc : weft_proc_ctl((u64)proc, WEFT_PROC_FDS, PTR(&info), fd, 0);
	if (proc >= 0)
		weft_fd_close((u64)proc);
	if (e < 0)
		return -ENOENT;
	if (dir->nops == &fdinfo_ops) {
		static const struct pfile *fdinfo;
		for (const struct pfile *f = pid_files; !fdinfo; f++)
			if (strcmp(f->name, "fdinfo/") == 0)
				fdinfo = f;
		return made(pid_node(p->pid, 0, (i32)fd, fdinfo, S_IFREG | 0444), &file_ops, out);
	}
	u32 mode = (info.rights & WEFT_RIGHT_READ ? 0500u : 0) | (info.rights & WEFT_RIGHT_WRITE ? 0300u : 0);
	return made(pid_node(p->pid, 0, (i32)fd, NULL, S_IFLNK | mode), &fd_link_ops, out);
}

static int fd_readdir(struct node *dir, u64 *pos,
	bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 mode, u64 next), void *arg, const struct fsreq *r)
{
	static i32 fds[4096];
	const struct pnode *p = dir->priv;
	if (p->pid != r->sqe->pid && process_may_look(p->pid, r->cred))
		return -EACCES;
	i32 proc = process_open(p->pid);
	i64 n = proc < 0 ? proc : weft_proc_ctl((u64)proc, WEFT_PROC_FD_LIST, PTR(fds), 4096, 0);
	if (proc >= 0)
		weft_fd_close((u64)proc);
	if (n < 0)
		return -ENOENT;
	for (i64 i = 0; i < n && i < 4096; i++) {
		char name[12];
		u64 next = 3 + (u64)fds[i];
		if (next <= *pos)
			continue;
		int len = snprintf(name, sizeof(name), "%d", fds[i]);
		if (!emit(arg, name, (u32)len, (u64)p->pid << 32 | next, S_IFLNK, next))
			return 0;
	}
	return 0;
}

/* /proc/PID/task */
static int task_lookup(struct node *dir, const char *name, u32 len, const struct fsreq *r, struct node **out)
{
	const struct pnode *p = dir->priv;
	u32 tid;
	(void)r;
	if (!number(name, len, &tid) || !tid)
		return -ENOENT;
	i32 proc = process_open(p->pid);
	i64 e = proc < 0 ? proc : weft_thread_ctl((u64)proc, tid, WEFT_THREAD_GET_PRIO, 0, 0);
	if (proc >= 0)
		weft_fd_close((u64)proc);
	return e < 0 ? -ENOENT : made(pid_node(p->pid, tid, -1, NULL, S_IFDIR | 0555), &pid_ops, out);
}

static int task_readdir(struct node *dir, u64 *pos,
	bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 mode, u64 next), void *arg, const struct fsreq *r)
{
	static u32 tids[4096];
	const struct pnode *p = dir->priv;
	(void)r;
	i32 proc = process_open(p->pid);
	i64 n = proc < 0 ? proc : weft_proc_ctl((u64)proc, WEFT_PROC_THREADS, PTR(tids), 4096, 0);
	if (proc >= 0)
		weft_fd_close((u64)proc);
	if (n < 0)
		return -ENOENT;
	for (u64 i = *pos > 2 ? *pos - 2 : 0; i < (u64)n && i < 4096; i++) {
		char name[12];
		int len = snprintf(name, sizeof(name), "%u", tids[i]);
		if (!emit(arg, name, (u32)len, (u64)p->pid << 32 | tids[i], S_IFDIR, i + 3))
			return 0;
	}
	return 0;
}

/* /proc/PID and /proc/PID/task/TID */
static const struct {
	const char *name;
	u32 mode;
	const struct node_ops *ops;
	bool process_only;
} special[] = {
	{"fd", S_IFDIR | 0500, &fd_ops, false},
	{"fdinfo", S_IFDIR | 0555, &fdinfo_ops, false},
	{"task", S_IFDIR | 0555, &task_ops, true},
	{"ns", S_IFDIR | 0511, &ns_ops, false},
	{"exe", S_IFLNK | 0777, &exe_ops, false},
	{"cwd", S_IFLNK | 0777, &cwd_ops, false},
	{"root", S_IFLNK | 0777, &root_link_ops, false},
};
#define NSPECIAL (sizeof(special) / sizeof(special[0]))

static int pid_lookup(struct node *dir, const char *name, u32 len, const struct fsreq *r, struct node **out)
{
	const struct pnode *p = dir->priv;
	(void)r;
	for (u32 i = 0; i < NSPECIAL; i++)
		if (named(name, len, special[i].name) && !(p->tid && special[i].process_only))
			return made(pid_node(p->pid, p->tid, -1, NULL, special[i].mode), special[i].ops, out);
	for (const struct pfile *f = pid_files; f->name; f++)
		if (named(name, len, f->name) && !(p->tid && f->process_only))
			return made(pid_node(p->pid, p->tid, -1, f, S_IFREG | f->mode), &file_ops, out);
	return -ENOENT;
}

static int pid_readdir(struct node *dir, u64 *pos,
	bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 mode, u64 next), void *arg, const struct fsreq *r)
{
	const struct pnode *p = dir->priv;
	u64 at = 2;
	(void)r;
	for (u32 i = 0; i < NSPECIAL; i++) {
		if (at++ < *pos || (p->tid && special[i].process_only))
			continue;
		if (!emit(arg, special[i].name, (u32)strlen(special[i].name), at << 8, special[i].mode, at))
			return 0;
	}
	for (const struct pfile *f = pid_files; f->name; f++) {
		if (at++ < *pos || (p->tid && f->process_only) || strchr(f->name, '/'))
			continue;
		if (!emit(arg, f->name, (u32)strlen(f->name), at << 8, S_IFREG, at))
			return 0;
	}
	return 0;
}

static char *make_text(struct node *n, const struct fsreq *r, u64 *len)
{
	const struct pnode *p = n->priv;
	struct text t = {0};
	int e = p->file->private_file && p->pid != r->sqe->pid ? process_may_look(p->pid, r->cred) : 0;
	if (!e)
		e = p->file->text(&t, p, r);
	if (e || t.failed) {
		free(t.p);
		*len = (u64)(e ? e : -ENOMEM);
		return NULL;
	}
	*len = t.len;
	return t.p ? t.p : calloc(1, 1);
}

static i64 file_read(struct fsreq *r)
{
	return vfs_read_text(r, make_text);
}

static void no_size(struct node *n, struct fsp_stat *st)
{
	(void)n;
	st->size = st->blocks = 0;
}

/* comm, oom_score_adj and the like can be written. */
static i64 file_write(struct fsreq *r)
{
	const struct pnode *p = r->h->node->priv;
	char buf[64];
	u64 n = r->sqe->args[1] < sizeof(buf) - 1 ? r->sqe->args[1] : sizeof(buf) - 1;
	i64 got = fsreq_gather(r, buf, n);
	if (got <= 0)
		return got;
	if (strcmp(p->file->name, "comm") == 0) {
		u64 len = (u64)got;
		if (buf[len - 1] == '\n')
			len--;
		i32 fd = process_open(p->pid);
		if (fd < 0)
			return -ESRCH;
		i64 e = p->tid ? weft_thread_ctl((u64)fd, p->tid, WEFT_THREAD_SET_NAME, PTR(buf), len) :
				 weft_proc_ctl((u64)fd, WEFT_PROC_SET_NAME, PTR(buf), len, 0);
		weft_fd_close((u64)fd);
		return e < 0 ? e : (i64)r->sqe->args[1];
	}
	if (strcmp(p->file->name, "oom_score_adj") == 0)
		return (i64)r->sqe->args[1]; /* the kernel's out-of-memory policy takes no hints */
	return -EACCES;
}

static const struct node_ops pid_ops = {.lookup = pid_lookup, .readdir = pid_readdir, .free = free_pnode};
static const struct node_ops task_ops = {.lookup = task_lookup, .readdir = task_readdir, .free = free_pnode};
static const struct node_ops fd_ops = {.lookup = fd_lookup, .readdir = fd_readdir, .free = free_pnode};
static const struct node_ops fdinfo_ops = {.lookup = fd_lookup, .readdir = fd_readdir, .free = free_pnode};
static const struct node_ops file_ops = {.read = file_read, .write = file_write, .stat = no_size, .free = free_pnode};

/* /proc itself: what system.c has made, and the processes. */
static int root_lookup(struct node *dir, const char *name, u32 len, const struct fsreq *r, struct node **out)
{
	struct weft_proc_info info;
	u32 pid;
	(void)dir;
	(void)r;
	if (!number(name, len, &pid) || !pid || process_info(pid, &info))
		return -ENOENT;
	return made(pid_node(pid, 0, -1, NULL, S_IFDIR | 0555), &pid_ops, out);
}

static int compare(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;
	return x < y ? -1 : x > y;
}

#define PID_POS (1ull << 32)
static int root_readdir(struct node *dir, u64 *pos,
	bool (*emit)(void *arg, const char *name, u32 len, u64 ino, u32 mode, u64 next), void *arg, const struct fsreq *r)
{
	static u32 pids[MAX_PIDS];
	(void)dir;
	(void)r;
	fsl_for_each (c, &tree.root->children, struct dentry, siblings)
		if (c->node && c->seq + 2 > *pos && !emit(arg, c->name, c->name_len, c->node->ino, c->node->mode, c->seq + 2))
			return 0;
	i64 n = weft_proc_ctl((u64)procs, WEFT_PROC_LIST, PTR(pids), MAX_PIDS, 0);
	if (n > MAX_PIDS)
		n = MAX_PIDS;
	if (n > 0)
		qsort(pids, (size_t)n, sizeof(pids[0]), compare);
	for (i64 i = 0; i < n; i++) {
		char name[12];
		u64 next = PID_POS + pids[i] + 1;
		if (next <= *pos)
			continue;
		int len = snprintf(name, sizeof(name), "%u", pids[i]);
		if (!emit(arg, name, (u32)len, (u64)pids[i] << 32, S_IFDIR, next))
			return 0;
	}
	return 0;
}

static int self_readlink(struct node *n, const struct fsreq *r)
{
	char name[40];
	if (n->nops == &thread_self_ops)
		snprintf(name, sizeof(name), "%u/task/%u", r->sqe->pid, r->sqe->tid);
	else
		snprintf(name, sizeof(name), "%u", r->sqe->pid);
	free(n->link);
	n->link = strdup(name);
	return n->link ? 0 : -ENOMEM;
}

const struct node_ops root_ops = {.lookup = root_lookup, .readdir = root_readdir};
const struct node_ops self_ops = {.readlink = self_readlink};
const struct node_ops thread_self_ops = {.readlink = self_readlink};
