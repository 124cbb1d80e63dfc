/* SPDX-License-Identifier: MIT */
/*
 * From the loader to kernel_main: boot_info is filled from PVH's start info (Xen's hvm_start_info)
 * or Multiboot2's tags, the boot modules become one page-aligned archive, the final page tables are
 * built. Memory that is taken here is cut out of the ranges.
 */
#include <kernel/arch.h>
#include <kernel/thread.h>
#include "x86.h"

struct boot_info boot_info;
struct module {
	u64 start, size;
};
#define MAX_MODULES 16
static struct module modules[MAX_MODULES];
static u32 nmodules;
static u8 rsdp_copy[36] __attribute__((aligned(16)));
extern u64 boot_tsc; /* in the boot section, by its physical address */

struct pvh_start {
	u32 magic, version, flags, nmodules;
	u64 modules, cmdline, rsdp, memmap;
	u32 nmemmap, reserved;
};
struct pvh_module {
	u64 start, size, cmdline, reserved;
};
struct pvh_range {
	u64 base, len;
	u32 type, reserved;
};
struct mb2_tag {
	u32 type, size;
};

static void add_range(u64 base, u64 len, u32 type)
{
	struct boot_range *last =
		boot_info.nranges ? &boot_info.ranges[boot_info.nranges - 1] : NULL;

	if (len == 0)
		return;
	if (last && last->type == type && last->base + last->len == base)
		last->len += len;
	else if (boot_info.nranges < ARRAY_SIZE(boot_info.ranges))
		boot_info.ranges[boot_info.nranges++] = (struct boot_range){base, len, type};
}

static void add_module(u64 start, u64 size)
{
	if (size && nmodules < MAX_MODULES)
		modules[nmodules++] = (struct module){start, size};
}

static void read_pvh(const struct pvh_start *s)
{
	const struct pvh_module *m = phys_to_virt(s->modules);
	const struct pvh_range *r = phys_to_virt(s->memmap);

	if (s->magic != 0x336ec578)
		panic("boot: no start info");
	for (u32 i = 0; i < s->nmodules; i++)
		add_module(m[i].start, m[i].size);
	if (s->cmdline)
		strlcpy(boot_info.cmdline, phys_to_virt(s->cmdline), sizeof(boot_info.cmdline));
	boot_info.rsdp = s->rsdp;
	for (u32 i = 0; s->version >= 1 && i < s->nmemmap; i++)
		add_range(r[i].base, r[i].len, r[i].type);
}

static void read_framebuffer(const u8 *t)
{
	struct weft_fb *fb = &boot_info.fb;

	if (t[29] != 1) /* not RGB: text or palette */
		return;
	memcpy(&fb->phys, t + 8, 8);
	memcpy(&fb->pitch, t + 16, 4);
	memcpy(&fb->width, t + 20, 4);
	memcpy(&fb->height, t + 24, 4);
	fb->bpp = t[28];
	memcpy(&fb->red_pos, t + 32, 6);
}

static void read_multiboot2(u8 *info)
{
	u32 total = *(u32 *)info;

	for (u32 at = 8; at + 8 <= total;) {
		struct mb2_tag *t = (void *)(info + at);
		u8 *b = (u8 *)t;

		switch (t->type) {
		case 0:
			return;
		case 1:
			strlcpy(boot_info.cmdline, (char *)b + 8, sizeof(boot_info.cmdline));
			break;
		case 3:
			add_module(*(u32 *)(b + 8), *(u32 *)(b + 12) - *(u32 *)(b + 8));
			break;
		case 6:
			for (u32 o = 16; o < t->size; o += *(u32 *)(b + 8))
				add_range(*(u64 *)(b + o), *(u64 *)(b + o + 8),
					*(u32 *)(b + o + 16));
			break;
		case 8:
			read_framebuffer(b);
			break;
		case 14:
		case 15: /* a copy of the RSDP; the newer one comes last */
			memcpy(rsdp_copy, b + 8, MIN(t->size - 8, sizeof(rsdp_copy)));
			boot_info.rsdp = (u64)rsdp_copy - KERNEL_BASE;
			break;
		}
		at += ALIGN_UP(MAX(t->size, 8), 8);
	}
}

/* BIOS: the RSDP lies on a 16-byte boundary in the first KiB of the EBDA or in the last 128 KiB
 * below 1 MiB. */
