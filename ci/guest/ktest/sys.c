/* SPDX-License-Identifier: MIT */
/* Resources, interrupts, the log, information, random bytes, built-in schemes. */
#include "t.h"
#include <native/systext.h>

static i64 derive(i32 from, u32 kinds, u64 base, u64 len)
{
	struct weft_res r = {.kinds = kinds, .base = base, .len = len};
	return weft_sys_ctl(from, WEFT_SYS_RES_DERIVE, PTR(&r), 0, 0);
}

TEST(res_derive)
{
	i32 a = (i32)OK(derive(t_root, WEFT_RES_PORTS, 0x60, 16));
	CHECK(a >= WEFT_FD_PRIVATE);
	i32 b = (i32)OK(derive(a, WEFT_RES_PORTS, 0x64, 1));
	CHECK(derive(a, WEFT_RES_PORTS, 0x60, 17) < 0);
	CHECK(derive(a, WEFT_RES_PORTS, 0x5f, 2) < 0);
	CHECK(derive(b, WEFT_RES_PORTS, 0x60, 1) < 0);
	CHECK(derive(a, WEFT_RES_MEM, 0x60, 1) < 0);
	CHECK(derive(a, WEFT_RES_PORTS | WEFT_RES_POWER, 0x60, 1) < 0);
	CHECK(derive(a, WEFT_RES_PORTS, 0x60, UINT64_MAX) < 0);
	ERR(derive(NOFD, WEFT_RES_PORTS, 0x60, 1), EPERM);
	ERR(weft_sys_ctl(t_root, WEFT_SYS_RES_DERIVE, BADPTR, 0, 0), EFAULT);
}

TEST(res_of_wrong_kind)
{
	u64 counts[4];
	i32 ports = (i32)OK(derive(t_root, WEFT_RES_PORTS, 0x60, 1));
	ERR(weft_sys_ctl(ports, WEFT_SYS_POWER, 0, 0, 0), EPERM);
	ERR(weft_sys_ctl(ports, WEFT_SYS_CLOCK_SET, 0, 0, 0), EPERM);
	ERR(weft_sys_ctl(ports, WEFT_SYS_OBJECTS, PTR(counts), 4, 0), EPERM);
	ERR(weft_sys_ctl(-1, WEFT_SYS_POWER, 0, 0, 0), EPERM);
	ERR(weft_proc_ctl(ports, WEFT_PROC_LIST, 0, 0, 0), EPERM);
}

