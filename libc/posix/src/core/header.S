/* SPDX-License-Identifier: MIT */
/* struct posix_blob (posix/start.h), the first bytes of the image, and the vDSO's bytes. */
	.section .header, "a"
	.quad	0x3130747274666557
	.quad	rt_image_size
	.quad	rt_begin
	.quad	rt_image, rt_code_end, rt_entry, rt_upcall, rt_fault, rt_tail_start, rt_tail_end
	.quad	rt_vdso, rt_vdso_size

	.section .vdso_image, "a"
	.incbin	VDSO_FILE

	.section .note.GNU-stack, "", @progbits
