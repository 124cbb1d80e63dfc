/* SPDX-License-Identifier: MIT */
/*
 * Clocks. Monotonic time is the TSC's distance from kernel entry, scaled; real time is that plus
 * realtime_off. The time page tells user mode the same under a sequence count.
 */
#include "internal.h"

u64 realtime_off;
static struct weft_time_page *page;
static struct memobj *page_object;

u64 tsc_to_ns(u64 tsc)
{
	return tsc_delta_ns(tsc - boot_info.entry_tsc);
}

u64 now_ns(void)
{
	return tsc_to_ns(arch_tsc());
}

u64 monotonic(u64 realtime)
{
	if (realtime >= (u64)WEFT_FOREVER)
		return realtime;
	return realtime > realtime_off ? realtime - realtime_off : 0;
}

static void page_write(void)
{
	u32 seq = page->seq;

	__atomic_store_n(&page->seq, seq + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	page->shift = tsc_shift;
	page->mult = tsc_mult;
	page->base_tsc = boot_info.entry_tsc;
	page->base_ns = 0;
	page->realtime_off = realtime_off;
	__atomic_store_n(&page->seq, seq + 2, __ATOMIC_RELEASE);
}

void time_init(void)
{
	struct frame *f = frame_alloc_zero();

	if (!f || memobj_create_phys(frame_phys(f), PAGE_SIZE, WEFT_MEM_CACHE_WB, &page_object))
		panic("time: no memory for the time page");
	page = frame_virt(f);
	page_write();
}

struct memobj *time_page_object(void)
{
	return page_object;
}

void time_set_realtime(u64 ns)
{
	realtime_off = ns - now_ns();
	page_write();
	timers_clock_set();
}

void usage_add(struct weft_usage *to, const struct weft_usage *more)
{
	to->user_ns += more->user_ns;
	to->system_ns += more->system_ns;
	to->max_resident = MAX(to->max_resident, more->max_resident);
	to->faults_minor += more->faults_minor;
	to->faults_major += more->faults_major;
	to->switches_voluntary += more->switches_voluntary;
	to->switches_forced += more->switches_forced;
}

struct weft_usage thread_usage(struct thread *t)
{
	const struct cpu *c = cpus[t->cpu];
	struct weft_usage u = t->used;
	u64 now = arch_tsc();

	/* And since its CPU's last stamp. */
	if (t->state == T_RUNNING && c->current == t && now > c->acct_stamp)
		*(t == current_thread() ? &u.system_ns : &u.user_ns) +=
			tsc_delta_ns(now - c->acct_stamp);
	return u;
}

struct weft_usage process_usage(struct process *p)
{
	struct weft_usage u = p->used, more;
	struct thread *t;

	list_for_each(t, &p->threads, proc_link) {
		more = thread_usage(t);
		usage_add(&u, &more);
	}
	return u;
}

u64 process_cpu_ns(struct process *p)
{
	struct weft_usage u = process_usage(p);

	return u.user_ns + u.system_ns;
}

u64 clock_ns(u32 clock, struct thread *t)
{
	struct weft_usage u;

	switch (clock) {
	case WEFT_CLOCK_REALTIME:
		return now_ns() + realtime_off;
	case WEFT_CLOCK_PROCESS_CPU:
		return process_cpu_ns(t->proc);
	case WEFT_CLOCK_THREAD_CPU:
		u = thread_usage(t);
		return u.user_ns + u.system_ns;
	default:
		return now_ns();
	}
}
