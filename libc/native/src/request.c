/* SPDX-License-Identifier: MIT */
/* What a handler does with a request: bytes and fds, both ways. */
#include <native/call.h>
#include <native/server.h>
#include <stdlib.h>
#include <string.h>

static i64 copy(struct request *r, u32 buf, u64 offset, u64 local, u64 len)
{
	if ((buf & 0xff) >= r->sqe->nbufs)
		return -EINVAL;
	i64 n = weft_req_copy(r->server->fd, r->sqe->tag, buf, offset, local, len);
	if (n == -WEFT_EREDELIVER)
		r->dead = true;
	return n;
}

i64 request_in(struct request *r, u32 buf, u64 offset, void *to, u64 len)
{
	return copy(r, buf | WEFT_COPY_IN, offset, PTR(to), len);
}

i64 request_out(struct request *r, u32 buf, u64 offset, const void *from, u64 len)
{
	return copy(r, buf | WEFT_COPY_OUT, offset, PTR(from), len);
}

static int all(i64 n, u64 len)
{
	if (n < 0)
		return (int)n;
	return (u64)n == len ? 0 : -EINVAL;
}

int request_in_all(struct request *r, u32 buf, u64 offset, void *to, u64 len)
{
	return all(request_in(r, buf, offset, to, len), len);
}

int request_out_all(struct request *r, u32 buf, u64 offset, const void *from, u64 len)
{
	return all(request_out(r, buf, offset, from, len), len);
}

i64 request_string(struct request *r, u32 buf, char *to, u64 size)
{
	if (buf >= r->sqe->nbufs)
		return -EINVAL;
	u64 len = r->sqe->len[buf];
	if (len >= size)
		return -ENAMETOOLONG;
	int e = len ? request_in_all(r, buf, 0, to, len) : 0;
	if (e < 0)
		return e;
	/* A final NUL may be counted; one inside is a lie about the length. */
	if (len && to[len - 1] == 0)
		len--;
	to[len] = 0;
	return strlen(to) == len ? (i64)len : -EINVAL;
}

static i64 spread(struct request *r, u32 dir, u32 first, u64 offset, u64 local, u64 len)
{
	u64 done = 0;
	for (u32 i = first; i < r->sqe->nbufs && done < len; i++) {
		u64 size = r->sqe->len[i];
		if (offset >= size) {
			offset -= size;
			continue;
		}
		u64 n = size - offset < len - done ? size - offset : len - done;
		i64 got = copy(r, i | dir, offset, local + done, n);
		if (got == -WEFT_EREDELIVER || (got < 0 && done == 0))
			return got;
		if (got < 0)
			break;
		done += (u64)got;
		if ((u64)got < n)
			break;
		offset = 0;
	}
	return (i64)done;
}

i64 request_out_spread(struct request *r, u32 first, u64 offset, const void *from, u64 len)
{
	return spread(r, WEFT_COPY_OUT, first, offset, PTR(from), len);
}

i64 request_in_gather(struct request *r, u32 first, u64 offset, void *to, u64 len)
{
	return spread(r, WEFT_COPY_IN, first, offset, PTR(to), len);
}

static struct weft_reply_fd *next_reply_fd(struct request *r)
{
	const u32 room = sizeof r->fd_room / sizeof r->fd_room[0];
	if (r->nfds >= r->sqe->max_fds || r->nfds >= WEFT_REQ_FDS)
		return NULL;
	if (r->nfds == room && r->fds == r->fd_room) {
		struct weft_reply_fd *more = malloc(WEFT_REQ_FDS * sizeof *more);
		if (!more)
			return NULL;
		memcpy(more, r->fd_room, sizeof r->fd_room);
		r->fds = more;
	}
	return &r->fds[r->nfds++];
}

int request_give_fd(struct request *r, i32 fd, u32 rights, u32 flags)
{
	struct weft_reply_fd *f = next_reply_fd(r);
	if (!f)
		return -EMFILE;
	memset(f, 0, sizeof *f);
	f->kind = WEFT_REPLY_FD;
	f->fd = fd;
	f->rights = rights;
	f->flags = flags;
	return 0;
}

int request_give_handle(struct request *r, const struct weft_reply_fd *h)
{
	struct weft_reply_fd *f = next_reply_fd(r);
	if (!f)
		return -EMFILE;
	*f = *h;
	f->kind = WEFT_REPLY_NEW;
	return 0;
}

i32 request_take_fd(struct request *r, u32 i)
{
	if (i >= r->sqe->nfds || i >= WEFT_REQ_FDS || r->sqe->fds[i] < 0)
		return -EBADF;
	i32 fd = r->sqe->fds[i];
	r->sqe->fds[i] = -1;
	return fd;
}
