/* SPDX-License-Identifier: MIT */
/*
 * Both loaders enter in 32-bit protected mode without paging: PVH with start info in ebx, Multiboot2 with its magic in eax
 * and its information in ebx. Temporary tables map the first 4 GiB at 0 and at DIRECT_MAP, and the first GiB at
 * KERNEL_BASE; boot_main then builds the real ones. The other CPUs come through the same tables (trampoline).
 */
#include "x86.h"

	.section .boot.header, "a"
	.balign 8
mb2_header:
	.long 0xe85250d6, 0, mb2_end - mb2_header, -(0xe85250d6 + (mb2_end - mb2_header))
	.balign 8
	.word 1, 0		/* information wanted: command line, modules, memory map */
	.long 20, 1, 3, 6
	.balign 8
	.word 5, 1		/* a frame buffer, if possible */
	.long 20, 0, 0, 32
	.balign 8
	.word 6, 0		/* modules page-aligned */
	.long 8
	.balign 8
	.word 0, 0
	.long 8
mb2_end:

	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 8, 18		/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.quad pvh_entry

	.section .boot.text, "ax"
	.code32
	.globl multiboot_entry, pvh_entry
pvh_entry:
	xorl %eax, %eax
multiboot_entry:
	cli
	cld
	movl %eax, %esi
	movl %ebx, %edi
	rdtsc
	movl %eax, boot_tsc
	movl %edx, boot_tsc + 4

	movl $boot_pd, %ebx	/* 4 directories of 2 MiB pages */
	movl $0x83, %eax
	xorl %ecx, %ecx
1:	movl %eax, (%ebx, %ecx, 8)
	movl $0, 4(%ebx, %ecx, 8)
	addl $0x200000, %eax
	incl %ecx
	cmpl $2048, %ecx
	jne 1b
	movl $boot_pd + 3, %eax
	movl %eax, boot_pdpt
	addl $4096, %eax
	movl %eax, boot_pdpt + 8
	addl $4096, %eax
	movl %eax, boot_pdpt + 16
	addl $4096, %eax
	movl %eax, boot_pdpt + 24
	movl $boot_pd + 3, boot_pdpt_high + 510 * 8
	movl $boot_pdpt + 3, boot_pml4
	movl $boot_pdpt + 3, boot_pml4 + 256 * 8
	movl $boot_pdpt_high + 3, boot_pml4 + 511 * 8
	movl $ap_boot_stack_top, %esp
	call long_mode
	lgdt boot_gdt_pointer
	ljmp $KERNEL_CS, $1f
	.code64
1:	movabsq $start64, %rax
	jmp *%rax

	.code32
	.globl long_mode
long_mode:			/* turns on paging; keeps esi, edi */
	movl $0x6a0, %eax	/* PAE, PGE, OSFXSR, OSXMMEXCPT */
	movl %eax, %cr4
	movl $boot_pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER_, %ecx
	rdmsr
	orl $0x901, %eax	/* NXE, LME, SCE */
	wrmsr
	movl $0x80010033, %eax	/* PG, WP, NE, ET, MP, PE */
	movl %eax, %cr0
	ret
MSR_EFER_ = 0xc0000080

	/* Copied to the page TRAMPOLINE below 1 MiB, where the other CPUs start in real mode. */
	.code16
	.globl trampoline_start, trampoline_end
	.balign 16
trampoline_start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl trampoline_gdt - trampoline_start
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $0x18, $ap_entry32
	.balign 8
trampoline_gdt:
	.word 31
	.long boot_gdt
trampoline_end:
	.code32
ap_entry32:
	movw $KERNEL_DS, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movl $ap_boot_stack_top, %esp
1:	lock btsl $0, ap_boot_lock	/* one CPU at a time on the little stack */
	jc 1b
	call long_mode
	movl $0, ap_boot_lock
	ljmp $KERNEL_CS, $1f
	.code64
1:	movabsq $ap_start64, %rax
	jmp *%rax

	.section .boot.data, "aw"
	.balign 8
	.globl boot_tsc
boot_tsc:
	.quad 0
boot_gdt:
	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff, 0x00cf9a000000ffff
boot_gdt_pointer:
	.word 31
	.quad boot_gdt
ap_boot_lock:
	.long 0
	.balign 16
	.skip 64
ap_boot_stack_top:

	.section .boot.bss, "aw", @nobits
	.balign 4096
	.globl boot_pml4
boot_pml4:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pdpt_high:
	.skip 4096
boot_pd:
	.skip 4 * 4096

	.text
start64:
	movw $KERNEL_DS, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs
	leaq boot_stack_top(%rip), %rsp
	xorl %ebp, %ebp
	movl %edi, %edi
	xchgq %rdi, %rsi
	movl %edi, %edi		/* magic, information */
	call boot_main
	ud2

ap_start64:
	movw $KERNEL_DS, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movq kernel_root(%rip), %rax
	movq %rax, %cr3
	movl $1, %eax
	lock xaddl %eax, ap_arrived(%rip)
	leaq ap_stacks(%rip), %rcx
	movq (%rcx, %rax, 8), %rsp
	xorl %ebp, %ebp
	call ap_main
	ud2

	.bss
	.balign 4096
	.globl boot_stack, boot_stack_top
boot_stack:
	.skip 16384
boot_stack_top:
	.section .note.GNU-stack, "", @progbits
