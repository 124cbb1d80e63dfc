/* SPDX-License-Identifier: MIT */
/* SIGNALS objects: readable while the thread that asks has a pending signal of the mask; a read takes them as struct weft_siginfo[]. */
#include "internal.h"

struct signals {
	struct object obj;
	u64 mask;
	struct list link; /* all */
};
static struct list all = {&all, &all};

static struct signals *of(struct object *o)
{
	return container_of(o, struct signals, obj);
}

static u32 signals_ready(struct object *o)
{
	struct thread *t = current_thread();

	return (t->sig_pending | t->proc->sig_pending) & of(o)->mask ? WEFT_POLLIN : 0;
}

static i64 signals_read(struct object *o, struct uio *u, i64 off, u32 flags)
{
	struct signals *s = of(o);
	struct thread *t = current_thread();
	struct weft_siginfo si;
	i64 done = 0;
	int r;

	if (off != -1)
		return -ESPIPE;
	if (u->left < sizeof(si))
		return -EINVAL;
	while (u->left >= sizeof(si)) {
		if (signal_take(t, s->mask, &si)) {
			if (uio_copy_out(u, &si, sizeof(si)) != sizeof(si))
				return done ? done : -EFAULT;
			done += sizeof(si);
			continue;
		}
		if (done)
			break;
		if (flags & WEFT_IO_NONBLOCK)
			return -EAGAIN;
		t->sig_waiting = s->mask;
		r = thread_block(NULL, WEFT_FOREVER, BLOCK_INTERRUPTIBLE);
		t->sig_waiting = 0;
		if (r && !((t->sig_pending | t->proc->sig_pending) & s->mask))
			return r;
	}
	return done;
}

static i64 signals_ctl(struct object *o, u32 op, u64 a, u64 b)
{
	(void)b;
	if (op != WEFT_SIGNALS_SET_MASK)
		return -EINVAL;
	of(o)->mask = a & ~(SIG_BIT(SIGNO_KILL) | SIG_BIT(SIGNO_STOP));
	object_notify(o, WEFT_POLLIN);
	return 0;
}

static void signals_destroy(struct object *o)
{
	struct signals *s = of(o);

	list_del(&s->link);
	kfree(s);
}

static const struct obj_ops signals_ops = {
	.name = "signals", .read = signals_read, .ready = signals_ready, .ctl = signals_ctl, .destroy = signals_destroy};

/* A signal has been posted to somebody: who polls such an object looks for himself. */
void signals_notify(u64 bit)
{
	struct signals *s;

	list_for_each(s, &all, link) {
		if ((s->mask & bit) && !list_empty(&s->obj.watchers))
			object_notify(&s->obj, WEFT_POLLIN);
	}
}

int signals_create(u64 mask, struct object **out)
{
	struct signals *s = kzalloc(sizeof(*s));

	if (!s)
		return -ENOMEM;
	object_init(&s->obj, WEFT_OBJ_SIGNALS, &signals_ops);
	s->obj.status = 2;
	s->mask = mask & ~(SIG_BIT(SIGNO_KILL) | SIG_BIT(SIGNO_STOP));
	list_add_tail(&all, &s->link);
	*out = &s->obj;
	return 0;
}
