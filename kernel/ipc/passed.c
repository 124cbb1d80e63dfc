/* SPDX-License-Identifier: MIT */
/* Fds on their way from one process to another. */
#include "scheme_impl.h"

int passed_take(struct passed *p, u64 ufds, u32 n)
{
	i32 fds[PASSED_MAX];
	struct fd_entry *e;
	int err = 0;

	if (n && copy_from_user(fds, ufds, n * sizeof(*fds)))
		return -EFAULT;
	for (u32 i = 0; i < n; i++) {
		e = fd_peek(fds[i]);
		err = !e ? -EBADF : e->rights & WEFT_RIGHT_DUP ? 0 : -EPERM;
		if (err) {
			passed_drop(p, i);
			return err;
		}
		object_fd_get(e->o);
		p[i] = (struct passed){e->o, e->rights};
	}
	return 0;
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
