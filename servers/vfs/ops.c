/* SPDX-License-Identifier: MIT */
/*
 * The FSP_* operations (native/fsproto.h). Each handler copies in and checks first, then acts, so that a redelivered request
 * (-WEFT_EREDELIVER from a copy) has changed nothing.
 */
#include "vfs.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/inotify.h>
#include <dirent.h>
#include <stdio.h>

#define RENAME_FLAG_NOREPLACE 1u
#define RENAME_FLAG_EXCHANGE 2u

bool (*vfs_other)(struct fs *fs, struct fsreq *r, i64 *result);

/* A path operation's walk. */
struct path_op {
	struct walk w;
	char path[FSP_PATH_MAX];
};

/* -> 0: walked; FSP_STOP_*: answered; or -errno. Unless 0, the walk is ended. */
static i64 begin(struct fsreq *r, struct path_op *p, u32 more_flags)
{
	u64 len = r->sqe->nbufs > 0 ? r->sqe->len[0] : 0;
	if (len >= FSP_PATH_MAX)
		return -ENAMETOOLONG;
	int e = len ? fsreq_in(r, 0, 0, p->path, len) : 0;
	if (e)
		return e;
	e = walk_path(&p->w, r->h->dentry, p->path, len, (u32)r->sqe->args[1] | more_flags, r);
	if (e)
		return e;
	if (!p->w.stop)
		return 0;
	i64 result = p->w.stop;
	if (r->sqe->nbufs < 2 || r->sqe->len[1] < p->w.rest_len)
		result = -ENAMETOOLONG;
	else if (p->w.rest_len && (e = fsreq_out(r, 1, 0, p->w.rest, p->w.rest_len)) != 0)
		result = e;
	r->out[0] = p->w.stop_node;
	r->out[1] = p->w.rest_len;
	if (p->w.stop == FSP_STOP_MAGIC) {
		r->fd = (struct weft_reply_fd){.kind = WEFT_REPLY_FD, .fd = p->w.magic, .rights = WEFT_RIGHT_ALL,
			.flags = WEFT_REPLY_MOVE};
		r->has_fd = result > 0;
		if (result < 0)
			fs_close_fd(p->w.magic);
	}
	walk_end(&p->w);
	return result;
}

/* The same for an existing node. */
static i64 begin_node(struct fsreq *r, struct path_op *p)
{
	i64 e = begin(r, p, 0);
	if (e == 0 && !p->w.at->node) {
		vcache_absent(p->w.dir, p->w.last, p->w.last_len);
		walk_end(&p->w);
		return -ENOENT;
	}
	return e;
}

i64 vfs_begin_node(struct fsreq *r, struct walk *w)
{
	struct path_op p;
	i64 e = begin_node(r, &p);
	*w = p.w;
	return e;
}

/* The same for a name that is about to be made: checks that it is absent and that its directory may be written. */
static i64 begin_create(struct fsreq *r, struct path_op *p, bool dir)
{
	i64 e = begin(r, p, FSP_WALK_NOFOLLOW);
	if (e)
		return e;
	if (p->w.at->node)
		e = -EEXIST;
	else if (p->w.trailing_slash && !dir)
		e = -ENOENT;
	else if (p->w.dir->node->dead)
		e = -ENOENT;
	else
		e = perm_check(p->w.dir->node, r->cred, MAY_W | MAY_X);
	if (e)
		walk_end(&p->w);
	return e;
}

static void touch(struct node *dir)
{
	dir->mtime = dir->ctime = fs_now();
	node_dirty(dir);
}

/* Makes a node under the walk's last name. w->at is replaced by the new, positive dentry. */
static int create(struct fsreq *r, struct walk *w, u32 mode, u64 rdev, const char *link)
{
	struct fs *fs = r->fs;
	struct node *dir = w->dir->node, *n;
	u32 gid = r->cred->fsgid;
	if (fs->read_only)
		return -EROFS;
	if (dir->mode & S_ISGID) {
		gid = dir->gid;
		if (S_ISDIR(mode))
			mode |= S_ISGID;
	}
	int e = fs->ops->create(dir, w->last, w->last_len, mode, rdev, r->cred->fsuid, gid, link, &n);
	if (e)
		return e;
	struct dentry *d = dentry_add(w->dir, w->last, w->last_len, n);
	if (!d) {
		if (fs->ops->unlink)
			fs->ops->unlink(dir, w->last, w->last_len, n);
		n->nlink = 0;
		n->dead = true;
		node_put(n);
		return -ENOMEM;
	}
	node_put(n);
	dentry_put(w->at);
	w->at = d;
	if (S_ISDIR(mode))
		dir->nlink++;
	touch(dir);
	watch_event(dir, IN_CREATE | (S_ISDIR(mode) ? IN_ISDIR : 0), 0, d->name, d->name_len);
	return 0;
}

static u32 wanted(u32 flags)
{
	static const u32 may[4] = {MAY_R, MAY_W, MAY_R | MAY_W, MAY_R | MAY_W};
	u32 m = may[flags & (O_RDONLY | O_WRONLY | O_RDWR)]; /* musl's O_ACCMODE has O_PATH in it */
	return flags & O_TRUNC ? m | MAY_W : m;
}

