/* SPDX-License-Identifier: MIT */
/*
 * The built-in scheme `sys`: text nodes that show the kernel's counters. A node's text is made when
 * it is opened; `log` is read from the ring as far as it goes. Nodes that show others' doings (log,
 * trace, proc) are as open as the scheme: who may not see them is given a namespace without `sys`.
 */
#include "builtin.h"

#define TEXT_MAX (64ul << 10)

struct node {
	struct object obj; /* WEFT_OBJ_SYS */
	u64 at;
	size_t len;
	char *text;
};

void text_add(struct text *t, const char *fmt, ...)
{
	__builtin_va_list ap;
	int n;

	if (t->len >= t->cap)
		return;
	__builtin_va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, t->cap - t->len, fmt, ap);
	__builtin_va_end(ap);
	if (n > 0)
		t->len = MIN(t->len + (size_t)n, t->cap - 1);
}

static void show_cpu(struct text *t)
{
	text_add(t,
		"cpu user_ns system_ns idle_ns irq_ns switches interrupts ipis shootdowns calls "
		"reflected\n");
	for (u32 i = 0; i < ncpus; i++) {
		struct cpu *c = cpus[i];

		text_add(t, "%u %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu\n", i, c->user_ns,
			c->system_ns, c->idle_ns, c->irq_ns, c->switches, c->interrupts, c->ipis,
			c->shootdowns, c->syscalls, c->reflected);
	}
	text_add(t, "tsc_hz %lu\nload %lu.%02lu %lu.%02lu %lu.%02lu\n", tsc_hz, load_avg[0] >> 16,
		(load_avg[0] & 0xffff) * 100 >> 16, load_avg[1] >> 16,
		(load_avg[1] & 0xffff) * 100 >> 16, load_avg[2] >> 16,
		(load_avg[2] & 0xffff) * 100 >> 16);
}

static void show_mem(struct text *t)
{
	struct weft_sys_info i;

	memset(&i, 0, sizeof(i));
	fill_sys_info(&i);
	text_add(t,
		"total %lu\nfree %lu\ncache %lu\ndirty %lu\nkernel %lu\nanon %lu\nshared %lu\nslab "
		"%lu\noom_kills %lu\n",
		i.mem_total, i.mem_free, i.mem_cache, i.mem_dirty, i.mem_kernel, i.mem_anon,
		i.mem_shared, slab_bytes, i.oom_kills);
	text_add(t,
		"kstacks %lu\ntables %lu\ndma %lu\nevicted %lu\npaged_in %lu\nwritten_back %lu\n",
		mm_stats.kstacks * PAGE_SIZE, mm_stats.tables * PAGE_SIZE, mm_stats.dma * PAGE_SIZE,
		mm_stats.evicted, mm_stats.paged_in, mm_stats.written_back);
}

static void show_proc(struct text *t)
{
	struct process *p;

	text_add(t, "pid ppid threads resident minor major user_ns system_ns fds name\n");
	list_for_each(p, &process_list, all_link) {
		struct weft_exit use;

		process_usage(p, &use);
		text_add(t, "%u %u %u %lu %lu %lu %lu %lu %u %s\n", p->pid,
			p->parent ? p->parent->pid : 0, p->nthreads,
			p->as ? as_resident(p->as) * PAGE_SIZE : 0, p->faults_minor,
			p->faults_major, use.user_ns, use.system_ns,
			p->fds ? p->fds->pub.used + p->fds->priv.used : 0, p->name);
	}
}

static void show_lock(struct text *t)
{
	text_add(t, "acquired %lu\ncontended %lu\nwait_ns %lu\nhold_max_ns %lu\nhold_ns %lu\n",
		lock_stats.acquired, lock_stats.contended, lock_stats.wait_ns,
		lock_stats.hold_max_ns, lock_stats.hold_ns);
}

static void show_log(struct text *t)
{
	u64 cursor = 0;

	t->len = klog_read(&cursor, t->buf, t->cap);
}

static void show_trace(struct text *t)
{
	t->len = ktrace_text(t->buf, t->cap);
}

static void show_calls(struct text *t)
{
	u64 native = 0, reflected = 0;

	for (u32 i = 0; i < ncpus; i++) {
		native += cpus[i]->syscalls;
		reflected += cpus[i]->reflected;
	}
	text_add(t, "native %lu\nreflected %lu\nknown %u\n", native, reflected, WEFT_CALL_COUNT);
}

static void show_unserved(struct text *t)
{
	for (u32 i = 0; i < ARRAY_SIZE(calls_unserved); i++)
		if (calls_unserved[i])
			text_add(t, "%u %lu\n", i, calls_unserved[i]);
}

static void show_objects(struct text *t)
{
	static const char *const names[WEFT_OBJ_COUNT] = {
		"none",
		"process",
		"as",
		"mem",
		"pin",
		"scheme",
		"endpoint",
		"handle",
		"ns",
		"pipe",
		"channel",
		"dgram",
		"pollset",
		"counter",
		"timer",
		"signals",
		"fence",
		"irq",
		"resource",
		"sys",
	};

	chan_collect();
	for (u32 i = 0; i < WEFT_OBJ_COUNT; i++)
		text_add(t, "%s %lu\n", names[i], object_count[i]);
	text_add(t, "thread %lu\n", thread_count);
}

static void show_schemes(struct text *t)
{
	struct scheme *s;

	text_add(t,
		"endpoint server_pid rank requests max served dead_replies bad_replies handles\n");
	list_for_each(s, &schemes, all_link)
		text_add(t, "%lu %u %u %u %u %lu %lu %lu %u%s\n", s->obj.id,
			s->server ? s->server_pid : 0, s->rank, s->nreq, s->max, s->served,
			s->dead_replies, s->bad_replies, s->nhandles,
			s->gone		    ? " gone"
				: s->server ? ""
					    : " orphan");
}

