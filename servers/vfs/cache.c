/* SPDX-License-Identifier: MIT */
/*
 * The writer's side of the shared name cache (native/fscache.h). A node with an entry knows its place, and whatever changes the node or
 * its name takes the entry back first (vcache_forget, vcache_name). For servers that live as long as the system:
 * nobody would take back what a dead one has published.
 */
#include "vfs.h"

#include <fcntl.h>
#include <native/fscache.h>
#include <sys/stat.h>

#define PLACES (FSCACHE_SETS * FSCACHE_WAYS)

static void *base; /* NULL: this server has none */
static i32 object = -1;
static struct node *owner[PLACES];

int vcache_start(struct fs *fs)
{
	(void)fs;
	i32 fd = fs_mem_create(FSCACHE_SIZE);
	if (fd < 0)
		return fd;
	void *at = fs_mem_map(fd, FSCACHE_SIZE);
	if (!at) {
		fs_close_fd(fd);
		return -ENOMEM;
	}
	object = fd;
	base = at;
	return 0;
}

i32 vcache_object(void)
{
	return object;
}

static struct fscache_entry *entry(u32 place)
{
	return fscache_at(base, place / FSCACHE_WAYS) + place % FSCACHE_WAYS;
}

static void write_begin(struct fscache_entry *e)
{
	__atomic_store_n(&e->seq, e->seq | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static void write_end(struct fscache_entry *e)
{
	__atomic_store_n(&e->seq, (e->seq | 1) + 1, __ATOMIC_RELEASE);
}

static void clear(u32 place)
{
	struct fscache_entry *e = entry(place);
	write_begin(e);
	e->flags = 0;
	write_end(e);
	if (owner[place])
		owner[place]->cached = 0;
	owner[place] = NULL;
}

void vcache_forget(struct node *n)
{
	if (n->cached)
		clear(n->cached - 1);
}

/* The name's place, or the one to use for it: a free one, or else one after the other. */
static u32 place_of(u64 parent, const char *name, u32 len, bool *found)
{
	static u32 next;
	u32 first = fscache_set(parent, name, len) * FSCACHE_WAYS, use = first + next++ % FSCACHE_WAYS;
	for (u32 i = FSCACHE_WAYS; i-- > 0;) {
		struct fscache_entry *e = entry(first + i);
		if (!e->flags)
			use = first + i;
		if (e->flags && e->parent == parent && e->name_len == len && memcmp(e->name, name, len) == 0) {
			*found = true;
			return first + i;
		}
	}
	*found = false;
	return use;
}

void vcache_name(struct dentry *dir, const char *name, u32 len)
{
	bool found;
	if (!base || len > FSCACHE_NAME)
		return;
	u32 place = place_of(dir->node->ino, name, len, &found);
	if (found)
		clear(place);
}

static bool open_to_all(struct dentry *dir)
{
	for (;; dir = dir->parent) {
		if ((dir->node->mode & 0555) != 0555 || dir->dead || dir->floating || dir->node->nops)
			return false;
		if (dir->parent == dir)
			return true;
	}
}

/* Nobody can change its contents, and so its size and times, without asking here first. */
static bool is_settled(const struct node *n)
{
	struct weft_mem_info info;
	if (!S_ISREG(n->mode))
		return true;
	fsl_for_each (h, &n->handles, struct handle, by_node)
		if (!(h->flags & O_PATH) && (h->flags & O_ACCMODE) != O_RDONLY)
			return false;
	return n->mem < 0 || (fs_mem_info(n->mem, &info) == 0 && info.writable_mappings == 0);
}

static void put(u64 parent, const char *name, u32 len, u16 flags, struct node *n)
{
	bool found;
	u32 place = place_of(parent, name, len, &found);
	struct fscache_entry *e = entry(place);
	if (e->flags)
		clear(place);
	write_begin(e);
	e->flags = flags;
	e->name_len = (u16)len;
	e->parent = parent;
	memcpy(e->name, name, len);
	if (n)
		fs_stat(n, &e->st);
	write_end(e);
	if (n) {
		owner[place] = n;
		n->cached = place + 1;
	}
}

static bool put_one(struct dentry *d)
{
	struct node *n = d->node;
	bool root = d->parent == d;
	if (n->cached)
		return true;
	if (n->nops || d->dead || d->floating || d->name_len > FSCACHE_NAME ||
		(!S_ISDIR(n->mode) && n->nlink != 1))
		return false;
	u16 flags = n->marked == FSP_MARK_POINT ? FSCACHE_MOUNT : FSCACHE_THERE;
	if (!is_settled(n)) {
		/* A pager's object must not be held by clients: the server waits until nobody uses it. */
		if (n->fs->ops->page || n->mem < 0)
			return false;
		flags |= FSCACHE_LIVE;
	}
	put(root ? 0 : d->parent->node->ino, d->name, d->name_len, flags, n);
	return true;
}

void vcache_put(struct dentry *d)
{
	if (!base || !d->node || d->node->cached || !open_to_all(d->parent))
		return;
	/* The directories on the way too, or nobody could walk here. */
	while (put_one(d) && d->parent != d)
		d = d->parent;
}

void vcache_absent(struct dentry *dir, const char *name, u32 len)
{
	if (!base || len > FSCACHE_NAME || !open_to_all(dir))
		return;
	put(dir->node->ino, name, len, FSCACHE_ABSENT, NULL);
	vcache_put(dir);
}

/* A directory whose entries changed has new times: it is asked for too often to be forgotten each time. */
void vcache_refresh(struct node *n)
{
	if (!n->cached)
		return;
	if (!S_ISDIR(n->mode)) {
		vcache_forget(n);
		return;
	}
	struct fscache_entry *e = entry(n->cached - 1);
	write_begin(e);
	fs_stat(n, &e->st);
	write_end(e);
}

bool vcache_live(const struct node *n)
{
	return n->cached && (entry(n->cached - 1)->flags & FSCACHE_LIVE);
}

u64 vcache_hint(const struct dentry *d)
{
	if (!base || d->name_len > FSCACHE_NAME)
		return 0;
	u64 parent = d->parent == d ? 0 : d->parent->node->ino;
	return 1 + (u64)fscache_set(parent, d->name, d->name_len);
}
