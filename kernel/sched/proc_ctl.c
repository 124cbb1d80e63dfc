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
	list_for_each(t, &p->threads, proc_link) {
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
		.identity = p->ident->number,
		.threads = p->nthreads,
		.state = (u32)state_of(p),
		.exit_status = p->exit_status,
		.nfds = p->fds ? p->fds->pub.used : 0,
		.start_ns = p->start_ns,
		.used = process_usage(p),
		.children = p->children_used,
		.pending = p->sigq.pending};
	struct weft_as_usage u;

	if (p->as) {
		as_usage(p->as, &u);
		i.mem_mapped = u.mapped;
		i.mem_resident = u.resident;
		i.mem_shared = u.shared;
	}
	strlcpy(i.name, p->name, sizeof(i.name));
	return copy_to_user(user, &i, sizeof(i));
}

static i64 set_runtime(struct process *p, u64 user)
{
	struct weft_runtime rt;

	TRY(copy_from_user(&rt, user, sizeof(rt)));
	if (!runtime_valid(&rt))
		return -EINVAL;
	p->rt = rt;
	if (p == current_process())
		arch_runtime_changed();
	return 0;
}

static i64 set_identity(struct process *p, u32 number, i32 auth, u32 tid)
{
	struct thread *t, *one = tid ? thread_find(p, tid) : NULL;
	struct identity *id;

	TRY(resource_require(auth, WEFT_RES_IDENT, NULL));
	if (tid && !one)
		return -ESRCH;
	id = identity_get(number);
	if (!id)
		return -ENOENT;
	list_for_each(t, &p->threads, proc_link)
		if (!one || t == one)
			identity_set(&t->ident, id);
	if (!one || one->tid == p->pid) {
		identity_set(&p->ident, id);
		process_write_page(p);
		proc_event(4, p, number);
	}
	identity_put(id);
	return 0;
}

int set_name(char name[16], u64 from, u64 len)
{
	char new[16] = {0};

	TRY(copy_from_user(new, from, MIN(len, sizeof(new) - 1)));
	memcpy(name, new, sizeof(new));
	return 0;
}

/* io_bitmap: a bit per port, set where it is granted. */
static i64 grant_ports(struct process *p, i32 fd)
{
	HELD struct resource *res = NULL;
	u64 end;

	TRY(resource_require(fd, WEFT_RES_PORTS, &res));
	end = MIN(res->r.base + res->r.len, 65536ul);
	if (res->r.base >= 65536 || end < res->r.base)
		return -EINVAL;
	if (!p->io_bitmap)
		p->io_bitmap = kzalloc(65536 / 8);
	if (!p->io_bitmap)
		return -ENOMEM;
	for (u64 port = res->r.base; port < end; port++)
		p->io_bitmap[port / 64] |= 1ul << port % 64;
	if (p == current_process())
		arch_runtime_changed();
	return 0;
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
		p->limits[which] = value;
		if (fd != -1)
			p->limits_max[which] = value;
		if (which == WEFT_LIMIT_CPU_NS)
			cpu_limit_arm(p);
		if (which == WEFT_LIMIT_FDS && p->fds)
			p->fds->pub.limit = (u32)MIN(p->fds->pub.limit, value);
	}
	return (i64)MIN(old, (u64)INT64_MAX);
}

static i64 give(struct object *o, u32 rights, u32 where)
{
	return fd_install(current_process(), o, rights, where | WEFT_DUP_CLOEXEC);
}

static i64 get_fd(struct process *p, i32 fd, u32 flags)
{
	HELD struct object *o = NULL;
	u32 rights;

	TRY(fd_get_in(p, fd, 0, WEFT_RIGHT_DUP, &o, &rights));
	return give(o, rights, flags & WEFT_DUP_PRIVATE);
}

/* Writes count numbers to a caller who has room for n, and frees them. -> count. */
static i64 give_list(u32 *list, u64 count, u64 user, u64 n)
{
	int r = list ? copy_to_user(user, list, MIN(n, count) * sizeof(*list)) : -ENOMEM;

	kfree(list);
	return r ? r : (i64)count;
}

static i64 list_fds(struct process *p, u64 user, u64 n)
{
	struct fd_table *t = p->fds ? &p->fds->pub : &(struct fd_table){0};
	u32 *list = kmalloc(t->used * sizeof(*list) + 1);
	u64 count = 0;

	for (u32 fd = 0; list && fd < t->cap; fd++)
		if (t->e[fd].o)
			list[count++] = fd;
	return give_list(list, count, user, n);
}

/* The threads of p, or (NULL) all processes: at most n ids; -> how many there are. */
static i64 list_ids(struct process *p, u64 user, u64 n)
{
	struct list *head = p ? &p->threads : &process_list, *l;
	u32 *ids = kmalloc((p ? p->nthreads : object_count[WEFT_OBJ_PROCESS]) * sizeof(*ids) + 1);
	u64 count = 0;

	for (l = head->next; ids && l != head; l = l->next)
		ids[count++] = p ? list_entry(l, struct thread, proc_link)->tid
				 : list_entry(l, struct process, all_link)->pid;
	return give_list(ids, count, user, n);
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
	case WEFT_PROC_SET_NAME:
		return set_name(p->name, a, b);
	case WEFT_PROC_GRANT_PORTS:
		return grant_ports(p, (i32)a);
	case WEFT_PROC_LIMIT:
		return limit(p, fd, a, b);
	case WEFT_PROC_AS:
		return p->as ? give(as_object(p->as), WEFT_RIGHT_ALL, WEFT_DUP_PRIVATE) : -ESRCH;
	case WEFT_PROC_FDS:
		return fd_describe(p, (i32)b, a);
	case WEFT_PROC_GET_FD:
		return get_fd(p, (i32)a, (u32)b);
	case WEFT_PROC_THREADS:
		return list_ids(p, a, b);
	case WEFT_PROC_FD_LIST:
		return list_fds(p, a, b);
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

	return p ? give(&p->obj, WEFT_RIGHT_ALL | WEFT_RIGHT_GUARDED, WEFT_DUP_PRIVATE) : -ESRCH;
}

static i64 open_events(void)
{
	HELD struct object *o = NULL;

	TRY(proc_events_create(&o));
	return give(o, WEFT_RIGHT_ALL, WEFT_DUP_PRIVATE);
}

i64 sys_proc_ctl(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	u32 right = a1 == WEFT_PROC_INFO ? WEFT_RIGHT_READ : WEFT_RIGHT_CONTROL;
	HELD struct process *p = NULL;

	if (a1 == WEFT_PROC_OPEN || a1 == WEFT_PROC_LIST || a1 == WEFT_PROC_EVENTS) {
		TRY(resource_require((i32)a0, WEFT_RES_PROCS, NULL));
		return a1 == WEFT_PROC_OPEN    ? open_process((u32)a2)
			: a1 == WEFT_PROC_LIST ? list_ids(NULL, a2, a3)
					       : open_events();
	}
	TRY(process_get((i32)a0, right, &p));
	return apply(p, (i32)a0, a1, a2, a3, a4);
}
