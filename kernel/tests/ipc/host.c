/* SPDX-License-Identifier: MIT */
#define sched_yield posix_sched_yield /* the kernel has one of its own */
#include <pthread.h>
#undef sched_yield
#include "host.h"

struct kthread {
	struct thread t;
	void (*fn)(void *arg);
	void *arg;
	pthread_t pthread;
	pthread_cond_t turn;
	bool done, signalled;
	struct kthread *next;
};

static struct cpu cpu = {.self = &cpu, .lock_depth = 1};
struct cpu *host_cpu = &cpu;
struct cpu *cpus[64] = {&cpu};
u32 ncpus = 1, host_faults, host_switches;
u64 host_time = 1000, frames_free = 77;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t back = PTHREAD_COND_INITIALIZER;
static struct kthread *threads, *running;
static struct list ready = {&ready, &ready};
static struct kthread test_thread; /* for calls of the test itself */
static struct list timers = {&timers, &timers};
static struct identity ident = {.refs = 1000000, .number = 5};
struct identity *identity_system = &ident;
static u32 next_pid = 1;

/* Memory */
#define PAGES 64
static void *absent[PAGES], *bad[PAGES];

static bool listed(void **v, u64 addr)
{
	for (u32 i = 0; i < PAGES; i++)
		if (v[i] && U(v[i]) == (addr & ~(PAGE_SIZE - 1)))
			return true;
	return false;
}

static void list_it(void **v, void *page, bool on)
{
	for (u32 i = 0; i < PAGES; i++) {
		if (v[i] == (on ? NULL : page)) {
			v[i] = on ? page : NULL;
			return;
		}
	}
	CHECK(!on);
}

void host_absent(void *page, bool on)
{
	list_it(absent, page, on);
}

void host_bad(void *page, bool on)
{
	list_it(bad, page, on);
}

void *host_page(void)
{
	void *p = aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	memset(p, 0, PAGE_SIZE);
	return p;
}

static bool usable(u64 addr, u64 n, bool fault)
{
	for (u64 a = ALIGN_DOWN(addr, PAGE_SIZE); n && a < addr + n; a += PAGE_SIZE) {
		if (a < PAGE_SIZE || listed(bad, a))
			return false;
		if (listed(absent, a)) {
			if (!fault)
				return false;
			host_faults++;
			host_absent((void *)a, false);
		}
	}
	return true;
}

u32 as_fault(struct as *a, u64 addr, bool write, bool exec)
{
	return usable(addr, 1, true) ? 0 : WEFT_CAUSE_PAGE;
}

void *as_peek(struct as *a, u64 addr, bool write)
{
	return usable(addr, 1, false) ? (void *)addr : NULL;
}

static int copy(void *to, const void *from, size_t n, u64 user, bool fault)
{
	if (!usable(user, n, fault))
		return -EFAULT;
	memcpy(to, from, n);
	return 0;
}

int copy_from_user(void *to, u64 from, size_t n)
{
	return copy(to, (void *)from, n, from, true);
}

int copy_to_user(u64 to, const void *from, size_t n)
{
	return copy((void *)to, from, n, to, true);
}

int copy_from_user_nofault(void *to, u64 from, size_t n)
{
	return copy(to, (void *)from, n, from, false);
}

int copy_to_user_nofault(u64 to, const void *from, size_t n)
{
	return copy((void *)to, from, n, to, false);
}

int uio_init(struct uio *u, struct weft_iov *buf, u32 nbuf, u64 base, u64 len, bool vec)
{
	*u = (struct uio){.iov = buf, .niov = vec ? (u32)len : 1};
	CHECK(u->niov <= nbuf);
	if (vec) {
		if (len && copy_from_user(buf, base, len * sizeof(*buf)))
			return -EFAULT;
	} else {
		buf[0] = (struct weft_iov){base, len};
	}
	for (u32 i = 0; i < u->niov; i++)
		u->left += buf[i].len;
	return 0;
}

void uio_kernel(struct uio *u, struct weft_iov *buf, void *base, u64 len)
{
	uio_init(u, buf, 1, U(base), len, false);
}

void uio_free(struct uio *u, struct weft_iov *buf)
{
}

static i64 uio_copy(struct uio *u, char *kernel, u64 n, bool out)
{
	u64 done = 0;

	n = MIN(n, u->left);
	while (done < n) {
		u64 base = u->iov[u->idx].base + u->at,
		    k = MIN(u->iov[u->idx].len - u->at, n - done);

		k = MIN(k, PAGE_SIZE - base % PAGE_SIZE);
		if (k &&
			(out ? copy_to_user(base, kernel + done, k)
			     : copy_from_user(kernel + done, base, k)))
			return done ? (i64)done : -EFAULT;
		done += k;
		u->at += k;
		u->left -= k;
		if (u->at == u->iov[u->idx].len) {
			u->idx++;
			u->at = 0;
		}
	}
	return (i64)done;
}

