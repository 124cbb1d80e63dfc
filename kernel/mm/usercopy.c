/* SPDX-License-Identifier: MIT */
/*
 * Copies between kernel and user memory of the current address space, and uio.
 *
 * Every user range is checked against WEFT_USER_MAX first. Copies of more than BIG bytes drop the
 * BKL: what the kernel's side of the copy lies in must be held by its caller.
 */
#include "frame.h"
#include <kernel/arch.h>
#include <kernel/thread.h>

#define BIG	1024u
#define IOV_MAX 1024u

int mm_pause(void)
{
	bkl_drop();
	arch_irq_window();
	bkl_retake();
	if (this_cpu()->need_resched)
		sched_yield();
	return current_thread()->killed ? -EINTR : 0;
}

static bool range_ok(u64 addr, u64 n)
{
	return addr + n >= addr && addr + n <= WEFT_USER_MAX;
}

static int copy(void *to, const void *from, size_t n)
{
	bool big = n > BIG;
	u64 left;

	if (big)
		bkl_drop();
	left = arch_copy_user(to, from, n);
	if (big)
		bkl_retake();
	return left ? -EFAULT : 0;
}

static int copy_nofault(void *to, const void *from, size_t n)
{
	u64 left;

	this_cpu()->arch.nofault = true;
	left = arch_copy_user(to, from, n);
	this_cpu()->arch.nofault = false;
	return left ? -EFAULT : 0;
}

int copy_from_user(void *to, u64 from, size_t n)
{
	return range_ok(from, n) ? copy(to, (const void *)from, n) : -EFAULT;
}

int copy_to_user(u64 to, const void *from, size_t n)
{
	return range_ok(to, n) ? copy((void *)to, from, n) : -EFAULT;
}

int copy_from_user_nofault(void *to, u64 from, size_t n)
{
	return range_ok(from, n) ? copy_nofault(to, (const void *)from, n) : -EFAULT;
}

int copy_to_user_nofault(u64 to, const void *from, size_t n)
{
	return range_ok(to, n) ? copy_nofault((void *)to, from, n) : -EFAULT;
}

/* Sums up the parts. */
static int iov_check(struct uio *u)
{
	for (u32 i = 0; i < u->niov; i++) {
		const struct weft_iov *v = &u->iov[i];

		if (v->len > INT64_MAX || u->left + v->len > INT64_MAX)
			return -EINVAL;
		if (!range_ok(v->base, v->len))
			return -EFAULT;
		u->left += v->len;
	}
	return 0;
}

int uio_init(struct uio *u, struct weft_iov *buf, u32 nbuf, u64 base, u64 len, bool vec)
{
	struct weft_iov *iov = buf;
	int r = 0;

	if (vec && len > IOV_MAX)
		return -EINVAL;
	if (vec && len > nbuf) {
		iov = kmalloc(len * sizeof(*iov));
		if (!iov)
			return -ENOMEM;
	}
	*u = (struct uio){.iov = iov, .niov = vec ? (u32)len : 1};
	if (vec)
		r = copy_from_user(iov, base, len * sizeof(*iov));
	else
		buf[0] = (struct weft_iov){base, len};
	if (!r)
		r = iov_check(u);
	if (r)
		uio_free(u, buf);
	return r;
}

void uio_free(struct uio *u, struct weft_iov *buf)
{
	if (u->iov && u->iov != buf)
		kfree((void *)u->iov);
	u->iov = NULL;
}

void uio_kernel(struct uio *u, struct weft_iov *buf, void *base, u64 len)
{
	*buf = (struct weft_iov){(u64)base, len};
	*u = (struct uio){.iov = buf, .niov = 1, .left = len, .kernel = true};
}

u64 uio_move(struct uio *u, void *kernel, u64 n, bool out)
{
	u64 done = 0;

	n = MIN(n, u->left);
	while (done < n) {
		const struct weft_iov *v = &u->iov[u->idx];
		u64 part = MIN(n - done, v->len - u->at), left = 0;
		void *user = (void *)(v->base + u->at);
		char *k = (char *)kernel + done;

		if (!part) {
			u->idx++;
			u->at = 0;
			continue;
		}
		if (u->kernel)
			memcpy(out ? user : k, out ? k : user, part);
		else
			left = arch_copy_user(out ? user : k, out ? k : user, part);
		part -= left;
		u->at += part;
		u->left -= part;
		done += part;
		if (left)
			break;
	}
	return done;
}

static i64 uio_copy(struct uio *u, void *kernel, u64 n, bool out)
{
	bool big = !u->kernel && n > BIG;
	u64 done;

	n = MIN(n, u->left);
	if (big)
		bkl_drop();
	done = uio_move(u, kernel, n, out);
	if (big)
		bkl_retake();
	return done || !n ? (i64)done : -EFAULT;
}

i64 uio_copy_out(struct uio *u, const void *from, u64 n)
{
	return uio_copy(u, (void *)from, n, true);
}

i64 uio_copy_in(struct uio *u, void *to, u64 n)
{
	return uio_copy(u, to, n, false);
}
