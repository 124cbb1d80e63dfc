/* SPDX-License-Identifier: MIT */
#include "ext4_world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

char image_path[300], work_dir[256];
struct fs tree;
const char *mount_error;
u64 disk_reads, disk_writes, disk_fail_at;

/* The disk. */

struct ext4_device {
	int fd;
	u64 size;
};
static struct ext4_device disk;

static bool fails(void)
{
	return disk_fail_at && --disk_fail_at == 0;
}

int device_read(struct ext4_device *d, u64 off, void *to, u64 len)
{
	disk_reads++;
	if (fails() || off % 512 || len % 512 || pread(d->fd, to, len, (off_t)off) != (ssize_t)len)
		return -EIO;
	return 0;
}

int device_write(struct ext4_device *d, u64 off, const void *from, u64 len)
{
	disk_writes++;
	if (fails() || off % 512 || len % 512 ||
		pwrite(d->fd, from, len, (off_t)off) != (ssize_t)len)
		return -EIO;
	return 0;
}

int device_flush(struct ext4_device *d)
{
	(void)d;
	return 0;
}

u64 device_size(struct ext4_device *d)
{
	return d->size;
}

/* The lock: there is one thread. */
void ext4_lock(void)
{
}
void ext4_unlock(void)
{
}
void ext4_changed(void)
{
}
void ext4_arm_flush(void)
{
}
void ext4_wait(void)
{
	CHECK(!"nobody would ever change it");
}

