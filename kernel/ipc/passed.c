/* SPDX-License-Identifier: MIT */
/* Fds on their way from one process to another. */
#include "queue.h"

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

i64 passed_give(const struct passed *p, u32 n, u64 ufds, u32 dup_flags, bool all)
{
	struct process *to = current_process();
	i32 fds[PASSED_MAX];
	i64 err = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		fds[i] = fd_install(to, p[i].o, p[i].rights, dup_flags);
		if (fds[i] < 0) {
			err = all ? fds[i] : 0;
			break;
		}
	}
	if (!err && i && copy_to_user(ufds, fds, i * sizeof(*fds)))
		err = -EFAULT;
	if (!err)
		return i;
	while (i--)
		fd_close(to, fds[i]);
	return err;
}

void passed_drop(struct passed *p, u32 n)
{
	while (n)
		object_fd_put(p[--n].o);
}
