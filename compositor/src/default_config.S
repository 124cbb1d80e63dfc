/* SPDX-License-Identifier: MIT */
/* The configuration that the session installs, for when no file is there. */
	.section .rodata
	.globl default_config
default_config:
	.incbin DEFAULT_CONFIG
	.byte 0
	.section .note.GNU-stack,"",@progbits
