/* SPDX-License-Identifier: MIT */
/*
 * Ways into and out of the kernel. The user's registers are a struct weft_regs at the top of the thread's kernel stack.
 * SYSCALL: a number outside the native range is reflected to the process's runtime and touches nothing but struct cpu and the
 * thread page. TSS.rsp0 is the top less sizeof(struct weft_regs), so that traps from user mode save to the same place.
 */
#include "x86.h"

#define CPU_KSTACK 8
#define CPU_SCRATCH 16
#define CPU_TP 24
#define CPU_RT_ENTRY 32
#define CPU_REFLECTED 40
#define ALL_REGS rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r11, r12, r13, r14, r15
#define BUT_RSP rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15

	/* R_rax and so on: the places in struct weft_regs. */
	place = 0
	.irp reg, ALL_REGS, rip, rflags
	R_\reg = place
	place = place + 8
	.endr

	.macro SAVE_AT off
	.irp reg, BUT_RSP
	movq %\reg, \off + R_\reg(%rsp)
	.endr
	.endm
	.macro LOAD_AT off
	.irp reg, BUT_RSP
	movq \off + R_\reg(%rsp), %\reg
	.endr
	.endm

	.section .text.hot_entry, "ax"
	.globl syscall_entry
	.balign 64
syscall_entry:
	swapgs
	movq %rsp, %gs:CPU_SCRATCH
	leaq -0x1000(%rax), %rsp
	cmpq $WEFT_CALL_NUMBER, %rsp
	jb 2f
	movq %gs:CPU_RT_ENTRY, %rsp	/* 0 where there is no thread page */
	testq %rsp, %rsp
	jz 1f
	movq %gs:CPU_TP, %rsp
	movq %rcx, 8(%rsp)
	movq %r11, 16(%rsp)
	movq %gs:CPU_RT_ENTRY, %rcx
	incq %gs:CPU_REFLECTED
	movl $0x202, %r11d
0:	movq %gs:CPU_SCRATCH, %rsp
	swapgs
	sysretq
1:	movq $-38, %rax			/* -ENOSYS */
	jmp 0b

2:	movq %gs:CPU_KSTACK, %rsp
	pushq %r11
	pushq %rcx
	.irp reg, r15, r14, r13, r12, r11, r10, r9, r8
	pushq %\reg
	.endr
	pushq %gs:CPU_SCRATCH
	.irp reg, rbp, rdi, rsi, rdx, rcx, rbx, rax
	pushq %\reg
	.endr
	movq %rsp, %rdi
	xorl %ebp, %ebp
	call native_call		/* -> al: registers may have been changed */
	testb %al, %al
	jnz 4f
3:	.irp reg, rbp, rax, rdx, rsi, rdi, r8, r9, r10
	movq R_\reg(%rsp), %\reg
	.endr
	movq R_rip(%rsp), %rcx
	movq R_rflags(%rsp), %r11
	movq R_rsp(%rsp), %rsp
	swapgs
	sysretq
4:	/* sysret still does if rcx and r11 are what it leaves there. */
	movq R_rip(%rsp), %rcx
	cmpq R_rcx(%rsp), %rcx
	jne user_return_full
	movq R_rflags(%rsp), %rdx
	cmpq R_r11(%rsp), %rdx
	jne user_return_full
	shrq $47, %rcx
	jnz user_return_full
	andl $~0x200cd5, %edx		/* nothing but IF, ID and the arithmetic flags */
	cmpl $0x202, %edx
	jne user_return_full
	.irp reg, rbx, r12, r13, r14, r15
	movq R_\reg(%rsp), %\reg
	.endr
	jmp 3b

	/* Every register from the saved ones, by iretq. An address that iretq would refuse becomes one that faults in user mode. */
	.balign 16
user_return_full:
	movq %gs:CPU_KSTACK, %rsp
	subq $REGS_SIZE + 40, %rsp
	movq 40 + R_rip(%rsp), %rax
	movq %rax, %rcx
	shrq $47, %rcx
	jz 1f
	movabsq $0x7ffffffff000, %rax
1:	movq %rax, (%rsp)
	movq $USER_CS, 8(%rsp)
	movq 40 + R_rflags(%rsp), %rax
	andl $0x240dd5, %eax		/* AC, ID, TF and the arithmetic flags */
	orl $0x202, %eax
	movq %rax, 16(%rsp)
	movq 40 + R_rsp(%rsp), %rax
	movq %rax, 24(%rsp)
	movq $USER_DS, 32(%rsp)
	LOAD_AT 40
	swapgs
	iretq

	/* Traps. Stack: vector, error, rip, cs, rflags, rsp, ss; from user mode the saved registers' place is next. */
	.macro SAVE_FRAME frame, regs
	movq \frame + 16(%rsp), %rax
	movq %rax, \regs + R_rip(%rsp)
	movq \frame + 32(%rsp), %rax
	movq %rax, \regs + R_rflags(%rsp)
	movq \frame + 40(%rsp), %rax
	movq %rax, \regs + R_rsp(%rsp)
	.endm
	/* With all saved at rsp; leaves a frame record, so that back traces go on into what was interrupted. */
	.macro CALL_KERNEL function
	movq %rsp, %rdi
	movl REGS_SIZE(%rsp), %esi
	movq REGS_SIZE + 8(%rsp), %rdx
	pushq R_rip(%rsp)
	pushq %rbp
	movq %rsp, %rbp
	pushq $0
	call \function
	addq $24, %rsp
	.endm

	.balign 16