void ext4_log(const char *format, ...)
{
	va_list args;
	if (!getenv("EXT4_TEST_LOG"))
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

i64 ext4_defer(struct fsreq *r, struct node *n, i64 (*fn)(struct later *l))
{
	struct later l = {.fs = r->fs, .node = n, .r = *r};
	memcpy(l.args, r->sqe->args, sizeof(l.args));
	return fn(&l);
}

i64 work_page(struct ext4 *x, struct fsreq *r, struct node *n)
{
	(void)x;
	(void)r;
	(void)n;
	return -ENOSYS;
}

/* Memory objects. */

enum { ABSENT, CLEAN, DIRTY };
#define MEMS 20000
#define UNIT 16u
static struct mem {
	bool used;
	u64 node, size, room; /* room: pages */
	u8 *data, *state;
	i64 mtime;
} mems[MEMS];
static u8 transfer_buf[PAGE_RUN_MAX];

static void grow(struct mem *m, u64 pages)
{
	if (pages <= m->room)
		return;
	u64 room = (pages + UNIT) * 3 / 2 / UNIT * UNIT + UNIT;
	m->data = realloc(m->data, room * PAGE);
	m->state = realloc(m->state, room);
	CHECK(m->data && m->state);
	memset(m->data + m->room * PAGE, 0xee, (room - m->room) * PAGE);
	memset(m->state + m->room, ABSENT, room - m->room);
	m->room = room;
}

int fs_mem_pager(struct fs *fs, u64 node, u64 size)
{
	(void)fs;
	for (int i = 1; i < MEMS; i++) {
		if (mems[i].used)
			continue;
		mems[i] = (struct mem){.used = true, .node = node, .size = size};
		return i;
	}
	return -ENFILE;
}

int fs_mem_create(u64 size)
{
	(void)size;
	return -ENOSYS;
}

void fs_close_fd(i32 fd)
{
	if (fd <= 0)
		return;
	free(mems[fd].data);
	free(mems[fd].state);
	mems[fd] = (struct mem){0};
}

static u64 pages_of(const struct mem *m)
{
	return (m->size + PAGE - 1) / PAGE;
}

int fs_mem_resize(i32 fd, u64 size)
{
	struct mem *m = &mems[fd];
	if (size < m->size) {
		u64 first = (size + PAGE - 1) / PAGE;
		if (size % PAGE && size / PAGE < m->room && m->state[size / PAGE] != ABSENT)
			memset(m->data + size, 0, PAGE - size % PAGE);
		for (u64 i = first; i < m->room; i++)
			m->state[i] = ABSENT;
	}
	m->size = size;
	m->mtime = fs_now();
	return 0;
}

int fs_mem_info(i32 fd, struct weft_mem_info *out)
{
	struct mem *m = &mems[fd];
	*out = (struct weft_mem_info){.size = m->size,
		.mtime_ns = (u64)m->mtime,
		.ctime_ns = (u64)m->mtime};
	if (fd <= 0 || !m->used)
		return -EBADF;
	for (u64 i = 0; i < m->room && i < pages_of(m); i++) {
		out->resident += m->state[i] != ABSENT ? PAGE : 0;
		out->dirty += m->state[i] == DIRTY ? PAGE : 0;
	}
	return 0;
}

void *fs_mem_map(i32 fd, u64 size)
{
	(void)fd;
	(void)size;
	return NULL;
}

int fs_mem_set_times(i32 fd, i64 mtime, i64 ctime)
{
	(void)ctime;
	mems[fd].mtime = mtime;
	return 0;
}

int fs_mem_punch(i32 fd, u64 off, u64 len)
{
	(void)fd;
	(void)off;
	(void)len;
	return -ENOSYS;
}

int fs_mem_set_id(i32 mem, u64 dev, u64 ino)
{
	(void)mem;
	(void)dev;
	(void)ino;
	return 0;
}

int fs_mem_supply(i32 fd, u64 off, const void *data, u64 len)
{
	struct mem *m = &mems[fd];
	CHECK(off % PAGE == 0);
	grow(m, (off + len + PAGE - 1) / PAGE);
	for (u64 at = 0; at < len; at += PAGE) {
		u64 i = (off + at) / PAGE, part = len - at < PAGE ? len - at : PAGE;
		if (m->state[i] != ABSENT || i >= pages_of(m))
			continue;
		memset(m->data + i * PAGE, 0, PAGE);
		memcpy(m->data + i * PAGE, (const u8 *)data + at, part);
		m->state[i] = CLEAN;
	}
	return 0;
}

i64 fs_mem_fetch(i32 fd, u64 off, void *to, u64 len)
{
	struct mem *m = &mems[fd];
	u64 done = 0;
	CHECK(off % PAGE == 0 && len % PAGE == 0);
	for (; done < len; done += PAGE) {
		u64 i = (off + done) / PAGE;
		if (i >= m->room || m->state[i] == ABSENT)
			return done ? (i64)done : -ENODATA;
		memcpy((u8 *)to + done, m->data + i * PAGE, PAGE);
		m->state[i] = CLEAN;
	}
	return (i64)done;
}

int fs_mem_drop(i32 fd, u64 off, u64 len)
{
	struct mem *m = &mems[fd];
	for (u64 i = off / PAGE; i < (off + len) / PAGE && i < m->room; i++)
		m->state[i] = ABSENT;
	return 0;
}

int fs_mem_evict(i32 fd, u64 off, u64 len)
{
	struct mem *m = &mems[fd];
	for (u64 i = off / PAGE; i < (off + len + PAGE - 1) / PAGE && i < m->room; i++)
		if (m->state[i] == CLEAN)
			m->state[i] = ABSENT;
	return 0;
}

int fs_mem_dirty(i32 fd, u64 *pairs, u64 n)
{
	struct mem *m = &mems[fd];
	u64 runs = 0;
	for (u64 i = 0; i < m->room && i < pages_of(m) && runs < n; i++) {
		if (m->state[i] != DIRTY)
			continue;
		u64 end = i;
		while (end < m->room && end < pages_of(m) && m->state[end] == DIRTY)
			end++;
		pairs[2 * runs] = i * PAGE;
		pairs[2 * runs + 1] = (end - i) * PAGE;
		runs++;
		i = end;
	}
	return (int)runs;
}

/* Every page asks for room anew: the server must bear more questions than needed. */
int fs_mem_release(i32 fd)
{
	(void)fd;
	return 0;
}

static struct node *mem_node(i32 fd)
{
	struct node *n = inode_cached(mems[fd].node);
	CHECK(n && n->mem == fd);
	return n;
}

static int page_in(i32 fd, u64 i)
{
	struct page_job j = {.node = mem_node(fd), .off = i * PAGE, .len = 16 * PAGE};
	return data_page_in(ext4_of(&tree), &j, transfer_buf);
}

static int reserve(i32 fd, u64 i, u64 size)
{
	return data_reserve(&tree, mems[fd].node, i / UNIT * UNIT * PAGE, UNIT * PAGE, size);
}

static i64 mem_write(i32 fd, u64 off, const void *data, u64 len)
{
	struct mem *m = &mems[fd];
	u64 done = 0;
	grow(m, (off + len + PAGE - 1) / PAGE + UNIT);
	while (done < len) {
		u64 at = off + done, i = at / PAGE, in = at % PAGE,
		    part = len - done < PAGE - in ? len - done : PAGE - in;
		int e = 0;
		if (m->state[i] == ABSENT) {
			if (part < PAGE && i < pages_of(m))
				e = page_in(fd, i);
			else
				memset(m->data + i * PAGE, 0, PAGE);
		}
		if (!e && m->state[i] != DIRTY)
			e = reserve(fd, i, at + part > m->size ? at + part : m->size);
		if (e)
			return done ? (i64)done : e;
		memcpy(m->data + at, (const u8 *)data + done, part);
		m->state[i] = DIRTY;
		done += part;
		if (at + part > m->size)
			m->size = at + part;
		m->mtime = fs_now();
	}
	return (i64)done;
}

int fs_mem_write(i32 fd, u64 off, const void *data, u64 len)
{
	i64 n = mem_write(fd, off, data, len);
	return n < 0 ? (int)n : (u64)n == len ? 0 : -ENOSPC;
}

static int flush(i32 fd)
{
	struct ext4 *x = ext4_of(&tree);
	u64 pair[2];
	int first = 0;
	while (fs_mem_dirty(fd, pair, 1) > 0) {
		struct page_job j = {.node = mem_node(fd),
			.op = WEFT_OP_PAGE_OUT,
			.off = pair[0],
			.len = pair[1] < 64 * PAGE ? pair[1] : 64 * PAGE};
		int e = data_page_out(x, &j, transfer_buf);
		if (e) {
			first = e;
			break;
		}
	}
	return first;
}

int fs_mem_sync(i32 fd)
{
	return flush(fd);
}

void flush_all(void)
{
	for (i32 i = 1; i < MEMS; i++)
		if (mems[i].used)
			SAME(flush(i), 0);
}

/* The rest of serve.c. */

struct client {
	void *buf[4];
	u32 len[4];
};

int fsreq_in(struct fsreq *r, u32 b, u64 off, void *to, u64 len)
{
	struct client *c = r->rq;
	if (b >= r->sqe->nbufs || off + len > c->len[b])
		return -EINVAL;
	memcpy(to, (char *)c->buf[b] + off, len);
	return 0;
}

int fsreq_out(struct fsreq *r, u32 b, u64 off, const void *from, u64 len)
{
	struct client *c = r->rq;
	if (b >= r->sqe->nbufs || off + len > c->len[b])
		return -EINVAL;
	memcpy((char *)c->buf[b] + off, from, len);
	return 0;
}

i64 fsreq_spread(struct fsreq *r, u64 offset, const void *from, u64 len)
{
	int e = fsreq_out(r, 0, offset, from, len);
	return e ? e : (i64)len;
}

i64 fsreq_gather(struct fsreq *r, void *to, u64 len)
{
	int e = fsreq_in(r, 0, 0, to, len);
	return e ? e : (i64)len;
}

void *fs_keep(struct fsreq *r)
{
	(void)r;
	return NULL;
}

void fs_finish(void *kept, i64 result)
{
	(void)kept;
	(void)result;
}

struct node *fs_kept_node(void *kept)
{
	(void)kept;
	return NULL;
}

i32 fs_take_fd(struct fsreq *r)
{
	(void)r;
	return -EBADF;
}

static struct weft_identity root = {.cap_effective = ~0ull, .cap_permitted = ~0ull};

const struct weft_identity *fs_identity(u32 n)
{
	return n == 0 ? &root : NULL;
}

i64 fs_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

struct handle *fs_identify(struct fs *fs, i32 fd)
{
	return handle_find(fs, (u64)fd);
}

void vfs_ready(struct fs *fs, struct handle *h, u32 mask, bool edge)
{
	(void)fs;
	(void)h;
	(void)mask;
	(void)edge;
}

i64 fs_post(i32 fd, const void *data, u64 len)
{
	(void)fd;
	(void)data;
	return (i64)len;
}

u64 fs_queue_number(i32 fd)
{
	(void)fd;
	return 0;
}

bool fs_queue_closed(i32 fd)
{
	(void)fd;
	return false;
}

i64 fs_mem_write_from(struct fsreq *r, i32 mem, u64 off, u64 len)
{
	(void)r;
	(void)mem;
	(void)off;
	return (i64)len;
}

int fs_mem_trap(struct fs *fs, struct handle *h, bool trap, bool owned)
{
	(void)fs;
	(void)h;
	(void)trap;
	(void)owned;
	return 0;
}

int fs_memory(u64 *total, u64 *nfree)
{
	*total = *nfree = 1 << 30;
	return 0;
}

/* Requests. */

static i64 request(u64 handle, u16 op, const u64 args[4], struct client *c, u32 nbufs, i32 fd,
	u64 *out_handle)
{
	struct weft_sqe sqe = {.tag = 1, .op = op, .handle = handle, .nbufs = (u8)nbufs, .pid = 1};
	memcpy(sqe.args, args, 4 * sizeof(u64));
	for (u32 i = 0; i < nbufs; i++)
		sqe.len[i] = c->len[i];
	sqe.nfds = fd >= 0;
	sqe.fds[0] = fd;
	struct fsreq r = {.fs = &tree,
		.rq = c,
		.sqe = &sqe,
		.cred = fs_identity(0),
		.h = handle_find(&tree, handle)};
	CHECK(r.h);
	i64 result = fs_serve(&r);
	if (r.has_fd && out_handle && result >= 0)
		*out_handle = r.fd.handle;
	return result;
}

static i64 on_path(u64 dir, u16 op, const char *path, u64 a0, u64 walk, u64 a2, void *data, u32 len,
	i32 fd, u64 *handle)
{
	static char rest[FSP_REST_MAX];
	struct client c = {{(void *)(uintptr_t)path, rest, data},
		{(u32)strlen(path), sizeof(rest), len}};
	u64 args[4] = {a0, walk, a2};
	return request(dir, op, args, &c, 3, fd, handle);
}

i64 op_path(u16 op, const char *path, u64 a0, u64 walk, u64 a2, void *data, u32 len)
{
	return on_path(0, op, path, a0, walk, a2, data, len, -1, NULL);
}

int do_mkdir(const char *path)
{
	return (int)op_path(FSP_MKDIR, path, 0755, 0, 0, NULL, 0);
}

int do_unlink(const char *path)
{
	return (int)op_path(FSP_UNLINK, path, 0, 0, 0, NULL, 0);
}

int do_rmdir(const char *path)
{
	return (int)op_path(FSP_UNLINK, path, AT_REMOVEDIR, 0, 0, NULL, 0);
}

int do_symlink(const char *target, const char *path)
{
	return (int)op_path(FSP_SYMLINK, path, 0, 0, 0, (void *)(uintptr_t)target,
		(u32)strlen(target));
}

int do_stat(const char *path, struct fsp_stat *st)
{
	return (int)op_path(FSP_STAT, path, 0, FSP_WALK_NOFOLLOW, 0, st, sizeof(*st));
}

int do_link(const char *from, const char *to)
{
	u64 h = file_open(from, O_PATH | O_NOFOLLOW);
	i64 e = on_path(0, FSP_LINK, to, 0, 0, 0, NULL, 0, (i32)h, NULL);
	file_close(h);
	return (int)e;
}

/* The parent's handle and the last name. */
static u64 parent(const char *path, const char **name)
{
	char dir[4096];
	u64 h = 0;
	const char *slash = strrchr(path, '/');
	*name = slash ? slash + 1 : path;
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 0, path);
	SAME(on_path(0, FSP_OPEN, dir, O_PATH | O_DIRECTORY, 0, 0, NULL, 0, -1, &h), 0);
	return h;
}

