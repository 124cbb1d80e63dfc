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
#define R_RAX 0
#define R_RBX 8
#define R_RCX 16
#define R_RDX 24
#define R_RSI 32
#define R_RDI 40
#define R_RBP 48
#define R_RSP 56
#define R_R8 64
#define R_R9 72
#define R_R10 80
#define R_R11 88
#define R_R12 96
#define R_R13 104
#define R_R14 112
#define R_R15 120
#define R_RIP 128
#define R_RFLAGS 136

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
	movq %gs:CPU_SCRATCH, %rsp
	swapgs
	sysretq
1:	movq $-38, %rax			/* -ENOSYS */
	movq %gs:CPU_SCRATCH, %rsp
	swapgs
	sysretq

2:	movq %gs:CPU_KSTACK, %rsp
	pushq %r11
	pushq %rcx
	pushq %r15
	pushq %r14
	pushq %r13
	pushq %r12
	pushq %r11
	pushq %r10
	pushq %r9
	pushq %r8
	pushq %gs:CPU_SCRATCH
	pushq %rbp
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rbx
	pushq %rax
	movq %rsp, %rdi
	xorl %ebp, %ebp
	call native_call		/* -> al: registers may have been changed */
	testb %al, %al
	jnz 4f
3:	movq R_RBP(%rsp), %rbp
	movq R_RAX(%rsp), %rax
	movq R_RDX(%rsp), %rdx
	movq R_RSI(%rsp), %rsi
	movq R_RDI(%rsp), %rdi
	movq R_R8(%rsp), %r8
	movq R_R9(%rsp), %r9
	movq R_R10(%rsp), %r10
	movq R_RIP(%rsp), %rcx
	movq R_RFLAGS(%rsp), %r11
	movq R_RSP(%rsp), %rsp
	swapgs
	sysretq
4:	/* sysret still does if rcx and r11 are what it leaves there. */
	movq R_RIP(%rsp), %rcx
	cmpq R_RCX(%rsp), %rcx
	jne user_return_full
	movq R_RFLAGS(%rsp), %rdx
	cmpq R_R11(%rsp), %rdx
	jne user_return_full
	shrq $47, %rcx
	jnz user_return_full
	andl $~0x200cd5, %edx		/* nothing but IF, ID and the arithmetic flags */
	cmpl $0x202, %edx
	jne user_return_full
	movq R_RBX(%rsp), %rbx
	movq R_R12(%rsp), %r12
	movq R_R13(%rsp), %r13
	movq R_R14(%rsp), %r14
	movq R_R15(%rsp), %r15
	jmp 3b

	/* Every register from the saved ones, by iretq. An address that iretq would refuse becomes one that faults in user mode. */
	.balign 16
user_return_full:
	movq %gs:CPU_KSTACK, %rsp
	subq $REGS_SIZE + 40, %rsp
	movq 40 + R_RIP(%rsp), %rax
	movq %rax, %rcx
	shrq $47, %rcx
	jz 1f
	movabsq $0x7ffffffff000, %rax
