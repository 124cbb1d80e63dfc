/* SPDX-License-Identifier: MIT */
/*
 * inotify(7). A watch belongs to a node and a client's queue (a channel whose sending end it gave): there is one of each two, and its
 * descriptor is unique over all servers, since each puts its device's number in. It keeps the name by which the node was found, whose
 * children a directory's watch hears of too. Writes to a watched file, or to a file in a watched directory, are trapped here by its handles, since
 * the kernel serves others without asking; reads are not.
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
	u32 mask;
	i32 wd;
	u64 queue; /* its number, the same for each fd of it */
	i32 fd; /* its sending end */
};

static struct fs_list all = {&all, &all};
static u32 last_wd, sweep_at = SWEEP_FIRST;
u32 fs_watch_count;

static void trap_handles(struct node *n, bool trap)
{
	fsl_for_each (h, &n->handles, struct handle, by_node)
		if (S_ISREG(n->mode) && h->trapped != trap && fs_mem_trap(n->fs, h, trap, h->owned) == 0)
			h->trapped = trap;
}

static void trap_for(const struct watch_entry *w)
{
	trap_handles(w->node, true);
	fsl_for_each (c, &w->dentry->children, struct dentry, siblings)
		if (c->node)
			trap_handles(c->node, true);
}

static void forget(struct watch_entry *w)
{
	fsl_remove(&w->link);
	fsl_remove(&w->all);
	fs_close_fd(w->fd);
	fs_watch_count--;
	dentry_put(w->dentry);
	node_put(w->node);
	free(w);
}

/* Nobody tells of a queue that its program has closed: it is noticed at its next event, or here, now and then. */
static void sweep(void)
{
	if (fs_watch_count < sweep_at)
		return;
	fsl_for_each (w, &all, struct watch_entry, all)
		if (fs_queue_gone(w->fd))
			forget(w);
	sweep_at = 2 * fs_watch_count + SWEEP_FIRST;
}

static struct watch_entry *find(const struct node *n, u64 queue)
{
	fsl_for_each (w, &n->watches, struct watch_entry, link)
		if (w->queue == queue)
			return w;
	return NULL;
}

static i64 change(struct watch_entry *w, u32 mask)
{
	if (mask & IN_MASK_CREATE)
		return -EEXIST;
	w->mask = mask & IN_MASK_ADD ? w->mask | mask : mask;
	return w->wd;
}

static i64 make(struct dentry *d, u32 mask, u64 queue, i32 fd)
{
	struct watch_entry *w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->dentry = dentry_get(d);
	w->node = node_get(d->node);
	w->mask = mask;
	w->wd = (i32)((++last_wd << SERVER_BITS | (d->node->fs->dev & ((1u << SERVER_BITS) - 1))) & INT32_MAX);
	w->queue = queue;
	w->fd = fd;
	fsl_append(&w->node->watches, &w->link);
	fsl_append(&all, &w->all);
	fs_watch_count++;
	trap_for(w);
	return w->wd;
}

i64 watch_add(struct dentry *d, u32 mask, i32 fd)
{
	u64 queue = fd < 0 ? 0 : fs_queue_number(fd);
	i64 e = 0;
	sweep();
	if (!queue || !(mask & IN_ALL_EVENTS) || ((mask & IN_MASK_ADD) && (mask & IN_MASK_CREATE)))
		e = -EINVAL;
	else if ((mask & IN_ONLYDIR) && !S_ISDIR(d->node->mode))
		e = -ENOTDIR;
	struct watch_entry *w = e ? NULL : find(d->node, queue);
	if (!e && !w)
		e = make(d, mask, queue, fd);
	else if (!e)
		e = change(w, mask);
	if ((e < 0 || w) && fd >= 0)
		fs_close_fd(fd);
	return e;
}

/* false: nobody will ever read it */
static bool send_event(const struct watch_entry *w, u32 mask, u32 cookie, const char *name, u32 len)
{
	struct {
		struct fsp_event e;
		char name[256];
	} msg;
	u32 padded = name ? (len + 1 + 15) & ~15u : 0;
	memset(&msg, 0, sizeof(msg));
	msg.e = (struct fsp_event){.wd = w->wd, .mask = mask, .cookie = cookie, .len = padded};
	if (name)
		memcpy((char *)&msg + sizeof(msg.e), name, len < 255 ? len : 255);
	return fs_post(w->fd, &msg, sizeof(msg.e) + padded);
}

i64 watch_remove(i32 fd, i32 wd)
{
	u64 queue = fd < 0 ? 0 : fs_queue_number(fd);
	fsl_for_each (w, &all, struct watch_entry, all)
		if (w->wd == wd && w->queue == queue) {
			send_event(w, IN_IGNORED, 0, NULL, 0);
			forget(w);
			return 0;
		}
	return -EINVAL;
}

static void tell(struct watch_entry *w, u32 mask, u32 cookie, const char *name, u32 len)
{
	if (!(w->mask & mask & IN_ALL_EVENTS))
		return;
	bool read = send_event(w, mask, cookie, name, len), last = (w->mask & IN_ONESHOT) || (mask & IN_DELETE_SELF);
	if (read && last)
		send_event(w, IN_IGNORED, 0, NULL, 0);
	if (!read || last)
		forget(w);
}

void watch_self(struct node *n, u32 mask)
{
	node_get(n);
	fsl_for_each (w, &n->watches, struct watch_entry, link)
		tell(w, mask, 0, NULL, 0);
	if (mask & IN_DELETE_SELF) /* whoever did not want to hear of it has no watch any more either */
		fsl_for_each (w, &n->watches, struct watch_entry, link) {
			send_event(w, IN_IGNORED, 0, NULL, 0);
			forget(w);
		}
	node_put(n);
}

static const struct dentry *child_of(const struct dentry *dir, const struct node *n)
{
	fsl_for_each (c, &dir->children, struct dentry, siblings)
		if (c->node == n)
			return c;
	return NULL;
}

void watch_event(struct node *n, u32 mask, u32 cookie, const char *name, u32 len)
{
	if (!fs_watch_count)
		return;
	if (S_ISDIR(n->mode) && !name && (mask & WITH_ISDIR))
		mask |= IN_ISDIR;
	node_get(n);
	fsl_for_each (w, &n->watches, struct watch_entry, link)
		tell(w, mask, cookie, name, len);
	/* What happens to a file is also told to its directory's watches, with its name. */
	if (!name && !(mask & IN_MOVE_SELF))
		fsl_for_each (w, &all, struct watch_entry, all) {
			const struct dentry *c = w->mask & mask & IN_ALL_EVENTS && S_ISDIR(w->node->mode) ? child_of(w->dentry, n) : NULL;
			if (c)
				tell(w, mask, cookie, c->name, c->name_len);
		}
	node_put(n);
}
