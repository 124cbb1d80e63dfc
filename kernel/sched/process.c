/* SPDX-License-Identifier: MIT */
/*
 * Processes: made, killed, ended, reparented. A process holds a reference to itself from its
 * attachment until it is reaped: by a parent's proc_wait, or at its end where nobody waits. Its
 * address space outlives its last thread by one switch (thread.c).
 */
#include "internal.h"

#define BUCKETS 4096u

struct list process_list = {&process_list, &process_list};
struct process kernel_process; /* of the idle threads */
struct process *init_process;
u64 fork_count;
static struct process *by_pid[BUCKETS];

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

	cpu_limit_end(p);
	fds_put(p->fds);
	if (p->ns)
		ns_put(p->ns);
	page_remove(p->as, p->pp_addr, p->pp_frame, p->shares_as);
	as_put(p->as);
	identity_put(p->ident);
	kfree(p);
}

static const struct obj_ops process_ops = {.name = "process",
	.ready = process_ready,
	.info = process_info,
	.destroy = process_destroy};

/* Takes over the references to as, fds, ns and id, also when it fails. */
int process_create(const char *name, struct as *as, struct fds *fds, struct namespace *ns,
	struct identity *id, struct process **out)
{
	struct process *p = kzalloc(sizeof(*p));

	if (!p) {
		fds_put(fds);
		if (ns)
			ns_put(ns);
		as_put(as);
		identity_put(id);
		return -ENOMEM;
	}
	object_init(&p->obj, WEFT_OBJ_PROCESS, &process_ops);
	p->as = as;
	p->fds = fds;
	p->ns = ns;
	p->ident = id;
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->threads);
	list_init(&p->all_link);
	list_init(&p->sigq);
	waitq_init(&p->wait_children);
	waitq_init(&p->vfork_done);
	for (u32 i = 0; i < WEFT_LIMIT_COUNT; i++)
		p->limits[i] = p->limits_max[i] = ~0ul >> 1;
	p->start_ns = now_ns();
	strlcpy(p->name, name, sizeof(p->name));
	*out = p;
	return 0;
}

void process_attach(struct process *p, struct process *parent)
{
	struct process **b = &by_pid[p->pid % BUCKETS];

	p->hash_next = *b;
	*b = p;
	list_add_tail(&process_list, &p->all_link);
	p->parent = parent;
	if (parent)
		list_add_tail(&parent->children, &p->sibling);
}

struct process *process_find(u32 pid)
{
	struct process *p = by_pid[pid % BUCKETS];

	while (p && p->pid != pid)
		p = p->hash_next;
	return p;
}

int process_get(i32 fd, u32 rights, struct process **out)
{
	struct object *o;
	int r;

	if (fd == -1) {
		*out = current_process();
		object_get(&(*out)->obj);
		return 0;
	}
	r = fd_get(fd, WEFT_OBJ_PROCESS, rights, &o);
	if (!r)
		*out = container_of(o, struct process, obj);
	return r;
}

void process_reap(struct process *p)
{
	struct process **b = &by_pid[p->pid % BUCKETS];

	while (*b != p)
		b = &(*b)->hash_next;
	*b = p->hash_next;
	p->reaped = true;
	p->parent = NULL;
	list_del(&p->sibling);
	list_del(&p->all_link);
	object_put(&p->obj);
}

