/* SPDX-License-Identifier: MIT */
/*
 * Requests of pager-backed objects to their server: page-in with read-ahead, reservation, and the
 * life of the pager itself.
 *
 * Each request in flight is on pager.requests and is found by those who need the same pages; they
 * wait on it. Requests survive a server's death: what it had taken comes back with -WEFT_EREDELIVER
 * and is queued again for the successor. Without a successor they end with -EIO.
 */
#include "pager.h"
#include <kernel/ipc.h>

#define READ_AHEAD_FIRST 16ul
#define READ_AHEAD_MAX	 64ul
#define HASH		 256u

static struct list pagers[HASH];

static struct list *bucket(const struct scheme *s, u64 node)
{
	u64 h = ((u64)s >> 4) ^ node * 0x9e3779b97f4a7c15ul;

	return &pagers[(h >> 32) % HASH];
}

void pager_init(void)
{
	for (u32 i = 0; i < HASH; i++)
		list_init(&pagers[i]);
	list_init(&lru);
	writeback_init();
}

int pager_create(struct scheme *s, u64 node, u64 size, u32 flags, struct memobj **out)
{
	struct list *b = bucket(s, node);
	HELD struct memobj *m = NULL;
	struct pager *p;

	list_for_each(p, b, hash_link)
		if (p->scheme == s && p->node == node) {
			p->gone = false;
			object_get(&p->m->obj);
			*out = p->m;
			return 0;
		}
	TRY(memobj_create(WEFT_MEM_PAGER, size, flags, &m));
	p = kzalloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->m = m;
	p->scheme = s;
	scheme_get(s);
	p->node = node;
	list_init(&p->requests);
	oneway_init(&p->idle);
	list_init(&p->dirty);
	list_init(&p->dirty_link);
	list_add_tail(b, &p->hash_link);
	m->pager = p;
	*out = m;
	m = NULL;
	return 0;
}

void pager_destroy(struct memobj *m)
{
	struct pager *p = m->pager;
	u64 idx = 0;

	kassert(list_empty(&p->requests));
	list_del(&p->hash_link);
	list_del(&p->dirty_link);
	while (radix_next(&p->reserved, &idx))
		radix_del(&p->reserved, idx);
	list_del(&p->idle.q.link);
	scheme_put(p->scheme);
	kfree(p);
}

/* Requests. */

static int reserve_done(struct pager *p, struct page_req *r)
{
	for (u64 e = r->first / EXTENT_PAGES; e <= (r->first + r->n - 1) / EXTENT_PAGES; e++)
		if (radix_set(&p->reserved, e, p))
			return -ENOMEM; /* reserved at the server, but we must ask again */
	return 0;
}

static void request_done(struct request *req, i64 result);

static int send(struct page_req *r)
{
	struct pager *p = r->m->pager;
	u64 size = r->op == WEFT_OP_PAGE_OUT ? r->m->size : r->new_size;
	u64 args[6] = {r->first << PAGE_SHIFT, r->n << PAGE_SHIFT, size};

	return p->gone
		? -EIO
		: scheme_kernel_request(&r->req, p->scheme, r->op, p->node, args, request_done);
}

static void request_done(struct request *req, i64 result)
{
	struct page_req *r = container_of(req, struct page_req, req);
	struct memobj *m = r->m;

	if (result == -WEFT_EREDELIVER) {
		if (r->op == WEFT_OP_PAGE_OUT)
			writeback_again(r);
		result = send(r);
		if (!result)
			return;
	}
	if (result < -4095 || result == -EINTR)
		result = -EIO;
	result = r->error ? r->error : MIN(result, 0);
	list_del(&r->link);
	if (r->op == WEFT_OP_PAGE_RESERVE && !result)
		result = reserve_done(m->pager, r);
	waitq_wake(&r->wait, ~0u, result);
	if (r->op == WEFT_OP_PAGE_OUT)
		writeback_done(r, result);
	else
		kfree(r);
	object_put(&m->obj);
}

int pager_request(struct page_req *r, struct memobj *m, u16 op, u64 first, u64 n, u64 new_size)
{
	*r = (struct page_req){.m = m, .op = op, .first = first, .n = n, .new_size = new_size};
	waitq_init(&r->wait);
	TRY(send(r));
	object_get(&m->obj);
	list_add_tail(&m->pager->requests, &r->link);
	return 0;
}

/* One that is not for write-back. */
static int request(struct memobj *m, u16 op, u64 first, u64 n, u64 new_size, struct page_req **out)
{
	HELD_MEM struct page_req *r = kmalloc(sizeof(*r));

	TRY(r ? pager_request(r, m, op, first, n, new_size) : -ENOMEM);
	*out = r;
	r = NULL;
	return 0;
}

struct page_req *pager_find(struct pager *p, u16 op, u64 idx)
{
	struct page_req *r;

	list_for_each(r, &p->requests, link)
		if (r->op == op && idx >= r->first && idx - r->first < r->n)
			return r;
	return NULL;
}

/* How much to ask for: more when the last page-in has ended where this one begins. Present pages
 * and the end limit it. */