static u8 in_byte(u16 port)
{
	u8 v;
	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static void use_port(void *arg)
{
	in_byte((u16)PTR(arg));
}

TEST(ports_need_a_grant)
{
	i32 r = (i32)OK(derive(t_root, WEFT_RES_PORTS, 0x70, 2)), m = t_mem(PAGE);
	CHECK(t_wait(t_child(use_port, (void *)0x71, NULL)) != 0);
	EQ(weft_proc_ctl(-1, WEFT_PROC_GRANT_PORTS, r, 0, 0), 0);
	in_byte(0x71);
	/* Not beyond it. */
	CHECK(t_wait(t_child(use_port, (void *)0x72, NULL)) != 0);
	CHECK(t_wait(t_child(use_port, (void *)0x61, NULL)) != 0);
	CHECK(weft_proc_ctl(-1, WEFT_PROC_GRANT_PORTS, m, 0, 0) < 0);
	ERR(weft_proc_ctl(-1, WEFT_PROC_GRANT_PORTS, NOFD, 0, 0), EPERM);
}

static void privileged(void *arg)
{
	switch (PTR(arg)) {
	case 0:
		__asm__ volatile("cli");
		break;
	case 1:
		__asm__ volatile("hlt");
		break;
	case 2:
		__asm__ volatile("mov %%cr3, %%rax" : : : "rax");
		break;
	case 3:
		__asm__ volatile("wrmsr" : : "a"(0), "d"(0), "c"(0xc0000080));
		break;
	case 4:
		__asm__ volatile("swapgs");
		break;
	case 5:
		__asm__ volatile("int $0x80");
		break;
	case 6:
		__asm__ volatile("int $14");
		break;
	case 7:
		__asm__ volatile("lgdt (%%rsp)" : : : "memory");
		break;
	}
}

TEST(privileged_instructions)
{
	for (u64 i = 0; i < 8; i++) {
		if (t_wait(t_child(privileged, (void *)i, NULL)) == 0)
			FAIL("instruction %lu was carried out", i);
	}
}

TEST(irq_object)
{
	i32 fds[2] = {-1, -1};
	u64 n;
	i32 r = (i32)OK(derive(t_root, WEFT_RES_IRQ, 3, 1));
	OK(weft_obj_create(WEFT_OBJ_IRQ, r, 3, 0, PTR(fds)));
	EQ(t_poll(fds[0], WEFT_POLLIN, 0), 0);
	ERR(weft_fd_read(fds[0], PTR(&n), 8, -1, WEFT_IO_NONBLOCK), EAGAIN);
	CHECK(weft_obj_create(WEFT_OBJ_IRQ, r, 5, 0, PTR(fds)) < 0);
	CHECK(weft_obj_create(WEFT_OBJ_IRQ, NOFD, 3, 0, PTR(fds)) < 0);
}

TEST(irq_msi)
{
	i32 fds[2] = {-1, -1};
	struct weft_irq_info info;
	i32 r = (i32)OK(derive(t_root, WEFT_RES_IRQ, WEFT_IRQ_MSI, 1));
	OK(weft_obj_create(WEFT_OBJ_IRQ, r, WEFT_IRQ_MSI, 0, PTR(fds)));
	EQ(weft_fd_ctl(fds[0], WEFT_IRQ_GET_INFO, PTR(&info), 0), 0);
	EQ(info.msi_address >> 20, 0xfee);
	CHECK(info.vector >= 32);
	ERR(weft_fd_ctl(fds[0], WEFT_IRQ_GET_INFO, BADPTR, 0), EFAULT);
}

TEST(irq_of_a_timer_chip)
{
	/* The real-time clock's periodic interrupt on line 8, all through user mode. */
	i32 fds[2] = {-1, -1};
	i32 ports = (i32)OK(derive(t_root, WEFT_RES_PORTS, 0x70, 2)), irq = (i32)OK(derive(t_root, WEFT_RES_IRQ, 8, 1));
	EQ(weft_proc_ctl(-1, WEFT_PROC_GRANT_PORTS, ports, 0, 0), 0);
	OK(weft_obj_create(WEFT_OBJ_IRQ, irq, 8, 0, PTR(fds)));
	__asm__ volatile("outb %0, $0x70" : : "a"((u8)0x8b));
	u8 b = in_byte(0x71);
	__asm__ volatile("outb %0, $0x70" : : "a"((u8)0x8b));
	__asm__ volatile("outb %0, $0x71" : : "a"((u8)(b | 0x40)));
	__asm__ volatile("outb %0, $0x70" : : "a"((u8)0x0c));
	in_byte(0x71);
	for (int i = 0; i < 3; i++) {
		u64 n = 0;
		CHECK(t_poll(fds[0], WEFT_POLLIN, 3000) & WEFT_POLLIN);
		EQ(weft_fd_read(fds[0], PTR(&n), 8, -1, 0), 8);
		CHECK(n >= 1);
		__asm__ volatile("outb %0, $0x70" : : "a"((u8)0x0c));
		in_byte(0x71);
	}
	__asm__ volatile("outb %0, $0x70" : : "a"((u8)0x8b));
	__asm__ volatile("outb %0, $0x71" : : "a"(b));
}

TEST(sys_info)
{
	struct weft_sys_info i;
	EQ(weft_sys_ctl(-1, WEFT_SYS_INFO, PTR(&i), 0, 0), 0);
	CHECK(i.cpus >= 1);
	EQ(i.ncalls, WEFT_CALL_COUNT);
	CHECK(i.mem_total > 16ul << 20 && i.mem_free < i.mem_total && i.mem_free > 0);
	CHECK(i.processes >= 2 && i.threads >= i.processes);
	CHECK(i.tsc_hz > 1000000);
	CHECK(i.first_user_ns > 0 && i.first_user_ns < i.uptime_ns);
	CHECK(i.lock.acquired > 0);
	ERR(weft_sys_ctl(-1, WEFT_SYS_INFO, BADPTR, 0, 0), EFAULT);
	ERR(weft_sys_ctl(-1, 999, 0, 0, 0), EINVAL);
}

TEST(sys_cpu)
{
	struct weft_cpu_info c[64];
	struct weft_sys_info i;
	OK(weft_sys_ctl(-1, WEFT_SYS_INFO, PTR(&i), 0, 0));
	EQ(weft_sys_ctl(-1, WEFT_SYS_CPU, PTR(c), 64, 0), i.cpus);
	CHECK(c[0].user_ns + c[0].system_ns + c[0].idle_ns > 0);
	for (u32 k = 0; k < i.cpus; k++)
		EQ(c[k].id, k);
}

TEST(sys_random)
{
	u8 a[64] = {0}, b[64] = {0};
	EQ(weft_sys_ctl(-1, WEFT_SYS_RANDOM, PTR(a), 64, 0) >= 0, 1);
	EQ(weft_sys_ctl(-1, WEFT_SYS_RANDOM, PTR(b), 64, 0) >= 0, 1);
	CHECK(memcmp(a, b, 64) != 0);
	ERR(weft_sys_ctl(-1, WEFT_SYS_RANDOM, BADPTR, 64, 0), EFAULT);
	ERR(weft_sys_ctl(-1, WEFT_SYS_RANDOM, PTR(a), (1 << 20) + 1, 0), EINVAL);
}

TEST(sys_log)
{
	char text[4096];
	u64 cursor = 0;
	bool found = false;
	EQ(weft_sys_ctl(-1, WEFT_SYS_LOG, PTR("ktest was here"), 14, 0) >= 0, 1);
	ERR(weft_sys_ctl(-1, WEFT_SYS_LOG, BADPTR, 14, 0), EFAULT);
	ERR(weft_sys_ctl(-1, WEFT_SYS_LOG, PTR(text), 1025, 0), EINVAL);
	ERR(weft_sys_ctl(-1, WEFT_SYS_LOG_READ, PTR(text), 10, PTR(&cursor)), EPERM);
	for (int i = 0; i < 1000 && !found; i++) {
		i64 n = OK(weft_sys_ctl(t_root, WEFT_SYS_LOG_READ, PTR(text), sizeof text - 1, PTR(&cursor)));
		if (n == 0)
			break;
		text[n] = 0;
		found = strstr(text, "ktest was here");
	}
	CHECK(found);
}

TEST(sys_log_is_limited)
{
	/* A process cannot flood the log. */
	i64 r = 0;
	for (int i = 0; i < 100000 && r >= 0; i++)
		r = weft_sys_ctl(-1, WEFT_SYS_LOG, PTR("noise"), 5, 0);
	ERR(r, EAGAIN);
}

TEST(sys_unserved)
{
	u64 before[512], after[512];
	OK(weft_sys_ctl(t_root, WEFT_SYS_UNSERVED_READ, PTR(before), 0, 0));
	EQ(weft_sys_ctl(-1, WEFT_SYS_UNSERVED, 333, 0, 0), 0);
	OK(weft_sys_ctl(t_root, WEFT_SYS_UNSERVED_READ, PTR(after), 0, 0));
	EQ(after[333], before[333] + 1);
	ERR(weft_sys_ctl(-1, WEFT_SYS_UNSERVED_READ, PTR(after), 0, 0), EPERM);
	weft_sys_ctl(-1, WEFT_SYS_UNSERVED, UINT64_MAX, 0, 0);
}

TEST(sys_boot_data)
{
	char text[2048];
	i64 n = OK(weft_sys_ctl(t_root, WEFT_SYS_BOOT, WEFT_BOOT_CMDLINE, PTR(text), sizeof text));
	CHECK(n <= (i64)sizeof text);
	memcpy(text, "APIC\0\0\0\0", 8);
	n = OK(weft_sys_ctl(t_root, WEFT_SYS_BOOT, WEFT_BOOT_ACPI, PTR(text), sizeof text));
	CHECK(n >= 44 && memcmp(text, "APIC", 4) == 0);
	ERR(weft_sys_ctl(-1, WEFT_SYS_BOOT, WEFT_BOOT_CMDLINE, PTR(text), sizeof text), EPERM);
	ERR(weft_sys_ctl(t_root, WEFT_SYS_BOOT, 99, PTR(text), sizeof text), EINVAL);
}

TEST(sys_trace)
{
	static char text[8192];
	OK(weft_sys_ctl(t_root, WEFT_SYS_TRACE_READ, PTR(text), sizeof text, 0));
	ERR(weft_sys_ctl(-1, WEFT_SYS_TRACE_READ, PTR(text), sizeof text, 0), EPERM);
}

/* Who can name `sys` can look and do no more; the library makes text of what it sees. */
TEST(sys_scheme)
{
	static const char *const nodes[] = {"cpu", "mem", "proc", "lock", "log", "trace", "calls", "unserved",
		"objects", "schemes"};
	static char text[65536];
	i64 sys = OK(weft_ns_ctl(t_ns, WEFT_NS_OPEN, PTR("sys"), 3, 0));
	for (u32 i = 0; i < sizeof nodes / sizeof nodes[0]; i++) {
		i64 n = native_sys_text((i32)sys, t_root, nodes[i], text, sizeof text);
		bool may_be_empty = strcmp(nodes[i], "trace") == 0 || strcmp(nodes[i], "unserved") == 0;
		if (n < 0 || (n == 0 && !may_be_empty) || (u64)n != strlen(text))
			FAIL("%s: %ld", nodes[i], n);
	}
	ERR(native_sys_text((i32)sys, t_root, "nosuch", text, sizeof text), ENOENT);
	ERR(native_sys_text(-1, t_root, "objects", text, sizeof text), EPERM);
	ERR(native_sys_text((i32)sys, (i32)sys, "proc", text, sizeof text), EPERM);
	EQ(native_sys_text((i32)sys, t_root, "lock", text, 9), 8);
	ERR(weft_sys_ctl(sys, WEFT_SYS_POWER, 0, 0, 0), EPERM);
	struct weft_res wide = {.kinds = WEFT_RES_LOG | WEFT_RES_POWER};
	ERR(weft_sys_ctl(sys, WEFT_SYS_RES_DERIVE, PTR(&wide), 0, 0), EPERM);
}

TEST(debug_scheme)
{
	i64 fd = OK(weft_ns_ctl(t_ns, WEFT_NS_OPEN, PTR("debug"), 5, 0));
	EQ(weft_fd_write(fd, PTR("# debug\n"), 8, -1, 0), 8);
	ERR(weft_fd_write(fd, BADPTR, 8, -1, 0), EFAULT);
}
