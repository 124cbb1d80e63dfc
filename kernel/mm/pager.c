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
#define POOL		 32u

static struct list pagers[HASH];
static struct page_req pool[POOL]; /* of PAGE_OUT, so that write-back needs no memory */
static u32 pool_used;
static struct waitq pool_wait;

static struct list *bucket(const struct scheme *s, u64 node)
{
	u64 h = ((u64)s >> 4) ^ node * 0x9e3779b97f4a7c15ul;

	return &pagers[(h >> 32) % HASH];
}

void pager_init(void)
{
	for (u32 i = 0; i < HASH; i++)
		list_init(&pagers[i]);
	waitq_init(&pool_wait);
	lru_init();
	writeback_init();
}

int pager_create(struct scheme *s, u64 node, u64 size, u32 flags, struct memobj **out)
{
	struct list *b = bucket(s, node);
	struct memobj *m;
	struct pager *p;
	int r;

	list_for_each(p, b, hash_link)
		if (p->scheme == s && p->node == node) {
			p->gone = false;
			object_get(&p->m->obj);
			*out = p->m;
			return 0;
		}
	r = memobj_create(WEFT_MEM_PAGER, size, flags, &m);
	if (r)
		return r;
	p = kzalloc(sizeof(*p));
	if (!p) {
		object_put(&m->obj);
		return -ENOMEM;
	}
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

static struct page_req *req_new(u16 op)
{
	if (op != WEFT_OP_PAGE_OUT)
		return kzalloc(sizeof(struct page_req));
	for (u32 i = 0; i < POOL; i++)
		if (!pool[i].m)
			return &pool[i];
	return NULL;
}

static void req_free(struct page_req *r)
{
	r->m = NULL;
	if (r->op != WEFT_OP_PAGE_OUT) {
		kfree(r);
		return;
	}
	pool_used--;
	waitq_wake(&pool_wait, 1, 0);
}

int pager_wait_pool(void)
{
	return thread_block(&pool_wait, WEFT_FOREVER, BLOCK_KILLABLE);
}

bool pager_pool_used(void)
{
	return pool_used;
}

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
	if (r->op == WEFT_OP_PAGE_OUT)
		writeback_done(r, result);
	else if (r->op == WEFT_OP_PAGE_RESERVE && !result)
		result = reserve_done(m->pager, r);
	list_del(&r->link);
	waitq_wake(&r->wait, ~0u, result);
	req_free(r);
	object_put(&m->obj);
}

int pager_request(struct memobj *m, u16 op, u64 first, u64 n, u64 new_size, struct page_req **out)
{
	struct page_req *r = req_new(op);
	int e;

	if (!r)
		return op == WEFT_OP_PAGE_OUT ? -EAGAIN : -ENOMEM;
	*r = (struct page_req){.m = m, .op = op, .first = first, .n = n, .new_size = new_size};
	waitq_init(&r->wait);
	pool_used += op == WEFT_OP_PAGE_OUT;
	e = send(r);
	if (e) {
		req_free(r);
		return e;
	}
	object_get(&m->obj);
	list_add_tail(&m->pager->requests, &r->link);
	*out = r;
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
		int e = 0;

		if (!r) {
			e = pager_request(m, WEFT_OP_PAGE_IN, idx, read_ahead(m, idx), 0, &r);
			if (e)
				return e;
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
	if (!r) {
		int e = pager_request(m, WEFT_OP_PAGE_RESERVE, first, end - first, new_size, &r);

		if (e)
			return e;
	}
	return thread_block(&r->wait, WEFT_FOREVER, BLOCK_KILLABLE);
}

/* The server's side. */

static void wake_waiters(struct memobj *m, u64 first, u64 n)
{
	struct page_req *r;

	list_for_each(r, &m->pager->requests, link)
		if (r->op == WEFT_OP_PAGE_IN && r->first < first + n && first < r->first + r->n)
			waitq_wake(&r->wait, ~0u, 0);
}

/* Fills absent pages. buf 0: with zeros. */
static i64 supply(struct memobj *m, u64 off, u64 buf, u64 len)
{
	u64 first = off >> PAGE_SHIFT, done;
	int r = 0;

	for (done = 0; done < len && !r; done += PAGE_SIZE) {
		u64 idx = (off + done) >> PAGE_SHIFT, part = MIN(len - done, PAGE_SIZE);
		struct frame *f;

		if (memobj_page(m, idx))
			continue;
		f = frame_alloc_user();
		if (!f) {
			r = -ENOMEM;
			break;
		}
		if (part < PAGE_SIZE || !buf)
			page_clear(frame_virt(f));
		if (buf)
			r = copy_from_user(frame_virt(f), buf + done, part);
		if (r || idx >= memobj_pages(m)) {
			frame_put(f);
		} else {
			mm_stats.paged_in++;
			r = memobj_insert(m, idx, f);
		}
	}
	wake_waiters(m, first, (done + PAGE_SIZE - 1) >> PAGE_SHIFT);
	return r;
}

static i64 fail(struct memobj *m, u64 off, u64 len, u64 error)
{
	u64 first = off >> PAGE_SHIFT, n = (len + PAGE_SIZE - 1) >> PAGE_SHIFT;
	struct page_req *r;

	list_for_each(r, &m->pager->requests, link)
		if (r->op == WEFT_OP_PAGE_IN && r->first < first + n && first < r->first + r->n &&
			!r->error)
			r->error = -(int)error; /* told when the server replies */
	return 0;
}

i64 pager_copy(struct memobj *m, u32 op, u64 off, u64 buf, u64 len, u64 flags)
{
	if ((off & (PAGE_SIZE - 1)) || !len || off + len < off || off + len > INT64_MAX)
		return -EINVAL;
	switch (op) {
	case WEFT_PAGER_SUPPLY:
		return buf ? supply(m, off, buf, len) : -EFAULT;
	case WEFT_PAGER_ZERO:
		return supply(m, off, 0, len);
	case WEFT_PAGER_FAIL:
		return flags && flags < 4096 ? fail(m, off, len, flags) : -EINVAL;
	case WEFT_PAGER_FETCH:
		return writeback_fetch(m, off, buf, len);
	case WEFT_PAGER_DROP:
		memobj_drop_range(m, off >> PAGE_SHIFT, (off + len) >> PAGE_SHIFT, false);
		return 0;
	case WEFT_PAGER_RELEASE:
		writeback_release(m->pager, off >> PAGE_SHIFT, off + len);
		return 0;
	default:
		return -EINVAL;
	}
}

void pager_idle_check(struct memobj *m)
{
	struct pager *p = m->pager;

	if (!m->nmappings && !m->users && m->obj.fds <= 1 && !p->gone)
		scheme_one_way(p->scheme, &p->idle, WEFT_OP_PAGE_IDLE, p->node);
}

void pager_scheme_died(struct scheme *s, bool gone)
{
	for (u32 i = 0; i < HASH; i++) {
		struct pager *p;

		list_for_each(p, &pagers[i], hash_link) {
			if (p->scheme != s)
				continue;
			p->gone = gone;
			if (gone)
				writeback_discard(p);
		}
	}
}
