/* SPDX-License-Identifier: MIT */
/* proc_ctl: operations on the caller's own process, on another by its process fd, or (OPEN, LIST,
 * EVENTS) on all by a resource. */
#include "internal.h"

static char state_of(const struct process *p)
{
	struct thread *t;
	char s = 'S';

	if (p->exited)
		return 'Z';
	if (p->stopped)
		return 'T';
	list_for_each(t, &p->threads, proc_link)
	{
		if (t->state == T_RUNNING || t->state == T_READY)
			return 'R';
		if (t->state == T_BLOCKED && t->block_mode != BLOCK_INTERRUPTIBLE)
			s = 'D';
	}
	return s;
}

static i64 info(struct process *p, u64 user)
{
	struct weft_proc_info i = {.pid = p->pid,
		.ppid = p->parent ? p->parent->pid : 0,
		.identity = p->ident->number};
	struct weft_as_usage u;
	struct thread *t;

	i.threads = p->nthreads;
	i.state = (u32)state_of(p);
	i.exit_status = p->exit_status;
	i.nfds = p->fds ? p->fds->pub.used : 0;
	i.start_ns = p->start_ns;
	process_cpu_ns(p, &i.user_ns, &i.system_ns);
	i.child_user_ns = p->child_user_ns;
	i.child_system_ns = p->child_system_ns;
	i.faults_minor = p->faults_minor;
	i.faults_major = p->faults_major;
	if (p->as) {
		as_usage(p->as, &u);
		i.mem_mapped = u.mapped;
		i.mem_resident = u.resident;
		i.mem_shared = u.shared;
		i.faults_minor += u.faults_minor;
		i.faults_major += u.faults_major;
	}
	i.switches_voluntary = p->switches_voluntary;
	i.switches_forced = p->switches_forced;
	i.pending = p->sig_pending;
	list_for_each(t, &p->threads, proc_link)
	{
		i.switches_voluntary += t->switches_voluntary;
		i.switches_forced += t->switches_forced;
		if (t->tid == p->pid) {
			i.pending |= t->sig_pending;
			i.blocked = signal_blocked(t);
		}
	}
	strlcpy(i.name, p->name, sizeof(i.name));
	return copy_to_user(user, &i, sizeof(i));
}

static i64 set_runtime(struct process *p, u64 user)
{
	struct weft_runtime rt;

	if (copy_from_user(&rt, user, sizeof(rt)))
		return -EFAULT;
	if (!runtime_valid(&rt))
		return -EINVAL;
	p->rt = rt;
	if (p == current_process())
		arch_runtime_changed();
	return 0;
}

static i64 set_identity(struct process *p, u32 number, i32 auth, u32 tid)
{
	struct thread *t, *one = NULL;
	struct resource *res;
	struct identity *id;
	int r = resource_require(auth, WEFT_RES_IDENT, &res);

	if (r)
		return r;
	object_put(&res->obj);
	if (tid && !(one = thread_find(p, tid)))
		return -ESRCH;
	id = identity_get(number);
	if (!id)
		return -ENOENT;
	list_for_each(t, &p->threads, proc_link)
	{
		if (one && t != one)
			continue;
		identity_hold(id);
		identity_put(t->ident);
		t->ident = id;
	}
	if (!one || one->tid == p->pid) {
		identity_hold(id);
		identity_put(p->ident);
		p->ident = id;
		if (p->pp)
			p->pp->identity = number;
		proc_event(4, p, number);
	}
	identity_put(id);
	return 0;
}

static i64 set_ns(struct process *p, i32 fd)
{
	struct namespace *old = p->ns;
	struct object *o;
	int r = fd_get(fd, WEFT_OBJ_NS, WEFT_RIGHT_CONTROL, &o);

	if (r)
		return r;
	if (p->exited) {
		object_put(o);
		return -ESRCH;
	}
	p->ns = ns_of_object(o);
	ns_get(p->ns);
	ns_put(old);
	object_put(o);
	return 0;
}