static int may_open(struct fsreq *r, struct node *n, u32 flags, bool created)
{
	u32 may = wanted(flags) | (flags & FSP_O_EXEC ? MAY_X : 0);
	if ((flags & FSP_O_EXEC) && !S_ISREG(n->mode))
		return -EACCES;
	if (S_ISLNK(n->mode))
		return -ELOOP;
	if (S_ISDIR(n->mode) && (may & MAY_W))
		return -EISDIR;
	if ((flags & O_DIRECTORY) && !S_ISDIR(n->mode))
		return -ENOTDIR;
	if ((S_ISSOCK(n->mode) || S_ISCHR(n->mode) || S_ISBLK(n->mode)) && !n->nops)
		return -ENXIO;
	if (S_ISFIFO(n->mode) && !n->nops)
		n->nops = &fifo_ops;
	if ((flags & O_NOATIME) && r->cred->fsuid != n->uid && !cred_capable(r->cred, CAP_FOWNER))
		return -EPERM;
	return created ? 0 : perm_check(n, r->cred, may);
}

i64 vfs_give_handle(struct fsreq *r, struct dentry *d, u32 flags)
{
	struct node *n = d->node;
	bool path_only = flags & O_PATH;
	bool has_mem = S_ISREG(n->mode) && !path_only && !n->nops;
	if (has_mem) {
		int e = r->fs->ops->open_mem(n);
		if (e)
			return e;
	}
	struct handle *h = handle_new(r->fs, d, flags);
	if (!h)
		return -ENOMEM;
	u32 rights = WEFT_RIGHT_DUP | WEFT_RIGHT_CONTROL;
	u32 may = wanted(flags & ~(u32)O_TRUNC);
	if (!path_only)
		rights |= WEFT_RIGHT_MAP | WEFT_RIGHT_EXEC | (may & MAY_R ? WEFT_RIGHT_READ : 0) |
			  (may & MAY_W ? WEFT_RIGHT_WRITE : 0);
	if (!path_only && (may & MAY_W))
		vcache_forget(n);
	else if (has_mem)
		vcache_put(d); /* its fstat comes next */
	r->fd = (struct weft_reply_fd){.kind = WEFT_REPLY_NEW,
		.fd = has_mem ? n->mem : -1,
		.rights = rights,
		.status = flags & ~(u32)(O_CREAT | O_EXCL | O_TRUNC | O_CLOEXEC | O_NOCTTY | FSP_O_EXEC),
		.handle = h->id,
		.ready = WEFT_POLLIN | WEFT_POLLOUT};
	if (has_mem && watch_traps(d)) {
		r->fd.flags |= WEFT_HANDLE_TRAP_WRITE;
		h->trapped = true;
	} else if (has_mem && may == MAY_R && !watch_heard(d)) {
		r->fd.flags |= WEFT_HANDLE_REOPEN;
		h->reopens = true;
	}
	if (S_ISBLK(n->mode))
		r->fd.flags |= WEFT_HANDLE_RANDOM;
	handle_attr(h, &r->fd.attr);
	if (n->nops && n->nops->open && !path_only) {
		struct handle *before = r->h;
		r->h = h;
		i64 e = n->nops->open(r, h);
		r->h = before;
		if (e < 0) {
			h->flags |= O_PATH; /* it was never open: no close hook */
			handle_close(r->fs, h);
			return e;
		}
	}
	r->has_fd = true;
	return 0;
}

static i64 open_tmpfile(struct fsreq *r, struct path_op *p, u32 flags, u32 mode)
{
	struct node *dir = p->w.at->node, *n;
	static u64 serial;
	char name[40];
	if (!dir)
		return -ENOENT;
	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if ((flags & O_ACCMODE) == O_RDONLY)
		return -EINVAL;
	i64 e = perm_check(dir, r->cred, MAY_W | MAY_X);
	if (e)
		return e;
	u32 len = (u32)snprintf(name, sizeof(name), "#%llu", (unsigned long long)++serial);
	if (r->fs->ops->tmpfile)
		e = r->fs->ops->tmpfile(dir, S_IFREG | mode, r->cred->fsuid, r->cred->fsgid, &n);
	else
		e = r->fs->ops->create(dir, name, len, S_IFREG | mode, 0, r->cred->fsuid, r->cred->fsgid, NULL, &n);
	if (e)
		return e;
	n->nlink = 0;
	n->dead = r->fs->ops->tmpfile != NULL;
	n->linkable = !(flags & O_EXCL);
	struct dentry *d = dentry_add(p->w.at, name, len, n);
	node_put(n);
	if (!d)
		return -ENOMEM;
	dentry_drop(d);
	e = vfs_give_handle(r, d, flags & ~(u32)(O_TMPFILE & ~O_DIRECTORY));
	dentry_put(d);
	return e;
}

