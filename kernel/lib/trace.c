/* SPDX-License-Identifier: MIT */
/* The trace ring: what happened last, for a reader who knows the source. One ring for all CPUs;
 * entries are claimed atomically. */
#include <kernel/thread.h>

#define ENTRIES 2048

static struct {
	u64 tsc;
	const char *event;
	u64 a, b;
	u32 cpu, tid;
} ring[ENTRIES];
static u64 next;
bool trace_on;

void trace_add(const char *event, u64 a, u64 b)
{
	u64 i = __atomic_fetch_add(&next, 1, __ATOMIC_RELAXED) % ENTRIES;
	struct cpu *c = this_cpu();

	ring[i].tsc = arch_tsc();
	ring[i].event = event;
	ring[i].a = a;
	ring[i].b = b;
	ring[i].cpu = c->id;
	ring[i].tid = c->current ? c->current->tid : 0;
}

size_t ktrace_text(char *buf, size_t n)
{
	u64 end = next, at = end > ENTRIES ? end - ENTRIES : 0;
	size_t len = 0;

	for (; at < end && len + 160 < n; at++) {
		u64 i = at % ENTRIES;
		u64 ns = ((unsigned __int128)(ring[i].tsc - boot_info.entry_tsc) * tsc_mult) >>
			tsc_shift;

		len += snprintf(buf + len, n - len, "%lu.%09lu cpu%u t%u %.40s %lx %lx\n",
			ns / 1000000000, ns % 1000000000, ring[i].cpu, ring[i].tid,
			ring[i].event ? ring[i].event : "?", ring[i].a, ring[i].b);
	}
	return len;
}