int do_rename(const char *from, const char *to)
{
	const char *a, *b;
	u64 ha = parent(from, &a), hb = parent(to, &b);
	i64 e = on_path(ha, FSP_RENAME, a, 0, 0, 0, (void *)(uintptr_t)b, (u32)strlen(b), (i32)hb,
		NULL);
	file_close(ha);
	file_close(hb);
	return (int)e;
}

int do_truncate(const char *path, u64 size)
{
	struct fsp_setattr a = {.valid = FSP_SET_SIZE, .size = size};
	return (int)op_path(FSP_SETATTR, path, 0, 0, 0, &a, sizeof(a));
}

int do_sync(void)
{
	struct client c = {0};
	u64 args[4] = {0};
	u64 h = file_open("", O_RDONLY);
	i64 e = request(h, FSP_SYNCFS, args, &c, 0, -1, NULL);
	file_close(h);
	return (int)e;
}

i64 do_xattr(u16 op, const char *path, const char *name, void *value, u32 len, u32 flags)
{
	static char rest[FSP_REST_MAX];
	struct client c = {{(void *)(uintptr_t)path, rest, (void *)(uintptr_t)name, value},
		{(u32)strlen(path), sizeof(rest), name ? (u32)strlen(name) : 0, len}};
	u64 args[4] = {flags};
	struct weft_sqe sqe = {.tag = 1, .op = op, .nbufs = 4, .pid = 1};
	memcpy(sqe.args, args, sizeof(args));
	memcpy(sqe.len, c.len, sizeof(c.len));
	struct fsreq r = {.fs = &tree,
		.rq = &c,
		.sqe = &sqe,
		.cred = fs_identity(0),
		.h = handle_find(&tree, 0)};
	i64 e = fs_serve(&r);
	return e < 0 ? e : (i64)r.out[2];
}

