/* SPDX-License-Identifier: MIT */
/*
 * Processes: made, killed, ended, reparented. A process holds a reference to itself from its
 * attachment until it is reaped: by a parent's proc_wait, or at its end where nobody waits. Its
 * address space outlives its last thread by one switch (thread.c).
 */
#include "internal.h"

struct list process_list = {&process_list, &process_list};
struct process kernel_process = {.name = "kernel"}; /* of the idle threads and the dead */
struct process *init_process;
u64 fork_count;

static u32 process_ready(struct object *o)
{
	return container_of(o, struct process, obj)->exited ? WEFT_POLLIN : 0;
}

static void process_info(struct object *o, struct weft_fd_info *out)
{
	out->koid2 = container_of(o, struct process, obj)->pid;
}

static void process_destroy(struct object *o)
{
	struct process *p = container_of(o, struct process, obj);

	ktimer_cancel(&p->cpu_timer);
	fds_put(p->fds);
	if (p->ns)
		object_put(&p->ns->obj);
	page_remove(p->as, p->pp_addr, p->pp_frame, p->shares_as);
	as_put(p->as);
	identity_put(p->ident);
	kfree(p);
}

static const struct obj_ops process_ops = {.ready = process_ready,
	.info = process_info,
	.destroy = process_destroy};

/* Without address space, fds, namespace and identity; NULL: no memory. */
struct process *process_new(const char *name)
{
	struct process *p = object_new(sizeof(*p), WEFT_OBJ_PROCESS, &process_ops);

	if (!p)
		return NULL;
	p->pid = id_alloc();
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->threads);
	list_init(&p->sigq.entries);
	waitq_init(&p->wait_children);
	for (u32 i = 0; i < WEFT_LIMIT_COUNT; i++)
		p->limits[i] = p->limits_max[i] = ~0ul >> 1;
	p->start_ns = now_ns();
	strlcpy(p->name, name, sizeof(p->name));
	return p;
}

void process_attach(struct process *p, struct process *parent)
{
	object_get(&p->obj);
	list_add_tail(&process_list, &p->all_link);
	p->parent = parent;
	if (parent)
		list_add_tail(&parent->children, &p->sibling);
	process_write_page(p);
	cpu_limit_arm(p);
}

struct process *process_find(u32 pid)
{
	struct process *p;

	list_for_each(p, &process_list, all_link)
		if (p->pid == pid)
			return p;
	return NULL;
}

int process_get(i32 fd, u32 rights, struct process **out)
{
	struct process *p = current_process();
	HELD struct object *o = NULL;
	u32 has = WEFT_RIGHT_GUARDED;

	if (fd == -1)
		object_get(o = &p->obj);
	else
		TRY(fd_get_in(p, fd, WEFT_OBJ_PROCESS, rights, &o, &has));
	p = container_of(o, struct process, obj);
	if (p->guarded && !(has & WEFT_RIGHT_GUARDED) &&
		rights & (WEFT_RIGHT_CONTROL | WEFT_RIGHT_WRITE))
		return -EPERM;
	o = NULL;
	*out = p;
	return 0;
}

void process_reap(struct process *p)
{
	p->parent = NULL;
	list_del(&p->sibling);
	list_del(&p->all_link);
	object_put(&p->obj);
}

static void notify_parent(struct process *p, u32 code, u32 status)
{
	struct process *parent = p->parent;
	bool end = code != CLD_STOPPED && code != CLD_CONTINUED;
	struct weft_siginfo si = {.signo = end ? p->exit_signal : SIGNO_CHLD,
		.code = (i32)code,
		.pid = p->pid,
		.uid = p->ident->id.uid,
		.status = (i32)status};

	if (!parent)
		return;
	if (si.signo)
		signal_post(parent, NULL, &si);
	waitq_wake(&parent->wait_children, ~0u, 0);
}

/* After what decides whether its threads run has changed. */
static void update_threads(struct process *p)
{
	struct thread *t;

	list_for_each(t, &p->threads, proc_link)
		thread_update(t);
}

