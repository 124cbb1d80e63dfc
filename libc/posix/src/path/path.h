/* SPDX-License-Identifier: MIT */
/* Paths: walking over mounts by requests of the file protocol (native/fsproto.h). */
#ifndef RT_PATH_H
#define RT_PATH_H

#include "../fd/fd.h"
#include <native/fsproto.h>

/* One operation on a path. path is changed; buffers extra[] follow the path and the rest. */
struct path_call {
	u16 op;
	u16 req_flags;	/* WEFT_REQ_* */
	i32 dirfd;	/* of the program: AT_FDCWD, numbered; or a private fd with internal */
	bool internal;
	bool want_fd;
	bool may_fd;	/* an fd that comes is wanted, but need not come */
	bool stop_at_fd; /* the answer may be an fd that has no node: gets it in *magic instead */
	char *path;	/* PATH_MAX bytes */
	u32 len;
	u32 walk;	/* FSP_WALK_* */
	u64 arg0, arg2;
	struct weft_buf extra[2];
	u32 nextra;
	i32 send[2];
	u32 nsend;
	/* out */
	i32 fd;
	u64 out[4];
	i32 magic;	/* the fd that /proc/self/fd/N names and that is no handle, else -1 */
};

/* Copies the program's path. -> length; -ENOENT if empty (unless empty_ok), -ENAMETOOLONG, -EFAULT */
i64 rt_path_in(char *buf, u64 user, bool empty_ok);
i64 rt_path_do(struct path_call *c);
/* Opens for the runtime itself, from the root or cwd. -> private fd */
i64 rt_open_private(const char *path, u32 flags);
/* mode_out: NULL, or gets the node's mode, 0 for an object without a node. */
i64 rt_open_at(i32 dirfd, bool internal, char *path, u32 len, u32 flags, u32 mode, u32 walk, u32 req_flags, u32 *mode_out);
/* The path of an fd as /proc/self/fd shows it. -> length without NUL */
i64 rt_fd_path(i32 fd, char *buf, u32 size);
i64 rt_stat_fd(i32 fd, struct fsp_stat *st);
/* cache.c: what the shared name cache knows of a path or of an open handle; 1: ask the server. */
i64 rt_cache_stat(i32 dirfd, const char *path, u32 walk, struct fsp_stat *st);
i64 rt_cache_name(i32 dirfd, const char *path, u32 walk, struct fsp_stat *st); /* the same; sizes and times may be old */
i64 rt_cache_access(i32 dirfd, const char *path, u32 mode);
/* The root of the mount into which a path leads, *rest being what is behind its mount point; -1: not known. */
i32 rt_cache_cross(i32 dirfd, const char *path, const char **rest);
bool rt_cache_fstat(i32 fd, const struct weft_fd_info *info, struct fsp_stat *st);
void rt_cache_live(u64 node, i32 fd); /* takes the private fd that came with the answer to FSP_STAT */
/* scheme.c. rt_scheme_open: the root handle (private) of the scheme that path begins with; *used: the bytes of its name and the slashes behind it */
i64 rt_scheme_open(const char *path, u64 len, u32 *used);
u32 rt_scheme_place(u64 number, char *to, u32 size); /* "/scheme/NAME" of a scheme -> length */
i64 rt_scheme_getdents(i32 fd, struct weft_buf *entries); /* of /scheme */
struct rt_schemes { /* that the process can name, if they are fewer than when its program began */
	bool fewer;
	u32 n;
	u64 number[RT_SCHEMES];
};
void rt_schemes_look(struct rt_schemes *s);
bool rt_schemes_keep(const struct rt_schemes *s, i32 fd); /* may the next program have this handle? */
void rt_schemes_begin(struct rt_proc *p);
/* reopen.c: files opened often. fits: whether an open with these flags may be served; note: after the server has served it. */
bool rt_reopen_fits(u32 flags, const struct fsp_stat *st);
i64 rt_reopen(const struct fsp_stat *st, u32 flags); /* -> fd; -EAGAIN: ask the server; -EMFILE */
void rt_reopen_note(const struct fsp_stat *st, u32 flags, i32 fd);
void rt_reopen_drop(void); /* before a name goes: its file shall not live longer for us */
i32 rt_mounted_at(struct rt_proc *p, u64 scheme, u64 node); /* the root handle of what is mounted there, or -1 */
void rt_mount_set(struct rt_mount *to, const struct posix_mount *from, u32 id);
void rt_publish(struct rt_proc *p);
/* N of /proc/self/fd/N and /dev/fd/N, -1 for any other path; *rest is what follows */
i32 rt_fd_of_path(const char *path, const char **rest);

#endif
