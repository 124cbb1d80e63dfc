/* SPDX-License-Identifier: MIT */
/* Threads of one process that map, write, protect, move, fork and unmap at once; and one that eats all memory. */
#include "t.h"

#define PAGES 48u
#define WORDS (PAGE / 8)

struct worker {
	struct nthread t;
	u32 seed, rounds;
	u64 done;
};

static u32 next(struct worker *w)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return w->seed >> 8;
}

struct area {
	volatile u64 *p;
	u64 n, mark;
};

static void check(const struct area *a)
{
	for (u64 i = 0; i < a->n; i++)
		EQ(a->p[i * WORDS], a->mark ^ i);
}

/* In the child: all there, and its writes are its own. */
static void child(void *arg)
{
	struct area *a = arg;
	check(a);
	for (u64 i = 0; i < a->n; i++)
		a->p[i * WORDS] = ~0ul;
}

static void one_round(struct worker *w)
{
	bool shared = next(w) % 3 == 0;
	struct area a = {.n = 1 + next(w) % PAGES, .mark = w->seed};
	u32 flags = WEFT_PROT_READ | WEFT_PROT_WRITE | (shared ? WEFT_MAP_SHARED : 0) | (next(w) % 5 ? 0 : WEFT_MAP_POPULATE);
	a.p = (volatile u64 *)OK(weft_mem_map(-1ul, 0, a.n * PAGE, flags, -1ul, 0));
	for (u64 i = 0; i < a.n; i++) {
		EQ(a.p[i * WORDS], 0);
		a.p[i * WORDS] = a.mark ^ i;
	}
	switch (next(w) % 6) {
	case 0:
		EQ(weft_mem_protect(-1ul, PTR(a.p), a.n * PAGE, WEFT_PROT_READ), 0);
		break;
	case 1:
		if (shared)
			break;
		a.p = (volatile u64 *)OK(weft_mem_remap(PTR(a.p), a.n * PAGE, (a.n + 3) * PAGE, WEFT_REMAP_MAYMOVE, 0));
		EQ(a.p[a.n * WORDS], 0);
		EQ(weft_mem_unmap(-1ul, PTR(a.p) + a.n * PAGE, 3 * PAGE), 0);
		break;
	case 2:
		if (!shared)
			t_wait_ok(t_child(child, &a, NULL));
		break;
	case 3:
		if (shared)
			break;
		EQ(weft_mem_advise(PTR(a.p), PAGE, WEFT_ADV_DONTNEED), 0);
		EQ(a.p[0], 0);
		a.p[0] = a.mark;
		break;
	}
	check(&a);
	EQ(weft_mem_unmap(-1ul, PTR(a.p), a.n * PAGE), 0);
}

static void work(void *arg)
{
	struct worker *w = arg;
	for (; w->done < w->rounds; w->done++)
		one_round(w);
}

TEST(mem_threads_at_once)
{
	static struct worker w[3];
	for (u32 i = 0; i < 3; i++) {
		w[i] = (struct worker){.seed = 4711 + i, .rounds = 15};
		EQ(nthread_create(&w[i].t, work, &w[i], 0), 0);
	}
	for (u32 i = 0; i < 3; i++) {
		nthread_join(&w[i].t);
		EQ(w[i].done, 15);
	}
}

static void eat(void *arg)
{
	for (;;) {
		volatile u8 *p = (volatile u8 *)OK(weft_mem_map(-1ul, 0, 16 << 20,
			WEFT_PROT_READ | WEFT_PROT_WRITE | WEFT_MAP_NORESERVE, -1ul, 0));
		for (u64 i = 0; i < 16 << 20; i += PAGE)
			p[i] = 1;
	}
	(void)arg;
}

TEST(mem_eater_dies_alone)
{
	u32 status = t_wait(t_child(eat, NULL, NULL));
	EQ(status & 0x7f, 9);
	u8 *p = t_anon(1 << 20);
	memset(p, 1, 1 << 20);
	EQ(p[12345], 1);
}
