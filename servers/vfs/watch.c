/* SPDX-License-Identifier: MIT */
/*
 * inotify(7). A watch belongs to a name that was watched, its node, and a client's queue (a channel whose sending end it gave): one
 * for each node and queue. What happens to a file is told to those who watch it and, with its name, to those who watch the
 * directory through which it happened. Writes to a file that somebody wants to hear of are trapped at its handles, since the
 * kernel serves others without asking. A queue whose reader has gone is found at the next event or the next watch.
 */
#include "vfs.h"

#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <stdio.h>

#define SERVER_BITS 6
#define WITH_ISDIR (IN_ATTRIB | IN_OPEN | IN_CLOSE_WRITE | IN_CLOSE_NOWRITE)
#define SWEEP_FIRST 16

#ifndef IN_MASK_CREATE
#define IN_MASK_CREATE 0x10000000
#endif

struct watch_entry {
	struct fs_list link; /* in node.watches */
	struct fs_list all;
	struct dentry *dentry;
	struct node *node;
	struct dentry *at; /* for the names of a directory */
	u32 mask;
	i32 wd;
	i32 fd;	   /* the client's queue */
	u64 queue; /* its number: the same for every fd of it */
	bool lost; /* the queue was full: its reader is to hear of that first */
};

static struct fs_list all = {&all, &all};
static u32 last_wd;
u32 fs_watch_count;

/* Whether somebody wants to hear of writes to the file, or to the files of the directory. */
static bool wants_writes(const struct node *n)
{
	fsl_for_each (w, &n->watches, struct watch_entry, link)
		if (w->mask & IN_MODIFY)
			return true;
	return false;
}

bool watch_traps(const struct dentry *d)
{
	return fs_watch_count && (wants_writes(d->node) || (d->parent && d->parent->node && wants_writes(d->parent->node)));
}

bool watch_heard(const struct dentry *d)
{
	return !fsl_empty(&d->node->watches) || (d->parent && d->parent->node && !fsl_empty(&d->parent->node->watches));
}

static void trap_handles(struct node *n)
{
	fsl_for_each (h, &n->handles, struct handle, by_node) {
		bool trap = watch_traps(h->dentry);
		if (!S_ISREG(n->mode) || n->mem < 0 || (h->trapped == trap && !(h->reopens && watch_heard(h->dentry))))
			continue;
		if (fs_mem_trap(n->fs, h, trap, h->owned) == 0) {
			h->trapped = trap;
			h->reopens = false;
		}
	}
}

/* After a change of who watches this. */
static void trap_for(struct dentry *at)
{
	trap_handles(at->node);
	if (!S_ISDIR(at->node->mode))
		return;
	fsl_for_each (c, &at->children, struct dentry, siblings)
		if (c->node)
			trap_handles(c->node);
}

static void forget(struct watch_entry *w)
{
	fsl_remove(&w->link);
	fsl_remove(&w->all);
	fs_watch_count--;
	fs_close_fd(w->fd);
	trap_for(w->at);
	dentry_put(w->at);
	node_put(w->node);
	free(w);
}

static void sweep(void)
{
	fsl_for_each (w, &all, struct watch_entry, all)
		if (fs_queue_closed(w->fd))
			forget(w);
}

static struct watch_entry *find(u64 queue, const struct node *n, i32 wd)
{
	fsl_for_each (w, &all, struct watch_entry, all)
		if (w->queue == queue && (n ? w->node == n : w->wd == wd))
			return w;
	return NULL;
}

static i64 again(struct watch_entry *w, u32 mask)
{
	if (mask & IN_MASK_CREATE)
		return -EEXIST;
	w->mask = mask & IN_MASK_ADD ? w->mask | mask : mask;
	trap_for(w->at);
	return w->wd;
}

static i64 add(struct dentry *at, u32 mask, i32 fd, bool *kept)
{
	struct node *n = at->node;
	if (!(mask & IN_ALL_EVENTS))
		return -EINVAL;
	if ((mask & IN_ONLYDIR) && !S_ISDIR(n->mode))
		return -ENOTDIR;
	sweep();
	u64 queue = fs_queue_number(fd);
	struct watch_entry *w = queue ? find(queue, n, 0) : NULL;
	if (w || !queue)
		return w ? again(w, mask) : -EINVAL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->node = node_get(n);
	w->at = dentry_get(at);
	w->mask = mask;
	/* A queue may have watches of several servers, whose numbers must differ. */
	w->wd = (i32)((n->fs->dev & 0x7ff) << 20 | (++last_wd & 0xfffff));
	w->fd = fd;
	w->queue = queue;
	fsl_append(&n->watches, &w->link);
	fsl_append(&all, &w->all);
	fs_watch_count++;
	trap_for(at);
	*kept = true;
	return w->wd;
}

i64 watch_add(struct dentry *at, u32 mask, i32 fd)
{
	bool kept = false;
	if (fd < 0)
		return -EINVAL;
	i64 wd = add(at, mask, fd, &kept);
	if (!kept)
		fs_close_fd(fd);
	return wd;
}

static bool post(struct watch_entry *w, i32 wd, u32 mask, u32 cookie, const char *name, u32 len)
{
	struct {
		struct fsp_event e;
		char name[256];
	} msg;
	u32 padded = name ? (len + 1 + 15) & ~15u : 0;
	memset(&msg, 0, sizeof(msg));
	msg.e = (struct fsp_event){.wd = wd, .mask = mask, .cookie = cookie, .len = padded};
	if (name)
		memcpy((char *)&msg + sizeof(msg.e), name, len < 255 ? len : 255);
	return fs_post(w->fd, &msg, sizeof(msg.e) + padded) >= 0;
}

static void send_event(struct watch_entry *w, u32 mask, u32 cookie, const char *name, u32 len)
{
	if (w->lost && !post(w, -1, IN_Q_OVERFLOW, 0, NULL, 0))
		return;
	w->lost = !post(w, w->wd, mask, cookie, name, len);
}

i64 watch_remove(i32 fd, i32 wd)
{
	struct watch_entry *w = fd < 0 ? NULL : find(fs_queue_number(fd), NULL, wd);
	if (fd >= 0)
		fs_close_fd(fd);
	if (!w)
		return -EINVAL;
	send_event(w, IN_IGNORED, 0, NULL, 0);
	forget(w);
	return 0;
}

void watch_event(struct node *n, u32 mask, u32 cookie, const char *name, u32 len)
{
	if (fsl_empty(&n->watches))
		return;
	node_get(n);
	fsl_for_each (w, &n->watches, struct watch_entry, link) {
		bool wanted = w->mask & mask & IN_ALL_EVENTS;
		if (wanted)
			send_event(w, mask, cookie, name, len);
		if ((wanted && (w->mask & IN_ONESHOT)) || (mask & IN_DELETE_SELF)) {
			send_event(w, IN_IGNORED, 0, NULL, 0);
			forget(w);
		}
	}
	node_put(n);
}

void watch_file(struct dentry *d, u32 mask)
{
	if (!fs_watch_count || !d->node)
		return;
	if (S_ISDIR(d->node->mode))
		mask |= IN_ISDIR;
	watch_event(d->node, mask, 0, NULL, 0);
	if (!d->dead && !d->floating && d->parent && d->parent->node)
		watch_event(d->parent->node, mask, 0, d->name, d->name_len);
}
