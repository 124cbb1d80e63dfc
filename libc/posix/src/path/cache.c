/* SPDX-License-Identifier: MIT */
/*
 * The reader's side of the root file system's name cache (native/fscache.h): stat, access and names that are not there, without a request.
 * A path is looked up component by component. Whatever is not plain (a link to follow, "..", a mount point, a directory that not
 * everybody may search, an entry that is not there) is for the server to say.
 */
#include "path.h"
#include "../core/calls.h"
#include <native/fscache.h>

/* Where the cache is mapped, or NULL. The first who asks for it asks the server. */
static void *cache_base(struct rt_proc *p)
{
	if (likely(p->cache > 0))
		return (void *)p->cache;
	if (p->cache < 0 || p->root < 0)
		return NULL;
	struct weft_fd_info info;
	struct weft_req q = {.op = FSP_CACHE, .flags = WEFT_REQ_NOINTR | WEFT_REQ_PRIVATE, .max_fds = 1};
	i32 got = p->cache_fd;

	rt_lock_take(&p->fs_lock);
	if (!p->cache) {
		p->cache = -1;
		q.fds_out = (u64)&got;
		i64 at = -ENOENT;
		if (rt_fd_info(p->root, &info) >= 0 && (got >= 0 || (NC(FD_CALL, p->root, &q) >= 0 && q.nfds_out == 1)))
			at = NC(MEM_MAP, -1, 0, FSCACHE_SIZE, WEFT_PROT_READ | WEFT_MAP_SHARED | WEFT_MAP_RUNTIME, got, 0);
		if (at > 0) {
			p->cache_fd = got;
			p->cache_scheme = info.scheme;
			__atomic_store_n(&p->cache, at, __ATOMIC_RELEASE);
		}
	}
	rt_lock_drop(&p->fs_lock);
	return p->cache > 0 ? (void *)p->cache : NULL;
}

static bool name_is(const struct fscache_entry *e, const char *name, u32 len)
{
	if (e->name_len != len)
		return false;
	for (u32 i = 0; i < len; i++)
		if (e->name[i] != name[i])
			return false;
	return true;
}

/* One entry as it was at one moment: its flags, and its attributes if it names something; 0: not known. name NULL: by inode number. */
static u32 look(void *base, u32 set, u64 key, const char *name, u32 len, struct fsp_stat *st)
{
	const struct fscache_entry *e = fscache_at(base, set);

	for (u32 i = 0; i < FSCACHE_WAYS; i++, e++) {
		u32 seq = __atomic_load_n(&e->seq, __ATOMIC_ACQUIRE), flags = e->flags;
		if ((seq & 1) || !flags || (name ? e->parent != key || !name_is(e, name, len) : !(flags & FSCACHE_THERE) || e->st.ino != key))
			continue;
		if (flags & (FSCACHE_THERE | FSCACHE_MOUNT))
			*st = e->st;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		return __atomic_load_n(&e->seq, __ATOMIC_RELAXED) == seq ? flags : 0;
	}
	return 0;
}

/* What the kernel knows better than the entry. fd: any of the file's with its memory. */
static bool merge(i32 fd, struct fsp_stat *st)
{
	struct weft_mem_info m;

	if (NC(MEM_CTL, fd, WEFT_MEM_INFO, &m, 0, 0) < 0)
		return false;
	st->size = m.size;
	st->blocks = m.resident / 512;
	st->mtime_ns = MAX(st->mtime_ns, (i64)m.mtime_ns);
	st->ctime_ns = MAX(st->ctime_ns, (i64)m.ctime_ns);
	return true;
}

static bool merge_live(struct rt_proc *p, struct fsp_stat *st)
{
	bool done = false;

	rt_lock_take(&p->fs_lock);
	for (u32 i = 0; i < RT_LIVE && !done; i++)
		done = p->live[i].node == st->ino && merge(p->live[i].fd, st);
	rt_lock_drop(&p->fs_lock);
	return done;
}

void rt_cache_live(u64 node, i32 fd)
{
	struct rt_proc *p = rt_proc();
	i32 mine = NC(FD_DUP, fd, 0, WEFT_DUP_PRIVATE | WEFT_DUP_NOFORK | WEFT_DUP_CLOEXEC | WEFT_DUP_MOVE, WEFT_RIGHT_ALL);

	if (mine < 0) {
		NC(FD_CLOSE, fd);
		return;
	}
	rt_lock_take(&p->fs_lock);
	u32 use = p->live_next++ % RT_LIVE;
	for (u32 i = 0; i < RT_LIVE; i++)
		if (p->live[i].node == node)
			use = i;
	i32 old = p->live[use].node ? p->live[use].fd : -1;
	p->live[use] = (struct rt_live){.node = node, .fd = mine};
	rt_lock_drop(&p->fs_lock);
	if (old >= 0)
		NC(FD_CLOSE, old);
}

