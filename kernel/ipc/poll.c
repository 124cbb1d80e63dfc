/* SPDX-License-Identifier: MIT */
/*
 * Readiness: watches, poll sets and fd_poll.
 *
 * An object that becomes ready tells its watches; a poll set's watch puts its item on the set's
 * ready list, and poll_wait asks only the objects on that list for the truth, so that waiting costs
 * what is ready and not what is watched. A level item that was reported goes back to the list's
 * end; it leaves the list when it is found not ready. Sets in sets form no cycle and are at most
 * NEST deep, so that the recursion of object_notify is bounded. An item dies with its object's last
 * fd.
 */
#include "scheme_impl.h"

#define NEST	    5
#define NEST_VISITS 1024u
#define ITEMS_MAX   65536u
#define ALWAYS	    (WEFT_POLLERR | WEFT_POLLHUP)

struct pollset {
	struct object obj; /* WEFT_OBJ_POLLSET */
	struct waitq waiters;
	struct list ready;
	struct list items; /* poll sets first */
	u32 nitems;
	u64 rounds; /* reports so far */
};

struct item {
	struct watch w;
	struct pollset *ps;
	struct list link, ready_link;
	i32 fd;
	u32 events; /* with the flags; 0 after a one-shot fired */
	u64 data;
	u64 round; /* in which it was reported last */
};

static const struct obj_ops pollset_ops;

void watch_add(struct watch *w, struct object *o, void (*fire)(struct watch *w, u32 bits))
{
	w->o = o;
	w->fire = fire;
	w->took = false;
	object_get(o);
	list_add_tail(&o->watchers, &w->link);
}

void watch_del(struct watch *w)
{
	struct object *o = w->o;

	if (!o)
		return;
	list_del(&w->link);
	w->o = NULL;
	object_put(o);
}

void object_notify(struct object *o, u32 bits)
{
	struct watch *w;
	bool taken = false;

	list_for_each(w, &o->watchers, link) {
		if (w->exclusive && taken)
			continue;
		w->took = false;
		w->fire(w, bits);
		taken |= w->exclusive && w->took;
	}
}

void watch_closed(struct object *o)
{
	struct watch *w;

	list_for_each(w, &o->watchers, link)
		w->fire(w, WATCH_CLOSED);
}

static u32 item_bits(struct item *i)
{
	u32 want = i->events ? (i->events & 0xffff) | ALWAYS : 0;

	return want ? poll_aliases(object_ready(i->w.o)) & want : 0;
}

static void item_free(struct item *i)
{
	i->ps->nitems--;
	list_del(&i->link);
	list_del(&i->ready_link);
	watch_del(&i->w);
	kfree(i);
}

static void set_became_ready(struct pollset *ps, struct item *i)
{
	if (list_empty(&i->ready_link))
		list_add_tail(&ps->ready, &i->ready_link);
	if (!list_empty(&ps->waiters.threads))
		i->w.took = waitq_wake(&ps->waiters, 1, 0) > 0;
	if (!list_empty(&ps->obj.watchers)) {
		i->w.took = true;
		object_notify(&ps->obj, WEFT_POLLIN);
	}
}

static void item_fire(struct watch *w, u32 bits)
{
	struct item *i = container_of(w, struct item, w);

	if (bits & WATCH_CLOSED)
		item_free(i);
	else if (i->events && poll_aliases(bits) & (i->events | ALWAYS))
		set_became_ready(i->ps, i);
}

/* How many sets are below ps? */
static u32 depth_down(const struct pollset *ps, u32 *visits)
{
	struct item *i;
	u32 d, max = 0;

	list_for_each(i, &ps->items, link) {
		if (i->w.o->type != WEFT_OBJ_POLLSET || ++*visits > NEST_VISITS)
			break;
		d = 1 + depth_down(container_of(i->w.o, struct pollset, obj), visits);
		max = MAX(max, d);
	}
	return max;
}

/* May ps have `depth` sets below it, of which the next is `below`? */
static int check_up(struct pollset *ps, const struct pollset *below, u32 depth, u32 *visits)
{
	struct watch *w;

	if (ps == below || depth > NEST || ++*visits > NEST_VISITS)
		return -ELOOP;
	list_for_each(w, &ps->obj.watchers, link)
		if (w->fire == item_fire)
			TRY(check_up(container_of(w, struct item, w)->ps, below, depth + 1,
				visits));
	return 0;
}

/* An object has few watches, a set may have many items. */
static struct item *find(struct pollset *ps, i32 fd, struct object *o)
{
	struct watch *w;
	struct item *i;

	list_for_each(w, &o->watchers, link) {
		i = container_of(w, struct item, w);
		if (w->fire == item_fire && i->ps == ps && i->fd == fd)
			return i;
	}
	return NULL;
}

#define EVENTS_KNOWN                                                                               \
	(0xffffu | WEFT_POLLET | WEFT_POLLONESHOT | WEFT_POLLEXCLUSIVE |                           \
		(1u << 29)) /* EPOLLWAKEUP means nothing here */

static void item_arm(struct item *i, const struct weft_poll_event *ev)
{
	i->events = ev->events | ALWAYS;
	i->data = ev->data;
	list_del(&i->ready_link);
	if (item_bits(i))
		set_became_ready(i->ps, i);
}

