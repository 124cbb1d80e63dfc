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
	struct list nested; /* items whose object is a poll set */
	struct list items;
	u32 nitems;
	u64 rounds; /* reports so far */
};

struct item {
	struct watch w;
	struct pollset *ps;
	struct list link, ready_link, nested_link;
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
	bool exclusive_done = false;

	list_for_each(w, &o->watchers, link) {
		if (w->exclusive) {
			if (exclusive_done)
				continue;
			w->took = false;
			w->fire(w, bits);
			exclusive_done = w->took;
		} else {
			w->fire(w, bits);
		}
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
	list_del(&i->nested_link);
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

	if (bits & WATCH_CLOSED) {
		item_free(i);
		return;
	}
	if (i->events && poll_aliases(bits) & (i->events | ALWAYS))
		set_became_ready(i->ps, i);
}

/* Is `target` reachable from ps, or is the way down from it too long? */
static int check_down(struct pollset *ps, struct pollset *target, u32 depth, u32 *visits)
{
	struct item *i;
	int err;

	if (ps == target || depth > NEST || ++*visits > NEST_VISITS)
		return -ELOOP;
	list_for_each(i, &ps->nested, nested_link) {
		err = check_down(container_of(i->w.o, struct pollset, obj), target, depth + 1,
			visits);
		if (err)
			return err;
	}
	return 0;
}

/* How many sets are above ps? */
static u32 depth_up(struct pollset *ps, u32 *visits)
{
	struct watch *w;
	u32 d, max = 0;

	if (++*visits > NEST_VISITS)
		return NEST + 1;
	list_for_each(w, &ps->obj.watchers, link) {
		if (w->fire != item_fire)
			continue;
		d = 1 + depth_up(container_of(w, struct item, w)->ps, visits);
		max = MAX(max, d);
		if (max > NEST)
			break;
	}
	return max;
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

static int item_add(struct pollset *ps, i32 fd, struct object *o, const struct weft_poll_event *ev)
{
	struct item *i;
	u32 visits = 0;
	int err;

	if (ps->nitems >= ITEMS_MAX)
		return -ENOSPC;
	if (o->type == WEFT_OBJ_POLLSET) {
		if (ev->events & WEFT_POLLEXCLUSIVE)
			return -EINVAL;
		err = check_down(container_of(o, struct pollset, obj), ps,
			depth_up(ps, &visits) + 1, &visits);
		if (err)
			return err;
	}
	i = kzalloc(sizeof(*i));
	if (!i)
		return -ENOMEM;
	list_init(&i->ready_link);
	list_init(&i->nested_link);
	i->ps = ps;
	i->fd = fd;
	i->events = ev->events | ALWAYS;
	i->data = ev->data;
	i->w.exclusive = ev->events & WEFT_POLLEXCLUSIVE;
	list_add_tail(&ps->items, &i->link);
	ps->nitems++;
	if (o->type == WEFT_OBJ_POLLSET)
		list_add_tail(&ps->nested, &i->nested_link);
	watch_add(&i->w, o, item_fire);
	if (item_bits(i))
		set_became_ready(ps, i);
	return 0;
}

static int item_mod(struct pollset *ps, struct item *i, const struct weft_poll_event *ev)
{
	if (i->events & WEFT_POLLEXCLUSIVE || ev->events & WEFT_POLLEXCLUSIVE)
		return -EINVAL;
	i->events = ev->events | ALWAYS;
	i->data = ev->data;
	list_del(&i->ready_link);
	if (item_bits(i))
		set_became_ready(ps, i);
	return 0;
}

i64 sys_poll_ctl(u64 set, u64 op, u64 fd, u64 uevent)
{
	struct weft_poll_event ev = {0};
	HELD struct object *so = NULL, *o = NULL;
	struct pollset *ps;
	struct item *i;
	int err;

	if (op != WEFT_POLL_ADD && op != WEFT_POLL_DEL && op != WEFT_POLL_MOD)
		return -EINVAL;
	if (op != WEFT_POLL_DEL && copy_from_user(&ev, uevent, sizeof(ev)))
		return -EFAULT;
	if (ev.events & ~EVENTS_KNOWN)
		return -EINVAL;
	err = fd_get((i32)set, WEFT_OBJ_POLLSET, WEFT_RIGHT_CONTROL, &so);
	if (!err)
		err = fd_get((i32)fd, 0, 0, &o);
	if (err)
		return err;
	ps = container_of(so, struct pollset, obj);
	i = find(ps, (i32)fd, o);
	if (o == so)
		return -EINVAL;
	if (op == WEFT_POLL_ADD)
		return i ? -EEXIST : item_add(ps, (i32)fd, o, &ev);
	if (!i)
		return -ENOENT;
	if (op == WEFT_POLL_MOD)
		return item_mod(ps, i, &ev);
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
	HELD struct object *o = NULL;
	struct pollset *ps;
	i64 got;
	int err = fd_get((i32)set, WEFT_OBJ_POLLSET, 0, &o);

	if (err)
		return err;
	ps = container_of(o, struct pollset, obj);
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

	while (!list_empty(&ps->ready)) {
		i = list_first(&ps->ready, struct item, ready_link);
		if (item_bits(i))
			return WEFT_POLLIN;
		list_del(&i->ready_link);
	}
	return 0;
}

static void pollset_clear(struct pollset *ps)
{
	while (!list_empty(&ps->items))
		item_free(list_first(&ps->items, struct item, link));
}

static void pollset_closed(struct object *o)
{
	struct pollset *ps = container_of(o, struct pollset, obj);

	pollset_clear(ps);
	waitq_wake(&ps->waiters, ~0u, 0);
}

static void pollset_destroy(struct object *o)
{
	struct pollset *ps = container_of(o, struct pollset, obj);

	pollset_clear(ps);
	kfree(ps);
}

static const struct obj_ops pollset_ops = {
	.name = "pollset",
	.ready = pollset_ready,
	.closed = pollset_closed,
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
	list_init(&ps->nested);
	*out = &ps->obj;
	return 0;
}
