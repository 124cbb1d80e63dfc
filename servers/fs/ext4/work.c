/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait, so that the server's own does not. PAGERS serve page-ins and page-outs,
 * page-ins first, and never are all of them busy with page-outs: who waits for a page gets it
 * though a hundred megabytes are being written. LATERS run what may wait for page-outs (sync,
 * writes to watched files): they are apart, or they could take every thread that ends their wait.
 */
#include "ext4.h"

#include <native/call.h>
#include <native/server.h>
#include <native/start.h>
#include <native/thread.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PAGERS	    4u
#define PAGERS_OUT  2u /* at most so many at page-outs */
#define LATERS	    2u
#define STACK	    (256u << 10)
#define FLUSH_AFTER 5 /* seconds */

static struct ext4 *x;
static pthread_mutex_t big = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_cond_t work_come = PTHREAD_COND_INITIALIZER, later_come = PTHREAD_COND_INITIALIZER,
		      flush_come = PTHREAD_COND_INITIALIZER;

struct queue {
	struct page_job *head, *tail;
};
static struct queue ins, outs; /* guarded by the lock, as all here */
static struct later *later_head, *later_tail;
static u32 out_busy;
static bool flush_armed, ending;

void ext4_lock(void)
{
	pthread_mutex_lock(&big);
}

void ext4_unlock(void)
{
	pthread_mutex_unlock(&big);
}

void ext4_wait(void)
{
	pthread_cond_wait(&changed, &big);
}

void ext4_changed(void)
{
	pthread_cond_broadcast(&changed);
}

static void push(struct queue *q, struct page_job *j)
{
	j->next = NULL;
	if (q->tail)
		q->tail->next = j;
	else
		q->head = j;
	q->tail = j;
}

static struct page_job *pop(struct queue *q)
{
	struct page_job *j = q->head;
	if (j) {
		q->head = j->next;
		if (!q->head)
			q->tail = NULL;
	}
	return j;
}

i64 work_page(struct ext4 *fs, struct fsreq *r, struct node *n)
{
	struct page_job *j = calloc(1, sizeof(*j));
	if (!j)
		return -ENOMEM;
	j->kept = request_keep(r->rq);
	if (!j->kept) {
		free(j);
		return -ENOMEM;
	}
	j->node = node_get(n);
	j->off = r->sqe->args[0];
	j->len = r->sqe->args[1];
	j->op = r->sqe->op;
	push(j->op == WEFT_OP_PAGE_IN ? &ins : &outs, j);
	fs->jobs++;
	r->deferred = true;
	pthread_cond_signal(&work_come);
	return 0;
}

static struct page_job *next_job(void)
{
	struct page_job *j = pop(&ins);
	if (!j && !ending && out_busy < PAGERS_OUT)
		j = pop(&outs);
	return j;
}

static void serve_pages(void *arg)
{
	void *buf = malloc(PAGE_RUN_MAX);
	(void)arg;
	ext4_lock();
	for (;;) {
		struct page_job *j = buf ? next_job() : NULL;
		if (!j) {
			pthread_cond_wait(&work_come, &big);
			continue;
		}
		bool out = j->op == WEFT_OP_PAGE_OUT;
		out_busy += out;
		i64 result = out ? data_page_out(x, j, buf) : data_page_in(x, j, buf);
		out_busy -= out;
		if (out && outs.head)
			pthread_cond_signal(&work_come);
		ext4_unlock();
		request_reply(j->kept, result);
		ext4_lock();
		node_put(j->node);
		free(j);
		x->jobs--;
		ext4_changed();
	}
}

i64 ext4_defer(struct fsreq *r, struct node *n, i64 (*fn)(struct later *l))
{
	struct later *l = calloc(1, sizeof(*l));
	struct request *kept = l ? request_keep(r->rq) : NULL;
	if (!kept) {
		free(l);
		return -ENOMEM;
	}
	l->fs = r->fs;
	l->node = n ? node_get(n) : NULL;
	memcpy(l->args, kept->sqe->args, sizeof(l->args));
	l->r = (struct fsreq){.fs = r->fs, .rq = kept, .sqe = kept->sqe};
	l->fn = fn;
	if (later_tail)
		later_tail->next = l;
	else
		later_head = l;
	later_tail = l;
	r->deferred = true;
	pthread_cond_signal(&later_come);
	return 0;
}

static void run_later(struct later *l)
{
	later_head = l->next;
	if (!later_head)
		later_tail = NULL;
	ext4_unlock();
	i64 result = l->fn(l);
	request_reply(l->r.rq, result);
	ext4_lock();
	if (l->node)
		node_put(l->node);
	free(l);
}

static void serve_later(void *arg)
{
	(void)arg;
	ext4_lock();
	for (;;) {
		if (later_head)
			run_later(later_head);
		else
			pthread_cond_wait(&later_come, &big);
	}
}

void ext4_arm_flush(void)
{
	if (flush_armed)
		return;
	flush_armed = true;
	pthread_cond_signal(&flush_come);
}

/* Metadata go to the disk FLUSH_AFTER seconds after the first change; nothing wakes up where
 * nothing changes. */
static void serve_flush(void *arg)
{
	(void)arg;
	ext4_lock();
	for (;;) {
		while (!flush_armed)
			pthread_cond_wait(&flush_come, &big);
		ext4_unlock();
		nanosleep(&(struct timespec){.tv_sec = FLUSH_AFTER}, NULL);
		ext4_lock();
		flush_armed = false;
		int e = sync_meta(x);
		if (e)
			ext4_log("metadata could not be written: error %d", -e);
	}
}

static void serve_end(void *arg)
{
	u64 count;
	(void)arg;
	while (weft_fd_read((u64)native_fd("shutdown"), PTR(&count), sizeof(count), (u64)-1, 0) ==
		-EINTR)
		;
	ext4_lock();
	while (x->jobs)
		ext4_wait();
	/* From now on page-outs are not begun: this thread writes all that is dirty, and two would give the same pages blocks. */
	ending = true;
	int e = ext4_unmount(x->fs);
	if (e)
		ext4_log("could not be unmounted cleanly: error %d", -e);
	else
		ext4_log("unmounted; %llu page-ins, %llu page-outs",
			(unsigned long long)x->page_ins_done,
			(unsigned long long)x->page_outs_done);
	_exit(e ? 1 : 0);
}

static int start(void (*fn)(void *arg))
{
	static struct nthread threads[PAGERS + LATERS + 2];
	static u32 n;
	return nthread_create(&threads[n++], fn, NULL, STACK);
}

int work_start(struct ext4 *fs)
{
	int e = 0;
	x = fs;
	for (u32 i = 0; i < PAGERS && !e; i++)
		e = start(serve_pages);
	for (u32 i = 0; i < LATERS && !e; i++)
		e = start(serve_later);
	if (!e)
		e = start(serve_flush);
	if (!e && native_fd("shutdown") >= 0)
		e = start(serve_end);
	return e;
}
