/* SPDX-License-Identifier: MIT */
/*
 * The ways into the runtime and the one way out.
 *
 * rt_entry    a reflected Linux call: every register is the program's but rcx and r11; the return address and flags are in the thread page.
 * rt_upcall   a signal or a CPU fault of the program: its registers are in tp->program.
 * rt_fault    a fault inside the runtime: registers in tp->runtime. Only accesses listed in .ex_table may fault.
 * rt_child    the first instruction of a new thread or of a forked child: its frame is in place.
 *
 * A struct rt_frame with the program's registers always lies at the top of the thread's runtime stack, so that the tail
 * can find it from GS alone. The tail reads everything from there and from the thread page and writes only ret_rip and what lies below the
 * frame: it may be left at any instruction and begun again. It loads both pending words after every store that the
 * runtime made; the kernel puts a thread that it finds in the tail with a deliverable signal back to its start.
 */
#include "asm.h"

	.section .text.entry, "ax"

	.globl rt_entry
	.align 64
rt_entry:
	mov	%rsp, %gs:TP_SCRATCH0
	mov	%gs:TP_RT_STACK, %rsp
	sub	$8, %rsp
	push	%rax
	push	%gs:TP_RET_RFLAGS
	push	%gs:TP_RET_RIP
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%gs:TP_RET_RFLAGS
	push	%r10
	push	%r9
	push	%r8
	push	%gs:TP_SCRATCH0
	push	%rbp
	push	%rdi
	push	%rsi
	push	%rdx
	push	%gs:TP_RET_RIP
	push	%rbx
	push	%rax
	xor	%ebp, %ebp
	testb	$1, %gs:TP_RT
	jnz	.Ltraced
	cmp	$RT_CALLS, %rax
	jae	.Lunserved
	lea	rt_call_table(%rip), %r11
	mov	%r10, %rcx
	call	*(%r11, %rax, 8)
.Lserved:
	mov	%rax, REG_RAX(%rsp)
	lea	ERESTART_LAST(%rax), %rcx
	cmp	$(ERESTART_LAST - ERESTART_FIRST), %rcx
	jbe	.Ldeliver

	.globl rt_tail_start
rt_tail_start:
	mov	%gs:TP_RT_STACK, %rsp
	lea	-FRAME_SIZE(%rsp), %rsp
	mov	%gs:TP_PROC_PAGE, %rcx
	mov	%gs:TP_BLOCKED, %rdx
	mov	%gs:TP_PENDING, %rax
	or	PP_PENDING(%rcx), %rax
	not	%rdx
	test	%rdx, %rax
	jnz	.Ldeliver
	mov	REG_RIP(%rsp), %rax
	mov	%rax, %gs:TP_RET_RIP
	mov	REG_R15(%rsp), %r15
	mov	REG_R14(%rsp), %r14
	mov	REG_R13(%rsp), %r13
	mov	REG_R12(%rsp), %r12
	mov	REG_R11(%rsp), %r11
	mov	REG_R10(%rsp), %r10
	mov	REG_R9(%rsp), %r9
	mov	REG_R8(%rsp), %r8
	mov	REG_RBP(%rsp), %rbp
	mov	REG_RDI(%rsp), %rdi
	mov	REG_RSI(%rsp), %rsi
	mov	REG_RDX(%rsp), %rdx
	mov	REG_RCX(%rsp), %rcx
	mov	REG_RBX(%rsp), %rbx
	mov	REG_RAX(%rsp), %rax
	push	REG_RFLAGS(%rsp)
	popfq
	mov	REG_RSP(%rsp), %rsp
	jmp	*%gs:TP_RET_RIP
	.globl rt_tail_end
rt_tail_end:

.Ldeliver:
	mov	%rsp, %rdi
	cld
	call	rt_deliver
	jmp	rt_tail_start

.Lunserved:
	mov	%rax, %rdi
	call	rt_unserved
	jmp	.Lserved

.Ltraced:
	mov	%rsp, %rdi
	call	rt_traced_call
	jmp	.Lserved

	.globl rt_upcall
	.align 16
rt_upcall:
	mov	%gs:TP_RT_STACK, %rsp
	lea	-FRAME_SIZE(%rsp), %rsp
	mov	%gs:TP_SELF, %rsi
	add	$TP_PROGRAM, %rsi
	mov	%rsp, %rdi
	mov	$18, %ecx
	cld
	rep movsq
	movq	$-1, FRAME_ORIG(%rsp)
	xor	%ebp, %ebp
	mov	%rsp, %rdi
	call	rt_handle_upcall
	jmp	rt_tail_start

	.globl rt_child
	.align 16
rt_child:
	mov	%rsp, %rsi
	xor	%ebp, %ebp
	cld
	call	rt_child_begin		/* rdi: struct rt_proc *, rsi: frame */
	jmp	rt_tail_start

	.globl rt_fault
	.align 16
rt_fault:
	mov	%gs:TP_SELF, %rsi
	mov	(TP_RUNTIME + REG_RIP)(%rsi), %rax
	lea	rt_ex_table(%rip), %rdx
	lea	rt_ex_table_end(%rip), %rdi
1:	cmp	%rdi, %rdx
	jae	2f
	movslq	(%rdx), %rcx
	add	%rdx, %rcx
	cmp	%rax, %rcx
	je	3f
	add	$8, %rdx
	jmp	1b
3:	movslq	4(%rdx), %rcx
	lea	4(%rdx, %rcx), %rcx
	mov	%rcx, %gs:TP_SCRATCH1
	add	$TP_RUNTIME, %rsi
	mov	REG_RAX(%rsi), %rax
	mov	REG_RBX(%rsi), %rbx
	mov	REG_RCX(%rsi), %rcx
	mov	REG_RDX(%rsi), %rdx
	mov	REG_RDI(%rsi), %rdi
	mov	REG_RBP(%rsi), %rbp
	mov	REG_RSP(%rsi), %rsp
	mov	REG_R8(%rsi), %r8
	mov	REG_R9(%rsi), %r9
	mov	REG_R10(%rsi), %r10
	mov	REG_R11(%rsi), %r11
	mov	REG_R12(%rsi), %r12
	mov	REG_R13(%rsi), %r13
	mov	REG_R14(%rsi), %r14
	mov	REG_R15(%rsi), %r15
	mov	REG_RSI(%rsi), %rsi
	jmp	*%gs:TP_SCRATCH1
2:	mov	%gs:TP_RT_STACK, %rsp
	mov	%rsi, %rdi
	call	rt_bug
	ud2

	/* The first instruction of a process: rdi = its start block; the stack is the runtime stack. */
	.globl rt_begin
	.align 16
rt_begin:
	lea	-FRAME_SIZE(%rsp), %rsp
	xor	%ebp, %ebp
	cld
	mov	%rsp, %rsi
	call	rt_start
	jmp	rt_tail_start

	.section .note.GNU-stack, "", @progbits