1:	movq %rax, (%rsp)
	movq $USER_CS, 8(%rsp)
	movq 40 + R_RFLAGS(%rsp), %rax
	andl $0x240dd5, %eax		/* AC, ID, TF and the arithmetic flags */
	orl $0x202, %eax
	movq %rax, 16(%rsp)
	movq 40 + R_RSP(%rsp), %rax
	movq %rax, 24(%rsp)
	movq $USER_DS, 32(%rsp)
	movq 40 + R_RBX(%rsp), %rbx
	movq 40 + R_RCX(%rsp), %rcx
	movq 40 + R_RDX(%rsp), %rdx
	movq 40 + R_RSI(%rsp), %rsi
	movq 40 + R_RDI(%rsp), %rdi
	movq 40 + R_RBP(%rsp), %rbp
	movq 40 + R_R8(%rsp), %r8
	movq 40 + R_R9(%rsp), %r9
	movq 40 + R_R10(%rsp), %r10
	movq 40 + R_R11(%rsp), %r11
	movq 40 + R_R12(%rsp), %r12
	movq 40 + R_R13(%rsp), %r13
	movq 40 + R_R14(%rsp), %r14
	movq 40 + R_R15(%rsp), %r15
	movq 40 + R_RAX(%rsp), %rax
	swapgs
	iretq

	/* Traps. Stack: vector, error, rip, cs, rflags, rsp, ss; from user mode the saved registers' place is next. */
	.macro SAVE_AT off
	movq %rax, \off + R_RAX(%rsp)
	movq %rbx, \off + R_RBX(%rsp)
	movq %rcx, \off + R_RCX(%rsp)
	movq %rdx, \off + R_RDX(%rsp)
	movq %rsi, \off + R_RSI(%rsp)
	movq %rdi, \off + R_RDI(%rsp)
	movq %rbp, \off + R_RBP(%rsp)
	movq %r8, \off + R_R8(%rsp)
	movq %r9, \off + R_R9(%rsp)
	movq %r10, \off + R_R10(%rsp)
	movq %r11, \off + R_R11(%rsp)
	movq %r12, \off + R_R12(%rsp)
	movq %r13, \off + R_R13(%rsp)
	movq %r14, \off + R_R14(%rsp)
	movq %r15, \off + R_R15(%rsp)
	.endm
	.macro SAVE_FRAME frame, regs
	movq \frame + 16(%rsp), %rax
	movq %rax, \regs + R_RIP(%rsp)
	movq \frame + 32(%rsp), %rax
	movq %rax, \regs + R_RFLAGS(%rsp)
	movq \frame + 40(%rsp), %rax
	movq %rax, \regs + R_RSP(%rsp)
	.endm
	.macro LOAD_AT off
	movq \off + R_RAX(%rsp), %rax
	movq \off + R_RBX(%rsp), %rbx
	movq \off + R_RCX(%rsp), %rcx
	movq \off + R_RDX(%rsp), %rdx
	movq \off + R_RSI(%rsp), %rsi
	movq \off + R_RDI(%rsp), %rdi
	movq \off + R_RBP(%rsp), %rbp
	movq \off + R_R8(%rsp), %r8
	movq \off + R_R9(%rsp), %r9
	movq \off + R_R10(%rsp), %r10
	movq \off + R_R11(%rsp), %r11
	movq \off + R_R12(%rsp), %r12
	movq \off + R_R13(%rsp), %r13
	movq \off + R_R14(%rsp), %r14
	movq \off + R_R15(%rsp), %r15
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
	movq %rsp, %rdi
	movl REGS_SIZE(%rsp), %esi
	movq REGS_SIZE + 8(%rsp), %rdx
	pushq R_RIP(%rsp)		/* a frame record, so that back traces go on into what was interrupted */
	pushq %rbp
	movq %rsp, %rbp
	pushq $0
	/* 56 + 144 + 24 below a 16-byte boundary */
	call trap_kernel
	addq $24, %rsp
	movq R_RIP(%rsp), %rax		/* trap_kernel may have set a fix-up */
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
1:	movq %rsp, %rdi
	movl REGS_SIZE(%rsp), %esi
	movq REGS_SIZE + 8(%rsp), %rdx
	pushq R_RIP(%rsp)
	pushq %rbp
	movq %rsp, %rbp
	pushq $0
	call trap_paranoid
	addq $24, %rsp
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
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30
	.else
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
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, (%rdi)
	movq %rsi, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
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
1:	movq (%rsi), %rax
	movq 8(%rsi), %rdx
	movq 16(%rsi), %r8
	movq 24(%rsi), %r9
	movq %rax, (%rdi)
	movq %rdx, 8(%rdi)
	movq %r8, 16(%rdi)
	movq %r9, 24(%rdi)
	movq 32(%rsi), %rax
	movq 40(%rsi), %rdx
	movq 48(%rsi), %r8
	movq 56(%rsi), %r9
	movq %rax, 32(%rdi)
	movq %rdx, 40(%rdi)
	movq %r8, 48(%rdi)
	movq %r9, 56(%rdi)
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