static i64 set_name(struct process *p, u64 from, u64 len)
{
	char name[sizeof(p->name)] = {0};

	if (copy_from_user(name, from, MIN(len, sizeof(name) - 1)))
		return -EFAULT;
	memcpy(p->name, name, sizeof(name));
	return 0;
}

/* io_bitmap: a bit per port, set where it is granted. */
static i64 grant_ports(struct process *p, i32 fd)
{
	struct resource *res;
	int r = resource_require(fd, WEFT_RES_PORTS, &res);
	u64 end;

	if (r)
		return r;
	end = MIN(res->r.base + res->r.len, 65536ul);
	if (res->r.base >= 65536 || end < res->r.base) {
		r = -EINVAL;
	} else if (!p->io_bitmap) {
		p->io_bitmap = kzalloc(65536 / 8);
		if (!p->io_bitmap)
			r = -ENOMEM;
	}
	for (u64 port = res->r.base; !r && port < end; port++)
		p->io_bitmap[port / 64] |= 1ul << port % 64;
	if (!r && p == current_process())
		arch_runtime_changed();
	object_put(&res->obj);
	return r;
}

static i64 limit(struct process *p, i32 fd, u64 which, u64 value)
{
	u64 old;

	if (which >= WEFT_LIMIT_COUNT)
		return -EINVAL;
	old = p->limits[which];
	if ((i64)value != -1) {
		/* What the process itself may do was bounded by who had its process fd. */
		if (fd == -1 && value > p->limits_max[which])
			return -EPERM;
		if (which == WEFT_LIMIT_CPU_NS && cpu_limit_arm(p, value))
			return -ENOMEM;
		p->limits[which] = value;
		if (fd != -1)
			p->limits_max[which] = value;
		if (which == WEFT_LIMIT_FDS && p->fds)
			p->fds->limit = (u32)MIN(p->fds->limit, value);
	}
	return (i64)MIN(old, (u64)INT64_MAX);
}

static i64 get_as(struct process *p)
{
	if (!p->as)
		return -ESRCH;
	return fd_install(current_process(), as_object(p->as), WEFT_RIGHT_ALL,
		WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC);
}

static i64 describe_fd(struct process *p, u64 user, i32 fd)
{
	struct weft_fd_info i;
	int r = fd_describe(p, fd, &i);

	return r ? r : copy_to_user(user, &i, sizeof(i));
}

static i64 get_fd(struct process *p, i32 fd, u32 flags)
{
	struct object *o;
	u32 rights;
	i64 r = fd_get_in(p, fd, 0, WEFT_RIGHT_DUP, &o, &rights);

	if (r)
		return r;
	r = fd_install(current_process(), o, rights, (flags & WEFT_DUP_PRIVATE) | WEFT_DUP_CLOEXEC);
	object_put(o);
	return r;
}

static i64 list_threads(struct process *p, u64 user, u64 n)
{
	u32 tids[64], at = 0;
	u64 done = 0;
	struct thread *t;

	/* Copied in batches by tid order of the list; a copy may block, so the place is found
	 * again. */
	for (;;) {
		u64 skip = done;
		at = 0;
		list_for_each(t, &p->threads, proc_link)
		{
			if (skip) {
				skip--;
				continue;
			}
			if (at == ARRAY_SIZE(tids) || done + at >= n)
				break;
			tids[at++] = t->tid;
		}
		if (!at)
			return p->nthreads;
		if (copy_to_user(user + done * sizeof(u32), tids, at * sizeof(u32)))
			return -EFAULT;
		done += at;
	}
}