static i64 op_open(struct fsreq *r)
{
	struct path_op p;
	u32 flags = (u32)r->sqe->args[0], mode = (u32)r->sqe->args[2] & 07777;
	u32 walk_flags = 0;
	bool created = false;
	if ((flags & O_CREAT && flags & O_EXCL) || flags & O_NOFOLLOW)
		walk_flags |= FSP_WALK_NOFOLLOW;
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	i64 e = begin(r, &p, walk_flags);
	if (e)
		return e;
	if ((flags & O_TMPFILE) == O_TMPFILE && !(flags & O_PATH)) {
		e = open_tmpfile(r, &p, flags, mode);
		goto out;
	}
	if (!p.w.at->node) {
		e = -ENOENT;
		if (!(flags & O_CREAT)) {
			vcache_absent(p.w.dir, p.w.last, p.w.last_len);
			goto out;
		}
		e = p.w.trailing_slash ? -EISDIR : p.w.dir->node->dead ? -ENOENT : 0;
		if (!e)
			e = perm_check(p.w.dir->node, r->cred, MAY_W | MAY_X);
		if (!e)
			e = create(r, &p.w, S_IFREG | mode, 0, NULL);
		if (e)
			goto out;
		created = true;
		r->out[2] = FSP_OPENED_CREATED;
	} else if (flags & O_CREAT) {
		e = flags & O_EXCL ? -EEXIST : S_ISDIR(p.w.at->node->mode) ? -EISDIR : 0;
		if (e)
			goto out;
	}
	struct node *n = p.w.at->node;
	r->out[3] = n->mode;
	if (flags & O_PATH)
		e = (flags & O_DIRECTORY) && !S_ISDIR(n->mode) ? -ENOTDIR : 0;
	else
		e = may_open(r, n, flags, created);
	if (!e && n->nops && n->nops->redirect && !(flags & O_PATH)) {
		r->fd = (struct weft_reply_fd){.kind = WEFT_REPLY_FD, .fd = n->nops->redirect(n), .rights = WEFT_RIGHT_ALL};
		r->has_fd = r->fd.fd >= 0;
		r->out[0] = n->ino;
		r->out[1] = 0;
		e = r->has_fd ? FSP_STOP_MAGIC : -ENXIO;
		goto out;
	}
	if (!e)
		e = vfs_give_handle(r, p.w.at, flags);
	if (!e && (flags & O_TRUNC) && S_ISREG(n->mode) && !created && !n->nops) {
		e = r->fs->ops->set_size(n, 0);
		touch(n);
		watch_file(p.w.at, IN_MODIFY);
	}
	if (!e && !(flags & O_PATH))
		watch_file(p.w.at, IN_OPEN);
out:
	walk_end(&p.w);
	return e;
}

void fs_stat(struct node *n, struct fsp_stat *st)
{
	struct weft_mem_info info;
	*st = (struct fsp_stat){.dev = n->dev, .ino = n->ino, .nlink = n->nlink, .mode = n->mode,
		.uid = n->uid, .gid = n->gid, .blksize = 4096, .rdev = n->rdev, .size = n->size,
		.atime_ns = n->atime, .mtime_ns = n->mtime, .ctime_ns = n->ctime, .btime_ns = n->btime,
		.mount = n->dev, .attributes = n->marked == FSP_MARK_ROOT || n == n->fs->root->node ? FSP_ATTR_MOUNT_ROOT : 0};
	st->blocks = (n->size + 511) / 512;
	if (S_ISREG(n->mode) && n->mem >= 0 && fs_mem_info(n->mem, &info) == 0) {
		st->size = info.size;
		st->blocks = (n->fs->ops->cache_only ? info.dirty + n->in_flight : info.resident) / 512;
		if ((i64)info.mtime_ns > st->mtime_ns)
			st->mtime_ns = (i64)info.mtime_ns;
		if ((i64)info.ctime_ns > st->ctime_ns)
			st->ctime_ns = (i64)info.ctime_ns;
	}
	if (n->fs->ops->cache_only) {
		/* What is dirty may have no blocks yet; a file with contents and without blocks would be taken for a hole. */
		u64 most = (st->size + 4095) / 4096 * 8, dirty = S_ISREG(n->mode) && n->mem >= 0 ? st->blocks : 0;
		st->blocks = n->blocks + dirty > most && n->blocks < most ? most : n->blocks + (n->blocks < most ? dirty : 0);
	}
	if (n->nops && n->nops->stat)
		n->nops->stat(n, st);
}

static i64 op_stat(struct fsreq *r)
{
	struct path_op p;
	struct fsp_stat st;
	i64 e = begin_node(r, &p);
	if (e)
		return e;
	struct node *n = p.w.at->node;
	fs_stat(n, &st);
	e = fsreq_out(r, 2, 0, &st, sizeof(st));
	vcache_put(p.w.at);
	if (!e && vcache_live(n) && r->sqe->max_fds) {
		r->fd = (struct weft_reply_fd){.kind = WEFT_REPLY_FD, .fd = n->mem, .rights = WEFT_RIGHT_DUP};
		r->has_fd = true;
	}
	walk_end(&p.w);
	return e;
}

static i64 op_access(struct fsreq *r)
{
	struct path_op p;
	u32 may = (u32)r->sqe->args[0];
	if (may & ~7u)
		return -EINVAL;
	i64 e = begin_node(r, &p);
	if (e)
		return e;
	if (may)
		e = perm_access(p.w.at->node, r->cred, may, r->sqe->args[1] & FSP_WALK_EFFECTIVE);
	walk_end(&p.w);
	return e;
}

static i64 op_readlink(struct fsreq *r)
{
	struct path_op p;
	if (r->sqe->nbufs < 3)
		return -EINVAL;
	i64 e = begin_node(r, &p);
	if (e)
		return e;
	struct node *n = p.w.at->node;
	if (!S_ISLNK(n->mode))
		e = -EINVAL;
	else
		e = node_readlink(n, r);
	if (!e) {
		u64 len = strlen(n->link);
		r->out[2] = len;
		e = fsreq_out(r, 2, 0, n->link, len < r->sqe->len[2] ? len : r->sqe->len[2]);
	}
	walk_end(&p.w);
	return e;
}

