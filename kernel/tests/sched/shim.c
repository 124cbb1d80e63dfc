/* SPDX-License-Identifier: MIT */
#include "shim.h"

struct cpu shim_cpu = {.self = &shim_cpu};
struct cpu *host_cpu = &shim_cpu;
struct process shim_process;
bool shim_no_memory;
void (*shim_blocked)(struct thread *t);
u32 shim_destroyed, shim_closed;

__attribute__((weak)) struct cpu *cpus[MAX_CPUS] = {&shim_cpu};
__attribute__((weak)) u32 ncpus = 1;

void *kmalloc(size_t n)
{
	return shim_no_memory ? NULL : malloc(n);
}

void *kzalloc(size_t n)
{
	return shim_no_memory ? NULL : calloc(1, n);
}

void kfree(void *p)
{
	free(p);
}

void *krealloc_zero(void *p, size_t old, size_t n)
{
	char *q = shim_no_memory ? NULL : realloc(p, n);

	if (q && n > old)
		memset(q + old, 0, n - old);
	return q;
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

void klog(const char *fmt, ...)
{
	(void)fmt;
}

void shim_thread(struct thread *t, u32 tid)
{
	memset(t, 0, sizeof(*t));
	t->tid = tid;
	t->proc = &shim_process;
	t->prio = t->base_prio = WEFT_PRIO_NORMAL;
	t->affinity = ~0ul;
	list_init(&t->run_link);
	list_init(&t->wait_link);
	list_init(&t->proc_link);
	list_init(&t->futex_link);
	list_init(&t->sigq.entries);
}

void shim_run(struct thread *t)
{
	t->state = T_RUNNING;
	shim_cpu.current = t;
}

__attribute__((weak)) int thread_block(struct waitq *q, u64 deadline, enum block_mode mode)
{
	struct thread *t = current_thread();

	(void)q;
	(void)mode;
	if (deadline <= 1)
		return -ETIMEDOUT;
	t->state = T_BLOCKED;
	t->wake_result = -ETIMEDOUT;
	if (shim_blocked)
		shim_blocked(t);
	shim_run(t);
	return t->wake_result;
}

__attribute__((weak)) void thread_wake(struct thread *t, int result)
{
	if (t->state != T_BLOCKED)
		return;
	t->state = T_READY;
	t->wake_result = result;
}

__attribute__((weak)) void object_notify(struct object *o, u32 bits)
{
	(void)o;
	(void)bits;
}

__attribute__((weak)) void watch_closed(struct object *o)
{
	(void)o;
}

static void note_destroyed(struct object *o)
{
	shim_destroyed++;
	free(o);
}

static void note_closed(struct object *o)
{
	(void)o;
	shim_closed++;
}

struct object *shim_object(void)
{
	static const struct obj_ops ops = {.closed = note_closed, .destroy = note_destroyed};
	struct object *o = calloc(1, sizeof(*o));

	object_init(o, WEFT_OBJ_PIPE, &ops);
	return o;
}

__attribute__((weak)) void object_init(struct object *o, u32 type, const struct obj_ops *ops)
{
	*o = (struct object){.ops = ops, .type = type, .refs = 1};
	list_init(&o->watchers);
}
