/* SPDX-License-Identifier: MIT */
/* rdi: the first process's struct weft_start, or 0; rsp: argc, argv, envp, auxv (not in the first process). */
	.text
	.globl _start
	.type _start, @function
_start:
	xor %ebp, %ebp
	mov %rsp, %rsi
	and $-16, %rsp
	call native_start
	ud2
	.size _start, . - _start


/* Offsets are those of struct weft_regs (checked in fork.c). */
	.globl native_save_regs
	.type native_save_regs, @function
native_save_regs:
	movq $1, 0(%rdi)	/* rax: what the new thread sees as our result */
	mov %rbx, 8(%rdi)
	mov %rbp, 48(%rdi)
	lea 8(%rsp), %rax
	mov %rax, 56(%rdi)
	mov %r12, 96(%rdi)
	mov %r13, 104(%rdi)
	mov %r14, 112(%rdi)
	mov %r15, 120(%rdi)
	mov (%rsp), %rax
	mov %rax, 128(%rdi)
	movq $0x202, 136(%rdi)
	xor %eax, %eax
	ret
	.size native_save_regs, . - native_save_regs

	.section .note.GNU-stack, "", @progbits
