/* SPDX-License-Identifier: MIT */
/* What init does of the machine itself: it reads the clock chip at the start, and switches off or
 * resets by ACPI at the end. */
#include "firmware.h"
#include "init.h"

#include <native/io.h>
#include <stdlib.h>
#include <string.h>

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71
#define UPDATING   0x80u /* in register 0xa */
#define CENTURY	   0x32	 /* where the FADT names no other */

#define TABLE_MAX (1u << 20)
/* Offsets in the FADT (ACPI 6.4, 5.2.9). */
#define FADT_SMI_CMD	 48
#define FADT_ENABLE	 52
#define FADT_PM1A	 64
#define FADT_PM1B	 68
#define FADT_CENTURY	 108
#define FADT_FLAGS	 112
#define FADT_RESET	 116
#define FADT_RESET_VALUE 128
#define FLAG_RESET	 (1u << 10)
#define IN_PORTS	 1
#define SCI_EN		 1u
#define SLP_EN		 (1u << 13)

/* A table of the firmware's, followed by zeros, or NULL. */
static u8 *table(const char *signature, u64 *len)
{
	u8 *t = calloc(1, TABLE_MAX);
	if (!t)
		return NULL;
	memcpy(t, signature, 4);
	i64 n = weft_sys_ctl(native_boot()->resource, WEFT_SYS_BOOT, WEFT_BOOT_ACPI, PTR(t),
		TABLE_MAX);
	if (n < 0) {
		free(t);
		return NULL;
	}
	*len = (u64)n;
	return t;
}

static u32 field(const u8 *t, u32 at)
{
	u32 v;
	memcpy(&v, t + at, sizeof v);
	return v;
}

static u8 cmos(u8 reg)
{
	port_out8(CMOS_INDEX, reg);
	return port_in8(CMOS_DATA);
}

void machine_set_clock(void)
{
	u64 len;
	u8 *fadt = table("FACP", &len);
	const u8 which[RTC_COUNT] = {0, 2, 4, 7, 8, 9,
		fadt && fadt[FADT_CENTURY] ? fadt[FADT_CENTURY] : CENTURY, 0xb};
	u8 first[RTC_COUNT], again[RTC_COUNT];
	free(fadt);
	if (port_grant(native_boot()->resource) < 0)
		return;
	do { /* until two readings outside an update agree */
		for (u32 i = 0; i < RTC_COUNT; i++)
			first[i] = cmos(which[i]);
		for (u32 i = 0; i < RTC_COUNT; i++)
			again[i] = cmos(which[i]);
	} while (cmos(0xa) & UPDATING || memcmp(first, again, sizeof first) != 0);
	weft_sys_ctl(native_boot()->resource, WEFT_SYS_CLOCK_SET, rtc_seconds(first) * NSEC_PER_SEC,
		0, 0);
}

static void wait_ms(i64 ms)
{
	weft_sleep(WEFT_CLOCK_MONOTONIC, time_monotonic() + ms * NSEC_PER_MSEC);
}

static void acpi_reset(const u8 *fadt)
{
	if (!(field(fadt, FADT_FLAGS) & FLAG_RESET) || fadt[FADT_RESET] != IN_PORTS)
		return;
	port_out8((u16)field(fadt, FADT_RESET + 4), fadt[FADT_RESET_VALUE]);
	wait_ms(10);
}

static void acpi_off(const u8 *fadt)
{
	u16 a = (u16)field(fadt, FADT_PM1A), b = (u16)field(fadt, FADT_PM1B);
	u64 len;
	u8 *dsdt = table("DSDT", &len), type[2];
	if (!a || !dsdt || !dsdt_off(dsdt, len, type))
		return;
	if (field(fadt, FADT_SMI_CMD) && fadt[FADT_ENABLE] && !(port_in16(a) & SCI_EN)) {
		port_out8((u16)field(fadt, FADT_SMI_CMD), fadt[FADT_ENABLE]);
		for (u32 i = 0; i < 300 && !(port_in16(a) & SCI_EN); i++)
			wait_ms(10);
	}
	port_out16(a, (u16)(type[0] << 10 | SLP_EN));
	if (b)
		port_out16(b, (u16)(type[1] << 10 | SLP_EN));
	wait_ms(3000);
}

void machine_end(u64 action, u64 code)
{
	i32 res = native_boot()->resource;
	u64 len;
	u8 *fadt = table("FACP", &len);
	if (code)
		weft_sys_ctl(res, WEFT_SYS_POWER, action, code, 0);
	if (fadt && port_grant(res) == 0) {
		if (action == MACHINE_OFF)
			acpi_off(fadt);
		else if (action == MACHINE_RESET)
			acpi_reset(fadt);
	}
	weft_sys_ctl(res, WEFT_SYS_POWER, action, 0, 0);
	console_say("\ninit: the machine did not switch off\n");
	for (;;)
		weft_sleep(WEFT_CLOCK_MONOTONIC, WEFT_FOREVER);
}
