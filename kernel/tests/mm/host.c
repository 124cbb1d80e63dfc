/* SPDX-License-Identifier: MIT */
/* The shims. Page tables are 512-entry leaves in a list per address space; the TLB keeps what an
 * access has used until it is flushed. */
#include "host.h"
#include <sys/mman.h>

struct leaf {
	u64 base;
	struct leaf *next;
	struct frame *frame; /* so that tables cost memory as they really do */
	pte_t e[512];
};
struct tlb_entry {
	bool valid;
	u64 page, phys;
	u32 flags;
};
#define TLB 4096u

struct boot_info boot_info;
u64 object_count[WEFT_OBJ_COUNT], realtime_off = 1000000;
struct list process_list = {&process_list, &process_list};
struct identity *identity_system;
static struct cpu cpu0;
struct cpu *host_cpu = &cpu0, *cpus[1] = {&cpu0};
u32 ncpus = 1;
void (*host_on_drop)(void);
u32 host_flushes;
struct server server;
static struct process proc;
static struct thread thr;
static struct tlb_entry tlb[TLB];
static u64 test_clock, next_id;
static void *ram;

/* Machine. */

static void tlb_clear(void)
{
	memset(tlb, 0, sizeof(tlb));
}

void host_reset(void)
{
	if (!ram) {
		ram = mmap((void *)DIRECT_MAP, 0x100000 + RAM_PAGES * PAGE_SIZE,
			PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
			-1, 0);
		assert_ptr_equal(ram, (void *)DIRECT_MAP);
	}
	memset(&boot_info, 0, sizeof(boot_info));
	memset(&cpu0, 0, sizeof(cpu0));
	memset(&proc, 0, sizeof(proc));
	memset(&thr, 0, sizeof(thr));
	memset(&mm_stats, 0, sizeof(mm_stats));
	boot_info.nranges = 4;
	boot_info.ranges[0] = (struct boot_range){0x100000, 0x100000, 1};
	boot_info.ranges[3] = (struct boot_range){0x280000, 0x80000, 1};
	boot_info.ranges[1] = (struct boot_range){0x300000, 0x2000, 101};
	boot_info.ranges[2] =
		(struct boot_range){0x302000, 0x100000 + RAM_PAGES * PAGE_SIZE - 0x302000, 1};
	boot_info.archive_phys = 0x300000;
	boot_info.archive_size = 0x1234;
	cpu0.self = &cpu0;
	cpu0.current = &thr;
	thr.proc = &proc;
	list_init(&process_list);
	list_init(&proc.all_link);
	proc.pid = 7;
	host_on_drop = NULL;
	tlb_clear();
	frames_init();
	mm_start();
}

u64 boot_alloc(u64 len, u64 align)
{
	struct boot_range *r = &boot_info.ranges[2];

	r->len -= ALIGN_UP(len, PAGE_SIZE);
	return r->base + r->len;
}

u64 host_free(void)
{
	return frames_free;
}

/* Paging. */

int arch_as_init(struct arch_as *a)
{
	*a = (struct arch_as){0};
	return 0;
}

void arch_as_destroy(struct arch_as *a)
{
	for (struct leaf *l = (void *)a->root, *n; l; l = n) {
		n = l->next;
		frame_put(l->frame);
		for (u32 i = 0; i < 512; i++)
			assert_int_equal(l->e[i], 0);
		free(l);
	}
	a->root = 0;
}

static struct leaf *leaf(struct arch_as *a, u64 addr)
{
	for (struct leaf *l = (void *)a->root; l; l = l->next)
		if (l->base == ALIGN_DOWN(addr, ARCH_PTE_SPAN))
			return l;
	return NULL;
}

pte_t *arch_pte(struct arch_as *a, u64 addr, bool create)
{
	struct leaf *l = leaf(a, addr);

	if (!l && create) {
		struct frame *f = frame_alloc_zero();

		if (!f)
			return NULL;
		l = calloc(1, sizeof(*l));
		l->base = ALIGN_DOWN(addr, ARCH_PTE_SPAN);
		l->next = (void *)a->root;
		l->frame = f;
		a->root = (u64)l;
		a->tables++;
	}
	return l ? &l->e[(addr - l->base) >> PAGE_SHIFT] : NULL;
}

