/* SPDX-License-Identifier: MIT */
/* Namespaces and identities. */
#include "t.h"

static i64 ns(i32 fd, u32 op, const char *name, u64 a)
{
	return weft_ns_ctl(fd, op, PTR(name), strlen(name), a);
}

static i32 clone_with(const char *names)
{
	return (i32)OK(ns(t_ns, WEFT_NS_CLONE, names, 0));
}

TEST(ns_publish_open_remove)
{
	i32 s[2];
	t_scheme(s);
	EQ(ns(t_ns, WEFT_NS_PUBLISH, "t-a", s[1]), 0);
	ERR(ns(t_ns, WEFT_NS_PUBLISH, "t-a", s[1]), EEXIST);
	i64 h = OK(ns(t_ns, WEFT_NS_OPEN, "t-a", WEFT_REQ_CLOEXEC | WEFT_REQ_PRIVATE));
	CHECK(h >= WEFT_FD_PRIVATE);
	EQ(weft_fd_ctl(h, WEFT_FD_GET_FLAGS, 0, 0), 1);
	EQ(ns(t_ns, WEFT_NS_REMOVE, "t-a", 0), 0);
	ERR(ns(t_ns, WEFT_NS_OPEN, "t-a", 0), ENOENT);
	ERR(ns(t_ns, WEFT_NS_REMOVE, "t-a", 0), ENOENT);
}

TEST(ns_names)
{
	i32 s[2];
	t_scheme(s);
	ERR(ns(t_ns, WEFT_NS_PUBLISH, "", s[1]), EINVAL);
	ERR(ns(t_ns, WEFT_NS_PUBLISH, "Upper", s[1]), EINVAL);
	ERR(ns(t_ns, WEFT_NS_PUBLISH, "a/b", s[1]), EINVAL);
	CHECK(ns(t_ns, WEFT_NS_PUBLISH, "abcdefghijklmnopqrstuvwxyz0123456", s[1]) < 0);
	ERR(weft_ns_ctl(t_ns, WEFT_NS_OPEN, BADPTR, 3, 0), EFAULT);
	ERR(ns(t_ns, WEFT_NS_PUBLISH, "t-b", NOFD), EBADF);
	ERR(ns(NOFD, WEFT_NS_OPEN, "t-b", 0), EBADF);
	ERR(ns(t_ns, 99, "t-b", 0), EINVAL);
	i32 p[2];
	t_pipe(p);
	CHECK(ns(t_ns, WEFT_NS_PUBLISH, "t-b", p[0]) < 0);
}

TEST(ns_own_cannot_publish)
{
	i32 s[2];
	t_scheme(s);
	ERR(ns(-1, WEFT_NS_PUBLISH, "t-c", s[1]), EPERM);
}

TEST(ns_list)
{
	char names[2048];
	i64 n = OK(weft_ns_ctl(t_ns, WEFT_NS_LIST, PTR(names), sizeof names - 1, 0));
	names[n] = 0;
	CHECK(strstr(names, "debug"));
	CHECK(strstr(names, "sys"));
	ERR(weft_ns_ctl(t_ns, WEFT_NS_LIST, BADPTR, 100, 0), EFAULT);
}

TEST(ns_clone_and_enter)
{
	char names[256];
	i32 c = clone_with("sys");
	i64 n = OK(weft_ns_ctl(c, WEFT_NS_LIST, PTR(names), sizeof names - 1, 0));
	names[n] = 0;
	CHECK(strstr(names, "sys") && !strstr(names, "debug"));
	EQ(ns(c, WEFT_NS_ENTER, "", 0), 0);
	i64 h = OK(ns(-1, WEFT_NS_OPEN, "sys", 0));
	weft_fd_close(h);
	ERR(ns(-1, WEFT_NS_OPEN, "debug", 0), ENOENT);
}

TEST(ns_own_only_shrinks)
{
	/* Without CONTROL on an fd, a larger namespace cannot be entered. */
	i32 all = (i32)OK(weft_fd_dup(t_ns, 0, 0, WEFT_RIGHT_ALL & ~WEFT_RIGHT_CONTROL)), small = clone_with("sys");
	EQ(ns(small, WEFT_NS_ENTER, "", 0), 0);
	ERR(ns(all, WEFT_NS_ENTER, "", 0), EPERM);
	ERR(ns(all, WEFT_NS_PUBLISH, "t-d", NOFD), EPERM);
	/* A clone of the own has no right to publish either. */
	i64 c = OK(weft_ns_ctl(-1, WEFT_NS_CLONE, 0, 0, 0));
	i32 s[2];
	t_scheme(s);
	ERR(ns((i32)c, WEFT_NS_PUBLISH, "t-d", s[1]), EPERM);
	EQ(ns(-1, WEFT_NS_REMOVE, "sys", 0), 0);
	ERR(ns(-1, WEFT_NS_OPEN, "sys", 0), ENOENT);
}

