/* SPDX-License-Identifier: MIT */
/* Inside mm/: moving bytes without touching the BKL. */
#ifndef MM_UIO_H
#define MM_UIO_H

#include <kernel/mm.h>

u64 uio_move(struct uio *u, void *kernel, u64 n,
	bool out); /* out: kernel -> uio. -> bytes moved, short at a fault or the end */

#endif
