/* SPDX-License-Identifier: MIT */
/*
 * The static ACPI tables that the kernel itself needs: MADT (CPUs, interrupt controllers) and FADT
 * (PM timer). User mode reads the rest (WEFT_BOOT_ACPI), and does with it what ends in AML.
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

struct acpi_info acpi = {.lapic = 0xfee00000, .com1_gsi = 4};
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
	for (u32 at = 44; at + 2 <= h->len && b[at + 1] >= 2; at += b[at + 1]) {
		u32 id = get(b, at + 4, 4), flags;

		switch (b[at]) {
		case 0:
			if (b[at + 4] & 1 && acpi.ncpus < ARRAY_SIZE(acpi.apic_ids))
				acpi.apic_ids[acpi.ncpus++] = b[at + 3];
			break;
		case 9:
			if (x86.x2apic && b[at + 8] & 1 && acpi.ncpus < ARRAY_SIZE(acpi.apic_ids))
				acpi.apic_ids[acpi.ncpus++] = id;
			break;
		case 1:
			if (acpi.nioapics < ARRAY_SIZE(acpi.ioapics)) {
				acpi.ioapics[acpi.nioapics].phys = id;
				acpi.ioapics[acpi.nioapics++].gsi = get(b, at + 8, 4);
			}
			break;
		case 2:
			flags = get(b, at + 8, 2);
			if (id < ARRAY_SIZE(acpi.isa)) {
				acpi.isa[id].low = (flags & 3) == 3;
				acpi.isa[id].level = (flags >> 2 & 3) == 3;
			}
			if (b[at + 3] == 4)
				acpi.com1_gsi = id;
			break;
		case 5:
			acpi.lapic = get(b, at + 4, 8);
			break;
		}
	}
}

static void read_fadt(const struct header *h)
{
	u64 dsdt = h->len >= 148 ? get(h, 140, 8) : 0;

	acpi.pm_timer = get(h, 76, 4);
	tables[ntables] = map_table(dsdt ? dsdt : get(h, 40, 4));
	ntables += tables[ntables] != NULL;
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
