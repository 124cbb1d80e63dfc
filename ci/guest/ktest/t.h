/* SPDX-License-Identifier: MIT */
/*
 * Tests of the native ABI, in a guest. Each TEST runs in a process of its own, a fork of the runner with all its authority. It fails
 * by a CHECK, by a crash, by taking too long, or by kernel objects that stay behind after its end.
 */
#ifndef T_H
#define T_H

#include <native/call.h>
#include <native/fork.h>
#include <native/start.h>
#include <native/thread.h>
#include <native/time.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test {
	const char *name;
	void (*fn)(void);
	u64 flags;
};
#define T_LEAKS 1u /* objects that stay are meant (a device resource that was not reset) */

#define TEST_FLAGS(name, flags)                                                                    \
	static void test_##name(void);                                                             \
	static const struct test entry_##name __attribute__((section("tests"), used, aligned(8))) = {#name, test_##name, flags}; \
	static void test_##name(void)
#define TEST(name) TEST_FLAGS(name, 0)

/* Ends the test process. */
_Noreturn void t_fail(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define FAIL(...) t_fail(__FILE_NAME__, __LINE__, __VA_ARGS__)
#define CHECK(c)                                                                                   \
	do {                                                                                       \
		if (!(c))                                                                          \
			FAIL("%s", #c);                                                            \
	} while (0)
#define EQ(a, b)                                                                                   \
	do {                                                                                       \
		i64 a_ = (i64)(a), b_ = (i64)(b);                                                  \
		if (a_ != b_)                                                                      \
			FAIL("%s is %ld, not %ld", #a, a_, b_);                                    \
	} while (0)
#define ERR(a, e) EQ(a, -(e))
/* At least 0; gives the value. */
#define OK(a)                                                                                      \
	({                                                                                         \
		i64 a_ = (i64)(a);                                                                 \
		if (a_ < 0)                                                                        \
			FAIL("%s is %ld", #a, a_);                                                 \
		a_;                                                                                \
	})

#define PAGE WEFT_PAGE_SIZE
#define MS NSEC_PER_MSEC
#define NOFD 12345 /* a number that is not open */
#define BADPTR 0x10ul
#define KERNELPTR 0xffff800000000000ul

/* Authority, given by init. */
extern i32 t_root, t_ns;

i64 t_after(i64 ms); /* a deadline */
void t_sleep(i64 ms);

/* A forked child that runs fn(arg) and exits with 0 (or fails the test by its status). *proc as native_fork's. -> pid */
i32 t_child(void (*fn)(void *arg), void *arg, i32 *proc);
/* Waits for it; -> wait status. */
u32 t_wait(i32 pid);
void t_wait_ok(i32 pid);
/* Waits until fd has one of these bits; -> ready bits, 0 after ms. */
u32 t_poll(i32 fd, u32 events, i64 ms);

/* This program's file as a memory object. */
i32 t_self_image(u64 *size);

void t_pipe(i32 fds[2]);
void t_chan(u32 type, i32 fds[2]);
i32 t_obj(u32 kind, u64 a, u64 b);
i32 t_mem(u64 size);
/* Maps it shared, read-write. */
void *t_map(i32 mem, u64 size);
void *t_anon(u64 size);
/* A scheme's two ends. */
void t_scheme(i32 fds[2]);
/* A root handle on it, in the caller. */
i32 t_open(i32 endpoint);
/* A handle made by the server end. */
i32 t_handle(i32 server, u64 id);
/* One request without buffers. */
i64 t_call(i32 handle, u16 op, u64 arg);
/* Receives one SQE within 2 s. */
void t_recv(i32 server, struct weft_sqe *e);
void t_reply(i32 server, u64 tag, i64 result);

#endif
