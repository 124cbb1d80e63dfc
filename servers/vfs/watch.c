/* SPDX-License-Identifier: MIT */
/*
 * inotify(7). A watch belongs to a node and a client's queue (a channel whose sending end it gave). Writes to a watched file, or to a
 * file in a watched directory, are trapped here by its handles, since the kernel serves others without asking.
 */
#include "vfs.h"

#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <stdio.h>

struct watch_entry {
	struct fs_list link; /* in node.watches */
	struct fs_list all;
	struct node *node;
	u32 mask;
	u32 pid;
	i32 wd;
	i32 fd; /* the client's queue */
};

static struct fs_list all = {&all, &all};
static i32 last_wd;
u32 fs_watch_count;

static void trap_handles(struct node *n, bool trap)
{
	fsl_for_each (h, &n->handles, struct handle, by_node)
		if (S_ISREG(n->mode) && h->trapped != trap && fs_mem_trap(n->fs, h, trap, h->owned) == 0)
			h->trapped = trap;
}

static void trap_for(struct node *n)
{
	trap_handles(n, true);
	if (!S_ISDIR(n->mode) || fsl_empty(&n->handles))
		return;
	struct handle *h = fsl_entry(n->handles.next, struct handle, by_node);
	fsl_for_each (c, &h->dentry->children, struct dentry, siblings)
		if (c->node)
			trap_handles(c->node, true);
}

i64 watch_add(struct fsreq *r, struct node *n, u32 mask, i32 fd)
{
	if (fd < 0)
		return -EINVAL;
	if (!(mask & IN_ALL_EVENTS) || ((mask & IN_ONLYDIR) && !S_ISDIR(n->mode))) {
		fs_close_fd(fd);
		return mask & IN_ALL_EVENTS ? -ENOTDIR : -EINVAL;
	}
	struct watch_entry *w = calloc(1, sizeof(*w));
	if (!w) {
		fs_close_fd(fd);
		return -ENOMEM;
	}
	w->node = node_get(n);
	w->mask = mask;
	w->pid = r->sqe->pid;
	w->wd = ++last_wd;
	w->fd = fd;
	fsl_append(&n->watches, &w->link);
	fsl_append(&all, &w->all);
	fs_watch_count++;
	trap_for(n);
	return w->wd;
}

static void forget(struct watch_entry *w)
{
	fsl_remove(&w->link);
	fsl_remove(&w->all);
	fs_close_fd(w->fd);
	fs_watch_count--;
	node_put(w->node);
	free(w);
}

i64 watch_remove(struct fs *fs, u32 pid, i32 wd)
{
	(void)fs;
	fsl_for_each (w, &all, struct watch_entry, all)
		if (w->wd == wd && w->pid == pid) {
			forget(w);
			return 0;
		}
	return -EINVAL;
}

static void send_event(struct watch_entry *w, u32 mask, u32 cookie, const char *name, u32 len)
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
	fs_post(w->fd, &msg, sizeof(msg.e) + padded);
}

static void tell(struct node *n, u32 mask, u32 cookie, const char *name, u32 len)
{
	node_get(n);
	fsl_for_each (w, &n->watches, struct watch_entry, link) {
		if (!(w->mask & mask & IN_ALL_EVENTS))
			continue;
		send_event(w, mask, cookie, name, len);
		if ((w->mask & IN_ONESHOT) || (mask & IN_DELETE_SELF)) {
			send_event(w, IN_IGNORED, 0, NULL, 0);
			forget(w);
		}
	}
	node_put(n);
}

void watch_event(struct node *n, u32 mask, u32 cookie, const char *name, u32 len)
{
	if (!fs_watch_count)
		return;
	if (!fsl_empty(&n->watches))
		tell(n, mask, cookie, name, len);
	/* What happens to a file is also told to its directory's watches, with its name. */
	if (name || (mask & (IN_DELETE_SELF | IN_MOVE_SELF)))
		return;
	fsl_for_each (w, &all, struct watch_entry, all) {
		struct node *dir = w->node;
		if (!S_ISDIR(dir->mode) || fsl_empty(&dir->handles))
			continue;
		struct handle *h = fsl_entry(dir->handles.next, struct handle, by_node);
		fsl_for_each (c, &h->dentry->children, struct dentry, siblings)
			if (c->node == n && (w->mask & mask & IN_ALL_EVENTS))
				send_event(w, mask, cookie, c->name, c->name_len);
	}
}