static void find_rsdp(void)
{
	u64 ebda = (u64) * (u16 *)phys_to_virt(0x40e) << 4;

	for (u64 p = ebda; ebda && p < ebda + 1024; p += 16)
		if (memcmp(phys_to_virt(p), "RSD PTR ", 8) == 0)
			boot_info.rsdp = p;
	for (u64 p = 0xe0000; !boot_info.rsdp && p < 0x100000; p += 16)
		if (memcmp(phys_to_virt(p), "RSD PTR ", 8) == 0)
			boot_info.rsdp = p;
}

static u64 overlaps(u64 start, u64 end)
{
	for (u32 i = 0; i < nmodules; i++)
		if (start < modules[i].start + modules[i].size && end > modules[i].start)
			return modules[i].start;
	return 0;
}

/* Splits ranges so that [start, end) is of another type. */
static void retype(u64 start, u64 end, u32 type)
{
	for (u32 i = 0; i < boot_info.nranges; i++) {
		struct boot_range r = boot_info.ranges[i];
		u64 r_end = r.base + r.len, from = MAX(start, r.base), to = MIN(end, r_end);

		if (from >= to || r.type == type)
			continue;
		boot_info.ranges[i] = (struct boot_range){from, to - from, type};
		if (r.base < from && boot_info.nranges < ARRAY_SIZE(boot_info.ranges))
			boot_info.ranges[boot_info.nranges++] =
				(struct boot_range){r.base, from - r.base, r.type};
		if (to < r_end && boot_info.nranges < ARRAY_SIZE(boot_info.ranges))
			boot_info.ranges[boot_info.nranges++] =
				(struct boot_range){to, r_end - to, r.type};
	}
}

u64 boot_alloc(u64 len, u64 align)
{
	len = ALIGN_UP(len, PAGE_SIZE);
	for (u32 i = 0; i < boot_info.nranges; i++) {
		struct boot_range *r = &boot_info.ranges[i];
		u64 end = MIN(r->base + r->len, 1ul << 32), p;

		if (r->type != 1 || r->base < 0x100000)
			continue;
		while (end >= r->base + len) {
			u64 hit;

			p = ALIGN_DOWN(end - len, align);
			if (p < r->base)
				break;
			hit = overlaps(p, p + len);
			if (!hit) {
				retype(p, p + len, 100);
				return p;
			}
			end = hit;
		}
	}
	panic("boot: no room for %lu bytes", len);
}

/* Makes one archive, in whole pages, of all modules. newc archives may follow each other at 4-byte
 * boundaries. */
static void join_modules(void)
{
	u64 total = 0, at;
	u8 *to;

	if (nmodules == 0)
		return;
	if (nmodules == 1 && modules[0].start % PAGE_SIZE == 0) {
		boot_info.archive_phys = modules[0].start;
		boot_info.archive_size = modules[0].size;
	} else {
		for (u32 i = 0; i < nmodules; i++)
			total += ALIGN_UP(modules[i].size, 4);
		at = boot_alloc(total, PAGE_SIZE);
		to = phys_to_virt(at);
		boot_info.archive_phys = at;
		boot_info.archive_size = total;
		for (u32 i = 0; i < nmodules; i++) {
			memcpy(to, phys_to_virt(modules[i].start), modules[i].size);
			memset(to + modules[i].size, 0,
				ALIGN_UP(modules[i].size, 4) - modules[i].size);
			to += ALIGN_UP(modules[i].size, 4);
		}
	}
	retype(boot_info.archive_phys,
		ALIGN_UP(boot_info.archive_phys + boot_info.archive_size, PAGE_SIZE), 101);
	at = boot_info.archive_phys + boot_info.archive_size;
	memset(phys_to_virt(at), 0, ALIGN_UP(at, PAGE_SIZE) - at);
}

NORETURN void boot_main(u32 magic, u64 info);
void boot_main(u32 magic, u64 info)
{
	wrmsr(MSR_GS_BASE, (u64)&cpu0);
	cpu0.self = &cpu0;
	cpus[0] = &cpu0;
	ncpus = 1;
	uart_init();
	boot_info.kernel_phys_start = (u64)kernel_start - KERNEL_BASE;
	boot_info.kernel_phys_end = (u64)kernel_end - KERNEL_BASE;
	boot_info.entry_tsc = *(u64 *)phys_to_virt((u64)&boot_tsc);
	if (magic == 0x36d76289)
		read_multiboot2(phys_to_virt(info));
	else
		read_pvh(phys_to_virt(info));
	if (!boot_info.rsdp)
		find_rsdp();
	retype(boot_info.kernel_phys_start, ALIGN_UP(boot_info.kernel_phys_end, PAGE_SIZE), 103);
	retype(0, 0x100000, 102); /* the BIOS's, and the other CPUs' first page */
	cpu_detect();
	join_modules();
	paging_init();
	kernel_main();
}