void process_notify_parent(struct process *p, u32 code, u32 status)
{
	struct process *parent = p->parent;
	bool end = code != CLD_STOPPED_ && code != CLD_CONTINUED_;
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

void process_kill(struct process *p, u32 status)
{
	struct thread *t;

	if (p->exiting || p == &kernel_process)
		return;
	p->exiting = true;
	p->exit_status = status;
	list_for_each(t, &p->threads, proc_link)
	{
		t->killed = true;
		thread_poke(t);
	}
}

void process_stop(struct process *p, u32 signo)
{
	struct thread *t;

	if (p->stopped || p->exiting)
		return;
	p->stopped = true;
	p->stop_reported = false;
	p->stop_signal = signo;
	list_for_each(t, &p->threads, proc_link)
	{
		t->stop_wanted = true;
		thread_poke(t);
	}
	process_check_stopped(p);
}

/* The parent hears of a stop when the last thread has reached it. */
void process_check_stopped(struct process *p)
{
	struct thread *t;

	if (!p->stopped || p->stop_reported || !p->stop_signal || p->exiting)
		return;
	list_for_each(t, &p->threads, proc_link)
	{
		if (t->state != T_STOPPED)
			return;
	}
	p->stop_reported = true;
	p->stop_code = CLD_STOPPED_;
	process_notify_parent(p, CLD_STOPPED_, p->stop_signal);
}

void process_cont(struct process *p)
{
	struct thread *t;

	if (!p->stopped || p->exiting)
		return;
	p->stopped = false;
	list_for_each(t, &p->threads, proc_link)
	{
		t->stop_wanted = t->stop_own;
		thread_poke(t);
	}
	if (!p->stop_signal)
		return; /* made so, not stopped: nothing to report */
	p->stop_signal = 0;
	p->stop_code = CLD_CONTINUED_;
	process_notify_parent(p, CLD_CONTINUED_, SIGNO_CONT);
}

void vfork_release(struct process *p)
{
	if (!p->vfork_pending)
		return;
	p->vfork_pending = false;
	waitq_wake(&p->vfork_done, ~0u, 0);
}

static struct process *reaper_of(struct process *p)
{
	for (struct process *q = p->parent; q; q = q->parent) {
		if (q->subreaper && !q->exiting)
			return q;
	}
	return init_process != p ? init_process : NULL;
}

static u32 exit_code_of(u32 status, u32 *value)
{
	*value = status & 0x7f;
	if (!*value) {
		*value = status >> 8 & 0xff;
		return CLD_EXITED_;
	}
	return status & 0x80 ? CLD_DUMPED_ : CLD_KILLED_;
}

/* A dead child is left for its parent's wait, or reaped where nobody will. */
static void tell_of_death(struct process *p)
{
	u32 value, code = exit_code_of(p->exit_status, &value);

	process_notify_parent(p, code, value);
	if (!p->parent || p->parent->autoreap)
		process_reap(p);
}

static void orphan_children(struct process *p)
{
	struct process *to = reaper_of(p), *c;

	list_for_each(c, &p->children, sibling)
	{
		list_del(&c->sibling);
		c->parent = to;
		/* The new parent did not choose what the old one wanted to be told. */
		if (c->exit_signal)
			c->exit_signal = SIGNO_CHLD;
		if (to)
			list_add_tail(&to->children, &c->sibling);
		if (c->pp)
			c->pp->ppid = to ? to->pid : 0;
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

struct as *process_finish(struct process *p)
{
	struct as *as = p->as;
	struct fds *fds = p->fds;
	struct weft_as_usage usage;

	if (p == init_process)
		panic("the first process has ended with status %x", p->exit_status);
	p->exiting = true;
	as_usage(as, &usage);
	p->max_resident = MAX(p->max_resident, usage.resident);
	p->faults_minor += usage.faults_minor;
	p->faults_major += usage.faults_major;
	cpu_limit_end(p);
	p->fds = NULL;
	fds_put(fds);
	ns_put(p->ns);
	p->ns = NULL;
	page_remove(as, p->pp_addr, p->pp_frame, p->shares_as);
	p->pp = NULL;
	p->pp_frame = NULL;
	sigq_flush(&p->sigq, &p->nsigq);
	p->sig_pending = 0;
	kfree(p->io_bitmap);
	p->io_bitmap = NULL;
	ipc_process_exited(p);
	p->as = NULL;
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
	struct object *o;
	u32 rights;
	int r;

	if (n->nfds > 1024)
		return -EINVAL;
	for (u32 i = 0; i < n->nfds; i++) {
		if (copy_from_user(&g, n->fds + i * sizeof(g), sizeof(g)))
			return -EFAULT;
		r = fd_get_in(current_process(), g.fd, 0, WEFT_RIGHT_DUP, &o, &rights);
		if (r)
			return r;
		r = fd_install_at(p, o, rights & g.rights, g.flags, g.to);
		object_put(o);
		if (r < 0)
			return r;
	}
	return 0;
}

static struct as *new_as(struct process *me, const struct weft_proc_new *n)
{
	struct object *o;
	struct as *as;
	int r;

	if (n->flags & WEFT_PROC_COPY_AS)
		return as_copy(me->as);
	if (n->flags & WEFT_PROC_SHARE_AS) {
		as_get(me->as);
		return me->as;
	}
	if (n->as == -1)
		return as_create_empty();
	r = fd_get(n->as, WEFT_OBJ_AS, WEFT_RIGHT_CONTROL, &o);
	if (r)
		return ERR_PTR(r);
	as = as_of_object(o);
	as_get(as);
	object_put(o);
	return as;
}

static int new_fds(struct process *me, const struct weft_proc_new *n, struct fds **out)
{
	if (n->flags & WEFT_PROC_COPY_FDS)
		return fds_copy(me->fds, out);
	if (n->flags & WEFT_PROC_SHARE_FDS) {
		me->fds->refs++;
		*out = me->fds;
		return 0;
	}
	*out = fds_create();
	return *out ? 0 : -ENOMEM;
}

static int new_ns(struct process *me, const struct weft_proc_new *n, struct namespace **out)
{
	struct object *o;
	int r;

	*out = me->ns;
	if (n->ns == -1) {
		ns_get(me->ns);
		return 0;
	}
	r = fd_get(n->ns, WEFT_OBJ_NS, 0, &o);
	if (r)
		return r;
	*out = ns_of_object(o);
	ns_get(*out);
	object_put(o);
	return 0;
}

static int new_identity(const struct weft_proc_new *n, struct identity **out)
{
	struct resource *res;
	int r;

	if (n->ident_auth == -1) {
		*out = current_thread()->ident;
		identity_hold(*out);
		return 0;
	}
	r = resource_require(n->ident_auth, WEFT_RES_IDENT, &res);
	if (r)
		return r;
	object_put(&res->obj);
	*out = identity_get(n->identity);
	return *out ? 0 : -ENOENT;
}

static int check_new(const struct weft_proc_new *n)
{
	const u32 as_flags = WEFT_PROC_COPY_AS | WEFT_PROC_SHARE_AS,
		  fd_flags = WEFT_PROC_COPY_FDS | WEFT_PROC_SHARE_FDS;

	if ((n->flags & ~0x7f7u) || (n->flags & as_flags) == as_flags ||
		(n->flags & fd_flags) == fd_flags)
		return -EINVAL;
	if ((n->pp & (PAGE_SIZE - 1)) || n->pp >= WEFT_USER_MAX || n->exit_signal > 64)
		return -EINVAL;
	if ((n->flags & fd_flags) && n->nfds)
		return -EINVAL;
	return thread_check(&n->thread);
}

/* The parts of a new process, all referenced; on failure nothing is. */
static int make(const struct weft_proc_new *n, struct process **out)
{
	struct thread *t = current_thread();
	struct process *me = t->proc, *p;
	struct as *as;
	struct fds *fds = NULL;
	struct namespace *ns = NULL;
	struct identity *id = NULL;
	char name[sizeof(p->name)];
	int r;

	r = new_identity(n, &id);
	if (r)
		return r;
	r = new_ns(me, n, &ns);
	if (r)
		goto no_ns;
	r = new_fds(me, n, &fds);
	if (r)
		goto no_fds;
	as = new_as(me, n);
	if (IS_ERR(as)) {
		r = (int)PTR_ERR(as);
		goto no_as;
	}
	memcpy(name, n->name, sizeof(name));
	name[sizeof(name) - 1] = 0;
	r = process_create(name[0] ? name : me->name, as, fds, ns, id, &p);
	if (r)
		return r;
	memcpy(p->limits, me->limits, sizeof(p->limits));
	memcpy(p->limits_max, me->limits_max, sizeof(p->limits_max));
	if (cpu_limit_arm(p, p->limits[WEFT_LIMIT_CPU_NS])) {
		object_put(&p->obj);
		return -ENOMEM;
	}
	p->shares_as = n->flags & WEFT_PROC_SHARE_AS;
	if (n->flags & (WEFT_PROC_COPY_AS | WEFT_PROC_SHARE_AS))
		p->rt = me->rt;
	/* A sibling's end is told to a process that did not choose the signal. */
	p->exit_signal =
		n->flags & WEFT_PROC_SIBLING ? current_process()->exit_signal : n->exit_signal;
	p->stopped = n->flags & WEFT_PROC_STOPPED;
	*out = p;
	return 0;
no_as:
	fds_put(fds);
no_fds:
	ns_put(ns);
no_ns:
	identity_put(id);
	return r;
}

static int make_pp(struct process *p, const struct weft_proc_new *n, struct process *parent)
{
	bool copy = n->flags & (WEFT_PROC_COPY_AS | WEFT_PROC_SHARE_AS);
	int r;

	if (!n->pp)
		return 0;
	r = page_install(p->as, n->pp, copy ? current_process()->pp : NULL, &p->pp_frame);
	if (r)
		return r;
	p->pp = frame_virt(p->pp_frame);
	p->pp_addr = n->pp;
	p->pp->self = n->pp;
	p->pp->pending = 0;
	p->pp->pid = p->pid;
	p->pp->ppid = parent ? parent->pid : 0;
	p->pp->identity = p->ident->number;
	p->pp->threads = 0;
	return 0;
}

i64 sys_proc_create(u64 a0, u64 a1)
{
	struct thread *me = current_thread(), *t;
	struct process *parent = me->proc, *p = NULL;
	struct weft_proc_new n;
	bool copy_tp, vfork;
	int r;
	u32 pid;

	if (a1 != sizeof(n))
		return -EINVAL;
	if (copy_from_user(&n, a0, sizeof(n)))
		return -EFAULT;
	r = check_new(&n);
	if (r)
		return r;
	if (n.flags & WEFT_PROC_NO_PARENT)
		parent = NULL;
	else if (n.flags & WEFT_PROC_SIBLING)
		parent = parent->parent;
	r = make(&n, &p);
	if (r)
		return r;
	p->pid = id_alloc();
	r = make_pp(p, &n, parent);
	if (!r && !(n.flags & (WEFT_PROC_COPY_FDS | WEFT_PROC_SHARE_FDS)))
		r = give_fds(p, &n);
	if (r)
		goto fail;
	copy_tp = (n.flags & WEFT_PROC_COPY_AS) && me->tp && n.thread.tp == me->tp_addr;
	r = thread_new(p, p->as, &n.thread, p->pid, me, copy_tp, &t);
	if (r)
		goto fail;
	identity_hold(p->ident);
	identity_put(t->ident);
	t->ident = p->ident;
	t->ceiling = (u8)MIN(me->ceiling, MAX((u32)WEFT_PRIO_INTERACTIVE, (u32)t->prio));
	if (n.flags & (WEFT_PROC_COPY_AS | WEFT_PROC_SHARE_AS))
		arch_thread_copy_fpu(t, me);
	n.proc_fd = -1;
	if (n.flags & (WEFT_PROC_FD | WEFT_PROC_FD_PUBLIC)) {
		u32 where = n.flags & WEFT_PROC_FD_PUBLIC ? 0 : WEFT_DUP_PRIVATE;
		r = n.proc_fd =
			fd_install(me->proc, &p->obj, WEFT_RIGHT_ALL, WEFT_DUP_CLOEXEC | where);
		if (r < 0)
			goto fail_thread;
		r = copy_to_user(a0 + offsetof(struct weft_proc_new, proc_fd), &n.proc_fd,
			sizeof(n.proc_fd));
		if (r)
			goto fail_fd;
	}
	pid = p->pid;
	if (n.thread.set_tid) {
		r = copy_to_user(n.thread.set_tid, &pid, sizeof(pid));
		if (r)
			goto fail_fd;
	}
	vfork = p->vfork_pending = n.flags & WEFT_PROC_VFORK;
	if (vfork)
		object_get(&p->obj);
	if (parent && parent->exited) /* CLONE_PARENT of one that has gone meanwhile */
		parent = init_process;
	process_attach(p, parent);
	fork_count++;
	proc_event(1, p, 0);
	thread_start(t);
	if (vfork) {
		while (p->vfork_pending && !me->killed)
			thread_block(&p->vfork_done, WEFT_FOREVER, BLOCK_KILLABLE);
		object_put(&p->obj);
	}
	return pid;
fail_fd:
	if (n.proc_fd >= 0)
		fd_close(me->proc, n.proc_fd);
fail_thread:
	thread_discard(t, p->as);
fail:
	object_put(&p->obj);
	return r;
}

i64 sys_proc_exit(u64 a0)
{
	process_kill(current_process(), (u32)a0 & 0xffff);
	thread_exit_current();
}
