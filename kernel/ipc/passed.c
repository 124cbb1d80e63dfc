/* SPDX-License-Identifier: MIT */
/* Fds on their way from one process to another. */
#include "scheme_impl.h"

int passed_peek(i32 fd, struct passed *to)
{
	struct fd_entry *e = fd_peek(fd);

	if (!e || !(e->rights & WEFT_RIGHT_DUP))
		return e ? -EPERM : -EBADF;
	object_fd_get(e->o);
	*to = (struct passed){e->o, e->rights};
	return 0;
}

int passed_take(struct passed *p, u64 ufds, u32 n)
{
	i32 fds[PASSED_MAX];
	int err = n ? copy_from_user(fds, ufds, n * sizeof(*fds)) : 0;

	for (u32 i = 0; i < n && !err; i++) {
		err = passed_peek(fds[i], &p[i]);
		if (err)
			passed_drop(p, i);
	}
	return err;
}

i64 passed_install(const struct passed *p, u32 n, u32 dup_flags, bool all, i32 *fds)
{
	for (u32 i = 0; i < n; i++) {
		fds[i] = fd_install(current_process(), p[i].o, p[i].rights, dup_flags);
		if (fds[i] >= 0)
			continue;
		if (!all)
			return i;
		passed_uninstall(fds, i);
		return fds[i];
	}
	return n;
}

void passed_uninstall(const i32 *fds, u32 n)
{
	while (n)
		fd_close(current_process(), fds[--n]);
}

i64 passed_give(const struct passed *p, u32 n, u64 ufds, u32 dup_flags, bool all)
{
	i32 fds[PASSED_MAX];
	i64 k = passed_install(p, n, dup_flags, all, fds);

	if (k <= 0 || !copy_to_user(ufds, fds, (u64)k * sizeof(*fds)))
		return k;
	passed_uninstall(fds, (u32)k);
	return -EFAULT;
}

void passed_drop(struct passed *p, u32 n)
{
	while (n)
		object_fd_put(p[--n].o);
}
