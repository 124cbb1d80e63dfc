/* SPDX-License-Identifier: MIT */
/*
 * Stubs of the native calls, made from WEFT_CALLS: i64 weft_NAME(u64 ...), 0 or more or a negative errno. Every argument is a
 * u64; signed numbers convert by themselves and pointers through PTR(). Works freestanding and under any C library.
 */
#ifndef NATIVE_CALL_H
#define NATIVE_CALL_H

#include <weft/call.h>
#include <weft/chan.h>
#include <weft/errno.h>
#include <weft/event.h>
#include <weft/mem.h>
#include <weft/object.h>
#include <weft/scheme.h>
#include <weft/sys.h>
#include <weft/thread.h>

#define PTR(p) ((u64)(uintptr_t)(p))

static inline i64 native_call(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)
{
	register u64 r10 __asm__("r10") = a3;
	register u64 r8 __asm__("r8") = a4;
	register u64 r9 __asm__("r9") = a5;
	i64 result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a0), "S"(a1), "d"(a2), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

static inline i64 native_call3(u64 nr, u64 a0, u64 a1, u64 a2)
{
	i64 result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a0), "S"(a1), "d"(a2)
			 : "rcx", "r11", "memory");
	return result;
}

#define NATIVE_STUB_0(nr, n)                                                                       \
	static inline i64 weft_##n(void)                                                           \
	{                                                                                          \
		return native_call3(nr, 0, 0, 0);                                                  \
	}
#define NATIVE_STUB_1(nr, n)                                                                       \
	static inline i64 weft_##n(u64 a0)                                                         \
	{                                                                                          \
		return native_call3(nr, a0, 0, 0);                                                 \
	}
#define NATIVE_STUB_2(nr, n)                                                                       \
	static inline i64 weft_##n(u64 a0, u64 a1)                                                 \
	{                                                                                          \
		return native_call3(nr, a0, a1, 0);                                                \
	}
#define NATIVE_STUB_3(nr, n)                                                                       \
	static inline i64 weft_##n(u64 a0, u64 a1, u64 a2)                                         \
	{                                                                                          \
		return native_call3(nr, a0, a1, a2);                                               \
	}
#define NATIVE_STUB_4(nr, n)                                                                       \
	static inline i64 weft_##n(u64 a0, u64 a1, u64 a2, u64 a3)                                 \
	{                                                                                          \
		return native_call(nr, a0, a1, a2, a3, 0, 0);                                      \
	}
#define NATIVE_STUB_5(nr, n)                                                                       \
	static inline i64 weft_##n(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)                         \
	{                                                                                          \
		return native_call(nr, a0, a1, a2, a3, a4, 0);                                     \
	}
#define NATIVE_STUB_6(nr, n)                                                                       \
	static inline i64 weft_##n(u64 a0, u64 a1, u64 a2, u64 a3, u64 a4, u64 a5)                 \
	{                                                                                          \
		return native_call(nr, a0, a1, a2, a3, a4, a5);                                    \
	}
#define X(N, n, c) NATIVE_STUB_##c(WEFT_CALL(N), n)
WEFT_CALLS(X)
#undef X

#endif
