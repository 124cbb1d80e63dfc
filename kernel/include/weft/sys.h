/* SPDX-License-Identifier: MIT */
/* Resources (authority), interrupts, the log, power, counters, built-in schemes. */
#ifndef WEFT_SYS_H
#define WEFT_SYS_H

#include <weft/types.h>

/* A resource fd names kinds of authority and ranges. sys_ctl(RES_DERIVE) narrows one. */
#define WEFT_RES_MEM   0x01u /* physical range [base, base+len): WEFT_MEM_PHYS */
#define WEFT_RES_PORTS 0x02u /* I/O ports [base, base+len) */
/* Global system interrupts [base, base+len), or MSI vectors (base = 0xffffffff). */
#define WEFT_RES_IRQ	0x04u
#define WEFT_RES_DMA	0x08u  /* DMA objects and pins: owned by this resource until RES_RESET */
#define WEFT_RES_IDENT	0x10u  /* minting and setting identities */
#define WEFT_RES_PROCS	0x20u  /* opening any process */
#define WEFT_RES_POWER	0x40u  /* reboot, power off */
#define WEFT_RES_CLOCK	0x80u  /* setting the time */
#define WEFT_RES_SCHEME 0x100u /* creating schemes and pagers */
#define WEFT_RES_LOG	0x200u /* reading the kernel log and counters of others */
#define WEFT_RES_PRIO	0x400u /* priorities above INTERACTIVE */
#define WEFT_RES_ALL	0x7ffu

struct weft_res {
	u32 kinds;
	u32 pad;
	u64 base, len;
};

enum weft_sys_op {
	WEFT_SYS_RES_DERIVE, /* auth: resource; a: struct weft_res * (within it) -> fd (private,
				cloexec) */
	WEFT_SYS_RES_RESET, /* auth: the DMA resource's parent with CONTROL; a: the DMA resource fd:
			       device is quiet: release its pins and DMA memory */
	WEFT_SYS_LOG, /* a: bytes, b: length <= 1024: a line for the kernel log (rate limited per
			 process) */
	WEFT_SYS_LOG_READ, /* auth LOG: a: buffer, b: length, c: u64 *cursor (in/out) -> bytes */
	WEFT_SYS_POWER, /* auth POWER: a: 0 off: an emulator with a debug-exit device ends, by code
			   b, else -EIO: ACPI is user mode's; 1 reset; 2 halt */
	WEFT_SYS_CLOCK_GET, /* a: enum weft_clock (CPU clocks included) -> ns */
	WEFT_SYS_CLOCK_SET, /* auth CLOCK: a: realtime ns */
	WEFT_SYS_INFO,	    /* a: struct weft_sys_info * */
	WEFT_SYS_RANDOM,    /* a: buffer, b: length <= 1 MiB (kernel entropy: RDRAND, jitter, boot
			       seed; ChaCha20) */
	WEFT_SYS_UNSERVED, /* a: Linux call number: counts a call that the runtime does not serve */
	WEFT_SYS_BOOT,	   /* auth LOG or first process: a: enum weft_boot, b: buffer, c: length ->
			      bytes */
	WEFT_SYS_OBJECTS,  /* auth LOG: a: u64 counts[], b: n: live kernel objects by enum weft_obj,
			      then slab bytes and free frames: for the leak check */
	WEFT_SYS_TRACE_READ, /* auth LOG: a: buffer, b: length: the trace ring as text -> bytes */
	WEFT_SYS_CPU,	     /* a: struct weft_cpu_info *, b: n -> CPUs */
	WEFT_SYS_UNSERVED_READ, /* auth LOG: a: u64 counts[512] */
	WEFT_SYS_SCHEMES, /* auth LOG: a: struct weft_scheme_info *, b: n -> schemes that there are
			   */
};
enum weft_boot {
	WEFT_BOOT_CMDLINE,
	WEFT_BOOT_FB /* struct weft_fb */,
	WEFT_BOOT_ACPI /* 'SIG\0' u32 at the start of the buffer selects the table */
};
struct weft_fb { /* as Multiboot2 tells it; type 1: the colours have the places given */
	u64 phys;
	u32 pitch, width, height;
	u8 bpp, type, pad[2];
	u8 red_pos, red_size, green_pos, green_size, blue_pos, blue_size, pad2[2];
};
struct weft_mem_stats {
	u64 anon, cache, dirty, shared, kstacks, tables, dma; /* pages */
	u64 oom_kills, evicted, paged_in, written_back, zero_pool;
};
struct weft_lock_stats { /* of the big kernel lock */
	u64 acquired, contended, wait_ns, hold_max_ns, hold_ns;
};
struct weft_sys_info {
	u32 cpus, ncalls;
	u64 mem_total, mem_free, mem_kernel; /* bytes */
	struct weft_mem_stats mem;
	u64 uptime_ns, boot_realtime_ns, first_user_ns; /* first_user_ns: TSC-based time from kernel
							   entry to the first user instruction */
	u64 processes, threads, forks, switches, interrupts, syscalls, reflected;
	struct weft_lock_stats lock;
	u64 load[3]; /* 1, 5, 15 minutes, 16.16 fixed point */
	u64 tsc_hz, kernel_entry_tsc;
};
struct weft_scheme_info {
	u64 endpoint; /* its object's number */
	u64 served, dead_replies, bad_replies;
	u32 server_pid; /* 0: orphaned */
	u32 rank, requests, max_requests, handles;
	u32 gone; /* and never to have a server again */
};
struct weft_cpu_info {
	u64 user_ns, system_ns, idle_ns, irq_ns;
	u64 switches, interrupts, ipis, shootdowns;
	u32 id, apic_id;
};

/* IRQ objects poll readable when the interrupt came; reading 8 bytes gives the count since the last
 * read and unmasks a level line. */
#define WEFT_IRQ_MSI 0xffffffffu
struct weft_irq_info { /* fd_ctl(0x100, a: this) */
	u64 msi_address;
	u32 msi_data;
	u32 vector; /* MSI; 0 for a line */
};
#define WEFT_IRQ_GET_INFO 0x100u

/*
 * Built-in, published in init's namespace: "debug" (the console: read, write) and "sys", which
 * opens as a resource with WEFT_RES_LOG: who has the name may see counters, logs and boot data.
 */

#endif
