/* SPDX-License-Identifier: MIT */
/* A machine for the memory code on the host: RAM, page tables, a TLB, objects, fds, and a server
 * for pagers. */
#ifndef TEST_MM_HOST_H
#define TEST_MM_HOST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mm/as.h"
#include "mm/pager.h"
#include <kernel/calls.h>
#include <kernel/ipc.h>

#define RAM_PAGES 4096ul
#define USER_LIMIT                                                                                 \
	0x10000000000ul /* lower addresses are user addresses to arch_copy_user; the host uses     \
			   none of them */

void host_reset(void);		   /* a fresh machine */
u64 host_free(void);		   /* free frames, and tables given back */
extern void (*host_on_drop)(void); /* runs where the BKL is dropped */
extern u32 host_flushes;

/* Accesses like the CPU's, through the TLB: 0 or the cause. Makes `a` the current address space. */
u32 host_read(struct as *a, u64 addr, u64 *value);
u32 host_write(struct as *a, u64 addr, u64 value);

/* The pager's server: queued requests are served when a thread blocks, or by host_serve. */
struct server {
	u8 *disk; /* contents of the one file it has */
	u64 size;
	bool refuse_in, refuse_reserve, refuse_out, silent; /* silent: replies without supplying */
	bool die_once; /* the next request comes back with -WEFT_EREDELIVER */
	u32 page_ins, reserves, page_outs, idles;
	struct memobj *m;
};
extern struct server server;
void host_server(u64 pages); /* sets it up and creates server.m */
bool host_serve(void);	     /* one request; false: none */
void host_server_done(void);

#endif