void process_kill(struct process *p, u32 status)
{
	if (p->exiting || p == &kernel_process)
		return;
	p->exiting = true;
	p->exit_status = status;
	update_threads(p);
}

void process_stop(struct process *p, u32 signo)
{
	if (p->stopped || p->exiting)
		return;
	p->stopped = true;
	p->stop_reported = false;
	p->stop_signal = signo;
	update_threads(p);
	process_check_stopped(p);
}

/* The parent hears of a stop when the last thread has reached it. */
void process_check_stopped(struct process *p)
{
	struct thread *t;

	if (!p->stopped || p->stop_reported || !p->stop_signal || p->exiting)
		return;
	list_for_each(t, &p->threads, proc_link)
		if (t->state != T_STOPPED)
			return;
	p->stop_reported = true;
	p->stop_code = CLD_STOPPED;
	notify_parent(p, CLD_STOPPED, p->stop_signal);
}

void process_cont(struct process *p)
{
	if (!p->stopped || p->exiting)
		return;
	p->stopped = false;
	update_threads(p);
	if (!p->stop_signal)
		return; /* made so, not stopped: nothing to report */
	p->stop_signal = 0;
	p->stop_code = CLD_CONTINUED;
	notify_parent(p, CLD_CONTINUED, SIGNO_CONT);
}

void vfork_release(struct process *p)
{
	if (p->vfork_waiter)
		thread_wake(p->vfork_waiter, 0);
	p->vfork_waiter = NULL;
}

static struct process *reaper_of(struct process *p)
{
	for (struct process *q = p->parent; q; q = q->parent)
		if (q->subreaper && !q->exiting)
			return q;
	return init_process != p ? init_process : NULL;
}

u32 exit_code(u32 status)
{
	return !(status & 0x7f) ? CLD_EXITED : status & 0x80 ? CLD_DUMPED : CLD_KILLED;
}

/* A dead child is left for its parent's wait, or reaped where nobody will. */
static void tell_of_death(struct process *p)
{
	u32 signo = p->exit_status & 0x7f;

	notify_parent(p, exit_code(p->exit_status), signo ? signo : p->exit_status >> 8 & 0xff);
	if (!p->parent || p->parent->autoreap)
		process_reap(p);
}

static void orphan_children(struct process *p)
{
	struct process *to = reaper_of(p), *c;

	list_for_each(c, &p->children, sibling) {
		list_del(&c->sibling);
		c->parent = to;
		/* The new parent did not choose what the old one wanted to be told. */
		if (c->exit_signal)
			c->exit_signal = SIGNO_CHLD;
		if (to)
			list_add_tail(&to->children, &c->sibling);
		process_write_page(c);
		if (c->exited) {
			tell_of_death(c);
		} else if (c->pdeathsig) {
			struct weft_siginfo si = {.signo = c->pdeathsig,
				.pid = p->pid,
				.uid = p->ident->id.uid};
			signal_post(c, NULL, &si);
		}
	}
}

/* What the process page tells, as it is now. */
void process_write_page(struct process *p)
{
	if (!p->pp)
		return;
	p->pp->self = p->pp_addr;
	p->pp->pid = p->pid;
	p->pp->ppid = p->parent ? p->parent->pid : 0;
	p->pp->identity = p->ident->number;
	p->pp->threads = p->nthreads;
	p->pp->pending = p->sigq.pending;
}

void process_set_page(struct process *p, struct frame *f, u64 addr)
{
	p->pp_frame = f;
	p->pp_addr = addr;
	p->pp = f ? frame_virt(f) : NULL;
	p->sigq.mirror = f ? &p->pp->pending : NULL;
	process_write_page(p);
}

struct as *process_leave_as(struct process *p)
{
	struct as *as = p->as;
	struct weft_as_usage usage;

	as_usage(as, &usage);
	p->used.max_resident = MAX(p->used.max_resident, usage.resident);
	page_remove(as, p->pp_addr, p->pp_frame, p->shares_as);
	process_set_page(p, NULL, 0);
	p->as = NULL;
	return as;
}