i64 uio_copy_out(struct uio *u, const void *from, u64 n)
{
	return uio_copy(u, (char *)from, n, true);
}

i64 uio_copy_in(struct uio *u, void *to, u64 n)
{
	return uio_copy(u, to, n, false);
}

void *kmalloc(size_t n)
{
	return malloc(n);
}

void *kzalloc(size_t n)
{
	return calloc(1, n);
}

void kfree(void *p)
{
	free(p);
}

void *krealloc_zero(void *p, size_t old, size_t n)
{
	char *q = realloc(p, n);

	memset(q + old, 0, n - old);
	return q;
}

/* Threads and time */
static struct kthread *kt(struct thread *t)
{
	return container_of(t, struct kthread, t);
}

bool thread_interrupted(struct thread *t)
{
	return t->killed || kt(t)->signalled;
}

static void wait_for_turn(struct kthread *k)
{
	while (running != k)
		pthread_cond_wait(&k->turn, &lock);
	cpu.current = &k->t;
	k->t.state = T_RUNNING;
}

static void give_back(void)
{
	running = NULL;
	pthread_cond_signal(&back);
}

int thread_block(struct waitq *q, u64 deadline, enum block_mode mode)
{
	struct thread *t = cpu.current;

	CHECK(t != &test_thread.t);
	if (mode != BLOCK_UNKILLABLE && t->killed)
		return -EINTR;
	if (mode == BLOCK_INTERRUPTIBLE && thread_interrupted(t)) {
		kt(t)->signalled = false;
		return -EINTR;
	}
	if (deadline <= host_time)
		return -ETIMEDOUT;
	t->sleep.deadline = deadline;
	t->block_mode = (u8)mode;
	t->state = T_BLOCKED;
	if (q)
		list_add_tail(&q->threads, &t->wait_link);
	host_switches++;
	give_back();
	wait_for_turn(kt(t));
	return t->wake_result;
}

void thread_wake(struct thread *t, int result)
{
	if (t->state != T_BLOCKED)
		return;
	list_del(&t->wait_link);
	t->wake_result = result;
	t->state = T_READY;
	list_add_tail(&ready, &t->run_link);
}

void thread_wake_direct(struct thread *t, int result)
{
	thread_wake(t, result);
}

u32 waitq_wake(struct waitq *q, u32 n, int result)
{
	u32 k = 0;

	for (; k < n && !list_empty(&q->threads); k++)
		thread_wake(list_first(&q->threads, struct thread, wait_link), result);
	return k;
}

void sched_set_prio(struct thread *t, u32 prio)
{
	t->prio = (u8)prio;
}

static void *thread_main(void *arg)
{
	struct kthread *k = arg;

	pthread_mutex_lock(&lock);
	wait_for_turn(k);
	k->fn(k->arg);
	ipc_thread_dying(&k->t);
	k->done = true;
	k->t.state = T_DEAD;
	give_back();
	pthread_mutex_unlock(&lock);
	return NULL;
}

static void thread_init(struct kthread *k, struct process *p)
{
	list_init(&k->t.run_link);
	list_init(&k->t.wait_link);
	k->t.proc = p;
	k->t.ident = identity_system;
	k->t.prio = k->t.base_prio = WEFT_PRIO_NORMAL;
	k->t.tid = ++next_pid;
}

struct thread *host_thread(struct process *p, void (*fn)(void *arg), void *arg)
{
	struct kthread *k = calloc(1, sizeof(*k));

	thread_init(k, p);
	k->fn = fn;
	k->arg = arg;
	pthread_cond_init(&k->turn, NULL);
	k->next = threads;
	threads = k;
	k->t.state = T_READY;
	list_add_tail(&ready, &k->t.run_link);
	pthread_create(&k->pthread, NULL, thread_main, k);
	return &k->t;
}

static bool next_deadline(u64 until)
{
	struct ktimer *t, *first = NULL;
	u64 at = until;

	for (struct kthread *k = threads; k; k = k->next)
		if (k->t.state == T_BLOCKED && k->t.sleep.deadline < at)
			at = k->t.sleep.deadline;
	for (struct list *p = timers.next; p != &timers; p = p->next) {
		t = container_of((struct ktimer **)p, struct ktimer, left);
		if (t->deadline <= at) {
			at = t->deadline;
			first = t;
		}
	}
	if (at == until)
		return false;
	host_time = MAX(host_time, at);
	if (first && first->deadline == at) {
		ktimer_cancel(first);
		first->fn(first);
		return true;
	}
	for (struct kthread *k = threads; k; k = k->next)
		if (k->t.state == T_BLOCKED && k->t.sleep.deadline <= at)
			thread_wake(&k->t, -ETIMEDOUT);
	return true;
}

