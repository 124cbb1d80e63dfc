/* SPDX-License-Identifier: MIT */
/* Offsets that assembly and C share; core/check.c asserts that they are true. */
#ifndef RT_ASM_H
#define RT_ASM_H

#define TP_SELF	      0x00
#define TP_RET_RIP    0x08
#define TP_RET_RFLAGS 0x10
#define TP_SCRATCH0   0x18
#define TP_SCRATCH1   0x20
#define TP_RT_STACK   0x28
#define TP_BLOCKED    0x30
#define TP_PENDING    0x38
#define TP_PROC_PAGE  0x40
#define TP_PROGRAM    0x80
#define TP_RUNTIME    0x128
#define TP_RT	      0x400

#define PP_PENDING 0x08

#define REG_RAX	   0x00
#define REG_RBX	   0x08
#define REG_RCX	   0x10
#define REG_RDX	   0x18
#define REG_RSI	   0x20
#define REG_RDI	   0x28
#define REG_RBP	   0x30
#define REG_RSP	   0x38
#define REG_R8	   0x40
#define REG_R9	   0x48
#define REG_R10	   0x50
#define REG_R11	   0x58
#define REG_R12	   0x60
#define REG_R13	   0x68
#define REG_R14	   0x70
#define REG_R15	   0x78
#define REG_RIP	   0x80
#define REG_RFLAGS 0x88
#define FRAME_ORIG 0x90
#define FRAME_SIZE 0xa0

/* Results that never reach a program: how an interrupted call goes on (the numbers that Linux uses inside itself). */
#define ERESTARTSYS	 512 /* again if the handler has SA_RESTART or none ran, else EINTR */
#define ERESTARTNOINTR	 513 /* again, always */
#define ERESTARTNOHAND	 514 /* EINTR if a handler ran, else again */
#define ERESTART_BLOCK	 516 /* EINTR if a handler ran, else restart_syscall */
#define ERESTART_FIRST	 512
#define ERESTART_LAST	 516

#define RT_CALLS 480 /* size of the table of Linux calls */

#endif