static u64 read_ahead(struct memobj *m, u64 idx)
{
	struct pager *p = m->pager;
	u64 end = memobj_pages(m), n;

	if (idx == p->ra_next && p->ra_pages)
		p->ra_pages = MIN(p->ra_pages * 2, READ_AHEAD_MAX);
	else
		p->ra_pages = READ_AHEAD_FIRST;
	for (n = 1; n < p->ra_pages && idx + n < end; n++)
		if (memobj_page(m, idx + n) || pager_find(p, WEFT_OP_PAGE_IN, idx + n))
			break;
	p->ra_next = idx + n;
	return n;
}

int pager_page_in(struct memobj *m, u64 idx)
{
	struct process *proc = current_process();

	for (u32 tries = 0; tries < 4;) {
		struct page_req *r = pager_find(m->pager, WEFT_OP_PAGE_IN, idx);
		int e;

		if (!r) {
			TRY(request(m, WEFT_OP_PAGE_IN, idx, read_ahead(m, idx), 0, &r));
			if (proc)
				proc->used.faults_major++;
			tries++;
		}
		e = thread_block(&r->wait, WEFT_FOREVER, BLOCK_KILLABLE);
		if (memobj_page(m, idx) || idx >= memobj_pages(m))
			return 0; /* or shrunk meanwhile: the caller sees that */
		if (e)
			return e;
	}
	return -EIO; /* the server says done, but supplies nothing */
}

bool pager_reserved(struct memobj *m, u64 idx)
{
	return radix_get(&m->pager->reserved, idx / EXTENT_PAGES) != NULL;
}

int pager_reserve(struct memobj *m, u64 first, u64 n, u64 new_size)
{
	u64 end = ALIGN_UP(first + n, EXTENT_PAGES);
	struct page_req *r;

	first = ALIGN_DOWN(first, EXTENT_PAGES);
	while (first < end && pager_reserved(m, first))
		first += EXTENT_PAGES;
	if (first == end)
		return 0;
	r = pager_find(m->pager, WEFT_OP_PAGE_RESERVE, first);
	if (!r)
		TRY(request(m, WEFT_OP_PAGE_RESERVE, first, end - first, new_size, &r));
	return thread_block(&r->wait, WEFT_FOREVER, BLOCK_KILLABLE);
}

/* The server's side. */

/* Wakes those who wait for pages there, or (error) notes what they are told when the server
 * replies. */
static void tell_waiters(struct memobj *m, u64 first, u64 end, int error)
{
	struct page_req *r;

	list_for_each(r, &m->pager->requests, link) {
		if (r->op != WEFT_OP_PAGE_IN || r->first >= end || first >= r->first + r->n)
			continue;
		if (!error)
			waitq_wake(&r->wait, ~0u, 0);
		else if (!r->error)
			r->error = error;
	}
}

/* Makes page idx present: `part` bytes from buf, then zeros; buf 0: zeros only. */
static int supply_page(struct memobj *m, u64 idx, u64 buf, u64 part)
{
	HELD_FRAME struct frame *f = frame_alloc_user();

	if (!f)
		return -ENOMEM;
	if (part < PAGE_SIZE || !buf)
		page_clear(frame_virt(f));
	if (buf)
		TRY(copy_from_user(frame_virt(f), buf, part));
	if (idx >= memobj_pages(m))
		return 0;
	mm_stats.paged_in++;
	frame_get(f);
	return memobj_insert(m, idx, f);
}

static i64 supply(struct memobj *m, u64 off, u64 buf, u64 len)
{
	u64 first = off >> PAGE_SHIFT, idx = first;
	int r = 0;

	for (u64 done = 0; done < len && !r; done += PAGE_SIZE, idx++)
		if (!memobj_page(m, idx))
			r = supply_page(m, idx, buf ? buf + done : 0, MIN(len - done, PAGE_SIZE));
	tell_waiters(m, first, idx, 0);
	return r;
}

i64 pager_copy(struct memobj *m, u64 op, u64 off, u64 buf, u64 len, u64 flags)
{
	u64 first = off >> PAGE_SHIFT, end = (off + len) >> PAGE_SHIFT;

	if ((off & (PAGE_SIZE - 1)) || !len || off + len < off || off + len > INT64_MAX)
		return -EINVAL;
	switch (op) {
	case WEFT_PAGER_SUPPLY:
		return buf ? supply(m, off, buf, len) : -EFAULT;
	case WEFT_PAGER_ZERO:
		return supply(m, off, 0, len);
	case WEFT_PAGER_FAIL:
		if (!flags || flags > 4095)
			return -EINVAL;
		tell_waiters(m, first, ALIGN_UP(off + len, PAGE_SIZE) >> PAGE_SHIFT, -(int)flags);
		return 0;
	case WEFT_PAGER_FETCH:
		return writeback_fetch(m, off, buf, len);
	case WEFT_PAGER_DROP:
		memobj_drop_range(m, first, end, false);
		return 0;
	case WEFT_PAGER_RELEASE:
		writeback_release(m->pager, first, off + len);
		return 0;
	default:
		return -EINVAL;
	}
}

void pager_idle_check(struct memobj *m)
{
	struct pager *p = m->pager;

	if (p && !m->nmappings && !m->users && m->obj.fds <= 1 && !p->gone)
		scheme_one_way(p->scheme, &p->idle, WEFT_OP_PAGE_IDLE, p->node);
}

void pager_scheme_died(struct scheme *s, bool gone)
{
	for (u32 i = 0; i < HASH; i++) {
		struct pager *p;

		list_for_each(p, &pagers[i], hash_link)
			if (p->scheme == s && (p->gone = gone))
				writeback_discard(p);
	}
}
