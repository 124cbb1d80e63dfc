/* SPDX-License-Identifier: MIT */
/* Native calls from inside the runtime: NC(FD_CLOSE, fd) is the call, with as many arguments as are given. */
#ifndef RT_NATIVE_H
#define RT_NATIVE_H

#include <weft/call.h>
#include <weft/types.h>
#include <weft/errno.h>

static inline i64 nc0(u64 n)
{
	i64 r;
	asm volatile("syscall" : "=a"(r) : "0"(n) : "rcx", "r11", "memory");
	return r;
}
static inline i64 nc1(u64 n, u64 a)
{
	i64 r;
	asm volatile("syscall" : "=a"(r) : "0"(n), "D"(a) : "rcx", "r11", "memory");
	return r;
}
static inline i64 nc2(u64 n, u64 a, u64 b)
{
	i64 r;
	asm volatile("syscall" : "=a"(r) : "0"(n), "D"(a), "S"(b) : "rcx", "r11", "memory");
	return r;
}
static inline i64 nc3(u64 n, u64 a, u64 b, u64 c)
{
	i64 r;
	asm volatile("syscall"
		: "=a"(r)
		: "0"(n), "D"(a), "S"(b), "d"(c)
		: "rcx", "r11", "memory");
	return r;
}
static inline i64 nc4(u64 n, u64 a, u64 b, u64 c, u64 d)
{
	i64 r;
	register u64 r10 asm("r10") = d;
	asm volatile("syscall"
		: "=a"(r)
		: "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10)
		: "rcx", "r11", "memory");
	return r;
}
static inline i64 nc5(u64 n, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	i64 r;
	register u64 r10 asm("r10") = d;
	register u64 r8 asm("r8") = e;
	asm volatile("syscall"
		: "=a"(r)
		: "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
		: "rcx", "r11", "memory");
	return r;
}
static inline i64 nc6(u64 n, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	i64 r;
	register u64 r10 asm("r10") = d;
	register u64 r8 asm("r8") = e;
	register u64 r9 asm("r9") = f;
	asm volatile("syscall"
		: "=a"(r)
		: "0"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
		: "rcx", "r11", "memory");
	return r;
}

#define NC_U(x) ((u64)(x))
#define NC0(n)			nc0(n)
#define NC1(n, a)		nc1(n, NC_U(a))
#define NC2(n, a, b)		nc2(n, NC_U(a), NC_U(b))
#define NC3(n, a, b, c)		nc3(n, NC_U(a), NC_U(b), NC_U(c))
#define NC4(n, a, b, c, d)	nc4(n, NC_U(a), NC_U(b), NC_U(c), NC_U(d))
#define NC5(n, a, b, c, d, e)	nc5(n, NC_U(a), NC_U(b), NC_U(c), NC_U(d), NC_U(e))
#define NC6(n, a, b, c, d, e, f) nc6(n, NC_U(a), NC_U(b), NC_U(c), NC_U(d), NC_U(e), NC_U(f))
#define NC_PICK(_0, _1, _2, _3, _4, _5, _6, N, ...) N
#define NC(NAME, ...) \
	NC_PICK(0, ##__VA_ARGS__, NC6, NC5, NC4, NC3, NC2, NC1, NC0)(WEFT_CALL(NAME), ##__VA_ARGS__)

#endif
