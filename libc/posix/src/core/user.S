/* SPDX-License-Identifier: MIT */
/*
 * Accesses to the program's memory that may fault. Each faulting instruction has an entry in .ex_table: where to go on, with all
 * registers as they were. Leaf functions, System V calling convention; no stack is used, so nothing needs unwinding.
 */
	.macro EX from to
	.pushsection .ex_table, "a"
	.align 4
	.long \from - .
	.long \to - .
	.popsection
	.endm

	.text

	/* u64 rt_copy(void *dst, const void *src, u64 n) -> bytes that were not copied */
	.globl rt_copy
	.align 16
rt_copy:
	mov	%rdx, %rcx
	cmp	$1024, %rdx
	ja	6f
	/* Short copies by words: a repeated instruction costs much to begin with (and, emulated, for every step). */
	sub	$8, %rcx
	jb	2f
1:	mov	(%rsi), %rax
3:	mov	%rax, (%rdi)
	add	$8, %rsi
	add	$8, %rdi
	sub	$8, %rcx
	jae	1b
2:	add	$8, %rcx
	jz	5f
4:	movb	(%rsi), %al
7:	movb	%al, (%rdi)
	inc	%rsi
	inc	%rdi
	dec	%rcx
	jnz	4b
5:	mov	%rcx, %rax
	ret
6:	shr	$3, %rcx
	and	$7, %edx
8:	rep movsq
	mov	%rdx, %rcx
	test	%rcx, %rcx
	jnz	4b
	xor	%eax, %eax
	ret
9:	lea	(%rdx, %rcx, 8), %rcx /* byte by byte to the exact place of the fault */
	jmp	4b
	EX 1b 2b
	EX 3b 2b
	EX 4b 5b
	EX 7b 5b
	EX 8b 9b

	/* u64 rt_clear(void *dst, u64 n) -> bytes that were not cleared */
	.globl rt_clear
	.align 16
rt_clear:
	mov	%rsi, %rcx
	xor	%eax, %eax
1:	rep stosb
2:	mov	%rcx, %rax
	ret
	EX 1b 2b

	/* i64 rt_copy_string(char *dst, const char *src, u64 max) -> length without the NUL, max if there is none in max bytes, -EFAULT */
	.globl rt_copy_string
	.align 16
rt_copy_string:
	xor	%eax, %eax
	test	%rdx, %rdx
	jz	3f
1:	movb	(%rsi, %rax), %cl
	movb	%cl, (%rdi, %rax)
	test	%cl, %cl
	jz	3f
	inc	%rax
	cmp	%rdx, %rax
	jb	1b
3:	ret
4:	mov	$-14, %rax
	ret
	EX 1b 4b

	/* i64 rt_string_length(const char *s, u64 max): the same without a copy */
	.globl rt_string_length
	.align 16
rt_string_length:
	xor	%eax, %eax
1:	cmp	%rsi, %rax
	jae	3f
2:	cmpb	$0, (%rdi, %rax)
	je	3f
	inc	%rax
	jmp	1b
3:	ret
4:	mov	$-14, %rax
	ret
	EX 2b 4b

	/* int rt_xsave(void *area, u64 mask), rt_xrstor, rt_fxsave, rt_fxrstor -> 0 or -EFAULT */
	.globl rt_xsave
	.align 16
rt_xsave:
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
1:	xsave64	(%rdi)
	xor	%eax, %eax
	ret
2:	mov	$-14, %eax
	ret
	EX 1b 2b

	.globl rt_xrstor
	.align 16
rt_xrstor:
	mov	%esi, %eax
	mov	%rsi, %rdx
	shr	$32, %rdx
1:	xrstor64 (%rdi)
	xor	%eax, %eax
	ret
2:	mov	$-14, %eax
	ret
	EX 1b 2b

	.globl rt_fxsave
	.align 16
rt_fxsave:
1:	fxsave64 (%rdi)
	xor	%eax, %eax
	ret
2:	mov	$-14, %eax
	ret
	EX 1b 2b

	.globl rt_fxrstor
	.align 16
rt_fxrstor:
1:	fxrstor64 (%rdi)
	xor	%eax, %eax
	ret
2:	mov	$-14, %eax
	ret
	EX 1b 2b

	/* Freestanding memory functions for the compiler's own use. */
	.globl memcpy
	.globl memmove
	.align 16
memmove:
	mov	%rdi, %rax
	mov	%rdi, %rcx
	sub	%rsi, %rcx
	cmp	%rdx, %rcx
	jae	1f
	lea	-1(%rdi, %rdx), %rdi
	lea	-1(%rsi, %rdx), %rsi
	mov	%rdx, %rcx
	std
	rep movsb
	cld
	ret
	.align 16
memcpy:
	mov	%rdi, %rax
1:	cmp	$512, %rdx
	ja	5f
	sub	$8, %rdx
	jb	3f
2:	mov	(%rsi), %rcx
	mov	%rcx, (%rdi)
	add	$8, %rsi
	add	$8, %rdi
	sub	$8, %rdx
	jae	2b
3:	add	$8, %rdx
	jz	6f
4:	movb	(%rsi), %cl
	movb	%cl, (%rdi)
	inc	%rsi
	inc	%rdi
	dec	%rdx
	jnz	4b
6:	ret
5:	mov	%rdx, %rcx
	shr	$3, %rcx
	and	$7, %edx
	rep movsq
	mov	%edx, %ecx
	rep movsb
	ret

	.globl memset
	.align 16
memset:
	mov	%rdi, %r8
	movzbl	%sil, %eax
	mov	$0x0101010101010101, %rcx
	imul	%rcx, %rax
	cmp	$512, %rdx
	ja	5f
	sub	$8, %rdx
	jb	3f
2:	mov	%rax, (%rdi)
	add	$8, %rdi
	sub	$8, %rdx
	jae	2b
3:	add	$8, %rdx
	jz	6f
4:	movb	%al, (%rdi)
	inc	%rdi
	dec	%rdx
	jnz	4b
6:	mov	%r8, %rax
	ret
5:	mov	%rdx, %rcx
	shr	$3, %rcx
	and	$7, %edx
	rep stosq
	mov	%edx, %ecx
	rep stosb
	mov	%r8, %rax
	ret

	.globl memcmp
	.align 16
memcmp:
	xor	%eax, %eax
	xor	%ecx, %ecx
1:	cmp	%rdx, %rcx
	jae	2f
	movzbl	(%rdi, %rcx), %eax
	movzbl	(%rsi, %rcx), %r8d
	inc	%rcx
	sub	%r8d, %eax
	jz	1b
2:	ret

	.globl strlen
	.align 16
strlen:
	xor	%eax, %eax
1:	cmpb	$0, (%rdi, %rax)
	je	2f
	inc	%rax
	jmp	1b
2:	ret

	.section .note.GNU-stack, "", @progbits
