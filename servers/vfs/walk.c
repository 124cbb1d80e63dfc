/* SPDX-License-Identifier: MIT */
/*
 * Path walking: from a directory through components, links and "..", until the last component, or until the walk leaves
 * what this server serves (a mount point, the root's parent, an absolute link): then it stops and says what is left.
 *
 * The path is held at the end of w->buf's first half; a link's target is put in front of what is left.
 */
#include "vfs.h"

#include <sys/stat.h>

#define MAX_LINKS 40

static void stop(struct walk *w, u32 why, u64 node, const char *rest, u64 len)
{
	w->stop = why;
	w->stop_node = node;
	w->rest = rest;
	w->rest_len = len;
}

int node_readlink(struct node *n, const struct fsreq *r)
{
	if (n->nops && n->nops->readlink)
		return n->nops->readlink(n, r);
	return n->link ? 0 : n->fs->ops->readlink(n);
}

/* Puts the link's target in front of the rest (which includes its leading slashes). */
static int splice(struct walk *w, const struct node *link, char **p, char *end)
{
	u64 tlen = strlen(link->link), rest = (u64)(end - *p);
	if (tlen == 0)
		return -ENOENT;
	if (tlen + rest >= FSP_PATH_MAX)
		return -ENAMETOOLONG;
	memmove(w->buf + sizeof(w->buf) - rest, *p, rest);
	*p = w->buf + sizeof(w->buf) - rest - tlen;
	memcpy(*p, link->link, tlen);
	return 0;
}

void walk_end(struct walk *w)
{
	dentry_put(w->dir);
	dentry_put(w->at);
	w->dir = w->at = NULL;
}

static void step(struct walk *w, struct dentry *next)
{
	dentry_put(w->dir);
	w->dir = w->at;
	w->at = next;
}

int walk_path(struct walk *w, struct dentry *from, const char *path, u64 len, u32 flags, const struct fsreq *r)
{
	memset(w, 0, offsetof(struct walk, buf));
	if (len >= FSP_PATH_MAX)
		return -ENAMETOOLONG;
	char *end = w->buf + sizeof(w->buf), *p = end - len;
	memcpy(p, path, len);
	if (memchr(p, 0, len))
		return -EINVAL;
	w->at = dentry_get(from);
	u32 links = 0;
	int e = 0;
	while (p < end && *p == '/')
		p++;
	while (p < end) {
		struct node *dir = w->at->node;
		if (!S_ISDIR(dir->mode)) {
			e = -ENOTDIR;
			break;
		}
		e = perm_check(dir, r->cred, MAY_X);
		if (e)
			break;
		char *name = p;
		while (p < end && *p != '/')
			p++;
		u32 nlen = (u32)(p - name);
		bool slash = p < end;
		while (p < end && *p == '/')
			p++;
		bool last = p == end;
		if (nlen > 255) {
			e = -ENAMETOOLONG;
			break;
		}
		if (nlen == 1 && name[0] == '.') {
			if (last) { /* "x/." names x itself, but not as a parent's entry */
				dentry_put(w->dir);
				w->dir = NULL;
				w->last = name;
				w->last_len = nlen;
				w->trailing_slash = true;
			}
			continue;
		}
		if (nlen == 2 && name[0] == '.' && name[1] == '.') {
			if (w->at->parent == w->at || dir->marked == FSP_MARK_ROOT) {
				stop(w, FSP_STOP_PARENT, dir->ino, p, (u64)(end - p));
				return 0;
			}
			struct dentry *up = dentry_get(w->at->parent);
			step(w, up);
			dentry_put(w->dir);
			w->dir = NULL;
			if (last) {
				w->last = name;
				w->last_len = nlen;
			}
			/* The parent may itself be covered: walks into it go to the mount. */
			continue;
		}
		if (dir->marked == FSP_MARK_SCHEMES) {
			stop(w, FSP_STOP_SCHEME, dir->ino, name, (u64)(end - name));
			return 0;
		}
		struct dentry *d;
		e = dentry_lookup(w->at, name, nlen, r, &d);
		if (e)
			break;
		if (!d->node) {
			if (!last) {
				dentry_put(d);
				e = -ENOENT;
				break;
			}
			step(w, d);
			w->last = name;
			w->last_len = nlen;
			w->trailing_slash = slash;
			return 0;
		}
		if (d->node->marked == FSP_MARK_POINT) {
			vcache_put(d);
			stop(w, FSP_STOP_MOUNT, d->node->ino, p, (u64)(end - p));
			dentry_put(d);
			return 0;
		}
		bool follow = !last || slash || !(flags & FSP_WALK_NOFOLLOW);
		if (S_ISLNK(d->node->mode) && follow) {
			struct node *n = d->node;
			i32 magic = n->nops && n->nops->magic ? n->nops->magic(n, r) : -ENOSYS;
			if (magic >= 0) {
				stop(w, FSP_STOP_MAGIC, n->ino, p, (u64)(end - p));
				w->magic = magic;
				dentry_put(d);
				return 0;
			}
			if (magic != -ENOSYS) {
				dentry_put(d);
				e = magic;
				break;
			}
			if (++links > MAX_LINKS || (flags & FSP_WALK_NO_LINKS))
				e = -ELOOP;
			else
				e = node_readlink(n, r);
			if (e == 0) {
				if (slash) /* keep that the rest must be a directory */
					p--;
				e = splice(w, n, &p, end);
			}
			dentry_put(d);
			if (e)
				break;
			if (*p == '/') {
				while (p < end && *p == '/')
					p++;
				stop(w, FSP_STOP_ROOT, 0, p, (u64)(end - p));
				return 0;
			}
			continue;
		}
		step(w, d);
		w->last = name;
		w->last_len = nlen;
		w->trailing_slash = last && slash;
		if (last && slash && !S_ISDIR(d->node->mode)) {
			e = -ENOTDIR;
			break;
		}
	}
	if (!e && (flags & FSP_WALK_DIRECTORY) && w->at->node && !S_ISDIR(w->at->node->mode))
		e = -ENOTDIR;
	if (e)
		walk_end(w);
	return e;
}
