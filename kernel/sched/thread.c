/* SPDX-License-Identifier: MIT */
/*
 * Threads: made, started, ended. A thread holds a reference to itself until it is reaped. Dying
 * goes in steps: what belongs to its user memory, while its address space is loaded
 * (thread_release_user); then what the kernel keeps for it, and off to the list of the dead
 * (thread_bury); the next to run anywhere frees it and, after the last of a process, drops the
 * address space (sched_reap).
 */
#include "internal.h"

#define ID_MAX 4194304u

static struct list dead = {&dead, &dead}; /* thread.run_link */

static void thread_destroy(struct object *o)
{
	struct thread *t = container_of(o, struct thread, obj);

	arch_thread_free(t);
	identity_put(t->ident);
	kfree(t);
}

static const struct obj_ops thread_ops = {.destroy = thread_destroy};

struct thread *thread_find(struct process *p, u32 tid)
{
	struct thread *t;

	list_for_each(t, &p->threads, proc_link)
		if (t->tid == tid)
			return t;
	return NULL;
}

static bool id_taken(u32 id)
{
	struct process *p;

	list_for_each(p, &process_list, all_link)
		if (p->pid == id || thread_find(p, id))
			return true;
	return false;
}

u32 id_alloc(void)
{
	static bool again;
	static u32 last;

	do {
		if (++last >= ID_MAX) {
			last = 300; /* as Linux: the first ones are for those that started with
				       the system */
			again = true;
		}
	} while (again && id_taken(last));
	return last;
}

int page_install(struct as *as, u64 addr, const void *copy, struct frame **out)
{
	struct frame *f = copy ? frame_alloc(0, false) : frame_alloc_zero();
	int r;

	if (f && copy)
		memcpy(frame_virt(f), copy, PAGE_SIZE);
	r = f ? as_map_frame(as, addr, f) : -ENOMEM;
	if (r) {
		frame_put(f);
		return r;
	}
	*out = f;
	return 0;
}

void page_remove(struct as *as, u64 addr, struct frame *f, bool unmap)
{
	if (!f)
		return;
	if (unmap)
		as_unmap_frame(as, addr);
	frame_put(f);
}

static bool user_address(u64 a)
{
	return a < WEFT_USER_MAX;
}

int thread_check(const struct weft_thread_new *n)
{
	if ((n->tp & (PAGE_SIZE - 1)) || !user_address(n->tp) || !user_address(n->regs.rip) ||
		!user_address(n->fs_base) || !user_address(n->clear_tid) ||
		!user_address(n->robust) || (n->clear_tid & 3))
		return -EINVAL;
	if (n->prio > WEFT_PRIO_MAX || (n->flags & ~WEFT_THREAD_STOPPED))
		return -EINVAL;
	if (n->free_len &&
		((n->free_addr | n->free_len) & (PAGE_SIZE - 1) || !user_address(n->free_addr) ||
			n->free_len > WEFT_USER_MAX - n->free_addr))
		return -EINVAL;
	return n->prio > current_thread()->ceiling ? -EPERM : 0;
}

static int tp_install(struct thread *t, struct as *as, const struct weft_thread_new *n,
	const struct thread *copy)
{
	struct weft_tp *tp;

	if (!n->tp)
		return 0;
	TRY(page_install(as, n->tp, copy ? copy->tp : NULL, &t->tp_frame));
	tp = t->tp = frame_virt(t->tp_frame);
	t->sigq.mirror = &tp->pending;
	t->tp_addr = n->tp;
	tp->self = n->tp;
	tp->pending = 0;
	tp->blocked = n->blocked;
	tp->proc_page = t->proc->pp_addr;
	tp->pid = t->proc->pid;
	tp->tid = t->tid;
	tp->cpu = t->cpu;
	if (n->rt_stack || !copy)
		tp->rt_stack = n->rt_stack;
	if (!copy)
		memcpy(tp->rt, n->tp_rt, sizeof(n->tp_rt));
	return 0;
}

/*
 * Makes a thread that does not run yet. from: the one whose FPU state, identity, affinity and
 * priority it gets. With copy_tp its thread page too.
 */
int thread_new(struct process *p, struct as *as, const struct weft_thread_new *n, u32 tid,
	struct thread *from, bool copy_tp, struct thread **out)
{
	HELD struct thread *t = object_new(sizeof(*t), WEFT_OBJ_NONE, &thread_ops);

	if (!t)
		return -ENOMEM;
	t->proc = p;
	t->tid = tid;
	t->state = T_STOPPED;
	t->cpu = this_cpu()->id;
	t->affinity = from->affinity;
	t->base_prio = t->prio = (u8)(n->prio ? n->prio : from->base_prio);
	t->ceiling = from->ceiling;
	t->clear_tid = n->clear_tid;
	t->robust = n->robust;
	t->free_addr = n->free_addr;
	t->free_len = n->free_len;
	t->sig_blocked = n->tp ? 0 : ~0ul;
	t->stop_own = n->flags & WEFT_THREAD_STOPPED;
	t->ident = p == from->proc ? from->ident : p->ident;
	identity_hold(t->ident);
	strlcpy(t->name, p->name, sizeof(t->name));
	list_init(&t->wait_link);
	list_init(&t->sigq.entries);
	TRY(arch_thread_init(t, &n->regs, n->fs_base));
	TRY(tp_install(t, as, n, copy_tp ? from : NULL));
	*out = t;
	t = NULL;
	return 0;
}

