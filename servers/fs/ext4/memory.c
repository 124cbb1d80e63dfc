/* SPDX-License-Identifier: MIT */
/* The pager's calls of the kernel (weft/mem.h). */
#include "ext4.h"

#include <native/call.h>

int fs_mem_pager(struct fs *fs, u64 node, u64 size)
{
	return (int)weft_mem_create(WEFT_MEM_PAGER, size, (u64)fs->server, node,
		WEFT_MEM_CLOEXEC | WEFT_MEM_PRIVATE_FD);
}

int fs_mem_supply(i32 mem, u64 off, const void *data, u64 len)
{
	i64 n = weft_pager_copy((u64)mem, WEFT_PAGER_SUPPLY, off, PTR(data), len, 0);
	return n < 0 ? (int)n : 0;
}

i64 fs_mem_fetch(i32 mem, u64 off, void *to, u64 len)
{
	return weft_pager_copy((u64)mem, WEFT_PAGER_FETCH, off, PTR(to), len, 0);
}

int fs_mem_drop(i32 mem, u64 off, u64 len)
{
	return (int)weft_pager_copy((u64)mem, WEFT_PAGER_DROP, off, 0, len, 0);
}

int fs_mem_evict(i32 mem, u64 off, u64 len)
{
	return (int)weft_mem_ctl((u64)mem, WEFT_MEM_EVICT, off, len, 0);
}

int fs_mem_sync(i32 mem)
{
	return (int)weft_mem_ctl((u64)mem, WEFT_MEM_SYNC, 0, INT64_MAX, 0);
}

int fs_mem_release(i32 mem)
{
	i64 n = weft_pager_copy((u64)mem, WEFT_PAGER_RELEASE, 0, 0, INT64_MAX, 0);
	return n < 0 ? (int)n : 0;
}

int fs_mem_dirty(i32 mem, u64 *pairs, u64 n)
{
	return (int)weft_mem_ctl((u64)mem, WEFT_MEM_DIRTY, PTR(pairs), n, 0);
}

int fs_mem_set_id(i32 mem, u64 dev, u64 ino)
{
	return (int)weft_mem_ctl((u64)mem, WEFT_MEM_SET_ID, dev, ino, 0);
}