static i64 op_mkdir(struct fsreq *r)
{
	struct path_op p;
	i64 e = begin_create(r, &p, true);
	if (e)
		return e;
	e = create(r, &p.w, S_IFDIR | ((u32)r->sqe->args[0] & 01777), 0, NULL);
	walk_end(&p.w);
	return e;
}

static i64 op_mknod(struct fsreq *r)
{
	struct path_op p;
	u32 mode = (u32)r->sqe->args[0];
	u32 type = mode & S_IFMT;
	if (type == 0)
		mode |= S_IFREG;
	else if (type == S_IFDIR)
		return -EPERM;
	else if (type != S_IFREG && type != S_IFIFO && type != S_IFSOCK && type != S_IFCHR &&
		 type != S_IFBLK)
		return -EINVAL;
	if ((type == S_IFCHR || type == S_IFBLK) && !cred_capable(r->cred, CAP_MKNOD))
		return -EPERM;
	i64 e = begin_create(r, &p, false);
	if (e)
		return e;
	e = create(r, &p.w, mode & (S_IFMT | 07777), r->sqe->args[2], NULL);
	walk_end(&p.w);
	return e;
}

static i64 op_symlink(struct fsreq *r)
{
	struct path_op p;
	char target[FSP_PATH_MAX];
	if (r->sqe->nbufs < 3)
		return -EINVAL;
	u64 len = r->sqe->len[2];
	if (len == 0)
		return -ENOENT;
	if (len >= sizeof(target))
		return -ENAMETOOLONG;
	i64 e = fsreq_in(r, 2, 0, target, len);
	if (e)
		return e;
	target[len] = 0;
	e = begin_create(r, &p, false);
	if (e)
		return e;
	e = create(r, &p.w, S_IFLNK | 0777, 0, target);
	walk_end(&p.w);
	return e;
}

static bool dir_empty(struct dentry *d)
{
	if (d->node->fs->ops->is_empty)
		return d->node->fs->ops->is_empty(d->node) == 1;
	fsl_for_each (c, &d->children, struct dentry, siblings)
		if (c->node)
			return false;
	return true;
}

/* After the name is gone from its directory. */
static void lost_name(struct dentry *d, struct node *dir)
{
	struct node *n = d->node;
	n->ctime = fs_now();
	if (S_ISDIR(n->mode)) {
		n->nlink = 0;
		dir->nlink--;
	} else {
		n->nlink--;
	}
	node_dirty(n);
	touch(dir);
	if (!S_ISDIR(n->mode))
		watch_event(n, IN_ATTRIB, 0, NULL, 0); /* its link count */
	if (n->nlink == 0) {
		n->dead = true;
		if (fsl_empty(&n->handles))
			watch_event(n, IN_DELETE_SELF, 0, NULL, 0);
		if (n->fs->ops->unused && fsl_empty(&n->handles))
			n->fs->ops->unused(n);
	}
}

static i64 op_unlink(struct fsreq *r)
{
	struct path_op p;
	bool dir = r->sqe->args[0] & AT_REMOVEDIR;
	i64 e = begin(r, &p, FSP_WALK_NOFOLLOW);
	if (e)
		return e;
	struct dentry *d = p.w.at;
	bool dot = p.w.last_len == 1 && p.w.last[0] == '.';
	if (!p.w.dir)
		e = dir ? (dot ? -EINVAL : d == r->fs->root ? -EBUSY : -ENOTEMPTY) : -EISDIR;
	else if (!d->node)
		e = -ENOENT;
	else if (dir && !S_ISDIR(d->node->mode))
		e = -ENOTDIR;
	else if (!dir && (S_ISDIR(d->node->mode)))
		e = -EISDIR;
	else if (d->node->marked)
		e = -EBUSY;
	else
		e = perm_delete(p.w.dir->node, d->node, r->cred);
	if (!e && dir && !dir_empty(d))
		e = -ENOTEMPTY;
	if (!e && r->fs->ops->unlink)
		e = r->fs->ops->unlink(p.w.dir->node, p.w.last, p.w.last_len, d->node);
	if (!e) {
		u32 mask = IN_DELETE | (dir ? IN_ISDIR : 0);
		dentry_drop(d);
		lost_name(d, p.w.dir->node);
		watch_event(p.w.dir->node, mask, 0, d->name, d->name_len);
	}
	walk_end(&p.w);
	return e;
}

static i64 op_link(struct fsreq *r)
{
	struct path_op p;
	struct handle *from = r->sqe->nfds > 0 ? fs_identify(r->fs, r->sqe->fds[0]) : NULL;
	if (!from)
		return -EXDEV;
	struct node *n = from->node;
	if (S_ISDIR(n->mode))
		return -EPERM;
	if (n->nlink == 0 && !n->linkable)
		return -ENOENT;
	i64 e = begin_create(r, &p, false);
	if (e)
		return e;
	e = r->fs->ops->link(p.w.dir->node, p.w.last, p.w.last_len, n);
	if (!e) {
		struct dentry *d = dentry_add(p.w.dir, p.w.last, p.w.last_len, n);
		if (!d) {
			e = -ENOMEM;
		} else {
			n->nlink++;
			n->dead = n->linkable = false;
			n->ctime = fs_now();
			node_dirty(n);
			touch(p.w.dir->node);
			watch_event(p.w.dir->node, IN_CREATE, 0, d->name, d->name_len);
			dentry_put(d);
		}
	}
	walk_end(&p.w);
	return e;
}

