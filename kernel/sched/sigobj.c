/* SPDX-License-Identifier: MIT */
/* SIGNALS objects: readable while the thread that asks has a pending signal of the mask; a read
 * takes them as Linux's struct signalfd_siginfo[]. */
#include "internal.h"
#include <linux/signalfd.h>

struct signals {
	struct object obj;
	u64 mask;
	struct list link; /* all */
};
static struct list all = {&all, &all};

static u32 signals_ready(struct object *o)
{
	const struct signals *s = container_of(o, struct signals, obj);

	return signal_pending(current_thread()) & s->mask ? WEFT_POLLIN : 0;
}

static void convert(struct signalfd_siginfo *o, const struct weft_siginfo *si)
{
	*o = (struct signalfd_siginfo){.ssi_signo = si->signo,
		.ssi_code = si->code,
		.ssi_pid = si->pid,
		.ssi_uid = si->uid,
		.ssi_overrun = (u32)si->overrun,
		.ssi_int = (i32)si->value,
		.ssi_ptr = si->value,
		.ssi_addr = si->addr};
	if (si->code == SI_TIMER)
		o->ssi_tid = (u32)si->status;
	else
		o->ssi_status = si->status;
}

static i64 signals_read(struct object *o, struct uio *u, i64, u32 flags)
{
	struct thread *t = current_thread();
	struct signals *s = container_of(o, struct signals, obj);
	struct signalfd_siginfo out;
	struct weft_siginfo si;
	i64 done = 0;

	while (!(signal_pending(t) & s->mask))
		TRY(flags & WEFT_IO_NONBLOCK ? -EAGAIN : signal_wait(t, s->mask, WEFT_FOREVER));
	while (u->left >= sizeof(out) && signal_take(t, s->mask, &si)) {
		convert(&out, &si);
		if (uio_copy_out(u, &out, sizeof(out)) != sizeof(out))
			return done ? done : -EFAULT;
		done += sizeof(out);
	}
	return done;
}

static i64 signals_ctl(struct object *o, u32 op, u64 a, u64)
{
	if (op != WEFT_SIGNALS_SET_MASK)
		return -EINVAL;
	container_of(o, struct signals, obj)->mask =
		a & ~(SIG_BIT(SIGNO_KILL) | SIG_BIT(SIGNO_STOP));
	object_notify(o, WEFT_POLLIN);
	return 0;
}

static void signals_destroy(struct object *o)
{
	list_del(&container_of(o, struct signals, obj)->link);
	object_free(o);
}

static const struct obj_ops signals_ops = {.stream = true,
	.record = sizeof(struct signalfd_siginfo),
	.read = signals_read,
	.ready = signals_ready,
	.ctl = signals_ctl,
	.destroy = signals_destroy};

/* A signal has been posted to somebody: who polls such an object looks for himself. */
void signals_notify(u64 bit)
{
	struct signals *s;

	list_for_each(s, &all, link)
		if ((s->mask & bit) && !list_empty(&s->obj.watchers))
			object_notify(&s->obj, WEFT_POLLIN);
}

int signals_create(u64 mask, u64, struct object *out[2])
{
	struct signals *s = object_new(sizeof(*s), WEFT_OBJ_SIGNALS, &signals_ops);

	if (!s)
		return -ENOMEM;
	s->obj.status = 2;
	list_add_tail(&all, &s->link);
	*out = &s->obj;
	return (int)signals_ctl(&s->obj, WEFT_SIGNALS_SET_MASK, mask, 0);
}
