/* SPDX-License-Identifier: MIT */
#include "t.h"

TEST(call_null)
{
	EQ(weft_null_call(), 0);
}

TEST(call_unknown_number)
{
	/* Over the table's end: not a native call, and with no runtime nobody serves it. */
	ERR(native_call(WEFT_CALL_BASE + WEFT_CALL_COUNT, 0, 0, 0, 0, 0, 0), ENOSYS);
	ERR(native_call(0x7fffffffffffffff, 0, 0, 0, 0, 0, 0), ENOSYS);
	ERR(native_call(UINT64_MAX, 0, 0, 0, 0, 0, 0), ENOSYS);
}

TEST(call_keeps_registers)
{
	/* All but rax, rcx and r11 come back as they were. */
	u64 rbx = 1, rdx = 2, rsi = 3, rdi = 4, r8 = 5, r9 = 6, r10 = 7;
	__asm__ volatile("mov %7, %%rax\n\tmov $8, %%r12\n\tmov $9, %%r13\n\tmov $10, %%r14\n\tmov $11, %%r15\n\t"
			 "mov %6, %%r10\n\tmov %4, %%r8\n\tmov %5, %%r9\n\tsyscall\n\t"
			 "cmp $8, %%r12\n\tjne 1f\n\tcmp $9, %%r13\n\tjne 1f\n\tcmp $10, %%r14\n\tjne 1f\n\tcmp $11, %%r15\n\tje 2f\n1:\tud2\n2:\n\t"
			 "mov %%r10, %6\n\tmov %%r8, %4\n\tmov %%r9, %5"
			 : "+b"(rbx), "+d"(rdx), "+S"(rsi), "+D"(rdi), "+m"(r8), "+m"(r9), "+m"(r10)
			 : "i"(WEFT_CALL(NULL_CALL))
			 : "rax", "rcx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
	EQ(rbx, 1);
	EQ(rdx, 2);
	EQ(rsi, 3);
	EQ(rdi, 4);
	EQ(r8, 5);
	EQ(r9, 6);
	EQ(r10, 7);
}

TEST(fd_close_ok)
{
	i32 p[2];
	t_pipe(p);
	EQ(weft_fd_close(p[0]), 0);
	ERR(weft_fd_close(p[0]), EBADF);
	EQ(weft_fd_close(p[1]), 0);
}

TEST(fd_close_bad)
{
	ERR(weft_fd_close(-1), EBADF);
	ERR(weft_fd_close(NOFD), EBADF);
	ERR(weft_fd_close(WEFT_FD_PRIVATE + 99999), EBADF);
	ERR(weft_fd_close(INT32_MIN), EBADF);
	ERR(weft_fd_close(INT32_MAX), EBADF);
}

TEST(fd_lowest_free_number)
{
	i32 p[2], q[2];
	t_pipe(p);
	i32 low = p[0] < p[1] ? p[0] : p[1];
	weft_fd_close(p[0]);
	weft_fd_close(p[1]);
	t_pipe(q);
	EQ(q[0] < q[1] ? q[0] : q[1], low);
}

TEST(fd_dup_plain)
{
	i32 p[2];
	t_pipe(p);
	i64 d = OK(weft_fd_dup(p[1], 0, 0, WEFT_RIGHT_ALL));
	EQ(weft_fd_ctl(d, WEFT_FD_SAME, p[1], 0), 1);
	EQ(weft_fd_ctl(d, WEFT_FD_SAME, p[0], 0), 0);
	EQ(weft_fd_ctl(d, WEFT_FD_GET_FLAGS, 0, 0), 0);
}

TEST(fd_dup_lower_bound)
{
	i32 p[2];
	t_pipe(p);
	EQ(weft_fd_dup(p[0], 100, 0, WEFT_RIGHT_ALL), 100);
	EQ(weft_fd_dup(p[0], 100, WEFT_DUP_CLOEXEC, WEFT_RIGHT_ALL), 101);
	EQ(weft_fd_ctl(101, WEFT_FD_GET_FLAGS, 0, 0), 1);
}

TEST(fd_dup_exact_replaces)
{
	i32 p[2], q[2];
	t_pipe(p);
	t_pipe(q);
	EQ(weft_fd_dup(p[0], q[0], WEFT_DUP_EXACT, WEFT_RIGHT_ALL), q[0]);
	EQ(weft_fd_ctl(p[0], WEFT_FD_SAME, q[0], 0), 1);
	/* The reader of q is gone. */
	CHECK(t_poll(q[1], WEFT_POLLOUT, 0) & WEFT_POLLERR);
}

TEST(fd_dup_private)
{
	i32 p[2];
	t_pipe(p);
	i64 d = OK(weft_fd_dup(p[0], 0, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC, WEFT_RIGHT_ALL));
	CHECK(d >= WEFT_FD_PRIVATE);
	EQ(weft_fd_close_range(0, UINT32_MAX, 0), 0);
	EQ(weft_fd_ctl(d, WEFT_FD_GET_FLAGS, 0, 0), 1);
	ERR(weft_fd_ctl(p[0], WEFT_FD_GET_FLAGS, 0, 0), EBADF);
	EQ(weft_fd_close(d), 0);
}

TEST(fd_dup_move)
{
	i32 p[2];
	t_pipe(p);
	i64 d = OK(weft_fd_dup(p[0], 50, WEFT_DUP_MOVE, WEFT_RIGHT_ALL));
	ERR(weft_fd_close(p[0]), EBADF);
	EQ(weft_fd_close(d), 0);
}

TEST(fd_dup_errors)
{
	i32 p[2];
	t_pipe(p);
	ERR(weft_fd_dup(NOFD, 0, 0, WEFT_RIGHT_ALL), EBADF);
	ERR(weft_fd_dup(p[0], 0, 0x8000, WEFT_RIGHT_ALL), EINVAL);
	OK(weft_fd_ctl(0, WEFT_FD_LIMIT, 64, 0));
	CHECK(weft_fd_dup(p[0], 64, 0, WEFT_RIGHT_ALL) < 0);
	CHECK(weft_fd_dup(p[0], 64, WEFT_DUP_EXACT, WEFT_RIGHT_ALL) < 0);
}

TEST(fd_dup_needs_right)
{
	i32 p[2];
	t_pipe(p);
	i64 d = OK(weft_fd_dup(p[0], 0, 0, WEFT_RIGHT_READ));
	ERR(weft_fd_dup(d, 0, 0, WEFT_RIGHT_ALL), EPERM);
}

TEST(fd_rights_only_shrink)
{
	i32 m = t_mem(PAGE);
	struct weft_fd_info info;
	i64 d = OK(weft_fd_dup(m, 0, 0, WEFT_RIGHT_READ | WEFT_RIGHT_DUP));
	i64 e = OK(weft_fd_dup(d, 0, 0, WEFT_RIGHT_ALL));
	EQ(weft_fd_ctl(e, WEFT_FD_INFO, PTR(&info), 0), 0);
	EQ(info.rights, WEFT_RIGHT_READ | WEFT_RIGHT_DUP);
	ERR(weft_fd_write(e, PTR("x"), 1, 0, 0), EBADF);
	ERR(weft_mem_map(-1, 0, PAGE, WEFT_PROT_READ, e, 0), EPERM);
	ERR(weft_mem_ctl(e, WEFT_MEM_RESIZE, 2 * PAGE, 0, 0), EPERM);
}

TEST(fd_close_range)
{
	i32 p[2], q[2];
	t_pipe(p);
	t_pipe(q);
	EQ(weft_fd_close_range(p[0], q[1], WEFT_CLOSE_CLOEXEC), 0);
	EQ(weft_fd_ctl(q[0], WEFT_FD_GET_FLAGS, 0, 0), 1);
	EQ(weft_fd_close_range(p[0], q[1], 0), 0);
	ERR(weft_fd_ctl(p[0], WEFT_FD_GET_FLAGS, 0, 0), EBADF);
	ERR(weft_fd_ctl(q[1], WEFT_FD_GET_FLAGS, 0, 0), EBADF);
}

TEST(fd_close_range_errors)
{
	ERR(weft_fd_close_range(5, 4, 0), EINVAL);
	ERR(weft_fd_close_range(100, 200, 0x10), EINVAL);
}

TEST(fd_flags)
{
	i32 p[2];
	t_pipe(p);
	EQ(weft_fd_ctl(p[0], WEFT_FD_GET_FLAGS, 0, 0), 0);
	EQ(weft_fd_ctl(p[0], WEFT_FD_SET_FLAGS, 1, 0), 0);
	EQ(weft_fd_ctl(p[0], WEFT_FD_GET_FLAGS, 0, 0), 1);
	ERR(weft_fd_ctl(NOFD, WEFT_FD_GET_FLAGS, 0, 0), EBADF);
}

TEST(fd_status)
{
	i32 p[2];
	t_pipe(p);
	u32 nonblock = 04000;
	EQ(weft_fd_ctl(p[0], WEFT_FD_SET_STATUS, nonblock, 0), 0);
	CHECK(weft_fd_ctl(p[0], WEFT_FD_GET_STATUS, 0, 0) & nonblock);
	char c;
	ERR(weft_fd_read(p[0], PTR(&c), 1, -1, 0), EAGAIN);
	/* It belongs to the open description, so a duplicate shows it. */
	i64 d = OK(weft_fd_dup(p[0], 0, 0, WEFT_RIGHT_ALL));
	CHECK(weft_fd_ctl(d, WEFT_FD_GET_STATUS, 0, 0) & nonblock);
}

TEST(fd_info)
{
	i32 p[2];
	struct weft_fd_info a, b;
	t_pipe(p);
	EQ(weft_fd_ctl(p[0], WEFT_FD_INFO, PTR(&a), 0), 0);
	EQ(weft_fd_ctl(p[1], WEFT_FD_INFO, PTR(&b), 0), 0);
	EQ(a.type, WEFT_OBJ_PIPE);
	EQ(b.type, WEFT_OBJ_PIPE);
	CHECK(a.rights & WEFT_RIGHT_READ);
	CHECK(b.rights & WEFT_RIGHT_WRITE);
	EQ(a.koid2, b.object);
	EQ(b.koid2, a.object);
	ERR(weft_fd_ctl(p[0], WEFT_FD_INFO, BADPTR, 0), EFAULT);
	ERR(weft_fd_ctl(p[0], WEFT_FD_INFO, KERNELPTR, 0), EFAULT);
}

TEST(fd_list_and_limit)
{
	i32 list[64];
	i64 n = OK(weft_proc_ctl(-1, WEFT_PROC_FD_LIST, PTR(list), 64, 0));
	CHECK(n >= 3);
	for (i64 i = 1; i < n; i++)
		CHECK(list[i - 1] < list[i]);
	i64 old = OK(weft_fd_ctl(0, WEFT_FD_LIMIT, -1, 0));
	CHECK(old >= 64);
	EQ(weft_fd_ctl(0, WEFT_FD_LIMIT, n, 0) >= 0, 1);
	i32 p[2];
	ERR(weft_obj_create(WEFT_OBJ_PIPE, 0, 0, 0, PTR(p)), EMFILE);
	ERR(weft_proc_ctl(-1, WEFT_PROC_FD_LIST, BADPTR, 64, 0), EFAULT);
}

TEST(fd_ctl_errors)
{
	i32 p[2];
	t_pipe(p);
	ERR(weft_fd_ctl(p[0], 0xffff, 0, 0), EINVAL);
	ERR(weft_fd_ctl(NOFD, WEFT_FD_INFO, 0, 0), EBADF);
	ERR(weft_fd_ctl(p[0], WEFT_FD_SAME, NOFD, 0), EBADF);
	ERR(weft_fd_ctl(p[0], WEFT_FD_SEEK, 0, 0), ESPIPE);
}

TEST(fd_read_write_memory)
{
	i32 m = t_mem(3 * PAGE);
	char buf[16] = "";
	EQ(weft_fd_write(m, PTR("across"), 6, PAGE - 3, 0), 6);
	EQ(weft_fd_read(m, PTR(buf), 6, PAGE - 3, 0), 6);
	CHECK(memcmp(buf, "across", 6) == 0);
	EQ(weft_fd_read(m, PTR(buf), 6, 3 * PAGE, 0), 0);
	EQ(weft_fd_read(m, PTR(buf), 6, 3 * PAGE - 2, 0), 2);
}

TEST(fd_shared_offset)
{
	i32 m = t_mem(0);
	char buf[8] = "";
	EQ(weft_fd_write(m, PTR("abcdef"), 6, -1, 0), 6);
	EQ(weft_fd_ctl(m, WEFT_FD_SEEK, 0, 0), 0);
	i64 d = OK(weft_fd_dup(m, 0, 0, WEFT_RIGHT_ALL));
	EQ(weft_fd_read(m, PTR(buf), 2, -1, 0), 2);
	EQ(weft_fd_read(d, PTR(buf), 2, -1, 0), 2);
	CHECK(memcmp(buf, "cd", 2) == 0);
	EQ(weft_fd_ctl(m, WEFT_FD_SEEK, 0, 1), 4);
	EQ(weft_fd_ctl(m, WEFT_FD_SEEK, -1, 2), 5);
	ERR(weft_fd_ctl(m, WEFT_FD_SEEK, -1, 0), EINVAL);
	ERR(weft_fd_ctl(m, WEFT_FD_SEEK, 0, 9), EINVAL);
}

TEST(fd_vectors)
{
	i32 m = t_mem(0);
	char a[3] = "", b[5] = "";
	struct weft_iov out[2] = {{PTR("hel"), 3}, {PTR("lo"), 2}}, in[2] = {{PTR(a), 2}, {PTR(b), 4}};
	EQ(weft_fd_write(m, PTR(out), 2, 0, WEFT_IO_VEC), 5);
	EQ(weft_fd_read(m, PTR(in), 2, 0, WEFT_IO_VEC), 5);
	CHECK(memcmp(a, "he", 2) == 0 && memcmp(b, "llo", 3) == 0);
	ERR(weft_fd_read(m, PTR(in), 1025, 0, WEFT_IO_VEC), EINVAL);
	ERR(weft_fd_read(m, BADPTR, 2, 0, WEFT_IO_VEC), EFAULT);
	in[0].len = in[1].len = 1ul << 63;
	CHECK(weft_fd_read(m, PTR(in), 2, 0, WEFT_IO_VEC) < 0);
}

TEST(fd_append)
{
	i32 m = t_mem(0);
	EQ(weft_fd_write(m, PTR("abc"), 3, -1, 0), 3);
	EQ(weft_fd_ctl(m, WEFT_FD_SEEK, 0, 0), 0);
	EQ(weft_fd_write(m, PTR("def"), 3, -1, WEFT_IO_APPEND), 3);
	struct weft_mem_info info;
	EQ(weft_mem_ctl(m, WEFT_MEM_INFO, PTR(&info), 0, 0), 0);
	EQ(info.size, 6);
}

TEST(fd_read_write_errors)
{
	i32 p[2], m = t_mem(PAGE);
	char c = 0;
	t_pipe(p);
	ERR(weft_fd_read(NOFD, PTR(&c), 1, -1, 0), EBADF);
	ERR(weft_fd_write(NOFD, PTR(&c), 1, -1, 0), EBADF);
	CHECK(weft_fd_read(p[1], PTR(&c), 1, -1, 0) < 0);
	CHECK(weft_fd_write(p[0], PTR(&c), 1, -1, 0) < 0);
	ERR(weft_fd_read(m, BADPTR, 1, 0, 0), EFAULT);
	ERR(weft_fd_write(m, BADPTR, 1, 0, 0), EFAULT);
	ERR(weft_fd_write(m, KERNELPTR, 8, 0, 0), EFAULT);
	ERR(weft_fd_read(m, KERNELPTR, 8, 0, 0), EFAULT);
	ERR(weft_fd_read(m, PTR(&c), 1, -2, 0), EINVAL);
}

TEST(fd_partial_copy_at_a_fault)
{
	/* What was copied before the bad page counts. */
	char *a = t_anon(2 * PAGE);
	i32 m = t_mem(2 * PAGE);
	memset(a, 7, PAGE);
	OK(weft_mem_unmap(-1, PTR(a + PAGE), PAGE));
	EQ(weft_fd_write(m, PTR(a + PAGE - 10), 20, 0, 0), 10);
}

TEST(obj_create_errors)
{
	i32 fds[2];
	ERR(weft_obj_create(999, 0, 0, 0, PTR(fds)), EINVAL);
	ERR(weft_obj_create(WEFT_OBJ_PROCESS, 0, 0, 0, PTR(fds)), EINVAL);
	ERR(weft_obj_create(WEFT_OBJ_PIPE, 0, 0, 0, BADPTR), EFAULT);
	ERR(weft_obj_create(WEFT_OBJ_CHANNEL, 77, 0, 0, PTR(fds)), EINVAL);
	ERR(weft_obj_create(WEFT_OBJ_TIMER, 99, 0, 0, PTR(fds)), EINVAL);
	/* Nothing may have been left open. */
	i32 list[64];
	i64 n = OK(weft_proc_ctl(-1, WEFT_PROC_FD_LIST, PTR(list), 64, 0));
	t_pipe(fds);
	EQ(weft_proc_ctl(-1, WEFT_PROC_FD_LIST, PTR(list), 64, 0), n + 2);
}
