/* SPDX-License-Identifier: MIT */
/*
 * The static ACPI tables that the kernel itself needs: MADT (CPUs, interrupt controllers), HPET,
 * FADT (power, PM timer) and the
 * \_S5 package, found in the DSDT's bytes without an interpreter. User mode reads the rest
 * (WEFT_BOOT_ACPI).
 */
#include <kernel/arch.h>
#include "x86.h"

struct header {
	char sig[4];
	u32 len;
	u8 rev, sum;
	char oem[6], oem_table[8];
	u32 oem_rev, creator, creator_rev;
} __attribute__((packed));

struct acpi_info acpi = {.lapic = 0xfee00000, .s5a = -1, .s5b = -1};
#define MAX_TABLES 48
static struct header *tables[MAX_TABLES];
static u32 ntables;

static u64 get(const void *p, u32 off, u32 n)
{
	u64 v = 0;

	memcpy(&v, (const u8 *)p + off, n);
	return v;
}

static struct header *map_table(u64 phys)
{
	struct header *h = phys ? map_phys(phys, sizeof(*h), ARCH_PTE_R) : NULL;
	u8 sum = 0;

	if (!h || h->len < sizeof(*h) || h->len > 1u << 20)
		return NULL;
	h = map_phys(phys, h->len, ARCH_PTE_R);
	for (u32 i = 0; h && i < h->len; i++)
		sum += ((u8 *)h)[i];
	return sum == 0 ? h : NULL;
}

void *acpi_find(const char sig[4], u32 nth)
{
	for (u32 i = 0; i < ntables; i++)
		if (memcmp(tables[i]->sig, sig, 4) == 0 && nth-- == 0)
			return tables[i];
	return NULL;
}

static void read_madt(const struct header *h)
{
	const u8 *b = (const u8 *)h;

	acpi.lapic = get(b, 36, 4);
	for (u32 i = 0; i < 16; i++)
		acpi.isa[i].gsi = i;
	for (u32 at = 44; at + 2 <= h->len && b[at + 1] >= 2; at += b[at + 1]) {
		u32 id, flags = 0;

		switch (b[at]) {
		case 0:
			id = b[at + 3];
			flags = get(b, at + 4, 4);
			break;
		case 9:
			id = get(b, at + 4, 4);
			flags = x86.x2apic ? get(b, at + 8, 4) : 0;
			break;
		case 1:
			if (acpi.nioapics < ARRAY_SIZE(acpi.ioapics)) {
				acpi.ioapics[acpi.nioapics].id = b[at + 2];
				acpi.ioapics[acpi.nioapics].phys = get(b, at + 4, 4);
				acpi.ioapics[acpi.nioapics++].gsi = get(b, at + 8, 4);
			}
			break;
		case 2:
			if (b[at + 3] < 16) {
				flags = get(b, at + 8, 2);
				acpi.isa[b[at + 3]].gsi = get(b, at + 4, 4);
				acpi.isa[b[at + 3]].low = (flags & 3) == 3;
				acpi.isa[b[at + 3]].level = (flags >> 2 & 3) == 3;
			}
			flags = 0;
			break;
		case 5:
			acpi.lapic = get(b, at + 4, 8);
			break;
		}
		if (flags & 1 && acpi.ncpus < ARRAY_SIZE(acpi.apic_ids))
			acpi.apic_ids[acpi.ncpus++] = id;
	}
}

/* One element of a package: a byte constant, zero or one. */
static i32 aml_small(const u8 **p)
{
	u8 op = *(*p)++;

	if (op == 0x0a)
		return *(*p)++;
	return op == 0 || op == 1 ? op : -1;
}

/* NameOp '_S5_' PackageOp PkgLength NumElements a b ... */
static void find_s5(const struct header *h)
{
	const u8 *b = (const u8 *)h;

	for (u32 i = sizeof(*h); i + 16 < h->len; i++) {
		const u8 *p = b + i + 4;

		if (memcmp(b + i, "_S5_", 4) != 0 || *p++ != 0x12)
			continue;
		p += 1 + (*p >> 6) + 1;
		acpi.s5a = aml_small(&p);
		acpi.s5b = aml_small(&p);
		return;
	}
}

static void read_fadt(const struct header *h)
{
	u64 dsdt = get(h, 40, 4);
	struct header *d;

	acpi.smi_cmd = get(h, 48, 4);
	acpi.acpi_enable = get(h, 52, 1);
	acpi.pm1a_cnt = get(h, 64, 4);
	acpi.pm1b_cnt = get(h, 68, 4);
	acpi.pm_timer = get(h, 76, 4);
	acpi.century = get(h, 108, 1);
	if (h->len >= 129 && get(h, 112, 4) & 1u << 10) {
		acpi.reset_space = get(h, 116, 1);
		acpi.reset_addr = get(h, 120, 8);
		acpi.reset_value = get(h, 128, 1);
	}
	if (h->len >= 148 && get(h, 140, 8))
		dsdt = get(h, 140, 8);
	d = map_table(dsdt);
	if (d) {
		find_s5(d);
		if (ntables < MAX_TABLES)
			tables[ntables++] = d;
	}
}

void acpi_init(void)
{
	struct header *root = map_table(boot_info.acpi_root), *h;
	u32 width = root && root->sig[0] == 'X' ? 8 : 4;

	for (u32 at = sizeof(*root); root && at + width <= root->len && ntables < MAX_TABLES - 1;
		at += width)
		if ((h = map_table(get(root, at, width))))
			tables[ntables++] = h;
	if ((h = acpi_find("APIC", 0)))
		read_madt(h);
	if ((h = acpi_find("FACP", 0)))
		read_fadt(h);
}
