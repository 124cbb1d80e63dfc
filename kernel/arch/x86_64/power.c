/* SPDX-License-Identifier: MIT */
/* Off and again: QEMU's debug-exit device, ACPI's S5, the reset register, the keyboard controller,
 * a triple fault. */
#include <kernel/arch.h>
#include "x86.h"

#define DEBUG_EXIT 0x501

static void enter_acpi(void)
{
	if (!acpi.smi_cmd || !acpi.acpi_enable || inw(acpi.pm1a_cnt) & 1)
		return;
	outb(acpi.smi_cmd, acpi.acpi_enable);
	for (u32 i = 0; i < 300 && !(inw(acpi.pm1a_cnt) & 1); i++)
		delay_us(10000);
}

/* code: 0, or what a debug-exit device shall make QEMU's exit status of ((code << 1) | 1). */
void arch_power_off(u64 code)
{
	if (code)
		outb(DEBUG_EXIT, code);
	if (acpi.pm1a_cnt && acpi.s5a >= 0) {
		enter_acpi();
		outw(acpi.pm1a_cnt, acpi.s5a << 10 | 1u << 13);
		if (acpi.pm1b_cnt && acpi.s5b >= 0)
			outw(acpi.pm1b_cnt, acpi.s5b << 10 | 1u << 13);
		delay_us(3000000);
	}
	klog("power: this machine does not switch itself off");
	arch_stop_others();
	arch_halt();
}

void arch_reboot(void)
{
	struct {
		u16 limit;
		u64 base;
	} __attribute__((packed)) none = {0, 0};

	if (acpi.reset_addr && acpi.reset_space == 1)
		outb(acpi.reset_addr, acpi.reset_value);
	delay_us(10000);
	outb(0x64, 0xfe);
	delay_us(10000);
	__asm__ volatile("lidt %0; int3" ::"m"(none));
	arch_halt();
}
