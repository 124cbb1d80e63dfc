/* SPDX-License-Identifier: MIT */
/* The ends that need no ACPI, which is user mode's: QEMU's debug-exit device; the keyboard
 * controller, a triple fault. */
#include <kernel/arch.h>
#include "x86.h"

#define DEBUG_EXIT 0x501

void arch_exit(u64 code)
{
	if (code)
		outb(DEBUG_EXIT, code);
}

void arch_reset(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) none = {0, 0};

	outb(0x64, 0xfe);
	delay_us(10000);
	__asm__ volatile("lidt %0; int3" ::"m"(none));
	__builtin_unreachable();
}