static int one_name(struct fsreq *r, u32 buf, char *name, u32 *len)
{
	if (r->sqe->nbufs <= buf || r->sqe->len[buf] == 0)
		return -ENOENT;
	if (r->sqe->len[buf] > 255)
		return -ENAMETOOLONG;
	*len = r->sqe->len[buf];
	int e = fsreq_in(r, buf, 0, name, *len);
	if (e)
		return e;
	if (memchr(name, '/', *len) || memchr(name, 0, *len))
		return -EINVAL;
	if ((*len == 1 && name[0] == '.') || (*len == 2 && name[0] == '.' && name[1] == '.'))
		return -EBUSY;
	return 0;
}

static i64 rename_checked(struct fsreq *r, struct dentry *od, struct dentry *nd, struct dentry *a,
	struct dentry *b, const char *new_name, u32 new_len)
{
	struct node *n = a->node, *gone = b->node;
	i64 e = perm_delete(od->node, n, r->cred);
	if (!e)
		e = gone ? perm_delete(nd->node, gone, r->cred) :
			   perm_check(nd->node, r->cred, MAY_W | MAY_X);
	if (!e && nd->node->dead)
		e = -ENOENT;
	if (!e && S_ISDIR(n->mode) && dentry_below(nd, a))
		e = -EINVAL;
	if (!e && gone) {
		if (S_ISDIR(gone->mode))
			e = !S_ISDIR(n->mode) ? -EISDIR : !dir_empty(b) ? -ENOTEMPTY : 0;
		else if (S_ISDIR(n->mode))
			e = -ENOTDIR;
	}
	if (!e && (n->marked || (gone && gone->marked)))
		e = -EBUSY;
	if (!e && S_ISDIR(n->mode) && od->node != nd->node)
		e = perm_check(n, r->cred, MAY_W); /* its ".." changes */
	if (!e)
		e = r->fs->ops->rename(od->node, a->name, a->name_len, n, nd->node, new_name, new_len,
			gone);
	if (e)
		return e;
	static u32 cookie;
	u32 dirbit = S_ISDIR(n->mode) ? IN_ISDIR : 0;
	cookie++;
	watch_event(od->node, IN_MOVED_FROM | dirbit, cookie, a->name, a->name_len);
	dentry_drop(b);
	if (gone)
		lost_name(b, nd->node);
	e = dentry_move(a, nd, new_name, new_len);
	if (S_ISDIR(n->mode)) {
		od->node->nlink--;
		nd->node->nlink++;
	}
	n->ctime = fs_now();
	node_dirty(n);
	touch(od->node);
	touch(nd->node);
	watch_event(nd->node, IN_MOVED_TO | dirbit, cookie, new_name, new_len);
	watch_event(n, IN_MOVE_SELF, 0, NULL, 0);
	return e;
}

static i64 op_rename(struct fsreq *r)
{
	char old_name[256], new_name[256];
	u32 old_len, new_len, flags = (u32)r->sqe->args[0];
	struct handle *to = r->sqe->nfds > 0 ? fs_identify(r->fs, r->sqe->fds[0]) : r->h;
	if (flags & ~RENAME_FLAG_NOREPLACE)
		return -EINVAL;
	if (!to)
		return -EXDEV;
	if (!S_ISDIR(r->h->node->mode) || !S_ISDIR(to->node->mode))
		return -ENOTDIR;
	i64 e = one_name(r, 0, old_name, &old_len);
	if (!e)
		e = one_name(r, 2, new_name, &new_len);
	if (!e)
		e = perm_check(r->h->node, r->cred, MAY_X);
	if (!e)
		e = perm_check(to->node, r->cred, MAY_X);
	if (e)
		return e;
	struct dentry *a, *b;
	e = dentry_lookup(r->h->dentry, old_name, old_len, r, &a);
	if (e)
		return e;
	e = dentry_lookup(to->dentry, new_name, new_len, r, &b);
	if (e) {
		dentry_put(a);
		return e;
	}
	if (!a->node)
		e = -ENOENT;
	else if (b->node && (flags & RENAME_FLAG_NOREPLACE))
		e = -EEXIST;
	else if (a->node != b->node)
		e = rename_checked(r, r->h->dentry, to->dentry, a, b, new_name, new_len);
	dentry_put(a);
	dentry_put(b);
	return e;
}

