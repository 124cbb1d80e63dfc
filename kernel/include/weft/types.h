/* SPDX-License-Identifier: MIT */
/* Basic types shared by the kernel and user mode. The native ABI is unstable: both sides are built
 * together. */
#ifndef WEFT_TYPES_H
#define WEFT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;

#define WEFT_PAGE_SIZE	4096ul
#define WEFT_PAGE_SHIFT 12

/* User addresses are [WEFT_USER_MIN, WEFT_USER_MAX); the last page of the lower half is never
 * mapped. */
#define WEFT_USER_MIN 0x1000ul
#define WEFT_USER_MAX 0x7ffffffff000ul
/* By convention of user mode (the kernel does not care) the POSIX runtime owns this range. */
#define WEFT_RT_MIN 0x7fff80000000ul
#define WEFT_RT_MAX 0x7fffffffe000ul

/* Deadlines are absolute, in nanoseconds of the monotonic clock. */
#define WEFT_NOW     0l
#define WEFT_FOREVER INT64_MAX

#endif
