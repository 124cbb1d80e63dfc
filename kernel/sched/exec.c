/* SPDX-License-Identifier: MIT */
/*
 * exec: all that can fail is made first (the pages in the new address space, the new thread, an own
 * fd table); then the other threads die; then the process is swapped over. The calling thread is
 * replaced by the new one, whose tid is the pid. An image (WEFT_PROC_IMAGE) brings all that is new
 * with it, and is finished when it has given it.
 */
#include "internal.h"

bool runtime_valid(const struct weft_runtime *rt)
{
	const u64 in[] = {rt->entry, rt->upcall, rt->fault, rt->tail_start};

	if (rt->start > rt->end || rt->end > WEFT_USER_MAX || rt->tail_end < rt->tail_start ||
		rt->tail_end > rt->end)
		return false;
	for (u32 i = 0; i < ARRAY_SIZE(in); i++)
		if (in[i] && (in[i] < rt->start || in[i] >= rt->end))
			return false;
	return true;
}

/* Ends the other threads of the process. -EINTR: this one has to die too. */
static int only_thread(struct thread *me)
{
	struct process *p = me->proc;
	struct thread *t;

	if (p->exec_thread || p->exiting)
		return -EINTR;
	p->exec_thread = me;
	list_for_each(t, &p->threads, proc_link) {
		if (t == me)
			continue;
		t->killed = true;
		thread_poke(t);
	}
	while (p->nthreads > 1 && !me->killed)
		thread_block(NULL, WEFT_FOREVER, BLOCK_KILLABLE);
	p->exec_thread = NULL;
	return me->killed ? -EINTR : 0;
}

struct exec {
	struct as *as;
	struct frame *page; /* at pp */
	u64 pp;
	struct fds *fds; /* NULL: the process's own serve */
	struct thread *t;
	struct process *image; /* or NULL */
};

static void exec_undo(struct exec *e)
{
	if (e->t)
		thread_discard(e->t, e->as);
	fds_put(e->fds);
	page_remove(e->as, e->pp, e->page, true);
	as_put(e->as);
	object_put(&e->image->obj);
}

static int exec_prepare(struct exec *e, const struct weft_exec *x)
{
	struct thread *me = current_thread();

	if ((x->pp & (PAGE_SIZE - 1)) || x->pp >= WEFT_USER_MAX || x->flags ||
		!runtime_valid(&x->runtime))
		return -EINVAL;
	TRY(thread_check(&x->thread));
	TRY(as_get_fd(x->as, WEFT_RIGHT_CONTROL, &e->as));
	if (e->as == me->proc->as)
		return -EINVAL;
	e->pp = x->pp;
	if (e->pp)
		TRY(page_install(e->as, e->pp, NULL, &e->page));
	return thread_new(me->proc, e->as, &x->thread, me->proc->pid, me, false, &e->t);
}

static struct thread *image_thread(const struct process *q)
{
	struct thread *t;

	if (!q->image || q->exiting || q->nthreads != 1)
		return NULL;
	t = list_first(&q->threads, struct thread, proc_link);
	return t->state == T_STOPPED ? t : NULL;
}

static int image_get(struct exec *e, i32 fd)
{
	TRY(process_get(fd, WEFT_RIGHT_EXEC, &e->image));
	if (!image_thread(e->image))
		return -EINVAL;
	return ns_subset(e->image->ns, current_process()->ns) ? 0 : -EPERM;
}

/* After this the image has neither thread nor process page, and nothing can fail. */
static int image_strip(struct exec *e, struct weft_exec *x)
{
	struct process *q = e->image;
	struct thread *t = image_thread(q);

	if (!t)
		return -ESRCH;
	thread_adopt(t, current_process());
	e->t = t;
	e->as = q->as;
	as_get(e->as);
	e->page = q->pp_frame;
	*x = (struct weft_exec){.pp = q->pp_addr};
	memcpy(x->name, q->name, sizeof(x->name));
	process_set_page(q, NULL, 0);
	return 0;
}

/* Private fds and identity change sides. Process fds that others hold are good for less now. */
static void take_image(struct process *p, struct process *q)
{
	struct fd_table priv = p->fds->priv;
	struct identity *ident = p->ident;

	p->fds->priv = q->fds->priv;
	q->fds->priv = priv;
	p->ident = q->ident;
	q->ident = ident;
	p->guarded = true;
	p->pdeathsig = 0;
	if (p->exit_signal)
		p->exit_signal = SIGNO_CHLD;
	as_put(process_finish(q));
	process_end(q);
	object_put(&q->obj);
}

i64 sys_proc_exec(u64 a0, u64 a1)
{
	struct thread *me = current_thread();
	struct process *p = me->proc;
	struct exec e __attribute__((cleanup(exec_undo))) = {0};
	struct weft_exec x;
	struct as *old;

	TRY(copy_record(&x, sizeof(x), a0, a1));
	TRY(x.flags == WEFT_EXEC_BECOME ? image_get(&e, x.as) : exec_prepare(&e, &x));
	if (p->fds->refs > 1)
		TRY(fds_copy(p->fds, &e.fds));
	TRY(only_thread(me));
	if (e.image)
		TRY(image_strip(&e, &x));

	/* From here on nothing fails, and nothing blocks after the user side of the thread is gone.
	 */
	thread_release_user(me, !p->shares_as);
	old = process_leave_as(p);
	p->as = e.as;
	p->shares_as = false;
	if (e.fds) {
		fds_put(p->fds);
		p->fds = e.fds;
	}
	if (e.image)
		take_image(p, e.image);
	p->rt = x.runtime;
	process_set_page(p, e.page, x.pp);
	if (e.t->tp)
		e.t->tp->proc_page = x.pp;
	fds_close_exec(p);
	if (x.name[0]) {
		x.name[sizeof(x.name) - 1] = 0;
		memcpy(p->name, x.name, sizeof(p->name));
		memcpy(e.t->name, x.name, sizeof(e.t->name));
	}
	vfork_release(p);
	proc_event(2, p, 0);
	thread_replace(e.t, old);
}