u64 file_open(const char *path, u32 flags)
{
	u64 h = 0;
	i64 e = on_path(0, FSP_OPEN, path, flags, 0, 0644, NULL, 0, -1, &h);
	if (e)
		fprintf(stderr, "open %s: %lld\n", path, (long long)e);
	SAME(e, 0);
	return h;
}

int file_error(const char *path, u32 flags)
{
	u64 h = 0;
	i64 e = on_path(0, FSP_OPEN, path, flags, 0, 0644, NULL, 0, -1, &h);
	if (h)
		file_close(h);
	return (int)e;
}

static struct node *file_node(u64 h)
{
	struct handle *found = handle_find(&tree, h);
	CHECK(found);
	return found->node;
}

void file_close(u64 h)
{
	handle_close(&tree, handle_find(&tree, h));
}

i64 file_write(u64 h, u64 off, const void *data, u64 len)
{
	return mem_write(file_node(h)->mem, off, data, len);
}

i64 file_read(u64 h, u64 off, void *to, u64 len)
{
	i32 fd = file_node(h)->mem;
	struct mem *m = &mems[fd];
	u64 done = 0;
	if (off >= m->size)
		return 0;
	if (len > m->size - off)
		len = m->size - off;
	grow(m, (off + len + PAGE - 1) / PAGE + UNIT);
	while (done < len) {
		u64 at = off + done, i = at / PAGE,
		    part = len - done < PAGE - at % PAGE ? len - done : PAGE - at % PAGE;
		int e = m->state[i] == ABSENT ? page_in(fd, i) : 0;
		if (e)
			return e;
		SAME(m->state[i] != ABSENT, true);
		memcpy((u8 *)to + done, m->data + at, part);
		done += part;
	}
	return (i64)done;
}

