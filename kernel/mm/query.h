/* SPDX-License-Identifier: MIT */
/* Inside mm/: mem_query's operations on an address space (mm/query.c). */
#ifndef MM_QUERY_H
#define MM_QUERY_H

#include <kernel/mm.h>

i64 as_query(struct as *a, u32 op, u64 addr, u64 len, u64 buf, u64 n);

#endif
