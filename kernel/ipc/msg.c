/* SPDX-License-Identifier: MIT */
/*
 * Messages of channels: the first bytes behind the header, the rest in page-sized segments, and the
 * fds that they carry.
 */
#include "chan_impl.h"

#define FIRST_MAX  (PAGE_SIZE - sizeof(struct msg))
#define COST_EXTRA 128u

void msg_free(struct msg *m)
{
	struct seg *s, *next;

	while (m->nfds)
		object_fd_put(m->fds[--m->nfds].o);
	for (s = m->segs; s; s = next) {
		next = s->next;
		kfree(s);
	}
	if (m->ident)
		identity_put(m->ident);
	kfree(m->fds);
	kfree(m->name);
	kfree(m);
}

static struct msg *msg_alloc(u64 len)
{
	u32 first = (u32)MIN(len, FIRST_MAX);
	struct msg *m = kmalloc(sizeof(*m) + first);
	struct seg **tail;

	if (!m)
		return NULL;
	memset(m, 0, sizeof(*m));
	list_init(&m->link);
	m->len = (u32)len;
	m->first = first;
	m->cost = m->len + COST_EXTRA;
	tail = &m->segs;
	for (u64 left = len - first; left; left -= (*tail)->len, tail = &(*tail)->next) {
		*tail = kmalloc(left >= SEG_DATA ? PAGE_SIZE : sizeof(struct seg) + left);
		if (!*tail) {
			msg_free(m);
			return NULL;
		}
		(*tail)->next = NULL;
		(*tail)->len = (u32)MIN(left, SEG_DATA);
	}
	return m;
}

int msg_create(struct uio *u, u64 len, struct msg **out)
{
	struct msg *m = msg_alloc(len);
	struct identity *id = thread_identity(current_thread());
	i64 n;

	if (!m)
		return -ENOBUFS;
	n = m->first ? uio_copy_in(u, m->data, m->first) : 0;
	for (struct seg *s = m->segs; s && n >= 0; s = s->next) {
		n = uio_copy_in(u, s->data, s->len);
		if (n >= 0 && n < s->len)
			n = -EFAULT;
	}
	if (n < 0 || (!m->segs && n < m->first)) {
		msg_free(m);
		return -EFAULT;
	}
	m->pid = current_process()->pid;
	id->refs++;
	m->ident = id;
	*out = m;
	return 0;
}

int msg_create_kernel(const void *data, u32 len, struct msg **out)
{
	struct msg *m;

	kassert(len <= FIRST_MAX);
	m = msg_alloc(len);
	if (!m)
		return -ENOBUFS;
	memcpy(m->data, data, len);
	*out = m;
	return 0;
}

i64 msg_copy_out(const struct msg *m, u32 off, struct uio *u, u64 n)
{
	const struct seg *s = m->segs;
	const char *data = m->data;
	u32 len = m->first;
	u64 done = 0;
	i64 k;

	n = MIN(n, (u64)m->len - off);
	for (;;) {
		if (off < len) {
			u64 want = MIN(n - done, (u64)len - off);

			k = want ? uio_copy_out(u, data + off, want) : 0;
			if (k < 0)
				return done ? (i64)done : k;
			done += (u64)k;
			if ((u64)k < want)
				return (i64)done;
			off = 0;
		} else {
			off -= len;
		}
		if (!s || done == n)
			return (i64)done;
		data = s->data;
		len = s->len;
		s = s->next;
	}
}

/* Attaches the fds that the sender names. */
int msg_take_fds(struct msg *m, u64 ufds, u32 n)
{
	i32 *fds = kmalloc(n * sizeof(*fds));
	struct fd_entry *e;
	int err = -ENOBUFS;

	m->fds = kzalloc(n * sizeof(*m->fds));
	if (!fds || !m->fds)
		goto out;
	err = -EFAULT;
	if (copy_from_user(fds, ufds, n * sizeof(*fds)))
		goto out;
	for (u32 i = 0; i < n; i++) {
		e = fd_peek(fds[i]);
		err = !e ? -EBADF : e->rights & WEFT_RIGHT_DUP ? 0 : -EPERM;
		if (err)
			goto out;
		object_fd_get(e->o);
		m->fds[i] = (struct passed){e->o, e->rights};
		m->nfds = i + 1;
	}
	m->cost += n * 64;
out:
	kfree(fds);
	return err;
}

void msg_fds_left(struct msg *m)
{
	for (u32 i = 0; i < m->nfds; i++)
		inflight_del(m->fds[i].o);
}