bool rt_cache_fstat(i32 fd, const struct weft_fd_info *info, struct fsp_stat *st)
{
	struct rt_proc *p = rt_proc();

	if (!info->attr.user || info->attr.user > FSCACHE_SETS)
		return false;
	void *base = cache_base(p);
	u32 flags = base && info->scheme == p->cache_scheme ? look(base, info->attr.user - 1, info->attr.ino, NULL, 0, st) : 0;
	return flags & FSCACHE_LIVE ? (info->flags & WEFT_INFO_HAS_MEM) && merge(fd, st) : flags;
}

/* The attributes of the directory at which a walk begins. */
static bool begin(struct rt_proc *p, void *base, i32 dirfd, bool absolute, struct fsp_stat *st)
{
	struct rt_place here, *place = absolute ? &p->root_place : dirfd == AT_FDCWD ? &p->cwd_place : NULL;
	struct weft_fd_info info;

	if (!place && (u32)dirfd >= WEFT_FD_PRIVATE)
		return false;
	if (place && place->known) {
		here = *place; /* another thread's chdir at this moment: before or after it */
		if (here.known != place->known)
			return false;
	} else {
		i32 fd = absolute ? p->root : dirfd == AT_FDCWD ? p->cwd : dirfd;
		/* A scheme's root handle is the kernel's: it has no attributes. */
		if (rt_fd_info(fd, &info) < 0 || info.type != WEFT_OBJ_HANDLE || (!info.attr.user && info.attr.ino) || info.attr.user > FSCACHE_SETS)
			return false;
		here = (struct rt_place){.scheme = info.scheme, .node = info.attr.ino,
			.set = info.attr.user ? info.attr.user - 1 : fscache_set(0, "", 0)};
		if (place) {
			rt_lock_take(&p->fs_lock);
			if (fd == (absolute ? p->root : p->cwd)) {
				*place = here;
				place->known = 1;
			}
			rt_lock_drop(&p->fs_lock);
		}
	}
	return here.scheme == p->cache_scheme && look(base, here.set, here.node, here.node ? NULL : "", 0, st);
}

/* Where a walk leaves for another mount. */
struct crossing {
	i32 root; /* -1: nowhere */
	const char *rest;
};

/* -> 1: not known; 0 and *st; or -ENOENT, -ENOTDIR */
static i64 cache_walk(i32 dirfd, const char *path, u32 walk, bool need_size, struct fsp_stat *st, struct crossing *cross)
{
	struct rt_proc *p = rt_proc();
	void *base = cache_base(p);

	if (!base || !begin(p, base, dirfd, path[0] == '/', st))
		return 1;
	while (*path == '/')
		path++;
	while (*path) {
		u32 n = 0;
		while (path[n] && path[n] != '/')
			n++;
		const char *rest = path + n;
		while (*rest == '/')
			rest++;
		if ((st->mode & S_IFMT) != S_IFDIR || (st->mode & 0111) != 0111 || n > FSCACHE_NAME || (path[0] == '.' && (n == 1 || (n == 2 && path[1] == '.'))))
			return 1;
		if (path[n] && !*rest)
			return 1; /* a trailing slash */
		u32 flags = look(base, fscache_set(st->ino, path, n), st->ino, path, n, st);
		if (!flags)
			return 1;
		if (flags & FSCACHE_ABSENT)
			return -ENOENT;
		if (flags & FSCACHE_MOUNT) {
			if (cross)
				*cross = (struct crossing){rt_mounted_at(p, p->cache_scheme, st->ino), rest};
			return 1;
		}
		if ((flags & FSCACHE_LIVE) && !*rest && need_size && !merge_live(p, st))
			return 1;
		if ((st->mode & S_IFMT) == S_IFLNK && (*rest || !(walk & FSP_WALK_NOFOLLOW)))
			return 1;
		path = rest;
	}
	return 0;
}

i64 rt_cache_stat(i32 dirfd, const char *path, u32 walk, struct fsp_stat *st)
{
	return cache_walk(dirfd, path, walk, true, st, NULL);
}

i64 rt_cache_name(i32 dirfd, const char *path, u32 walk, struct fsp_stat *st)
{
	return cache_walk(dirfd, path, walk, false, st, NULL);
}

i64 rt_cache_access(i32 dirfd, const char *path, u32 mode)
{
	struct fsp_stat st;
	u32 bits = mode * 0111;
	i64 r = cache_walk(dirfd, path, 0, false, &st, NULL);

	/* What everybody may: anything else depends on who asks. Writing depends on the file system too. */
	return r == 0 && ((mode & 2) || (st.mode & bits) != bits) ? 1 : r;
}

i32 rt_cache_cross(i32 dirfd, const char *path, const char **rest)
{
	struct crossing cross = {.root = -1};
	struct fsp_stat st;

	cache_walk(dirfd, path, FSP_WALK_NOFOLLOW, false, &st, &cross);
	*rest = cross.rest;
	return cross.root;
}
