/* SPDX-License-Identifier: MIT */
/*
 * Interrupts as fds. A line stays masked from the interrupt until its fd is read; an MSI vector is
 * never masked. Reading gives the number of interrupts since the last read (8 bytes) and waits for
 * one if there was none.
 */
#include "scheme_impl.h"

#define NO_IRQ (~0u) /* frees nothing */

struct irq {
	struct object obj;
	u32 id, line;
	u64 count;
	struct waitq waiters;
	bool masked;
};

static void irq_fired(void *arg)
{
	struct irq *q = arg;

	q->count++;
	q->masked = q->line != WEFT_IRQ_MSI;
	random_stir(arch_tsc());
	waitq_wake(&q->waiters, 1, 0);
	object_notify(&q->obj, WEFT_POLLIN);
}

static i64 irq_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct irq *q = container_of(o, struct irq, obj);
	u64 n;

	while (!q->count)
		TRY(wait_io(&q->waiters, flags));
	n = q->count;
	if (uio_copy_out(u, &n, sizeof(n)) != sizeof(n))
		return -EFAULT;
	q->count -= MIN(n, q->count);
	if (q->masked && !q->count) {
		q->masked = false;
		arch_irq_unmask(q->id);
	}
	return sizeof(n);
}

static u32 irq_ready(struct object *o)
{
	return container_of(o, struct irq, obj)->count ? WEFT_POLLIN : 0;
}

static i64 irq_ctl(struct object *o, u32 op, u64 a, u64 b)
{
	struct irq *q = container_of(o, struct irq, obj);
	struct weft_irq_info i = {0};

	if (op != WEFT_IRQ_GET_INFO)
		return -EINVAL;
	if (q->line == WEFT_IRQ_MSI)
		TRY(arch_irq_msi(q->id, &i.msi_address, &i.msi_data));
	i.vector = i.msi_data & 0xff;
	return copy_to_user(a, &i, sizeof(i));
}

static void irq_destroy(struct object *o)
{
	arch_irq_free(container_of(o, struct irq, obj)->id);
	object_free(o);
}

static const struct obj_ops irq_ops = {
	.stream = true,
	.record = sizeof(u64),
	.read = irq_read,
	.ready = irq_ready,
	.ctl = irq_ctl,
	.destroy = irq_destroy,
};

int irq_create(u64 res_fd, u64 line, struct object *out[2])
{
	HELD struct resource *r = NULL;
	HELD struct irq *q = NULL;

	TRY(resource_require((i32)res_fd, WEFT_RES_IRQ, &r));
	if (!resource_covers(&r->r, (u32)line, 1))
		return -EPERM;
	q = object_new(sizeof(*q), WEFT_OBJ_IRQ, &irq_ops);
	if (!q)
		return -ENOMEM;
	q->id = NO_IRQ;
	q->line = (u32)line;
	waitq_init(&q->waiters);
	TRY(arch_irq_alloc(q->line, irq_fired, q, &q->id));
	*out = &q->obj;
	q = NULL;
	return 0;
}