static void run_until(u64 until)
{
	struct thread *was = cpu.current;

	pthread_mutex_lock(&lock);
	do {
		while (!list_empty(&ready)) {
			struct thread *t = list_first(&ready, struct thread, run_link);

			list_del(&t->run_link);
			running = kt(t);
			pthread_cond_signal(&running->turn);
			while (running)
				pthread_cond_wait(&back, &lock);
		}
		cpu.current = was;
	} while (next_deadline(until));
	pthread_mutex_unlock(&lock);
}

void host_run(void)
{
	run_until(WEFT_FOREVER);
}

void host_pass_time(u64 ns)
{
	u64 until = host_time + ns;

	run_until(until);
	host_time = until;
}

bool host_done(struct thread *t)
{
	return kt(t)->done;
}

void host_kill(struct thread *t)
{
	t->killed = true;
	if (t->state == T_BLOCKED && t->block_mode != BLOCK_UNKILLABLE)
		thread_wake(t, -EINTR);
}

void host_signal(struct thread *t)
{
	if (t->state == T_BLOCKED && t->block_mode == BLOCK_INTERRUPTIBLE)
		thread_wake(t, -EINTR);
	else
		kt(t)->signalled = true;
}

u64 now_ns(void)
{
	return host_time;
}

/* A timer's `child` and `next` serve as its link here. */
static struct list *link_of(struct ktimer *t)
{
	return (struct list *)&t->left;
}
_Static_assert(offsetof(struct ktimer, right) == offsetof(struct ktimer, left) + 8,
	"used as a list");

void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t))
{
	memset(t, 0, sizeof(*t));
	t->fn = fn;
	list_init(link_of(t));
}

void ktimer_arm(struct ktimer *t, u64 deadline)
{
	ktimer_cancel(t);
	t->deadline = deadline;
	list_add_tail(&timers, link_of(t));
}

void ktimer_cancel(struct ktimer *t)
{
	list_del(link_of(t));
}

/* Processes */
struct process *host_process(void)
{
	struct process *p = calloc(1, sizeof(*p));

	p->pid = ++next_pid;
	p->fds = fds_create();
	p->ident = identity_system;
	p->ns = ns_create_root();
	host_as(p);
	return p;
}

void host_exit(struct process *p)
{
	host_as(p);
	fds_put(p->fds);
	p->fds = NULL;
	ipc_process_exited(p);
	object_put(&p->ns->obj);
	cpu.current = NULL;
	free(p);
}

void host_as(struct process *p)
{
	if (!test_thread.t.base_prio)
		thread_init(&test_thread, p);
	test_thread.t.proc = p;
	cpu.current = &test_thread.t;
}

i32 host_give(struct process *from, i32 fd, struct process *to)
{
	struct object *o;
	u32 rights;
	i32 n;

	IS(fd_get_in(from, fd, 0, 0, &o, &rights), 0);
	n = fd_install(to, o, rights, 0);
	object_put(o);
	return n;
}

void host_begin(void)
{
	memset(object_count, 0, WEFT_OBJ_COUNT * sizeof(u64));
	host_faults = host_switches = 0;
}

void host_end(void)
{
	struct kthread *k;

	while (threads) {
		k = threads;
		threads = k->next;
		CHECK(k->done);
		pthread_join(k->pthread, NULL);
		pthread_cond_destroy(&k->turn);
		free(k);
	}
	if (test_thread.t.req)
		ipc_thread_dying(&test_thread.t);
	for (u32 i = 0; i < WEFT_OBJ_COUNT; i++) {
		if (object_count[i])
			fprintf(stderr, "objects of kind %u left: %lu\n", i, object_count[i]);
		CHECK(!object_count[i]);
	}
}

/* The rest of the kernel */
void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	abort();
}

void klog(const char *fmt, ...)
{
}

size_t strlcpy(char *d, const char *s, size_t n)
{
	return (size_t)snprintf(d, n, "%s", s);
}

int mm_pause(void)
{
	return 0;
}

struct identity *identity_get(u32 number)
{
	return number == ident.number ? (ident.refs++, &ident) : NULL;
}

void identity_put(struct identity *i)
{
	i->refs--;
}

void pager_scheme_died(struct scheme *s, bool gone)
{
}

void mem_pins_release(struct resource *r)
{
}

void memobj_attach(struct memobj *m)
{
}

void memobj_detach(struct memobj *m)
{
}

struct memobj *memobj_of(struct object *o)
{
	return NULL;
}

struct object *memobj_object(struct memobj *m)
{
	return (struct object *)m;
}

u64 memobj_size(struct memobj *m)
{
	return 0;
}

i64 memobj_read(struct memobj *m, struct uio *u, u64 off, u32 flags)
{
	return -ENOSYS;
}

i64 memobj_write(struct memobj *m, struct uio *u, u64 off, u32 flags)
{
	return -ENOSYS;
}

i64 builtin_call(struct object *o, u64 ureq)
{
	return -ENOSYS;
}
