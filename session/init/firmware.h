/* SPDX-License-Identifier: MIT */
/* What the PC's firmware and clock chip say, made sense of. */
#ifndef FIRMWARE_H
#define FIRMWARE_H

#include <weft/types.h>

/* Registers of the clock chip (MC146818), in this order; the last one says how the others count. */
enum {
	RTC_SECOND,
	RTC_MINUTE,
	RTC_HOUR,
	RTC_DAY,
	RTC_MONTH,
	RTC_YEAR,
	RTC_CENTURY,
	RTC_MODE,
	RTC_COUNT
};

/** Seconds since 1970. */
i64 rtc_seconds(const u8 regs[RTC_COUNT]);

/** The values of SLP_TYPa and SLP_TYPb for S5 (ACPI 6.4, 7.4.2), found in the DSDT's bytes without
 * an interpreter. */
bool dsdt_off(const u8 *dsdt, u64 len, u8 type[2]);

#endif