int file_truncate(u64 h, u64 size)
{
	struct fsp_setattr a = {.valid = FSP_SET_SIZE, .size = size};
	return (int)on_path(h, FSP_SETATTR, "", 0, 0, 0, &a, sizeof(a), -1, NULL);
}

int file_fallocate(u64 h, u32 mode, u64 off, u64 len)
{
	struct client c = {0};
	u64 args[4] = {mode, off, len};
	return (int)request(h, FSP_FALLOCATE, args, &c, 0, -1, NULL);
}

void file_flush(u64 h)
{
	SAME(flush(file_node(h)->mem), 0);
}

void file_evict(u64 h)
{
	struct client c = {0};
	u64 args[4] = {0};
	SAME(request(h, FSP_FORGET, args, &c, 0, -1, NULL), 0);
}

u64 file_list(u64 h, void (*each)(const char *name, u64 ino, u32 type))
{
	static char buf[8192] __attribute__((aligned(8)));
	struct client c = {{buf}, {sizeof(buf)}};
	u64 args[4] = {0}, n = 0;
	i64 len;
	while ((len = request(h, FSP_GETDENTS, args, &c, 1, -1, NULL)) > 0) {
		for (i64 at = 0; at < len;) {
			struct dirent64 *d = (void *)(buf + at);
			at += d->d_reclen;
			if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
				continue;
			n++;
			if (each)
				each(d->d_name, d->d_ino, d->d_type);
		}
	}
	SAME(len, 0);
	return n;
}

