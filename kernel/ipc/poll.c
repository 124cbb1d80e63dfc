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
	struct item **hash;
	u32 nhash, nitems;
};

struct item {
	struct watch w;
	struct pollset *ps;
	struct item *hash_next;
	struct list ready_link, nested_link;
	i32 fd;
	u32 events; /* with the flags; 0 after a one-shot fired */
	u64 data;
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

static u32 hash_of(const struct pollset *ps, i32 fd, const struct object *o)
{
	return ((u32)fd * 0x9e3779b1u ^ (u32)((u64)o >> 6)) & (ps->nhash - 1);
}

static struct item *find(struct pollset *ps, i32 fd, const struct object *o)
{
	struct item *i = ps->hash[hash_of(ps, fd, o)];

	while (i && (i->fd != fd || i->w.o != o))
		i = i->hash_next;
	return i;
}

static void item_free(struct item *i)
{
	struct item **p = &i->ps->hash[hash_of(i->ps, i->fd, i->w.o)];

	while (*p != i)
		p = &(*p)->hash_next;
	*p = i->hash_next;
	i->ps->nitems--;
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

static int hash_grow(struct pollset *ps)
{
	u32 old = ps->nhash;
	struct item **from = ps->hash, **hash, *i, *next;

	hash = kzalloc(2 * old * sizeof(*hash));
	if (!hash)
		return -ENOMEM;
	ps->hash = hash;
	ps->nhash = 2 * old;
	for (u32 b = 0; b < old; b++) {
		for (i = from[b]; i; i = next) {
			u32 to = hash_of(ps, i->fd, i->w.o);

			next = i->hash_next;
			i->hash_next = hash[to];
			hash[to] = i;
		}
	}
	kfree(from);
	return 0;
}

#define EVENTS_KNOWN                                                                               \
	(0xffffu | WEFT_POLLET | WEFT_POLLONESHOT | WEFT_POLLEXCLUSIVE |                           \
		(1u << 29)) /* EPOLLWAKEUP means nothing here */

static int item_add(struct pollset *ps, i32 fd, struct object *o, const struct weft_poll_event *ev)
{
	struct item *i;
	u32 visits = 0, b;
	int err;

	if (find(ps, fd, o))
		return -EEXIST;
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
	if (ps->nitems >= 2 * ps->nhash && hash_grow(ps) && ps->nitems >= 64 * ps->nhash)
		return -ENOMEM;
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
	b = hash_of(ps, fd, o);
	i->hash_next = ps->hash[b];
	ps->hash[b] = i;
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
	struct object *so, *o;
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
	if (err)
		return err;
	ps = container_of(so, struct pollset, obj);
	err = fd_get((i32)fd, 0, 0, &o);
	if (err)
		goto out;
	i = find(ps, (i32)fd, o);
	if (o == so)
		err = -EINVAL;
	else if (op == WEFT_POLL_ADD)
		err = item_add(ps, (i32)fd, o, &ev);
	else if (!i)
		err = -ENOENT;
	else if (op == WEFT_POLL_MOD)
		err = item_mod(ps, i, &ev);
	else
		item_free(i);
	object_put(o);
out:
	object_put(so);
	return err;
}

/* Takes up to n ready items from `from`. Level items that are reported go to the set's own list
 * again. */
static u32 collect(struct pollset *ps, struct list *from, struct weft_poll_event *out, u32 n)
{
	struct item *i;
	u32 got = 0, bits;

	while (got < n && !list_empty(from)) {
		i = list_first(from, struct item, ready_link);
		list_del(&i->ready_link);
		bits = item_bits(i);
		if (!bits)
			continue;
		out[got].events = bits;
		out[got++].data = i->data;
		if (i->events & WEFT_POLLONESHOT)
			i->events = 0;
		else if (!(i->events & WEFT_POLLET))
			list_add_tail(&ps->ready, &i->ready_link);
	}
	return got;
}

static void splice(struct list *from, struct list *to)
{
	if (list_empty(from))
		return;
	from->next->prev = to;
	from->prev->next = to->next;
	to->next->prev = from->prev;
	to->next = from->next;
	list_init(from);
}

#define EVENTS_CHUNK 32u
static i64 report(struct pollset *ps, u64 uevents, u32 n)
{
	struct weft_poll_event ev[EVENTS_CHUNK];
	struct list now;
	u32 done = 0, k;
	i64 err = 0;

	/* What is ready now is looked at once; what fires meanwhile is for the next call. */
	list_init(&now);
	splice(&ps->ready, &now);
	while (done < n && !list_empty(&now)) {
		k = collect(ps, &now, ev, MIN(n - done, EVENTS_CHUNK));
		if (!k)
			break;
		if (copy_to_user(uevents + done * sizeof(ev[0]), ev, k * sizeof(ev[0]))) {
			err = -EFAULT;
			break;
		}
		done += k;
	}
	splice(&now, &ps->ready);
	if (!list_empty(&ps->ready) && !list_empty(&ps->waiters.threads))
		waitq_wake(&ps->waiters, 1, 0);
	return done ? done : err;
}

i64 sys_poll_wait(u64 set, u64 uevents, u64 n, u64 deadline)
{
	struct object *o;
	struct pollset *ps;
	i64 got;
	int err = fd_get((i32)set, WEFT_OBJ_POLLSET, 0, &o);

	if (err)
		return err;
	ps = container_of(o, struct pollset, obj);
	got = -EINVAL;
	if (!n || n > INT32_MAX / sizeof(struct weft_poll_event))
		goto out;
	for (;;) {
		got = report(ps, uevents, (u32)n);
		if (got || deadline == WEFT_NOW)
			break;
		err = thread_block(&ps->waiters, deadline, BLOCK_INTERRUPTIBLE);
		if (err == -EINTR || err == -ETIMEDOUT) {
			got = report(ps, uevents, (u32)n);
			if (!got && err == -EINTR)
				got = -EINTR;
			break;
		}
	}
out:
	object_put(o);
	return got;
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
	for (u32 b = 0; b < ps->nhash; b++)
		while (ps->hash[b])
			item_free(ps->hash[b]);
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
	kfree(ps->hash);
	kfree(ps);
}

static const struct obj_ops pollset_ops = {
	.name = "pollset",
	.ready = pollset_ready,
	.closed = pollset_closed,
	.destroy = pollset_destroy,
};

int pollset_create(struct object **out)
{
	struct pollset *ps = kzalloc(sizeof(*ps));

	if (!ps)
		return -ENOMEM;
	ps->nhash = 16;
	ps->hash = kzalloc(ps->nhash * sizeof(*ps->hash));
	if (!ps->hash) {
		kfree(ps);
		return -ENOMEM;
	}
	waitq_init(&ps->waiters);
	list_init(&ps->ready);
	list_init(&ps->nested);
	object_init(&ps->obj, WEFT_OBJ_POLLSET, &pollset_ops);
	*out = &ps->obj;
	return 0;
}