static i64 op_setattr(struct fsreq *r)
{
	struct path_op p;
	struct fsp_setattr a;
	if (r->sqe->nbufs < 3 || r->sqe->len[2] < sizeof(a))
		return -EINVAL;
	i64 e = fsreq_in(r, 2, 0, &a, sizeof(a));
	if (e)
		return e;
	e = begin_node(r, &p);
	if (e)
		return e;
	struct node *n = p.w.at->node;
	bool by_fd = r->sqe->len[0] == 0 && !(r->h->flags & O_PATH);
	e = perm_setattr(n, r->cred, &a);
	if (!e && (a.valid & FSP_SET_SIZE)) {
		if (S_ISDIR(n->mode))
			e = -EISDIR;
		else if (!S_ISREG(n->mode))
			e = -EINVAL;
		else if (by_fd)
			e = wanted(r->h->flags) & MAY_W ? 0 : -EINVAL;
		else
			e = perm_check(n, r->cred, MAY_W);
		if (!e && (i64)a.size < 0)
			e = -EINVAL;
		if (!e)
			e = r->fs->ops->open_mem(n);
		if (!e)
			e = r->fs->ops->set_size(n, a.size);
	}
	if (!e) {
		i64 now = fs_now();
		if (a.valid & FSP_SET_MODE)
			n->mode = (n->mode & S_IFMT) | (a.mode & 07777);
		if (a.valid & FSP_SET_UID)
			n->uid = a.uid;
		if (a.valid & FSP_SET_GID)
			n->gid = a.gid;
		if (a.valid & FSP_SET_ATIME)
			n->atime = a.atime_ns;
		if (a.valid & FSP_SET_ATIME_NOW)
			n->atime = now;
		if (a.valid & (FSP_SET_MTIME | FSP_SET_MTIME_NOW)) {
			n->mtime = a.valid & FSP_SET_MTIME ? a.mtime_ns : now;
			if (n->mem >= 0)
				fs_mem_set_times(n->mem, n->mtime, now);
		}
		if (a.valid & FSP_SET_SIZE)
			n->mtime = now;
		n->ctime = now;
		node_dirty(n);
		watch_file(p.w.at, a.valid & FSP_SET_SIZE ? IN_MODIFY : IN_ATTRIB);
		if (r->fs->ops->write_attr)
			e = r->fs->ops->write_attr(n);
	}
	walk_end(&p.w);
	return e;
}

static i64 op_statfs(struct fsreq *r)
{
	struct path_op p;
	struct fsp_statfs st;
	i64 e = begin_node(r, &p);
	if (e)
		return e;
	e = r->fs->ops->statfs(r->fs, &st);
	st.type = p.w.at->node->magic;
	st.fsid = p.w.at->node->dev;
	walk_end(&p.w);
	return e ? e : fsreq_out(r, 2, 0, &st, sizeof(st));
}

/* Records are gathered here and copied out once. */
struct dirents {
	u32 len, room;
	u64 pos;
	bool full;
	char buf[32768] __attribute__((aligned(8)));
};

static bool emit(void *arg, const char *name, u32 len, u64 ino, u32 mode, u64 next)
{
	struct dirents *d = arg;
	u32 reclen = (u32)(offsetof(struct dirent64, d_name) + len + 1 + 7) & ~7u;
	if (d->len + reclen > d->room) {
		d->full = true;
		return false;
	}
	struct dirent64 *e = (void *)(d->buf + d->len);
	memset(e, 0, reclen);
	e->d_ino = ino;
	e->d_off = (i64)next;
	e->d_reclen = (u16)reclen;
	e->d_type = (u8)(mode >> 12);
	memcpy(e->d_name, name, len);
	d->len += reclen;
	d->pos = next;
	return true;
}

/* Positions: 0 before ".", 1 before "..", 2 + seq after the entry with that sequence number. */
static void memory_readdir(struct handle *h, struct dirents *d)
{
	fsl_for_each (c, &h->dentry->children, struct dentry, siblings)
		if (c->node && c->seq + 2 > d->pos && !emit(d, c->name, c->name_len, c->node->ino, c->node->mode, c->seq + 2))
			return;
}

/* The names that the caller's runtime says it has: what each means is looked up there too. */
static i64 schemes_readdir(struct fsreq *r, struct handle *h, struct dirents *d)
{
	static char names[8192];
	u64 len = r->sqe->len[1] < sizeof(names) ? r->sqe->len[1] : sizeof(names), next = 2;
	int e = fsreq_in(r, 1, 0, names, len);
	if (e)
		return e;
	for (char *p = names, *end = names + len, *eol; p < end; p = eol + 1, next++) {
		eol = memchr(p, '\n', (u64)(end - p));
		eol = eol ? eol : end;
		if (next < d->pos || eol == p || eol - p > WEFT_NAME_MAX)
			continue;
		if (!emit(d, p, (u32)(eol - p), h->node->ino, S_IFDIR, next + 1))
			break;
	}
	return 0;
}

static i64 op_getdents(struct fsreq *r)
{
	struct handle *h = r->h;
	bool schemes = h->node->marked == FSP_MARK_SCHEMES;
	if (!S_ISDIR(h->node->mode))
		return -ENOTDIR;
	if (r->sqe->nbufs < 1)
		return -EINVAL;
	if (schemes && r->sqe->nbufs < 2)
		return -WEFT_ERETRY;
	if (h->node->dead)
		return -ENOENT;
	struct dirents *d = malloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->len = 0;
	d->full = false;
	d->pos = h->pos;
	d->room = r->sqe->len[0] < sizeof(d->buf) ? r->sqe->len[0] : sizeof(d->buf);
	i64 e = 0;
	bool room = true;
	if (d->pos == 0)
		room = emit(d, ".", 1, h->node->ino, S_IFDIR, 1);
	if (room && d->pos == 1)
		room = emit(d, "..", 2, h->dentry->parent->node->ino, S_IFDIR, 2);
	if (room && schemes) {
		e = schemes_readdir(r, h, d);
	} else if (room && h->node->nops && h->node->nops->readdir) {
		u64 pos = d->pos;
		e = h->node->nops->readdir(h->node, &pos, emit, d, r);
	} else if (room && r->fs->ops->readdir) {
		u64 pos = d->pos;
		e = r->fs->ops->readdir(h->node, &pos, emit, d);
	} else if (room) {
		memory_readdir(h, d);
	}
	if (!e && d->len == 0 && d->full)
		e = -EINVAL;
	if (!e && d->len)
		e = fsreq_out(r, 0, 0, d->buf, d->len);
	if (!e) {
		e = d->len;
		h->pos = d->pos;
	}
	free(d);
	return e;
}

