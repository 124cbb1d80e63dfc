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

	.section .note.GNU-stack, "", @progbits
