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

static int copy_vma(struct as *to, struct vma *v)
{
	struct vma *n = vma_new(to, v);
	bool wipe = v->flags & VMA_WIPEONFORK;

	if (!n)
		return -ENOMEM;
	n->flags &= ~(WEFT_MAP_LOCKED | (wipe ? VMA_ANON : 0));
	vma_insert(n);
	return wipe ? 0 : as_copy_pages(to, v);
}

struct as *as_copy(struct as *from)
{
	struct as *to = as_create_empty();
	struct vma *v;
	int r = 0;

	if (IS_ERR(to))
		return to;
	list_for_each(v, &from->vmas, link)
		if (!r && !(v->flags & (WEFT_MAP_NOFORK | VMA_FRAME)))
			r = copy_vma(to, v);
	as_flush(from, WEFT_USER_MIN, WEFT_USER_MAX);
	if (!r)
		return to;
	as_put(to);
	return ERR_PTR(r);
}

int as_map_frame(struct as *a, u64 addr, struct frame *f)
{
	const u32 rw = WEFT_PROT_READ | WEFT_PROT_WRITE;
	pte_t *pte;

	TRY(as_map_flags(a, &addr, PAGE_SIZE,
		rw | WEFT_MAP_NOFORK | WEFT_MAP_FIXED | WEFT_MAP_NOREPLACE | VMA_FRAME, rw, NULL,
		0));
	pte = arch_pte(&a->arch, addr, true);
	if (!pte) {
		as_unmap_frame(a, addr);
		return -ENOMEM;
	}
	frame_get(f);
	as_enter(a, pte, frame_phys(f), vma_pte_flags(vma_find(a, addr), true));
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