void thread_discard(struct thread *t, struct as *as)
{
	page_remove(as, t->tp_addr, t->tp_frame, true);
	object_put(&t->obj);
}

void thread_start(struct thread *t)
{
	struct process *p = t->proc;

	list_add_tail(&p->threads, &t->proc_link);
	p->nthreads++;
	process_write_page(p);
	thread_update(t);
}

void thread_update(struct thread *t)
{
	t->killed |= t->proc->exiting;
	t->stop_wanted = t->stop_own || t->proc->stopped;
	thread_poke(t);
}

static int thread_create(struct process *p, const struct weft_thread_new *n, struct thread **out)
{
	struct thread *me = current_thread(), *t;

	if (!p->as || p->exiting || p->exec_thread)
		return -ESRCH;
	if (p->nthreads >= p->limits[WEFT_LIMIT_THREADS])
		return -EAGAIN;
	sched_reap();
	TRY(thread_new(p, p->as, n, id_alloc(), me, false, out));
	t = *out;
	if (p == me->proc)
		arch_thread_copy_fpu(t, me);
	else if (!list_empty(&p->threads))
		/* it is the other process's: no more than its own threads are */
		t->ceiling = list_first(&p->threads, struct thread, proc_link)->ceiling;
	thread_start(t);
	return 0;
}

i64 sys_thread_create(u64 a0, u64 a1)
{
	HELD struct process *p = NULL;
	struct weft_thread_new n;
	struct thread *t;
	u32 tid = 0;

	TRY(copy_record(&n, sizeof(n), a0, a1));
	TRY(thread_check(&n));
	/* The word is touched before, so that nothing can fail or block once the thread exists. */
	if (n.set_tid)
		TRY(copy_to_user(n.set_tid, &tid, sizeof(tid)));
	TRY(process_get(n.proc, WEFT_RIGHT_CONTROL, &p));
	TRY(thread_create(p, &n, &t));
	tid = t->tid;
	if (n.set_tid)
		(void)copy_to_user_nofault(n.set_tid, &tid, sizeof(tid));
	return tid;
}

/* as_dies: nobody else uses the address space, so only what others can see is done. */
void thread_release_user(struct thread *t, bool as_dies)
{
	const u32 zero = 0;

	if (t->robust)
		robust_walk(t);
	if (t->clear_tid && !as_dies && !copy_to_user(t->clear_tid, &zero, sizeof(zero)))
		futex_wake_addr(t->clear_tid, 1);
	t->clear_tid = t->robust = 0;
	if (t->tp_frame) {
		t->tp = NULL;
		t->sigq.mirror = NULL;
		this_cpu()->tp = NULL;
		page_remove(t->proc->as, t->tp_addr, t->tp_frame, !as_dies);
		t->tp_frame = NULL;
	}
	if (t->free_len && !as_dies)
		as_unmap(t->proc->as, t->free_addr, t->free_len);
}

static NORETURN void thread_bury(struct thread *t, struct as *dead_as)
{
	sigq_drop(&t->sigq, ~0ul);
	identity_set(&t->ident, identity_system);
	t->dead_as = dead_as;
	t->state = T_DEAD;
	list_add_tail(&dead, &t->run_link);
	sched_switch_away();
	panic("a dead thread runs");
}

/* Takes the thread off the lists by which others find it. */
static void unlink_thread(struct thread *t)
{
	struct process *p = t->proc;

	list_del(&t->proc_link);
	p->nthreads--;
	usage_add(&p->used, &t->used);
	process_write_page(p);
}

void thread_exit_current(void)
{
	struct thread *t = current_thread();
	struct process *p = t->proc;
	struct as *as = NULL;

	thread_release_user(t, (p->exiting || p->nthreads == 1) && !p->shares_as);
	t->killed = true;
	ipc_thread_dying(t);
	acct(this_cpu(), arch_tsc(), false);
	unlink_thread(t);
	if (!p->nthreads) {
		as = process_finish(p);
		t->proc = &kernel_process;
		process_end(p);
	} else {
		if (p->exec_thread && p->nthreads == 1)
			thread_wake(p->exec_thread, 0);
		signal_retarget(p);
		process_check_stopped(p);
	}
	thread_bury(t, as);
}

/* The thread of an image, which never ran, becomes one of p that has the current one's place. */
void thread_adopt(struct thread *t, struct process *p)
{
	const struct thread *me = current_thread();

	unlink_thread(t);
	t->proc = p;
	t->tid = p->pid;
	t->stop_own = false;
	t->affinity = me->affinity;
	t->base_prio = t->prio = me->base_prio;
	t->ceiling = me->ceiling;
	if (t->tp)
		t->tp->pid = t->tp->tid = p->pid;
}

/* exec: the new thread takes over; the current one, whose user side has been released, vanishes. */
void thread_replace(struct thread *new, struct as *dead_as)
{
	struct thread *t = current_thread();

	ipc_thread_dying(t);
	acct(this_cpu(), arch_tsc(), false);
	unlink_thread(t);
	sigq_move(&new->sigq, &t->sigq);
	thread_start(new);
	thread_bury(t, dead_as);
}

void sched_reap(void)
{
	struct thread *t;

	while (!list_empty(&dead)) {
		t = list_first(&dead, struct thread, run_link);
		list_del(&t->run_link);
		as_put(t->dead_as);
		object_put(&t->obj);
	}
}

i64 sys_thread_exit(void)
{
	thread_exit_current();
}
