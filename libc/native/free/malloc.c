/* SPDX-License-Identifier: MIT */
/*
 * Size classes of powers of two from 32 bytes to 64 KiB, each a list of free blocks, cut from 256 KiB runs; what is larger is mapped
 * by itself. A 16-byte header in front of each block holds its size. Runs are never given back.
 */
#include <native/call.h>
#include <native/thread.h>
#include <stdlib.h>
#include <string.h>

#define MIN_SHIFT 5
#define MAX_SHIFT 16
#define RUN (256ul << 10)

struct header {
	size_t size; /* of the whole block */
	struct header *next; /* while free */
};
static struct header *free_blocks[MAX_SHIFT + 1];
static u8 *run_at, *run_end;
static struct lock heap_lock;

static void *map_pages(size_t n)
{
	i64 at = weft_mem_map(-1, 0, n, WEFT_PROT_READ | WEFT_PROT_WRITE, -1, 0);
	return at < 0 ? NULL : (void *)at;
}

static struct header *from_class(u32 shift)
{
	struct header *h = free_blocks[shift];
	if (h) {
		free_blocks[shift] = h->next;
		return h;
	}
	size_t size = 1ul << shift;
	if ((size_t)(run_end - run_at) < size) {
		u8 *run = map_pages(RUN);
		if (!run)
			return NULL;
		run_at = run;
		run_end = run + RUN;
	}
	h = (struct header *)run_at;
	run_at += size;
	h->size = size;
	return h;
}

void *malloc(size_t n)
{
	if (n > 1ul << 40)
		return NULL;
	size_t want = n + sizeof(struct header);
	if (want > 1ul << MAX_SHIFT) {
		want = (want + WEFT_PAGE_SIZE - 1) & ~(WEFT_PAGE_SIZE - 1);
		struct header *big = map_pages(want);
		if (!big)
			return NULL;
		big->size = want;
		return big + 1;
	}
	u32 shift = MIN_SHIFT;
	while (1ul << shift < want)
		shift++;
	lock_take(&heap_lock);
	struct header *h = from_class(shift);
	lock_drop(&heap_lock);
	return h ? h + 1 : NULL;
}

void free(void *p)
{
	if (!p)
		return;
	struct header *h = (struct header *)p - 1;
	if (h->size > 1ul << MAX_SHIFT) {
		weft_mem_unmap(-1, PTR(h), h->size);
		return;
	}
	u32 shift = (u32)__builtin_ctzl(h->size);
	lock_take(&heap_lock);
	h->next = free_blocks[shift];
	free_blocks[shift] = h;
	lock_drop(&heap_lock);
}

void *calloc(size_t n, size_t size)
{
	size_t total;
	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	void *p = malloc(total);
	return p ? memset(p, 0, total) : NULL;
}

void *realloc(void *p, size_t n)
{
	if (!p)
		return malloc(n);
	size_t room = ((struct header *)p - 1)->size - sizeof(struct header);
	if (n <= room)
		return p;
	void *q = malloc(n);
	if (!q)
		return NULL;
	memcpy(q, p, room);
	free(p);
	return q;
}
