/* SPDX-License-Identifier: MIT */
/*
 * Both loaders enter in 32-bit protected mode without paging: PVH with start info in ebx, Multiboot2 with its magic in eax
 * and its information in ebx. The boot tables map the first 4 GiB at 0 and at DIRECT_MAP, and the first GiB at
 * KERNEL_BASE; boot_main then builds the real ones. The other CPUs come the same way, by a page of real-mode code.
 */
#include "x86.h"

#define BOOT_CS32 0x18

	.section .boot.header, "a"
	.balign 8
mb2_header:
	.long 0xe85250d6, 0, mb2_end - mb2_header, -(0xe85250d6 + (mb2_end - mb2_header))
	.long 0x10005, 20, 0, 0, 32, 0	/* a frame buffer of 32 bits, if possible */
	.long 6, 8			/* modules page-aligned */
	.long 0, 8
mb2_end:

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad pvh_entry

	.section .boot.text, "ax"
	.code32
	.globl multiboot_entry
pvh_entry:
	xorl %eax, %eax
multiboot_entry:
	cli
	cld
	movl %eax, %edi
	movl %ebx, %esi
	rdtsc
	movl %eax, boot_tsc
	movl %edx, boot_tsc + 4
	lgdt boot_gdt_pointer
	ljmp $BOOT_CS32, $start32

	/* Copied to the page TRAMPOLINE below 1 MiB, where the other CPUs start in real mode. */
	.code16
	.globl trampoline_start, trampoline_end
	.balign 16
trampoline_start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl boot_gdt_pointer - trampoline_start
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $BOOT_CS32, $start32
	.balign 8
boot_gdt_pointer:
	.word 31
	.long boot_gdt
trampoline_end:

	/* Every CPU: to long mode, with edi and esi kept. */
	.code32
start32:
	movw $KERNEL_DS, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $0x6a0, %eax	/* PAE, PGE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl $boot_pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx	/* EFER */
	rdmsr
	orl $0x901, %eax	/* NXE, LME, SCE */
	wrmsr
	movl $0x80010033, %eax	/* PG, WP, NE, ET, MP, PE */
	movl %eax, %cr0
	ljmp $KERNEL_CS, $1f
	.code64
1:	movabsq $start64, %rax
	jmp *%rax

	.section .boot.data, "aw"
	.balign 8
	.globl boot_tsc
boot_tsc:
	.quad 0
boot_gdt:
	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff, 0x00cf9a000000ffff

	.balign 4096
	.globl boot_pml4
boot_pml4:
	.quad boot_pdpt + 3
	.fill 255, 8, 0
	.quad boot_pdpt + 3
	.fill 254, 8, 0
	.quad boot_pdpt_high + 3
boot_pdpt:
	.quad boot_pd + 3, boot_pd + 0x1003, boot_pd + 0x2003, boot_pd + 0x3003
	.fill 508, 8, 0
boot_pdpt_high:
	.fill 510, 8, 0
	.quad boot_pd + 3, 0
boot_pd:
	entry = 0x83		/* pages of 2 MiB */
	.rept 2048
	.quad entry
	entry = entry + 0x200000
	.endr

	/* A CPU takes the next number, the first one's 0, and the stack that was made for it. */
	.text
start64:
	movl $1, %eax
	lock xaddl %eax, cpus_arrived(%rip)
	movq cpu_stacks(, %rax, 8), %rsp
	movq kernel_root(%rip), %rcx
	movq %rcx, %cr3
	xorl %ebp, %ebp
	testl %eax, %eax
	jnz 1f
	call boot_main
1:	movl %eax, %edi
	call ap_main
	.section .note.GNU-stack, "", @progbits
