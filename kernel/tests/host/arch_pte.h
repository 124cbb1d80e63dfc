/* SPDX-License-Identifier: MIT */
/* Entries of the host tests' page tables: flags in the low bits. */
#ifndef ARCH_PTE_H
#define ARCH_PTE_H

#define PTE_USED (1ul << 11)
static inline pte_t arch_pte_make(u64 phys, u32 flags)
{
	return phys | flags | PTE_USED;
}
static inline u64 arch_pte_phys(pte_t p)
{
	return p & ~0xffful;
}
static inline u32 arch_pte_flags(pte_t p)
{
	return p & 63;
}
static inline pte_t arch_pte_read_only(pte_t p)
{
	return p & ~(pte_t)ARCH_PTE_W;
}

#endif