pte_t *arch_pte_next(struct arch_as *a, u64 *addr, u64 end)
{
	struct leaf *best = NULL;

	for (struct leaf *l = (void *)a->root; l; l = l->next)
		if (l->base + ARCH_PTE_SPAN > *addr && l->base < end &&
			(!best || l->base < best->base))
			best = l;
	if (!best)
		return NULL;
	*addr = MAX(*addr, best->base);
	return &best->e[(*addr - best->base) >> PAGE_SHIFT];
}

void arch_prune(struct arch_as *a, u64 start, u64 end)
{
	struct leaf **at = (struct leaf **)&a->root;

	while (*at) {
		struct leaf *l = *at;

		if (l->base < start || l->base + ARCH_PTE_SPAN > end) {
			at = &l->next;
			continue;
		}
		for (u32 i = 0; i < 512; i++)
			assert_int_equal(l->e[i], 0);
		*at = l->next;
		frame_put(l->frame);
		free(l);
		a->tables--;
	}
}

void arch_as_load(struct arch_as *a)
{
	if (cpu0.arch.as)
		cpu0.arch.as->cpus = 0;
	a->cpus = 1;
	cpu0.arch.as = a;
	tlb_clear();
}

void tlb_flush_page(u64 addr)
{
	tlb[(addr >> PAGE_SHIFT) % TLB].valid = false;
}

void tlb_shootdown(struct arch_as *a, u64 start, u64 end)
{
	host_flushes++;
	if (a && a != cpu0.arch.as)
		return;
	for (u32 i = 0; i < TLB; i++)
		if (tlb[i].page >= start && tlb[i].page < end)
			tlb[i].valid = false;
}

static struct {
	u64 v, p;
} kmaps[4096];

int arch_kernel_map(u64 vaddr, u64 phys, u32 flags)
{
	for (u32 i = 0; i < ARRAY_SIZE(kmaps); i++)
		if (!kmaps[i].v) {
			kmaps[i].v = vaddr;
			kmaps[i].p = phys;
			return 0;
		}
	return -ENOMEM;
}

u64 arch_kernel_unmap(u64 vaddr)
{
	for (u32 i = 0; i < ARRAY_SIZE(kmaps); i++)
		if (kmaps[i].v == vaddr) {
			kmaps[i].v = 0;
			return kmaps[i].p;
		}
	return 0;
}

static char *access(struct as *a, u64 addr, bool write, u32 *cause)
{
	struct tlb_entry *t = &tlb[(addr >> PAGE_SHIFT) % TLB];
	u64 page = addr & ~(PAGE_SIZE - 1);

	for (u32 tries = 0; tries < 10; tries++) {
		pte_t *p;

		if (t->valid && t->page == page && (t->flags & ARCH_PTE_R) &&
			(!write || (t->flags & ARCH_PTE_W)))
			return (char *)phys_to_virt(t->phys) + (addr - page);
		p = arch_pte(&a->arch, page, false);
		if (p && *p && !(t->valid && t->page == page)) {
			*t = (struct tlb_entry){true, page, arch_pte_phys(*p), arch_pte_flags(*p)};
			if ((t->flags & ARCH_PTE_R) && (!write || (t->flags & ARCH_PTE_W)))
				continue;
		}
		t->valid = false; /* as a fault does on x86 */
		*cause = as_fault(a, addr, write, false);
		if (*cause)
			return NULL;
	}
	fail_msg("access to %lx does not end", addr);
	return NULL;
}

u32 host_read(struct as *a, u64 addr, u64 *value)
{
	u32 cause = 0;
	char *p;

	as_switch(a);
	p = access(a, addr, false, &cause);
	if (p)
		memcpy(value, p, 8);
	return cause;
}

u32 host_write(struct as *a, u64 addr, u64 value)
{
	u32 cause = 0;
	char *p;

	as_switch(a);
	p = access(a, addr, true, &cause);
	if (p)
		memcpy(p, &value, 8);
	return cause;
}

static bool is_user(const void *p)
{
	return (u64)p < USER_LIMIT;
}

u64 arch_copy_user(void *to, const void *from, u64 n)
{
	while (n) {
		u64 part =
			MIN(n, PAGE_SIZE - ((is_user(to) ? (u64)to : (u64)from) & (PAGE_SIZE - 1)));
		const void *f = from;
		void *t = to;
		u32 cause;

		assert_true(is_user(to) != is_user(from));
		if (cpu0.arch.nofault) {
			struct tlb_entry *e =
				&tlb[((is_user(to) ? (u64)to : (u64)from) >> PAGE_SHIFT) % TLB];
			e->valid = false;
			if (!as_peek(cpu0.as, is_user(to) ? (u64)to : (u64)from, is_user(to)))
				return n;
		}
		if (is_user(to))
			t = access(cpu0.as, (u64)to, true, &cause);
		else
			f = access(cpu0.as, (u64)from, false, &cause);
		if (!t || !f)
			return n;
		memcpy(t, f, part);
		to = (char *)to + part;
		from = (char *)from + part;
		n -= part;
	}
	return 0;
}

