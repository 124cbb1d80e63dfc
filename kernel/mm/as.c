/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: life, fork copy, what is loaded, kernel-owned pages.
 *
 * References are held by processes and fds. When the last goes, the pages are freed at once; the
 * tables and the struct follow when no CPU has them loaded any more (as.loads). A CPU that drops
 * the last reference of the one it has loaded switches to tables with no user half.
 */
#include "as.h"

static struct as *kernel_as;

static void space_free(struct as *a)
{
	arch_as_destroy(&a->arch);
	kfree(a);
}

static void destroy(struct object *o)
{
	struct as *a = container_of(o, struct as, obj);

	if (this_cpu()->as == a)
		as_switch(NULL);
	as_zap(a, WEFT_USER_MIN, WEFT_USER_MAX, NULL);
	while (!list_empty(&a->vmas))
		vma_remove(list_first(&a->vmas, struct vma, link));
	a->dead = true; /* the last CPU that has it loaded frees it */
	if (!a->loads)
		space_free(a);
}

static const struct obj_ops as_ops = {.destroy = destroy};

struct as *as_create_empty(void)
{
	struct as *a = object_new(sizeof(*a), WEFT_OBJ_AS, &as_ops);

	if (!a)
		return ERR_PTR(-ENOMEM);
	list_init(&a->vmas);
	if (arch_as_init(&a->arch)) {
		object_put(&a->obj);
		return ERR_PTR(-ENOMEM);
	}
	return a;
}

void as_get(struct as *a)
{
	object_get(&a->obj);
}

void as_put(struct as *a)
{
	object_put(&a->obj);
}

struct object *as_object(struct as *a)
{
	return &a->obj;
}

void mm_start(void)
{
	kernel_as = as_create_empty();
	if (IS_ERR(kernel_as))
		panic("no memory for the kernel's tables");
	object_count[WEFT_OBJ_AS]--; /* nobody's */
}

/* NULL: the kernel's half only. */
void as_switch(struct as *a)
{
	struct cpu *c = this_cpu();
	struct as *old = c->as;

	if (!a)
		a = kernel_as;
	if (a == old)
		return;
	a->loads++;
	c->as = a;
	arch_as_load(&a->arch);
	if (old && --old->loads == 0 && old->dead)
		space_free(old);
}

static int copy_vma(struct as *to, struct vma *v, bool *protected)
{
	struct vma *n = vma_like(to, v, v->start, v->end, v->off);
	bool wipe = v->flags & VMA_WIPEONFORK;

	if (!n)
		return -ENOMEM;
	n->flags &= ~(WEFT_MAP_LOCKED | (wipe ? VMA_ANON : 0));
	vma_insert(to, n);
	return wipe ? 0 : as_copy_pages(to, v, protected);
}

struct as *as_copy(struct as *from)
{
	struct as *to = as_create_empty();
	bool protected = false;
	struct vma *v;
	int r = 0;

	if (IS_ERR(to))
		return to;
	list_for_each(v, &from->vmas, link) {
		if (v->flags & (WEFT_MAP_NOFORK | VMA_FRAME))
			continue;
		r = copy_vma(to, v, &protected);
		if (r)
			break;
	}
	if (protected)
		as_flush(from, WEFT_USER_MIN, WEFT_USER_MAX);
	if (r) {
		as_put(to);
		return ERR_PTR(r);
	}
	return to;
}

int as_map_frame(struct as *a, u64 addr, struct frame *f)
{
	struct vma *v;
	pte_t *pte;

	if ((addr & (PAGE_SIZE - 1)) || addr < WEFT_USER_MIN || addr >= WEFT_USER_MAX)
		return -EINVAL;
	v = vma_find_from(a, addr);
	if (v && v->start < addr + PAGE_SIZE)
		return -EEXIST;
	v = vma_new(a);
	pte = v ? arch_pte(&a->arch, addr, true) : NULL;
	if (!pte) {
		kfree(v);
		return -ENOMEM;
	}
	v->start = addr;
	v->end = addr + PAGE_SIZE;
	v->flags = WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_NOFORK | VMA_FRAME;
	v->max_prot = WEFT_PROT_READ | WEFT_PROT_WRITE;
	vma_insert(a, v);
	frame_get(f);
	*pte = arch_pte_make(frame_phys(f), vma_pte_flags(v, true));
	a->resident++;
	a->shared++;
	return 0;
}

void as_unmap_frame(struct as *a, u64 addr)
{
	struct vma *v = vma_find(a, addr);

	if (!v || !(v->flags & VMA_FRAME))
		return;
	as_zap(a, v->start, v->end, NULL);
	vma_remove(v);
}

u64 as_resident(struct as *a)
{
	return a->resident << PAGE_SHIFT;
}

void as_usage(struct as *a, struct weft_as_usage *out)
{
	const struct process *p = current_process();

	*out = (struct weft_as_usage){
		.mapped = a->mapped,
		.resident = a->resident << PAGE_SHIFT,
		.shared = a->shared << PAGE_SHIFT,
		.limit = p && p->as == a ? p->limits[WEFT_LIMIT_AS] : 0,
		.page_tables = a->arch.tables << PAGE_SHIFT,
		.faults_minor = a->faults_minor,
		.faults_major = a->faults_major,
	};
}