static i64 op_seek(struct fsreq *r)
{
	i64 off = (i64)r->sqe->args[0];
	if (S_ISCHR(r->h->node->mode) && r->h->node->rdev >> 8 == 1)
		return 0; /* null(4) and its like are always at their beginning */
	if (S_ISCHR(r->h->node->mode) || S_ISFIFO(r->h->node->mode))
		return -ESPIPE;
	if (r->sqe->args[1] == SEEK_CUR)
		off = __builtin_add_overflow(off, (i64)r->h->pos, &off) ? -1 : off;
	else if (r->sqe->args[1] == SEEK_END && S_ISBLK(r->h->node->mode))
		off = __builtin_add_overflow(off, (i64)r->h->node->size, &off) ? -1 : off;
	else if (r->sqe->args[1] != SEEK_SET)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	r->h->pos = (u64)off;
	return off;
}

static i64 op_fsync(struct fsreq *r)
{
	const struct node_ops *o = r->h->node->nops;
	if (o && o->fsync)
		return o->fsync(r);
	return r->fs->ops->fsync(r, r->h->node, r->sqe->args[0] & 1);
}

static i64 op_syncfs(struct fsreq *r)
{
	return r->fs->ops->syncfs(r);
}

static i64 op_fallocate(struct fsreq *r)
{
	i64 off = (i64)r->sqe->args[1], len = (i64)r->sqe->args[2], end;
	struct node *n = r->h->node;
	if (S_ISDIR(n->mode))
		return -EISDIR;
	if (!S_ISREG(n->mode))
		return -ENODEV;
	if (!(wanted(r->h->flags) & MAY_W) || (r->h->flags & O_PATH))
		return -EBADF;
	if (off < 0 || len <= 0)
		return -EINVAL;
	if (__builtin_add_overflow(off, len, &end))
		return -EFBIG;
	i64 e = r->fs->ops->fallocate(r, n, (u32)r->sqe->args[0], (u64)off, (u64)len);
	if (!e)
		touch(n);
	return e;
}

static i64 op_forget(struct fsreq *r)
{
	u64 off = r->sqe->args[0], len = r->sqe->args[1], end = UINT64_MAX;
	struct node *n = r->h->node;
	if (len && __builtin_add_overflow(off, len, &end))
		end = UINT64_MAX;
	if (S_ISREG(n->mode) && n->mem >= 0 && r->fs->ops->forget)
		r->fs->ops->forget(n, off, end);
	return 0;
}

static i64 op_flock(struct fsreq *r)
{
	return lock_flock(r, (u32)r->sqe->args[0]);
}

static i64 op_lock(struct fsreq *r)
{
	return lock_record(r, (u32)r->sqe->args[0], r->sqe->args[1]);
}

static i64 op_path(struct fsreq *r)
{
	char path[FSP_PATH_MAX + 16];
	if (r->sqe->nbufs < 1)
		return -EINVAL;
	int len = dentry_path(r->h->dentry, path, sizeof(path), &r->out[0]);
	if (len < 0)
		return len;
	if ((u32)len > r->sqe->len[0])
		return -ERANGE;
	r->out[1] = (u64)len;
	return len ? fsreq_out(r, 0, 0, path, (u64)len) : 0;
}

static i64 op_mark(struct fsreq *r)
{
	struct node *n = r->h->node;
	u64 mark = r->sqe->args[1];
	if (!cred_capable(r->cred, CAP_SYS_ADMIN))
		return -EPERM;
	if (mark > FSP_MARK_SCHEMES)
		return -EINVAL;
	if (!n->marked && mark)
		node_get(n); /* a marked node is never forgotten */
	if (n->marked && !mark)
		node_put(n);
	n->marked = (u32)mark;
	vcache_forget(n);
	vcache_put(r->h->dentry);
	return 0;
}

static i64 op_socket(struct fsreq *r)
{
	struct path_op p;
	i64 e = begin_node(r, &p);
	if (e)
		return e;
	if (!S_ISSOCK(p.w.at->node->mode))
		e = -ECONNREFUSED;
	else
		e = perm_check(p.w.at->node, r->cred, MAY_W);
	if (!e)
		e = vfs_give_handle(r, p.w.at, O_PATH);
	walk_end(&p.w);
	return e;
}

static i64 op_watch(struct fsreq *r)
{
	struct path_op p;
	i64 e = begin_node(r, &p);
	if (e)
		return e;
	e = perm_check(p.w.at->node, r->cred, MAY_R);
	if (!e)
		e = watch_add(p.w.at, (u32)r->sqe->args[0], fs_take_fd(r));
	walk_end(&p.w);
	/* More than 0 would mean that the walk has stopped. */
	if (e > 0) {
		r->out[2] = (u64)e;
		e = 0;
	}
	return e;
}