/* The rest of the kernel. */

size_t strlcpy(char *d, const char *s, size_t n)
{
	size_t len = strlen(s);

	if (n) {
		size_t k = MIN(len, n - 1);
		memcpy(d, s, k);
		d[k] = 0;
	}
	return len;
}

void klog(const char *fmt, ...)
{
}
void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}
void bkl_drop(void)
{
	cpu0.lock_depth--;
	if (host_on_drop)
		host_on_drop();
}
void bkl_retake(void)
{
	cpu0.lock_depth++;
}
u64 now_ns(void)
{
	return test_clock += 1000;
}
void ktimer_init(struct ktimer *t, void (*fn)(struct ktimer *t))
{
	t->fn = fn;
}
void ktimer_arm(struct ktimer *t, u64 deadline)
{
}
void ktimer_cancel(struct ktimer *t)
{
}
void sched_yield(void)
{
}
static struct waitq *waiting;
static int wake_result;
u32 waitq_wake(struct waitq *q, u32 n, int result)
{
	if (q != waiting)
		return 0;
	waiting = NULL;
	wake_result = result;
	return 1;
}
bool thread_interrupted(struct thread *t)
{
	return false;
}
void process_kill(struct process *p, u32 status)
{
	p->exiting = true;
}
int thread_block(struct waitq *q, u64 deadline, enum block_mode mode)
{
	waiting = q;
	wake_result = 0;
	if (!host_serve() && deadline == (u64)WEFT_FOREVER)
		fail_msg("blocked for ever");
	waiting = NULL;
	return wake_result;
}

void object_init(struct object *o, u32 type, const struct obj_ops *ops)
{
	*o = (struct object){.ops = ops, .type = type, .refs = 1, .id = ++next_id};
	list_init(&o->watchers);
	object_count[type]++;
}
void *object_new(size_t size, u32 type, const struct obj_ops *ops)
{
	struct object *o = kzalloc(size);

	if (o)
		object_init(o, type, ops);
	return o;
}
void object_get(struct object *o)
{
	o->refs++;
}
void object_put(struct object *o)
{
	if (!o)
		return;
	assert_true(o->refs > 0);
	if (--o->refs == 0) {
		object_count[o->type]--;
		o->ops->destroy(o);
	}
}

/* Fds: a small table. */
static struct fd_entry fds[64];

struct fd_entry *fd_peek(i32 fd)
{
	return fd >= 0 && fd < (i32)ARRAY_SIZE(fds) && fds[fd].o ? &fds[fd] : NULL;
}
int fd_get_in(
	struct process *p, i32 fd, u32 type, u32 rights, struct object **out, u32 *rights_out)
{
	struct fd_entry *e = fd_peek(fd);

	(void)p;
	if (!e)
		return -EBADF;
	if (type && e->o->type != type)
		return -EINVAL;
	if (rights & ~e->rights)
		return -EPERM;
	if (rights_out)
		*rights_out = e->rights;
	*out = e->o;
	object_get(*out);
	return 0;
}
int fd_get(i32 fd, u32 type, u32 rights, struct object **out)
{
	return fd_get_in(NULL, fd, type, rights, out, NULL);
}
i32 fd_install(struct process *p, struct object *o, u32 rights, u32 flags)
{
	for (i32 i = 0; i < (i32)ARRAY_SIZE(fds); i++)
		if (!fds[i].o) {
			fds[i] = (struct fd_entry){.o = o, .rights = rights};
			object_get(o);
			o->fds++;
			return i;
		}
	return -EMFILE;
}
int fd_close(struct process *p, i32 fd)
{
	struct fd_entry *e = fd_peek(fd);
	struct object *o = e ? e->o : NULL;

	if (!o)
		return -EBADF;
	e->o = NULL;
	o->fds--;
	object_put(o);
	return 0;
}
int resource_require(i32 fd, u32 kind, struct resource **out)
{
	struct object *o;
	int r = fd_get(fd, WEFT_OBJ_RESOURCE, 0, &o);

	if (r)
		return r;
	if (container_of(o, struct resource, obj)->r.kinds & kind) {
		*out = container_of(o, struct resource, obj);
		return 0;
	}
	object_put(o);
	return -EPERM;
}

