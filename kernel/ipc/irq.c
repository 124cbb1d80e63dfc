/* SPDX-License-Identifier: MIT */
/*
 * Interrupts as fds. A line stays masked from the interrupt until its fd is read; an MSI vector is
 * never masked. Reading gives the number of interrupts since the last read (8 bytes) and waits for
 * one if there was none.
 */
#include "scheme_impl.h"

struct irq {
	struct object obj;
	u32 id, line;
	u64 count;
	struct waitq waiters;
	bool masked;
};

bool resource_covers(const struct weft_res *r, u64 base, u64 len);

static void irq_fired(void *arg)
{
	struct irq *q = arg;

	q->count++;
	q->masked = q->line != WEFT_IRQ_MSI;
	random_stir(arch_tsc());
	if (!list_empty(&q->waiters.threads))
		waitq_wake(&q->waiters, 1, 0);
	object_notify(&q->obj, WEFT_POLLIN);
}

static i64 irq_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct irq *q = container_of(o, struct irq, obj);
	u64 n;
	i64 k;

	if (off != -1)
		return -ESPIPE;
	if (u->left < sizeof(n))
		return -EINVAL;
	while (!q->count) {
		if (flags & WEFT_IO_NONBLOCK || o->status & K_O_NONBLOCK)
			return -EAGAIN;
		if (thread_block(&q->waiters, (u64)WEFT_FOREVER, BLOCK_INTERRUPTIBLE) == -EINTR)
			return -EINTR;
	}
	n = q->count;
	k = uio_copy_out(u, &n, sizeof(n));
	if (k < (i64)sizeof(n))
		return k < 0 ? k : -EFAULT;
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
	struct weft_irq_info i;

	if (op != WEFT_IRQ_GET_INFO)
		return -EINVAL;
	memset(&i, 0, sizeof(i));
	if (q->line == WEFT_IRQ_MSI) {
		int err = arch_irq_msi(q->id, &i.msi_address, &i.msi_data);

		if (err)
			return err;
	}
	i.vector = i.msi_data & 0xff;
	return copy_to_user(a, &i, sizeof(i)) ? -EFAULT : 0;
}

static void irq_destroy(struct object *o)
{
	struct irq *q = container_of(o, struct irq, obj);

	arch_irq_free(q->id);
	kfree(q);
}

static const struct obj_ops irq_ops = {
	.name = "irq",
	.read = irq_read,
	.ready = irq_ready,
	.ctl = irq_ctl,
	.destroy = irq_destroy,
};

int irq_create(i32 res_fd, u32 line, struct object **out)
{
	struct resource *r;
	struct irq *q;
	bool allowed;
	int err = resource_require(res_fd, WEFT_RES_IRQ, &r);

	if (err)
		return err;
	allowed = resource_covers(&r->r, line, 1);
	object_put(&r->obj);
	if (!allowed)
		return -EPERM;
	q = kzalloc(sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->line = line;
	waitq_init(&q->waiters);
	err = arch_irq_alloc(line, irq_fired, q, &q->id);
	if (err) {
		kfree(q);
		return err;
	}
	object_init(&q->obj, WEFT_OBJ_IRQ, &irq_ops);
	*out = &q->obj;
	return 0;
}
