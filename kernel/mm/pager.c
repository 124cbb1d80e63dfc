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
#include "reclaim.h"
#include "writeback.h"
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
	waitq_init(&p->wb_wait);
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

static void req_put(struct page_req *r)
{
	if (--r->refs == 0)
		kfree(r);
}

static void reserve_done(struct pager *p, struct page_req *r)
{
	for (u64 e = r->first / EXTENT_PAGES; e <= (r->first + r->n - 1) / EXTENT_PAGES; e++)
		if (radix_set(&p->reserved, e, p))
			r->error = -ENOMEM; /* reserved at the server, but we must ask again */
}

static void request_done(void *arg, i64 result);

static int send(struct page_req *r)
{
	u64 args[6] = {r->first << PAGE_SHIFT, r->n << PAGE_SHIFT, r->new_size};

	if (r->m->pager->gone)
		return -EIO;
	return scheme_kernel_request(r->m->pager->scheme, r->op, r->m->pager->node, args,
		request_done, r);
}

static void request_end(struct page_req *r, int error)
{
	struct memobj *m = r->m;

	r->done = true;
	if (!r->error)
		r->error = error;
	if (!r->error && r->op == WEFT_OP_PAGE_RESERVE)
		reserve_done(m->pager, r);
	list_del(&r->link);
	waitq_wake(&r->wait, ~0u, 0);
	req_put(r);
	object_put(&m->obj);
}

static void request_done(void *arg, i64 result)
{
	struct page_req *r = arg;

	if (result == -WEFT_EREDELIVER) {
		int e = send(r);

		if (!e)
			return;
		result = e;
	}
	if (result < 0 && (result < -4095 || result == -EINTR))
		result = -EIO;
	request_end(r, result < 0 ? (int)result : 0);
}

/* Starts a request; -> it with a reference for the caller. */
static struct page_req *request(struct memobj *m, u16 op, u64 first, u64 n, u64 new_size)
{
	struct page_req *r = kzalloc(sizeof(*r));
	int e;

	if (!r)
		return ERR_PTR(-ENOMEM);
	r->m = m;
	r->op = op;
	r->first = first;
	r->n = n;
	r->new_size = new_size;
	r->refs = 2;
	waitq_init(&r->wait);
	e = send(r);
	if (e) {
		kfree(r);
		return ERR_PTR(e);
	}
	object_get(&m->obj);
	list_add_tail(&m->pager->requests, &r->link);
	return r;
}

static struct page_req *find(struct pager *p, u16 op, u64 idx)
{
	struct page_req *r;

	list_for_each(r, &p->requests, link)
		if (r->op == op && idx >= r->first && idx - r->first < r->n)
			return r;
	return NULL;
}

/* Waits for r, or until its waiters are woken early. Drops the caller's reference. *done: it has
 * ended. */
static int await(struct page_req *r, bool *done)
{
	int e = 0;

	if (!r->done && thread_block(&r->wait, WEFT_FOREVER, BLOCK_KILLABLE) == -EINTR)
		e = -EINTR;
	*done = r->done;
	if (r->done && r->error)
		e = r->error;
	req_put(r);
	return e;
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
		if (memobj_page(m, idx + n) || find(p, WEFT_OP_PAGE_IN, idx + n))
			break;
	p->ra_next = idx + n;
	return n;
}

int pager_page_in(struct memobj *m, u64 idx)
{
	struct process *proc = current_process();

	for (u32 tries = 0; tries < 4; tries++) {
		struct page_req *r = find(m->pager, WEFT_OP_PAGE_IN, idx);
		bool done = false;
		int e;

		if (r) {
			r->refs++;
		} else {
			r = request(m, WEFT_OP_PAGE_IN, idx, read_ahead(m, idx), 0);
			if (IS_ERR(r))
				return PTR_ERR(r);
			if (proc)
				proc->faults_major++;
		}
		while (!done) {
			r->refs++;
			e = await(r, &done);
			if (e || memobj_page(m, idx)) {
				req_put(r);
				return memobj_page(m, idx) ? 0 : e;
			}
		}
		req_put(r);
		if (idx >= memobj_pages(m))
			return 0; /* shrunk meanwhile: the caller sees that */
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
	bool done = false;

	first = ALIGN_DOWN(first, EXTENT_PAGES);
	while (first < end && pager_reserved(m, first))
		first += EXTENT_PAGES;
	if (first == end)
		return 0;
	r = find(m->pager, WEFT_OP_PAGE_RESERVE, first);
	if (r) {
		r->refs++;
	} else {
		r = request(m, WEFT_OP_PAGE_RESERVE, first, end - first, new_size);
		if (IS_ERR(r))
			return PTR_ERR(r);
	}
	while (!done) {
		int e;

		r->refs++;
		e = await(r, &done);
		if (e) {
			req_put(r);
			return e;
		}
	}
	req_put(r);
	return 0;
}

/* The server's side. */

static void wake_waiters(struct memobj *m, u64 first, u64 n)
{
	struct page_req *r;

	list_for_each(r, &m->pager->requests, link)
		if (r->op == WEFT_OP_PAGE_IN && r->first < first + n && first < r->first + r->n)
			waitq_wake(&r->wait, ~0u, 0);
}

#define SUPPLY_BATCH 16u

/* Fills up to SUPPLY_BATCH absent pages from idx on. buf 0: zeros. */
static int supply_some(struct memobj *m, u64 idx, u32 n, u64 buf, u64 len)
{
	struct frame *f[SUPPLY_BATCH] = {NULL};
	int r = 0;

	for (u32 i = 0; i < n && !r; i++) {
		u64 part = MIN(len - MIN(len, i * PAGE_SIZE), PAGE_SIZE);

		if (memobj_page(m, idx + i))
			continue;
		f[i] = frame_alloc_user();
		if (!f[i]) {
			r = -ENOMEM;
			break;
		}
		if (part < PAGE_SIZE || !buf)
			page_clear(frame_virt(f[i]));
		if (buf && part)
			r = copy_from_user(frame_virt(f[i]), buf + i * PAGE_SIZE, part);
	}
	for (u32 i = 0; i < n; i++) {
		if (!f[i])
			continue;
		if (r || memobj_page(m, idx + i) || idx + i >= memobj_pages(m) ||
			radix_set(&m->pages, idx + i, f[i])) {
			frame_put(f[i]);
			continue;
		}
		f[i]->owner = m;
		f[i]->index = idx + i;
		mm_stats.cache++;
		mm_stats.paged_in++;
		lru_add(f[i]);
	}
	return r;
}

static i64 supply(struct memobj *m, u64 off, u64 buf, u64 len)
{
	u64 idx = off >> PAGE_SHIFT, n = (len + PAGE_SIZE - 1) >> PAGE_SHIFT, done;

	for (done = 0; done < n;) {
		u32 some = MIN(n - done, SUPPLY_BATCH);
		int r = supply_some(m, idx + done, some, buf ? buf + (done << PAGE_SHIFT) : 0,
			len - (done << PAGE_SHIFT));

		if (r)
			return r;
		wake_waiters(m, idx + done, some);
		done += some;
	}
	return 0;
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