/* The server. */
struct scheme {
	u32 refs;
};
static struct scheme scheme;
static struct queued {
	u16 op;
	u64 args[6];
	void (*fn)(struct request *r, i64 result);
	struct request *r;
} queue[128];
static u32 nqueue;
static struct as *server_as;
#define SERVER_BUF     0x8000000ul
#define SERVER_BUF_LEN (128 * PAGE_SIZE)

void scheme_get(struct scheme *s)
{
	s->refs++;
}
void scheme_put(struct scheme *s)
{
	s->refs--;
}
struct scheme *scheme_of_server_fd(i32 fd)
{
	if (fd != 40)
		return ERR_PTR(-EBADF);
	scheme.refs++;
	return &scheme;
}
int scheme_kernel_request(struct request *r, struct scheme *s, u16 op, u64 handle,
	const u64 args[6], void (*fn)(struct request *r, i64 result))
{
	assert_ptr_equal(s, &scheme);
	assert_int_equal(handle, 42);
	assert_true(nqueue < ARRAY_SIZE(queue));
	queue[nqueue] = (struct queued){.op = op, .fn = fn, .r = r};
	memcpy(queue[nqueue++].args, args, sizeof(queue[0].args));
	return 0;
}
void scheme_one_way(struct scheme *s, struct oneway *w, u16 op, u64 handle)
{
	assert_int_equal(op, WEFT_OP_PAGE_IDLE);
	server.idles++;
}

void host_server(u64 pages)
{
	struct memobj *m;
	u64 at = SERVER_BUF;

	memset(&server, 0, sizeof(server));
	nqueue = 0;
	server.size = pages * PAGE_SIZE;
	server.disk = calloc(1, server.size * 4);
	for (u64 i = 0; i < server.size; i++)
		server.disk[i] = (u8)(i * 7 + i / PAGE_SIZE);
	server_as = as_create_empty();
	assert_int_equal(as_map(server_as, &at, SERVER_BUF_LEN,
				 WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_FIXED, NULL, 0),
		0);
	assert_int_equal(pager_create(&scheme, 42, server.size, 0, &m), 0);
	server.m = m;
}

void host_server_done(void)
{
	as_put(server_as);
	free(server.disk);
	server.disk = NULL;
}

static i64 serve_in(const struct queued *q)
{
	u64 n = MIN(q->args[1], server.m->size - MIN(server.m->size, q->args[0]));

	server.page_ins++;
	if (server.refuse_in)
		return -EIO;
	if (server.silent)
		return 0;
	assert_true(q->args[1] <= SERVER_BUF_LEN);
	assert_int_equal(arch_copy_user((void *)SERVER_BUF, server.disk + q->args[0], n), 0);
	assert_int_equal(pager_copy(server.m, WEFT_PAGER_SUPPLY, q->args[0], SERVER_BUF, n, 0), 0);
	return 0;
}

static i64 serve_out(const struct queued *q)
{
	i64 n;

	server.page_outs++;
	if (server.refuse_out)
		return -EIO;
	n = pager_copy(server.m, WEFT_PAGER_FETCH, q->args[0], SERVER_BUF, q->args[1], 0);
	assert_int_equal(n, q->args[1]);
	assert_int_equal(arch_copy_user(server.disk + q->args[0], (void *)SERVER_BUF, n), 0);
	return 0;
}

bool host_serve(void)
{
	struct as *back = cpu0.as;
	struct queued q;
	i64 r;

	if (!nqueue)
		return false;
	q = queue[0];
	memmove(queue, queue + 1, --nqueue * sizeof(q));
	if (server.die_once) {
		server.die_once = false;
		q.fn(q.r, -WEFT_EREDELIVER);
		return true;
	}
	as_switch(server_as);
	switch (q.op) {
	case WEFT_OP_PAGE_IN:
		r = serve_in(&q);
		break;
	case WEFT_OP_PAGE_RESERVE:
		server.reserves++;
		r = server.refuse_reserve ? -ENOSPC : 0;
		break;
	default:
		r = serve_out(&q);
	}
	as_switch(back);
	q.fn(q.r, r);
	return true;
}