static i64 op_unwatch(struct fsreq *r)
{
	return watch_remove(fs_take_fd(r), (i32)r->sqe->args[0]);
}

static i64 op_cache(struct fsreq *r)
{
	if (vcache_object() < 0)
		return -EOPNOTSUPP;
	r->fd = (struct weft_reply_fd){.kind = WEFT_REPLY_FD, .fd = vcache_object(),
		.rights = WEFT_RIGHT_READ | WEFT_RIGHT_MAP | WEFT_RIGHT_DUP};
	r->has_fd = true;
	return 0;
}

static i64 op_ioctl(struct fsreq *r)
{
	const struct node_ops *o = r->h->node->nops;
	return o && o->ioctl ? o->ioctl(r) : -ENOTTY;
}

i64 vfs_trapped_write(struct fsreq *r, struct node *n)
{
	struct weft_mem_info info;
	u64 off = r->sqe->args[0];
	if (r->sqe->args[3] & O_APPEND || r->sqe->args[2] & WEFT_IO_APPEND || (i64)off < 0) {
		i64 e = fs_mem_info(n->mem, &info);
		if (e)
			return e;
		off = info.size;
	}
	return fs_mem_write_from(r, n->mem, off, r->sqe->args[1]);
}

/* A write that was trapped: the file or its directory is watched. */
static i64 op_write(struct fsreq *r)
{
	struct node *n = r->h->node;
	if (n->nops)
		return n->nops->write ? n->nops->write(r) : -EINVAL;
	if (!S_ISREG(n->mode) || n->mem < 0)
		return -EINVAL;
	i64 done = r->fs->ops->write ? r->fs->ops->write(r, n) : vfs_trapped_write(r, n);
	if (done > 0) {
		touch(n);
		watch_file(r->h->dentry, IN_MODIFY);
	}
	return done;
}

static i64 op_read(struct fsreq *r)
{
	const struct node_ops *o = r->h->node->nops;
	if (S_ISDIR(r->h->node->mode))
		return -EISDIR;
	return o && o->read ? o->read(r) : -EINVAL;
}

i64 vfs_read_text(struct fsreq *r, char *(*make)(struct node *n, const struct fsreq *r, u64 *len))
{
	struct handle *h = r->h;
	bool shared = (i64)r->sqe->args[0] < 0;
	u64 at = shared ? h->pos : r->sqe->args[0];
	if (at == 0 || !h->text) {
		u64 len = 0;
		char *text = make(h->node, r, &len);
		if (!text)
			return (i64)len < 0 ? (i64)len : -ENOMEM;
		free(h->text);
		h->text = text;
		h->text_len = len;
	}
	if (at >= h->text_len)
		return 0;
	u64 n = h->text_len - at < r->sqe->args[1] ? h->text_len - at : r->sqe->args[1];
	i64 done = fsreq_spread(r, 0, h->text + at, n);
	if (done > 0 && shared)
		h->pos = at + (u64)done;
	return done;
}

static const struct {
	u16 op;
	bool path_ok; /* an O_PATH handle may be used */
	i64 (*fn)(struct fsreq *r);
} table[] = {
	{FSP_OPEN, true, op_open},
	{FSP_STAT, true, op_stat},
	{FSP_ACCESS, true, op_access},
	{FSP_READLINK, true, op_readlink},
	{FSP_MKDIR, true, op_mkdir},
	{FSP_MKNOD, true, op_mknod},
	{FSP_UNLINK, true, op_unlink},
	{FSP_SYMLINK, true, op_symlink},
	{FSP_LINK, true, op_link},
	{FSP_RENAME, true, op_rename},
	{FSP_SETATTR, true, op_setattr},
	{FSP_STATFS, true, op_statfs},
	{FSP_GETDENTS, false, op_getdents},
	{FSP_FSYNC, false, op_fsync},
	{FSP_SYNCFS, false, op_syncfs},
	{FSP_FALLOCATE, false, op_fallocate},
	{FSP_FLOCK, false, op_flock},
	{FSP_LOCK, false, op_lock},
	{FSP_PATH, true, op_path},
	{FSP_GETXATTR, true, vfs_xattr},
	{FSP_SETXATTR, true, vfs_xattr},
	{FSP_LISTXATTR, true, vfs_xattr},
	{FSP_REMOVEXATTR, true, vfs_xattr},
	{FSP_IOCTL, false, op_ioctl},
	{FSP_MARK, true, op_mark},
	{FSP_WATCH, true, op_watch},
	{FSP_UNWATCH, true, op_unwatch},
	{FSP_SOCKET, true, op_socket},
	{FSP_CACHE, true, op_cache},
	{FSP_FORGET, false, op_forget},
	{WEFT_OP_SEEK, false, op_seek},
	{WEFT_OP_WRITE, false, op_write},
	{WEFT_OP_READ, false, op_read},
};

i64 fs_serve(struct fsreq *r)
{
	for (u32 i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].op != r->sqe->op)
			continue;
		if (!table[i].path_ok && (r->h->flags & O_PATH))
			return -EBADF;
		return table[i].fn(r);
	}
	i64 result = -ENOSYS;
	if (vfs_other && vfs_other(r->fs, r, &result))
		return result;
	const struct node_ops *o = r->h->node->nops;
	return o && o->other && !(r->h->flags & O_PATH) ? o->other(r) : -ENOSYS;
}