TEST(ns_null)
{
	char names[64];
	i32 all = (i32)OK(weft_fd_dup(t_ns, 0, 0, WEFT_RIGHT_ALL & ~WEFT_RIGHT_CONTROL));
	EQ(ns(-1, WEFT_NS_NULL, "", 0), 0);
	ERR(ns(-1, WEFT_NS_OPEN, "sys", 0), ENOENT);
	EQ(weft_ns_ctl(-1, WEFT_NS_LIST, PTR(names), sizeof names, 0), 0);
	ERR(ns(all, WEFT_NS_ENTER, "", 0), EPERM);
	/* The fds that it has stay good. */
	EQ(weft_fd_write(1, 0, 0, -1, 0), 0);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		ERR(ns(-1, WEFT_NS_OPEN, "debug", 0), ENOENT);
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
}

TEST(ns_empty_clone)
{
	char names[64];
	i64 c = OK(weft_ns_ctl(t_ns, WEFT_NS_CLONE, PTR("\n"), 1, 0));
	EQ(weft_ns_ctl(c, WEFT_NS_LIST, PTR(names), sizeof names, 0), 0);
}

TEST(ident_mint_and_get)
{
	struct weft_identity id = {.uid = 1000, .euid = 1000, .suid = 1000, .fsuid = 1000, .gid = 100, .ngroups = 2, .groups = {4, 20},
		.sid = 7, .pgid = 8}, got;
	i64 n = OK(weft_ident_ctl(t_root, WEFT_IDENT_MINT, 0, PTR(&id)));
	CHECK(n > 0);
	EQ(weft_ident_ctl(-1, WEFT_IDENT_GET, n, PTR(&got)), n);
	EQ(got.uid, 1000);
	EQ(got.groups[1], 20);
	EQ(got.pgid, 8);
	EQ(weft_ident_ctl(-1, WEFT_IDENT_GET, 0, PTR(&got)), 0);
	EQ(got.uid, 0);
	EQ(weft_ident_ctl(-1, WEFT_IDENT_GET, 0xffffffff, PTR(&got)), 0);
}

TEST(ident_errors)
{
	struct weft_identity id = {0};
	ERR(weft_ident_ctl(NOFD, WEFT_IDENT_MINT, 0, PTR(&id)), EPERM);
	ERR(weft_ident_ctl(-1, WEFT_IDENT_MINT, 0, PTR(&id)), EPERM);
	ERR(weft_ident_ctl(t_root, WEFT_IDENT_MINT, 0, BADPTR), EFAULT);
	id.ngroups = WEFT_IDENT_GROUPS + 1;
	ERR(weft_ident_ctl(t_root, WEFT_IDENT_MINT, 0, PTR(&id)), EINVAL);
	CHECK(weft_ident_ctl(-1, WEFT_IDENT_GET, 123456789, PTR(&id)) < 0);
	ERR(weft_ident_ctl(-1, 99, 0, PTR(&id)), EINVAL);
}

TEST(ident_is_set_and_inherited)
{
	struct weft_identity id = {.uid = 1234, .euid = 1234}, got;
	i64 n = OK(weft_ident_ctl(t_root, WEFT_IDENT_MINT, 0, PTR(&id)));
	ERR(weft_proc_ctl(-1, WEFT_PROC_SET_IDENTITY, n, -1, 0), EPERM);
	EQ(weft_proc_ctl(-1, WEFT_PROC_SET_IDENTITY, n, t_root, 0), 0);
	EQ(weft_ident_ctl(-1, WEFT_IDENT_GET, 0xffffffff, PTR(&got)), n);
	EQ(got.uid, 1234);
	i32 pid = native_fork(0, NULL);
	if (pid == 0) {
		EQ(weft_ident_ctl(-1, WEFT_IDENT_GET, 0xffffffff, PTR(&got)), n);
		EQ(got.uid, 1234);
		weft_proc_exit(0);
	}
	t_wait_ok(pid);
}
