/* SPDX-License-Identifier: MIT */
/* SIGNALS objects: readable while the thread that asks has a pending signal of the mask; a read
 * takes them as Linux's struct signalfd_siginfo[]. */
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
	return signal_pending(current_thread()) & of(o)->mask ? WEFT_POLLIN : 0;
}

/* What a read yields: the layout is Linux's, so that a program's read needs nobody's help. */
struct signalfd_info {
	u32 signo;
	i32 err, code;
	u32 pid, uid;
	i32 fd;
	u32 tid, band, overrun, trapno;
	i32 status, value_int;
	u64 value_ptr, utime, stime, addr;
	u16 addr_lsb, pad0;
	i32 syscall;
	u64 call_addr;
	u32 arch;
	u8 pad[28];
};
_Static_assert(sizeof(struct signalfd_info) == 128, "signalfd_siginfo");

static void convert(struct signalfd_info *o, const struct weft_siginfo *si)
{
	*o = (struct signalfd_info){.signo = si->signo,
		.code = si->code,
		.pid = si->pid,
		.uid = si->uid,
		.overrun = (u32)si->overrun,
		.value_int = (i32)si->value,
		.value_ptr = si->value,
		.addr = si->addr};
	if (si->code == -2) /* SI_TIMER */
		o->tid = (u32)si->status;
	else
		o->status = si->status;
}

static i64 signals_read(struct object *o, struct uio *u, i64, u32 flags)
{
	struct thread *t = current_thread();
	struct signals *s = of(o);
	struct signalfd_info out;
	struct weft_siginfo si;
	i64 done = 0;
	int r;

	while (u->left >= sizeof(out)) {
		if (signal_take(t, s->mask, &si)) {
			convert(&out, &si);
			if (uio_copy_out(u, &out, sizeof(out)) != sizeof(out))
				return done ? done : -EFAULT;
			done += sizeof(out);
			continue;
		}
		if (done)
			break;
		r = flags & WEFT_IO_NONBLOCK ? -EAGAIN : signal_wait(t, s->mask, WEFT_FOREVER);
		if (r)
			return r;
	}
	return done;
}

static i64 signals_ctl(struct object *o, u32 op, u64 a, u64)
{
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

static const struct obj_ops signals_ops = {.stream = true,
	.record = sizeof(struct signalfd_info),
	.read = signals_read,
	.ready = signals_ready,
	.ctl = signals_ctl,
	.destroy = signals_destroy};

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
	struct signals *s = object_new(sizeof(*s), WEFT_OBJ_SIGNALS, &signals_ops);

	if (!s)
		return -ENOMEM;
	s->obj.status = 2;
	list_add_tail(&all, &s->link);
	*out = &s->obj;
	return (int)signals_ctl(&s->obj, WEFT_SIGNALS_SET_MASK, mask, 0);
}
