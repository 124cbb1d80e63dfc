/* SPDX-License-Identifier: MIT */
/*
 * Open handles, by number. Number 0 is the root handle, which every client that opens the scheme gets; numbers from WEFT_ID_KERNEL up are
 * the kernel's, of files that were opened again without asking here.
 */
#include "vfs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#define BUCKETS 1024
static struct fs_list buckets[BUCKETS];
static u64 last_id;
static struct handle root_handle = {.flags = O_PATH}; /* shared by all, so it can only be walked from */

struct handle *handle_find(struct fs *fs, u64 id)
{
	if (id == 0) {
		root_handle.dentry = fs->root;
		root_handle.node = fs->root->node;
		return &root_handle;
	}
	struct fs_list *head = &buckets[id % BUCKETS];
	if (!head->next)
		return NULL;
	fsl_for_each (h, head, struct handle, by_id)
		if (h->id == id)
			return h;
	return NULL;
}

struct handle *handle_new(struct fs *fs, struct dentry *d, u32 flags)
{
	return handle_restore(fs, d, flags, last_id + 1);
}

/* Predecessors' handles are told of before anything else is asked: new numbers begin after them. */
struct handle *handle_restore(struct fs *fs, struct dentry *d, u32 flags, u64 id)
{
	(void)fs;
	struct handle *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->id = id;
	if (id > last_id && id < WEFT_ID_KERNEL)
		last_id = id;
	h->dentry = dentry_get(d);
	h->node = node_get(d->node);
	h->flags = flags;
	struct fs_list *head = &buckets[h->id % BUCKETS];
	if (!head->next)
		fsl_init(head);
	fsl_append(head, &h->by_id);
	fsl_append(&h->node->handles, &h->by_node);
	return h;
}

void handle_close(struct fs *fs, struct handle *h)
{
	(void)fs;
	if (!h || h == &root_handle)
		return;
	if (h->node->nops && h->node->nops->close && !(h->flags & O_PATH))
		h->node->nops->close(h);
	lock_handle_closed(h);
	if (!(h->flags & O_PATH))
		watch_file(h->dentry, h->flags & O_ACCMODE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	fsl_remove(&h->by_id);
	fsl_remove(&h->by_node);
	if (h->node->dead && fsl_empty(&h->node->handles))
		watch_event(h->node, IN_DELETE_SELF, 0, NULL, 0);
	if (h->node->fs->ops->unused && fsl_empty(&h->node->handles))
		h->node->fs->ops->unused(h->node);
	dentry_put(h->dentry);
	node_put(h->node);
	free(h->text);
	free(h);
}

void handle_attr(const struct handle *h, struct weft_attr *a)
{
	const struct node *n = h->node;
	*a = (struct weft_attr){.mode = n->mode & S_IFMT, .fs_magic = n->magic, .dev = n->dev,
		.ino = n->ino, .rdev = n->rdev, .mount = n->dev, .user = vcache_hint(h->dentry)};
}
