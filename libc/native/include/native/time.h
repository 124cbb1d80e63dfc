/* SPDX-License-Identifier: MIT */
/* Time without a call, from the time page; by a call where the page is not mapped. Nanoseconds. */
#ifndef NATIVE_TIME_H
#define NATIVE_TIME_H

#include <weft/event.h>

/** Uses this mapping of the time page. The start code does so where the parent gave one. */
void time_use_page(const struct weft_time_page *page);
i64 time_monotonic(void);
i64 time_realtime(void);

#define NSEC_PER_SEC 1000000000l
#define NSEC_PER_MSEC 1000000l

#endif