struct as *process_finish(struct process *p)
{
	struct fds *fds = p->fds;
	struct as *as;

	if (p == init_process)
		panic("the first process has ended with status %x", p->exit_status);
	p->exiting = true;
	ktimer_cancel(&p->cpu_timer);
	p->fds = NULL;
	fds_put(fds);
	object_put(&p->ns->obj);
	p->ns = NULL;
	sigq_drop(&p->sigq, ~0ul);
	kfree(p->io_bitmap);
	p->io_bitmap = NULL;
	ipc_process_exited(p);
	as = process_leave_as(p);
	vfork_release(p);
	orphan_children(p);
	p->exited = true;
	return as;
}

void process_end(struct process *p)
{
	proc_event(3, p, p->exit_status);
	object_notify(&p->obj, WEFT_POLLIN);
	tell_of_death(p);
}

static int give_fds(struct process *p, const struct weft_proc_new *n)
{
	struct weft_fd_give g;
	u32 rights;

	if (n->nfds > 1024)
		return -EINVAL;
	for (u32 i = 0; i < n->nfds; i++) {
		HELD struct object *o = NULL;

		TRY(copy_from_user(&g, n->fds + i * sizeof(g), sizeof(g)));
		TRY(fd_get_in(current_process(), g.fd, 0, WEFT_RIGHT_DUP, &o, &rights));
		TRY(fd_install_at(p, o, rights & g.rights, g.flags, g.to));
	}
	return 0;
}

static int new_as(struct process *me, const struct weft_proc_new *n, struct as **out)
{
	struct as *as;

	if (!(n->flags & WEFT_PROC_COPY_AS) && (n->flags & WEFT_PROC_SHARE_AS || n->as != -1))
		return as_get_fd(n->flags & WEFT_PROC_SHARE_AS ? -1 : n->as, WEFT_RIGHT_CONTROL,
			out);
	as = n->flags & WEFT_PROC_COPY_AS ? as_copy(me->as) : as_create_empty();
	if (IS_ERR(as))
		return (int)PTR_ERR(as);
	*out = as;
	return 0;
}

static int new_fds(struct process *me, const struct weft_proc_new *n, struct fds **out)
{
	if (n->flags & WEFT_PROC_COPY_FDS)
		return fds_copy(me->fds, out);
	if (n->flags & WEFT_PROC_SHARE_FDS)
		me->fds->refs++;
	*out = n->flags & WEFT_PROC_SHARE_FDS ? me->fds : fds_create();
	return *out ? 0 : -ENOMEM;
}

static int check_new(const struct weft_proc_new *n)
{
	const u32 as_flags = WEFT_PROC_COPY_AS | WEFT_PROC_SHARE_AS;
	const u32 fd_flags = WEFT_PROC_COPY_FDS | WEFT_PROC_SHARE_FDS;

	if ((n->flags & ~0xff7u) || (n->flags & as_flags) == as_flags ||
		(n->flags & fd_flags) == fd_flags)
		return -EINVAL;
	if ((n->pp & (PAGE_SIZE - 1)) || n->pp >= WEFT_USER_MAX || n->exit_signal > 64)
		return -EINVAL;
	if ((n->flags & fd_flags) && n->nfds)
		return -EINVAL;
	return thread_check(&n->thread);
}

