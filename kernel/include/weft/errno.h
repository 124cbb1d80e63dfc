/* SPDX-License-Identifier: MIT */
/* Native calls return 0 or more, or a negative errno with Linux's x86-64 values
 * (asm-generic/errno.h). */
#ifndef WEFT_ERRNO_H
#define WEFT_ERRNO_H

#if __STDC_HOSTED__
#include <errno.h>
#else
#include <asm-generic/errno.h>
#endif

/* Never reaches a program. A server's req_copy met an absent page of the client: forget the tag;
 * the request comes again. */
#define WEFT_EREDELIVER 600
/* Never reaches a program. A scheme's answer: resolve the offsets named in out[] inside declared
 * buffers and ask again. */
#define WEFT_ERETRY 601

#endif
