/* SPDX-License-Identifier: MIT */
/*
 * Clocks. Monotonic time is the TSC's distance from kernel entry, scaled; real time is that plus
 * realtime_off. The time page tells user mode the same under a sequence count.
 */
#include "internal.h"

u64 realtime_off;
u64 slice_tsc, spread_tsc, grain_tsc, linger_tsc, poll_tsc, crowded_tsc;
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
	if (!page)
		return;
	u32 seq = page->seq;
	__atomic_store_n(&page->seq, seq + 1, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	page->shift = tsc_shift;
	page->mult = tsc_mult;
	page->base_tsc = boot_info.entry_tsc;
	page->base_ns = 0;
	page->realtime_off = realtime_off;
	page->boot_ns = realtime_off;
	page->ncpus = ncpus;
	__atomic_store_n(&page->seq, seq + 2, __ATOMIC_RELEASE);
}

void time_init(void)
{
	struct frame *f = frame_alloc_zero();

	slice_tsc = tsc_hz / 200;    /* 5 ms */
	spread_tsc = tsc_hz / 5000;  /* 200 us */
	grain_tsc = tsc_hz / 1000;   /* 1 ms */
	linger_tsc = tsc_hz / 25000; /* 40 us */
	crowded_tsc = tsc_hz / 10;   /* 100 ms */
	poll_tsc = tsc_hz / 5000;    /* 200 us */
	realtime_off = arch_rtc_read() * 1000000000ul - now_ns();
	if (!f || memobj_create_phys(frame_phys(f), PAGE_SIZE, WEFT_MEM_CACHE_WB, &page_object))
		panic("time: no memory for the time page");
	page = frame_virt(f);
	page_write();
}

struct memobj *time_page_object(void)
{
	page_write(); /* the CPUs have been counted meanwhile */
	return page_object;
}

void time_set_realtime(u64 ns)
{
	realtime_off = ns - now_ns();
	page_write();
	timers_clock_set();
}

/* What a running thread has used since its CPU's last stamp. */
static u64 running_ns(const struct thread *t)
{
	if (t->state != T_RUNNING)
		return 0;
	struct cpu *c = cpus[t->cpu];
	u64 now = arch_tsc();
	return c->current == t && now > c->acct_stamp ? tsc_delta_ns(now - c->acct_stamp) : 0;
}

u64 thread_cpu_ns(struct thread *t, u64 *user, u64 *system)
{
	u64 extra = running_ns(t);
	bool inside = t == current_thread();

	*user = t->user_ns + (inside ? 0 : extra);
	*system = t->system_ns + (inside ? extra : 0);
	return *user + *system;
}

u64 process_cpu_ns(struct process *p)
{
	struct weft_exit e;

	process_usage(p, &e);
	return e.user_ns + e.system_ns;
}

void process_usage(struct process *p, struct weft_exit *out)
{
	struct thread *t;
	u64 user, system;

	*out = (struct weft_exit){.user_ns = p->user_ns,
		.system_ns = p->system_ns,
		.max_resident = p->max_resident,
		.faults_minor = p->faults_minor, /* of address spaces that it has left */
		.faults_major = p->faults_major,
		.switches_voluntary = p->switches_voluntary,
		.switches_forced = p->switches_forced};
	list_for_each(t, &p->threads, proc_link) {
		thread_cpu_ns(t, &user, &system);
		out->user_ns += user;
		out->system_ns += system;
		out->switches_voluntary += t->switches_voluntary;
		out->switches_forced += t->switches_forced;
	}
}

u64 clock_ns(u32 clock, struct thread *t)
{
	u64 user, system;

	switch (clock) {
	case WEFT_CLOCK_REALTIME:
		return now_ns() + realtime_off;
	case WEFT_CLOCK_PROCESS_CPU:
		return process_cpu_ns(t->proc);
	case WEFT_CLOCK_THREAD_CPU:
		return thread_cpu_ns(t, &user, &system);
	default:
		return now_ns();
	}
}