/* Sessions. */

int run(const char *format, ...)
{
	char line[8192];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	int status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void make_image(u32 mib, const char *options)
{
	unlink(image_path);
	if (run("truncate -s %uM %s && PATH=$PATH:/sbin:/usr/sbin mke2fs -q -F -t ext4 -E "
		"lazy_itable_init=0,nodiscard %s %s",
		    mib, image_path, options, image_path) != 0)
		abort();
}

int check_image(void)
{
	int e = run("PATH=$PATH:/sbin:/usr/sbin e2fsck -fn %s >%s/fsck.log 2>&1", image_path,
		work_dir);
	if (e)
		run("cat %s/fsck.log >&2", work_dir);
	return e;
}

static int in_process(void (*fn)(void), bool read_only, bool unmount)
{
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		alarm(600);
		disk.fd = open(image_path, O_RDWR);
		struct stat st;
		CHECK(disk.fd >= 0 && fstat(disk.fd, &st) == 0);
		disk.size = (u64)st.st_size;
		int e = ext4_mount(&tree, &disk, read_only, &mount_error);
		if (e) {
			ext4_log("mount: %s: %d", mount_error, e);
			_Exit(unmount ? 98 : 50);
		}
		fn();
		if (unmount) {
			/* The kernel's periodic work, then the end. */
			SAME(ext4_unmount(&tree), 0);
		}
		_Exit(0);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int session(void (*fn)(void))
{
	return in_process(fn, false, true);
}

int session_read_only(void (*fn)(void))
{
	return in_process(fn, true, true);
}

int try_mount(void (*fn)(void))
{
	return in_process(fn, false, false);
}

void crash(void)
{
	_Exit(0);
}
