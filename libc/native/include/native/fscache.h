/* SPDX-License-Identifier: MIT */
/*
 * The shared name cache: what a file server lets every process read without asking. One memory object, written by the server alone, mapped
 * read-only by the runtimes. An entry says what a name in a directory is, and the attributes of the node that it names.
 *
 * Published is only what everybody may know: the name and attributes of nodes whose directories, up to the root, everybody may read and
 * search, and which have one name. Whoever walks checks the directories' modes himself: an entry says nothing about them. A change
 * is here before it is answered. Where a handle or mapping can write to a file, only the kernel knows its size and times: such an entry is
 * LIVE, and the reader asks the kernel by an fd of the memory object that can do nothing else (the answer to FSP_STAT brings it).
 *
 * An entry is read as a sequence lock, but a reader never waits: an odd or changed seq, or no entry, means that the server must be asked.
 */
#ifndef NATIVE_FSCACHE_H
#define NATIVE_FSCACHE_H

#include <native/fsproto.h>

#define FSCACHE_WAYS 4u
#define FSCACHE_SETS 2048u /* a power of two */
#define FSCACHE_NAME 56u

struct fscache_entry {
	u32 seq;	/* odd: being written */
	u16 flags;	/* FSCACHE_* ; 0: free */
	u16 name_len;
	u64 parent;	/* inode number of the directory; 0: the root itself, without a name */
	char name[FSCACHE_NAME];
	u64 pad;
	struct fsp_stat st; /* not with ABSENT */
};
_Static_assert(sizeof(struct fscache_entry) == 192, "fscache_entry");
#define FSCACHE_THERE  0x1u
#define FSCACHE_ABSENT 0x2u /* there is no such name */
#define FSCACHE_LIVE   0x4u /* with THERE: size, blocks and later times are the memory object's */
#define FSCACHE_MOUNT  0x8u /* instead of THERE: a mount point; the walk goes on where the process's mounts say */

#define FSCACHE_PAGE 4096u
#define FSCACHE_PER_PAGE (FSCACHE_PAGE / sizeof(struct fscache_entry) / FSCACHE_WAYS) /* sets: none crosses a page */
#define FSCACHE_SIZE ((FSCACHE_SETS + FSCACHE_PER_PAGE - 1) / FSCACHE_PER_PAGE * FSCACHE_PAGE)

static inline u32 fscache_set(u64 parent, const char *name, u32 len)
{
	u64 h = parent * 0x9e3779b97f4a7c15ul;

	for (u32 i = 0; i < len; i++)
		h = (h ^ (u8)name[i]) * 0x100000001b3ul;
	return (u32)(h ^ h >> 32) % FSCACHE_SETS;
}

static inline struct fscache_entry *fscache_at(void *base, u32 set)
{
	u8 *page = (u8 *)base + (u64)(set / FSCACHE_PER_PAGE) * FSCACHE_PAGE;

	return (struct fscache_entry *)page + set % FSCACHE_PER_PAGE * FSCACHE_WAYS;
}

#endif