/* Gives p, which is empty, all its parts. */
static int furnish(struct process *p, const struct weft_proc_new *n)
{
	struct process *me = current_process();
	bool same = n->flags & (WEFT_PROC_COPY_AS | WEFT_PROC_SHARE_AS);
	struct object *ns = &me->ns->obj;
	struct frame *page = NULL;

	if (n->ident_auth == -1) {
		identity_set(&p->ident, current_thread()->ident);
	} else {
		TRY(resource_require(n->ident_auth, WEFT_RES_IDENT, NULL));
		p->ident = identity_get(n->identity);
		if (!p->ident)
			return -ENOENT;
	}
	if (n->ns == -1)
		object_get(ns);
	else
		TRY(fd_get(n->ns, WEFT_OBJ_NS, 0, &ns));
	p->ns = container_of(ns, struct namespace, obj);
	TRY(new_fds(me, n, &p->fds));
	TRY(new_as(me, n, &p->as));
	if (n->pp)
		TRY(page_install(p->as, n->pp, same ? me->pp : NULL, &page));
	p->shares_as = n->flags & WEFT_PROC_SHARE_AS;
	process_set_page(p, page, n->pp);
	memcpy(p->limits, me->limits, sizeof(p->limits));
	memcpy(p->limits_max, me->limits_max, sizeof(p->limits_max));
	if (same)
		p->rt = me->rt;
	/* A sibling's end is told to a process that did not choose the signal. */
	p->exit_signal = n->flags & WEFT_PROC_SIBLING ? me->exit_signal : n->exit_signal;
	p->image = n->flags & WEFT_PROC_IMAGE;
	p->stopped = n->flags & (WEFT_PROC_STOPPED | WEFT_PROC_IMAGE);
	return give_fds(p, n);
}

/* The process fd and the pid, to where the maker wants them. */
static int tell_maker(struct process *p, const struct weft_proc_new *n, u64 user)
{
	u32 where = n->flags & WEFT_PROC_FD_PUBLIC ? 0 : WEFT_DUP_PRIVATE;
	struct process *me = current_process();
	i32 fd = -1;
	int r = 0;

	if (n->flags & (WEFT_PROC_FD | WEFT_PROC_FD_PUBLIC)) {
		fd = TRY(fd_install(me, &p->obj, WEFT_RIGHT_ALL, WEFT_DUP_CLOEXEC | where));
		r = copy_to_user(user + offsetof(struct weft_proc_new, proc_fd), &fd, sizeof(fd));
	}
	if (!r && n->thread.set_tid)
		r = copy_to_user(n->thread.set_tid, &p->pid, sizeof(p->pid));
	if (r)
		fd_close(me, fd);
	return r;
}

i64 sys_proc_create(u64 a0, u64 a1)
{
	struct thread *me = current_thread(), *t;
	struct process *parent = me->proc;
	HELD struct process *p = NULL;
	struct weft_proc_new n;
	bool copy_tp;
	int r;

	TRY(copy_record(&n, sizeof(n), a0, a1));
	TRY(check_new(&n));
	if (n.flags & WEFT_PROC_NO_PARENT)
		parent = NULL;
	else if (n.flags & WEFT_PROC_SIBLING)
		parent = parent->parent;
	n.name[sizeof(n.name) - 1] = 0;
	p = process_new(n.name[0] ? n.name : me->proc->name);
	TRY(p ? furnish(p, &n) : -ENOMEM);
	copy_tp = (n.flags & WEFT_PROC_COPY_AS) && me->tp && n.thread.tp == me->tp_addr;
	TRY(thread_new(p, p->as, &n.thread, p->pid, me, copy_tp, &t));
	t->ceiling = (u8)MIN(me->ceiling, MAX((u32)WEFT_PRIO_INTERACTIVE, (u32)t->prio));
	if (n.flags & (WEFT_PROC_COPY_AS | WEFT_PROC_SHARE_AS))
		arch_thread_copy_fpu(t, me);
	r = tell_maker(p, &n, a0);
	if (r) {
		thread_discard(t, p->as);
		return r;
	}
	if (parent && parent->exited) /* CLONE_PARENT of one that has gone meanwhile */
		parent = init_process;
	process_attach(p, parent);
	fork_count++;
	proc_event(1, p, 0);
	thread_start(t);
	if (n.flags & WEFT_PROC_VFORK)
		p->vfork_waiter = me;
	while (p->vfork_waiter && !me->killed)
		thread_block(NULL, WEFT_FOREVER, BLOCK_KILLABLE);
	p->vfork_waiter = NULL;
	return p->pid;
}

i64 sys_proc_exit(u64 a0)
{
	process_kill(current_process(), (u32)a0 & 0xffff);
	thread_exit_current();
}
