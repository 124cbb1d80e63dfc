/* SPDX-License-Identifier: MIT */
/* Page-table entries as the CPU reads them. Inline: fork and fault handle them by the hundred.
 * Included by kernel/arch.h. */
#ifndef ARCH_PTE_H
#define ARCH_PTE_H

#define PTE_P	  1ul
#define PTE_W	  2ul
#define PTE_U	  4ul
#define PTE_PWT	  8ul
#define PTE_PCD	  16ul
#define PTE_A	  0x20ul
#define PTE_D	  0x40ul
#define PTE_PS	  0x80ul
#define PTE_G	  0x100ul
#define PTE_FLAGS 52 /* up to bit 57 the CPU leaves to us: the flags as they were given */
#define PTE_NX	  (1ul << 63)
#define PTE_ADDR  0x000ffffffffff000ul

static inline pte_t arch_pte_make(u64 phys, u32 flags)
{
	pte_t e = phys | PTE_A | (u64)flags << PTE_FLAGS;

	if (flags & ARCH_PTE_R)
		e |= PTE_P;
	if (flags & ARCH_PTE_W)
		e |= PTE_W;
	if (!(flags & ARCH_PTE_X))
		e |= PTE_NX;
	e |= flags & ARCH_PTE_USER ? PTE_U : PTE_G;
	if (flags & (ARCH_PTE_WC | ARCH_PTE_UC))
		e |= PTE_PWT;
	if (flags & ARCH_PTE_UC)
		e |= PTE_PCD;
	return e;
}

static inline u64 arch_pte_phys(pte_t p)
{
	return p & PTE_ADDR;
}

static inline u32 arch_pte_flags(pte_t p)
{
	return p >> PTE_FLAGS & 0x3f;
}

static inline pte_t arch_pte_read_only(pte_t p)
{
	return p & ~(PTE_W | (u64)ARCH_PTE_W << PTE_FLAGS);
}

#endif
