/* SPDX-License-Identifier: MIT */
/*
 * Maps an x86-64 ELF program that lies in a memory object (or is a file's memory) into an address space, privately. It keeps no
 * state and needs nothing but native calls, so that the POSIX runtime can use it for exec too. The file is not trusted.
 */
#ifndef NATIVE_ELF_H
#define NATIVE_ELF_H

#include <weft/types.h>

#define ELF_INTERP_MAX 256
struct elf_image {
	u64 bias;	/* added to the file's addresses */
	u64 entry;
	u64 phdr, phnum, phent;
	u64 low, high;	/* mapped range; brk starts at high */
	bool exec_stack;
	char interp[ELF_INTERP_MAX]; /* empty: static */
};

/**
 * Maps into `as` (-1: the caller's). bias_hint places a position-independent file; it is page aligned. 0, -ENOEXEC for a file that
 * is no such program, or the error of a mapping (what was mapped by then stays: the caller drops the address space).
 */
int elf_load(i32 as, i32 mem, u64 size, u64 bias_hint, struct elf_image *out);

#endif