static i64 apply(struct process *p, i32 fd, u64 op, u64 a, u64 b, u64 c)
{
	bool own = p == current_process();

	switch (op) {
	case WEFT_PROC_SET_RUNTIME:
		return set_runtime(p, a);
	case WEFT_PROC_INFO:
		return info(p, a);
	case WEFT_PROC_KILL:
		if (p == init_process && !own)
			return -EPERM;
		process_kill(p, (u32)a & 0xffff);
		return 0;
	case WEFT_PROC_STOP:
		if (!a || a > 64)
			return -EINVAL;
		process_stop(p, (u32)a);
		return 0;
	case WEFT_PROC_CONT:
		process_cont(p);
		return 0;
	case WEFT_PROC_SET_IDENTITY:
		return set_identity(p, (u32)a, (i32)b, (u32)c);
	case WEFT_PROC_SET_NS:
		return set_ns(p, (i32)a);
	case WEFT_PROC_SET_NAME:
		return set_name(p, a, b);
	case WEFT_PROC_GRANT_PORTS:
		return grant_ports(p, (i32)a);
	case WEFT_PROC_LIMIT:
		return limit(p, fd, a, b);
	case WEFT_PROC_AS:
		return get_as(p);
	case WEFT_PROC_FDS:
		return describe_fd(p, a, (i32)b);
	case WEFT_PROC_GET_FD:
		return get_fd(p, (i32)a, (u32)b);
	case WEFT_PROC_THREADS:
		return list_threads(p, a, b);
	case WEFT_PROC_FD_LIST:
		return fd_list(p, a, b);
	case WEFT_PROC_SUBREAPER:
		p->subreaper = a;
		return 0;
	case WEFT_PROC_RELEASE_VFORK:
		vfork_release(p);
		return 0;
	case WEFT_PROC_SET_PDEATHSIG:
		if (a > 64)
			return -EINVAL;
		p->pdeathsig = (u32)a;
		return 0;
	case WEFT_PROC_SET_AUTOREAP:
		if (!own)
			return -EPERM;
		p->autoreap = a;
		return 0;
	default:
		return -EINVAL;
	}
}

static i64 open_process(u32 pid)
{
	struct process *p = process_find(pid);

	if (!p)
		return -ESRCH;
	return fd_install(current_process(), &p->obj, WEFT_RIGHT_ALL,
		WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC);
}

static i64 list_processes(u64 user, u64 n)
{
	u64 count = 0, room = MIN(n, object_count[WEFT_OBJ_PROCESS]);
	u32 *pids = kmalloc(room * sizeof(u32) + 1);
	struct process *p;
	int r;

	if (!pids)
		return -ENOMEM;
	list_for_each(p, &process_list, all_link)
	{
		if (count < room)
			pids[count] = p->pid;
		count++;
	}
	r = copy_to_user(user, pids, MIN(count, room) * sizeof(u32));
	kfree(pids);
	return r ? r : (i64)count;
}

static i64 open_events(void)
{
	struct object *o;
	i64 r = proc_events_create(&o);

	if (r)
		return r;
	r = fd_install(current_process(), o, WEFT_RIGHT_ALL, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC);
	object_put(o);
	return r;
}

static i64 by_resource(i32 fd, u64 op, u64 a, u64 b)
{
	struct resource *res;
	int r = resource_require(fd, WEFT_RES_PROCS, &res);

	if (r)
		return r;
	object_put(&res->obj);
	switch (op) {
	case WEFT_PROC_OPEN:
		return open_process((u32)a);
	case WEFT_PROC_LIST:
		return list_processes(a, b);
	default:
		return open_events();
	}
}

i64 sys_proc_ctl(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct process *p;
	i64 r;

	if (a1 == WEFT_PROC_OPEN || a1 == WEFT_PROC_LIST || a1 == WEFT_PROC_EVENTS)
		return by_resource((i32)a0, a1, a2, a3);
	r = process_get((i32)a0, a1 == WEFT_PROC_INFO ? WEFT_RIGHT_READ : WEFT_RIGHT_CONTROL, &p);
	if (r)
		return r;
	r = apply(p, (i32)a0, a1, a2, a3, a4);
	object_put(&p->obj);
	return r;
}
