/* SPDX-License-Identifier: MIT */
#include "firmware.h"

#include <string.h>

#define MODE_24_HOURS 2u
#define MODE_BINARY   4u
#define PM	      0x80u

/* ACPI 6.4, 20.2. */
#define AML_BYTE    0x0a
#define AML_PACKAGE 0x12
#define HEADER	    36u

i64 rtc_seconds(const u8 regs[RTC_COUNT])
{
	bool pm = regs[RTC_HOUR] & PM;
	i64 v[RTC_MODE];
	for (u32 i = 0; i < RTC_MODE; i++) {
		u8 r = i == RTC_HOUR ? regs[i] & (u8)~PM : regs[i];
		v[i] = regs[RTC_MODE] & MODE_BINARY ? r : (r & 15) + (r >> 4) * 10;
	}
	if (!(regs[RTC_MODE] & MODE_24_HOURS))
		v[RTC_HOUR] = v[RTC_HOUR] % 12 + (pm ? 12 : 0);
	i64 m = v[RTC_MONTH], y = v[RTC_YEAR];
	y += v[RTC_CENTURY] >= 19 && v[RTC_CENTURY] < 30 ? v[RTC_CENTURY] * 100 : 2000;
	y -= m <= 2; /* years begin in March */
	i64 days = y * 365 + y / 4 - y / 100 + y / 400 + (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 +
		v[RTC_DAY] - 1 - 719468;
	return days * 86400 + v[RTC_HOUR] * 3600 + v[RTC_MINUTE] * 60 + v[RTC_SECOND];
}

/* A byte constant, zero or one. */
static bool aml_small(const u8 **p, u8 *value)
{
	u8 op = *(*p)++;
	*value = op == AML_BYTE ? *(*p)++ : op;
	return op == AML_BYTE || op <= 1;
}

/* NameOp '_S5_' PackageOp PkgLength NumElements a b ... */
bool dsdt_off(const u8 *dsdt, u64 len, u8 type[2])
{
	for (u64 i = HEADER; i + 16 < len; i++) {
		const u8 *p = dsdt + i + 4;
		if (memcmp(dsdt + i, "_S5_", 4) != 0 || *p++ != AML_PACKAGE)
			continue;
		p += 1 + (*p >> 6) + 1;
		return aml_small(&p, &type[0]) && aml_small(&p, &type[1]);
	}
	return false;
}
