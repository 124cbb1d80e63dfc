/* SPDX-License-Identifier: MIT */
/*
 * From the loader to kernel_main: boot_info is filled from PVH's start info (Xen's hvm_start_info)
 * or Multiboot2's tags, the final page tables are built. There is one module, the boot archive, at
 * a page's start. Memory that is taken here is cut out of the ranges.
 */
#include <kernel/arch.h>
#include <kernel/thread.h>
#include "x86.h"

struct boot_info boot_info;
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
	char data[];
};

static void add_range(u64 start, u64 end, u32 type)
{
	if (start < end && boot_info.nranges < ARRAY_SIZE(boot_info.ranges))
		boot_info.ranges[boot_info.nranges++] =
			(struct boot_range){start, end - start, type};
}

static void set_archive(u64 start, u64 size)
{
	if (boot_info.archive_size || start % PAGE_SIZE)
		panic("boot: not one boot archive, page-aligned");
	boot_info.archive_phys = start;
	boot_info.archive_size = size;
}

/* The ACPI tables' root, as the RSDP at p names it: from revision 2 on the wide one. */
static void read_rsdp(const u8 *p)
{
	boot_info.acpi_root = p[15] >= 2 ? *(const u64 *)(p + 24) : *(const u32 *)(p + 16);
}

static void read_pvh(const struct pvh_start *s)
{
	const struct pvh_module *m = phys_to_virt(s->modules);
	const struct pvh_range *r = phys_to_virt(s->memmap);

	if (s->magic != 0x336ec578)
		panic("boot: no start info");
	for (u32 i = 0; i < s->nmodules; i++)
		set_archive(m[i].start, m[i].size);
	if (s->cmdline)
		strlcpy(boot_info.cmdline, phys_to_virt(s->cmdline), sizeof(boot_info.cmdline));
	if (s->rsdp)
		read_rsdp(phys_to_virt(s->rsdp));
	for (u32 i = 0; s->version >= 1 && i < s->nmemmap; i++)
		add_range(r[i].base, r[i].base + r[i].len, r[i].type);
}

static void read_multiboot2(const u32 *info)
{
	const struct mb2_tag *t;

	for (u32 at = 8; at + 8 <= *info; at += ALIGN_UP(MAX(t->size, 8), 8)) {
		const u32 *words = (const void *)((const char *)info + at);

		t = (const void *)words;
		switch (t->type) {
		case 1:
			strlcpy(boot_info.cmdline, t->data, sizeof(boot_info.cmdline));
			break;
		case 3:
			set_archive(words[2], words[3] - words[2]);
			break;
		case 6:
			for (u32 o = 8; o + 8 < t->size; o += words[2]) {
				const u64 *r = (const void *)(t->data + o);

				add_range(r[0], r[0] + r[1], (u32)r[2]);
			}
			break;
		case 8:
			memcpy(&boot_info.fb, t->data, sizeof(boot_info.fb));
			if (boot_info.fb.type != 1) /* text or palette */
				boot_info.fb.width = 0;
			break;
		case 14:
		case 15: /* the newer one comes last */
			read_rsdp((const u8 *)t->data);
			break;
		}
	}
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
		add_range(r.base, from, r.type);
		add_range(to, r_end, r.type);
	}
}

u64 boot_alloc(u64 len, u64 align)
{
	for (u32 i = 0; i < boot_info.nranges; i++) {
		struct boot_range *r = &boot_info.ranges[i];
		u64 at = ALIGN_UP(r->base, align), end = ALIGN_UP(at + len, PAGE_SIZE);

		if (r->type == 1 && end <= MIN(r->base + r->len, 1ul << 32)) {
			r->len -= end - r->base;
			r->base = end;
			return at;
		}
	}
	panic("boot: no room for %lu bytes", len);
}

NORETURN void boot_main(u32 magic, u32 info);
void boot_main(u32 magic, u32 info)
{
	u64 end;

	wrmsr(MSR_GS_BASE, (u64)&cpu0);
	cpu0.self = cpus[0] = &cpu0;
	ncpus = 1;
	uart_init();
	boot_info.entry_tsc = *(u64 *)phys_to_virt((u64)&boot_tsc);
	if (magic == 0x36d76289)
		read_multiboot2(phys_to_virt(info));
	else
		read_pvh(phys_to_virt(info));
	end = boot_info.archive_phys + boot_info.archive_size;
	memset(phys_to_virt(end), 0, ALIGN_UP(end, PAGE_SIZE) - end);
	retype(boot_info.archive_phys, ALIGN_UP(end, PAGE_SIZE), 101);
	retype((u64)kernel_start - KERNEL_BASE, (u64)kernel_end - KERNEL_BASE, 103);
	retype(0, 0x100000, 102); /* the BIOS's, and the other CPUs' first page */
	cpu_detect();
	paging_init();
	kernel_main();
}
