/* SPDX-License-Identifier: MIT */
/*
 * A small runtime for rt.c: what weft/thread.h says that a runtime does. Thread page, by GS: 0x08 ret_rip, 0x10 ret_rflags, 0x18 the
 * program's rsp, 0x28 our stack, 0x30 blocked, 0x38 pending, 0x40 process page; 0x400 how we return (0: from a call, 1: from an upcall),
 * 0x408 a test's: while it is not 0 the tail does not end.
 *
 * Frame of a call, below rt_stack: rax rbx rdx rsi rdi rbp r8 r9 r10 r12 r13 r14 r15, 13 words (104 bytes), and 8 to align.
 */
#define FRAME 112
	.section rt_text, "ax", @progbits
	.globl rt_entry, rt_upcall, rt_fault, rt_tail_start, rt_tail_end

rt_entry:
	mov %rsp, %gs:0x18
	mov %gs:0x28, %rsp
	sub $FRAME, %rsp
	mov %rax, 0(%rsp)
	mov %rbx, 8(%rsp)
	mov %rdx, 16(%rsp)
	mov %rsi, 24(%rsp)
	mov %rdi, 32(%rsp)
	mov %rbp, 40(%rsp)
	mov %r8, 48(%rsp)
	mov %r9, 56(%rsp)
	mov %r10, 64(%rsp)
	mov %r12, 72(%rsp)
	mov %r13, 80(%rsp)
	mov %r14, 88(%rsp)
	mov %r15, 96(%rsp)
	movq $0, %gs:0x400
	mov %rsp, %rdi
	call rt_serve
	mov %rax, 0(%rsp)
	jmp rt_tail_start

rt_deliver:
	call rt_take_signals
	jmp rt_tail_start

rt_upcall:
	mov %gs:0x28, %rsp
	movq $1, %gs:0x400
	cld
	mov %gs:0, %rdi
	sub $FRAME, %rsp
	call rt_program_stopped

rt_tail_start:
	mov %gs:0x28, %rsp
	sub $FRAME, %rsp
	mov %gs:0x38, %rcx
	mov %gs:0x40, %r11
	or 8(%r11), %rcx
	mov %gs:0x30, %r11
	not %r11
	and %r11, %rcx
	jnz rt_deliver
1:	cmpq $0, %gs:0x408
	jne 1b
	cmpq $0, %gs:0x400
	jne 2f
	mov 0(%rsp), %rax
	mov 8(%rsp), %rbx
	mov 16(%rsp), %rdx
	mov 24(%rsp), %rsi
	mov 32(%rsp), %rdi
	mov 40(%rsp), %rbp
	mov 48(%rsp), %r8
	mov 56(%rsp), %r9
	mov 64(%rsp), %r10
	mov 72(%rsp), %r12
	mov 80(%rsp), %r13
	mov 88(%rsp), %r14
	mov 96(%rsp), %r15
	push %gs:0x10
	popfq
	mov %gs:0x18, %rsp
	jmp *%gs:0x08
2:	mov %gs:0x80, %rax
	mov %gs:0x88, %rbx
	mov %gs:0x90, %rcx
	mov %gs:0x98, %rdx
	mov %gs:0xa0, %rsi
	mov %gs:0xa8, %rdi
	mov %gs:0xb0, %rbp
	mov %gs:0xc0, %r8
	mov %gs:0xc8, %r9
	mov %gs:0xd0, %r10
	mov %gs:0xd8, %r11
	mov %gs:0xe0, %r12
	mov %gs:0xe8, %r13
	mov %gs:0xf0, %r14
	mov %gs:0xf8, %r15
	push %gs:0x108
	popfq
	mov %gs:0xb8, %rsp
	jmp *%gs:0x100
rt_tail_end:

/* A fault of the runtime itself: only rt_peek's load has a fix-up. */
rt_fault:
	mov %gs:0x1a8, %rcx	/* tp->runtime.regs.rip */
	lea rt_peek_load(%rip), %r11
	cmp %r11, %rcx
	jne 3f
	mov %gs:0x160, %rsp	/* tp->runtime.regs.rsp */
	mov $-14, %rax
	ret
3:	ud2

	.globl rt_peek
rt_peek:
	mov %rsp, %gs:0x410
rt_peek_load:
	movzbl (%rdi), %eax
	ret

/* For the program: makes a reflected call with known values in every register and checks them after it. rdi: number -> result, or -1000 */
	.text
	.globl rt_call_checked
	.type rt_call_checked, @function
rt_call_checked:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rdi, %rax
	mov $0x11, %rbx
	mov $0x22, %rbp
	mov $0x33, %r12
	mov $0x44, %r13
	mov $0x55, %r14
	mov $0x66, %r15
	mov $1, %rdi
	mov $2, %rsi
	mov $4, %rdx
	mov $8, %r10
	mov $16, %r8
	mov $32, %r9
	stc
	syscall
	jnc 9f
	cmp $0x11, %rbx
	jne 9f
	cmp $0x22, %rbp
	jne 9f
	cmp $0x33, %r12
	jne 9f
	cmp $0x44, %r13
	jne 9f
	cmp $0x55, %r14
	jne 9f
	cmp $0x66, %r15
	jne 9f
	cmp $1, %rdi
	jne 9f
	cmp $2, %rsi
	jne 9f
	cmp $4, %rdx
	jne 9f
	cmp $8, %r10
	jne 9f
	cmp $16, %r8
	jne 9f
	cmp $32, %r9
	je 8f
9:	mov $-1000, %rax
8:	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
	.size rt_call_checked, . - rt_call_checked

/* Counts in every register until *rdi is not 0, checking that nothing but the counting changes them. -> 0, or 1 if one was changed. */
	.globl rt_spin_checked
	.type rt_spin_checked, @function
rt_spin_checked:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	xor %eax, %eax
	mov $1, %rbx
	mov $2, %rcx
	mov $3, %rdx
	mov $4, %rsi
	mov $5, %rbp
	mov $8, %r8
	mov $9, %r9
	mov $10, %r10
	mov $11, %r11
	mov $12, %r12
	mov $13, %r13
	mov $14, %r14
	mov $15, %r15
1:	cmpl $0, (%rdi)
	jne 2f
	inc %rax
	cmp $1, %rbx
	jne 3f
	cmp $2, %rcx
	jne 3f
	cmp $3, %rdx
	jne 3f
	cmp $4, %rsi
	jne 3f
	cmp $5, %rbp
	jne 3f
	cmp $8, %r8
	jne 3f
	cmp $9, %r9
	jne 3f
	cmp $10, %r10
	jne 3f
	cmp $11, %r11
	jne 3f
	cmp $12, %r12
	jne 3f
	cmp $13, %r13
	jne 3f
	cmp $14, %r14
	jne 3f
	cmp $15, %r15
	je 1b
3:	mov $1, %eax
	jmp 4f
2:	xor %eax, %eax
4:	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret
	.size rt_spin_checked, . - rt_spin_checked
	.section .note.GNU-stack, "", @progbits