static int item_add(struct pollset *ps, i32 fd, struct object *o, const struct weft_poll_event *ev)
{
	struct item *i;
	u32 visits = 0;

	if (ps->nitems >= ITEMS_MAX)
		return -ENOSPC;
	if (o->type == WEFT_OBJ_POLLSET) {
		const struct pollset *below = container_of(o, struct pollset, obj);

		if (ev->events & WEFT_POLLEXCLUSIVE)
			return -EINVAL;
		TRY(check_up(ps, below, depth_down(below, &visits) + 1, &visits));
	}
	i = kzalloc(sizeof(*i));
	if (!i)
		return -ENOMEM;
	list_init(&i->ready_link);
	i->ps = ps;
	i->fd = fd;
	i->w.exclusive = ev->events & WEFT_POLLEXCLUSIVE;
	list_add_after(o->type == WEFT_OBJ_POLLSET ? &ps->items : ps->items.prev, &i->link);
	ps->nitems++;
	watch_add(&i->w, o, item_fire);
	item_arm(i, ev);
	return 0;
}

i64 sys_poll_ctl(u64 set, u64 op, u64 fd, u64 uevent)
{
	struct weft_poll_event ev = {0};
	HELD struct pollset *ps = NULL;
	HELD struct object *o = NULL;
	struct item *i;

	if (op != WEFT_POLL_ADD && op != WEFT_POLL_DEL && op != WEFT_POLL_MOD)
		return -EINVAL;
	if (op != WEFT_POLL_DEL)
		TRY(copy_from_user(&ev, uevent, sizeof(ev)));
	if (ev.events & ~EVENTS_KNOWN)
		return -EINVAL;
	TRY(fd_get((i32)set, WEFT_OBJ_POLLSET, WEFT_RIGHT_CONTROL, (void *)&ps));
	TRY(fd_get((i32)fd, 0, 0, &o));
	if (o == &ps->obj)
		return -EINVAL;
	i = find(ps, (i32)fd, o);
	if (op == WEFT_POLL_ADD)
		return i ? -EEXIST : item_add(ps, (i32)fd, o, &ev);
	if (!i)
		return -ENOENT;
	if (op == WEFT_POLL_MOD && (i->events | ev.events) & WEFT_POLLEXCLUSIVE)
		return -EINVAL;
	if (op == WEFT_POLL_MOD)
		item_arm(i, &ev);
	else
		item_free(i);
	return 0;
}

/* Looks once at each item that is ready now; what fires meanwhile is for the next call. */
static i64 report(struct pollset *ps, u64 uevents, u32 n)
{
	struct weft_poll_event ev;
	u64 round = ++ps->rounds;
	struct item *i;
	u32 done = 0;

	while (done < n && !list_empty(&ps->ready)) {
		i = list_first(&ps->ready, struct item, ready_link);
		if (i->round >= round)
			break;
		list_del(&i->ready_link);
		ev = (struct weft_poll_event){item_bits(i), i->data};
		if (!ev.events)
			continue;
		i->round = round;
		if (i->events & WEFT_POLLONESHOT)
			i->events = 0;
		else if (!(i->events & WEFT_POLLET))
			list_add_tail(&ps->ready, &i->ready_link);
		if (copy_to_user(uevents + done * sizeof(ev), &ev, sizeof(ev)))
			return done ? (i64)done : -EFAULT;
		done++;
	}
	if (!list_empty(&ps->ready) && !list_empty(&ps->waiters.threads))
		waitq_wake(&ps->waiters, 1, 0);
	return done;
}

i64 sys_poll_wait(u64 set, u64 uevents, u64 n, u64 deadline)
{
	HELD struct pollset *ps = NULL;
	i64 got;
	int err = 0;

	TRY(fd_get((i32)set, WEFT_OBJ_POLLSET, 0, (void *)&ps));
	if (!n || n > INT32_MAX / sizeof(struct weft_poll_event))
		return -EINVAL;
	for (;;) {
		got = report(ps, uevents, (u32)n);
		if (got || err || deadline == WEFT_NOW)
			return got || err != -EINTR ? got : -EINTR;
		err = thread_block(&ps->waiters, deadline, BLOCK_INTERRUPTIBLE);
	}
}

static u32 pollset_ready(struct object *o)
{
	struct pollset *ps = container_of(o, struct pollset, obj);
	struct item *i;

	list_for_each(i, &ps->ready, ready_link) {
		if (item_bits(i))
			return WEFT_POLLIN;
		list_del(&i->ready_link);
	}
	return 0;
}

static void pollset_clear(struct object *o)
{
	struct pollset *ps = container_of(o, struct pollset, obj);

	while (!list_empty(&ps->items))
		item_free(list_first(&ps->items, struct item, link));
	waitq_wake(&ps->waiters, ~0u, 0);
}

static void pollset_destroy(struct object *o)
{
	pollset_clear(o);
	object_free(o);
}

static const struct obj_ops pollset_ops = {
	.ready = pollset_ready,
	.closed = pollset_clear,
	.destroy = pollset_destroy,
};

int pollset_create(u64, u64, struct object *out[2])
{
	struct pollset *ps = object_new(sizeof(*ps), WEFT_OBJ_POLLSET, &pollset_ops);

	if (!ps)
		return -ENOMEM;
	waitq_init(&ps->waiters);
	list_init(&ps->items);
	list_init(&ps->ready);
	*out = &ps->obj;
	return 0;
}