static const struct {
	const char *name;
	void (*show)(struct text *t);
} nodes[] = {
	{"cpu", show_cpu},
	{"mem", show_mem},
	{"proc", show_proc},
	{"lock", show_lock},
	{"log", show_log},
	{"trace", show_trace},
	{"calls", show_calls},
	{"unserved", show_unserved},
	{"objects", show_objects},
	{"schemes", show_schemes},
};

static i64 node_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct node *n = container_of(o, struct node, obj);
	u64 at = off < 0 ? n->at : (u64)off;
	i64 k;

	if (at >= n->len)
		return 0;
	k = uio_copy_out(u, n->text + at, MIN(u->left, n->len - at));
	if (k > 0 && off < 0 && !(flags & WEFT_IO_PEEK))
		n->at = at + (u64)k;
	return k;
}

static u32 node_ready(struct object *o)
{
	return WEFT_POLLIN;
}

static i64 node_ctl(struct object *o, u32 op, u64 a, u64 b)
{
	struct node *n = container_of(o, struct node, obj);
	i64 base;

	if (op == WEFT_FD_AVAIL)
		return n->at < n->len ? (i64)(n->len - n->at) : 0;
	if (op != WEFT_FD_SEEK || b > 2)
		return -EINVAL;
	base = b == 0 ? 0 : b == 1 ? (i64)n->at : (i64)n->len;
	if (__builtin_add_overflow(base, (i64)a, &base) || base < 0)
		return -EINVAL;
	n->at = (u64)base;
	return base;
}

static void node_destroy(struct object *o)
{
	struct node *n = container_of(o, struct node, obj);

	kfree(n->text);
	kfree(n);
}

static const struct obj_ops node_ops = {
	.name = "sys",
	.read = node_read,
	.ready = node_ready,
	.ctl = node_ctl,
	.destroy = node_destroy,
};

static i64 root_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	char list[256];
	size_t len = 0;

	for (u32 i = 0; i < ARRAY_SIZE(nodes); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s\n", nodes[i].name);
	if (off < 0)
		off = 0;
	return (u64)off >= len ? 0 : uio_copy_out(u, list + off, MIN(u->left, len - (u64)off));
}

static void root_destroy(struct object *o)
{
	kfree(o);
}

static const struct obj_ops root_ops = {.name = "sys", .read = root_read, .destroy = root_destroy};

int sys_root(struct object **out)
{
	struct object *o = kzalloc(sizeof(*o));

	if (!o)
		return -ENOMEM;
	object_init(o, WEFT_OBJ_SYS, &root_ops);
	*out = o;
	return 0;
}

int sys_open(const char *path, struct object **out)
{
	struct text t = {.cap = TEXT_MAX};
	struct node *n;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(nodes) && strcmp(nodes[i].name, path); i++)
		;
	if (i == ARRAY_SIZE(nodes))
		return -ENOENT;
	n = kzalloc(sizeof(*n));
	t.buf = kmalloc(t.cap);
	if (!n || !t.buf) {
		kfree(n);
		kfree(t.buf);
		return -ENOMEM;
	}
	nodes[i].show(&t);
	n->len = t.len;
	/* Keep no more than the text needs. */
	n->text = kmalloc(t.len + 1);
	if (n->text) {
		memcpy(n->text, t.buf, t.len);
		kfree(t.buf);
	} else {
		n->text = t.buf;
	}
	object_init(&n->obj, WEFT_OBJ_SYS, &node_ops);
	*out = &n->obj;
	return 0;
}

/* fd_call on a built-in object: OPEN of a path below the root of sys. */
i64 builtin_call(struct object *o, u64 ureq)
{
	struct weft_req q;
	struct weft_buf b;
	struct object *node;
	char path[32];
	u8 one = 1;
	i32 fd;
	int err;

	if (o->ops != &root_ops)
		return -EINVAL;
	if (copy_from_user(&q, ureq, sizeof(q)))
		return -EFAULT;
	if (q.op != WEFT_SYS_OP_OPEN)
		return -ENOSYS;
	if (q.nbufs != 1 || q.nfds || !q.max_fds)
		return -EINVAL;
	if (copy_from_user(&b, q.bufs, sizeof(b)))
		return -EFAULT;
	if (b.len >= sizeof(path))
		return -ENOENT;
	if (copy_from_user(path, b.addr, b.len))
		return -EFAULT;
	path[b.len] = 0;
	err = sys_open(path, &node);
	if (err)
		return err;
	fd = fd_install(current_process(), node, WEFT_RIGHT_READ | WEFT_RIGHT_DUP,
		(q.flags & WEFT_REQ_CLOEXEC ? WEFT_DUP_CLOEXEC : 0) |
			(q.flags & WEFT_REQ_PRIVATE ? WEFT_DUP_PRIVATE : 0));
	object_put(node);
	if (fd < 0)
		return fd;
	if (copy_to_user(q.fds_out, &fd, sizeof(fd)) ||
		copy_to_user(ureq + offsetof(struct weft_req, nfds_out), &one, 1)) {
		fd_close(current_process(), fd);
		return -EFAULT;
	}
	return 0;
}

void builtin_init(struct namespace *root)
{
	struct object *o;

	pressure_init();
	if (!console_object(&o)) {
		kassert(!ns_publish(root, "debug", o));
		object_put(o);
	}
	if (!sys_root(&o)) {
		kassert(!ns_publish(root, "sys", o));
		object_put(o);
	}
}