isr_common:
	cld
	testb $3, 24(%rsp)
	jz 1f
	swapgs
	SAVE_AT 56
	SAVE_FRAME 0, 56
	leaq 56(%rsp), %rdi
	movl (%rsp), %esi
	movq 8(%rsp), %rdx
	xorl %ebp, %ebp
	subq $8, %rsp
	call trap_user
	jmp user_return_full
1:	subq $REGS_SIZE, %rsp
	SAVE_AT 0
	SAVE_FRAME REGS_SIZE, 0
	CALL_KERNEL trap_kernel		/* 56 + 144 + 24 below a 16-byte boundary */
	movq R_rip(%rsp), %rax		/* trap_kernel may have set a fix-up */
	movq %rax, REGS_SIZE + 16(%rsp)
	LOAD_AT 0
	addq $REGS_SIZE + 16, %rsp
	iretq

	/* NMI, double fault, machine check: anywhere, so whose GS it is must be looked up. */
isr_paranoid:
	cld
	subq $REGS_SIZE, %rsp
	SAVE_AT 0
	SAVE_FRAME REGS_SIZE, 0
	movl $0xc0000101, %ecx
	rdmsr
	xorl %ebx, %ebx
	testl %edx, %edx
	js 1f
	swapgs
	incl %ebx
1:	CALL_KERNEL trap_paranoid
	testl %ebx, %ebx
	jz 2f
	swapgs
2:	LOAD_AT 0
	addq $REGS_SIZE + 16, %rsp
	iretq

	/* Not among what every call runs through. */
	.section .text.isr_table, "ax"
	.balign 16
	.globl isr_table
isr_table:
	vector = 0
	.rept 256
	.balign 16
	.if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
	pushq $0
	.endif
	pushq $vector
	.if vector == 2 || vector == 8 || vector == 18
	jmp isr_paranoid
	.else
	jmp isr_common
	.endif
	vector = vector + 1
	.endr

	.section .text.hot_entry, "ax"
	/* void switch_stack(u64 *save_rsp, u64 rsp) */
	.balign 16
	.globl switch_stack
switch_stack:
	.irp reg, rbp, rbx, r12, r13, r14, r15
	pushq %\reg
	.endr
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	.irp reg, r15, r14, r13, r12, rbx, rbp
	popq %\reg
	.endr
	ret

	.globl thread_entry_user
thread_entry_user:
	xorl %ebp, %ebp
	movq %rsp, %rdi
	call thread_first_return
	jmp user_return_full

	/*
	 * u64 arch_copy_user(void *to, const void *from, u64 n): 64 bytes a turn, then bytes. A fault in a turn is answered by going on
	 * bytewise from its start; a fault in a byte ends the copy. The user-access windows are patched in where the CPU has SMAP.
	 */
	.macro USER_ACCESS
9:	.byte 0x0f, 0x1f, 0x00		/* nop, or stac / clac */
	.pushsection .smap_sites, "a"
	.quad 9b
	.popsection
	.endm
	.globl arch_copy_user, usercopy_start, usercopy_end, usercopy_fixup, usercopy_bytes, usercopy_bytes_fixup
	.balign 16
arch_copy_user:
	USER_ACCESS
usercopy_start:
	movq %rdx, %rcx
	cmpq $64, %rcx
	jb 2f
1:	.irp half, 0, 32
	movq \half(%rsi), %rax
	movq \half + 8(%rsi), %rdx
	movq \half + 16(%rsi), %r8
	movq \half + 24(%rsi), %r9
	movq %rax, \half(%rdi)
	movq %rdx, \half + 8(%rdi)
	movq %r8, \half + 16(%rdi)
	movq %r9, \half + 24(%rdi)
	.endr
	addq $64, %rsi
	addq $64, %rdi
	subq $64, %rcx
	cmpq $64, %rcx
	jae 1b
2:	cmpq $8, %rcx
	jb usercopy_bytes
	movq (%rsi), %rax
	movq %rax, (%rdi)
	addq $8, %rsi
	addq $8, %rdi
	subq $8, %rcx
	jmp 2b
usercopy_fixup:
usercopy_bytes:
	testq %rcx, %rcx
	jz 4f
3:	movb (%rsi), %al
	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rcx
	jnz 3b
usercopy_end:
usercopy_bytes_fixup:
4:	USER_ACCESS
	movq %rcx, %rax
	ret
	.section .note.GNU-stack, "", @progbits
