/* SPDX-License-Identifier: MIT */
/* The smallest program: a line on fd 1, then the end. */
	.globl	_start
_start:
	mov	$1, %eax
	mov	$1, %edi
	lea	text(%rip), %rsi
	mov	$6, %edx
	syscall
	mov	$231, %eax
	xor	%edi, %edi
	syscall
text:
	.ascii	"hello\n"
	.section .note.GNU-stack, "", @progbits
