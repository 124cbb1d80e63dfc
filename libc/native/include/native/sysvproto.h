/* SPDX-License-Identifier: MIT */
/*
 * System V objects: what the POSIX runtime asks of servers/ipc besides native/ipcproto.h. Identifiers, permissions and errno values are
 * sysvipc(7)'s. The structs are Linux's for x86-64 (asm/shmbuf.h and its like), which programs get as they are.
 */
#ifndef NATIVE_SYSVPROTO_H
#define NATIVE_SYSVPROTO_H

#include <native/ipcproto.h>

enum sysvp_op {
	/* args: key, size, flags. -> id */
	SYSVP_SHM_GET = WEFT_OP_USER + 0x480,
	/* args: id, 1 to write, 1 to execute. -> fds_out[0]: the memory object; out[0] = its size. The kernel counts what is mapped */
	SYSVP_SHM_AT,
	/* args: id. For shm_dtime; it is unmapped already */
	SYSVP_SHM_DT,
	/* args: id, Linux's cmd. Buffer 0 IN|OUT: struct sysv_shmid, sysv_shminfo or sysv_shm_info */
	SYSVP_SHM_CTL,
	/* args: key, how many, flags. -> id */
	SYSVP_SEM_GET,
	/* args: id, how many, absolute deadline (monotonic ns) or -1. Buffer 0 IN: struct sysv_sembuf[] */
	SYSVP_SEM_OP,
	/* args: id, semaphore, Linux's cmd, value (SETVAL). Buffer 0 IN|OUT: struct sysv_semid, sysv_seminfo or u16[] */
	SYSVP_SEM_CTL,
	/* args: key, flags. -> id */
	SYSVP_MSG_GET,
	/* args: id, type, flags, length. Buffer 0 IN: the text */
	SYSVP_MSG_SEND,
	/* args: id, type as msgrcv takes it, flags. Buffer 0 OUT: the text. -> its length; out[0] = its type */
	SYSVP_MSG_RECEIVE,
	/* args: id, Linux's cmd. Buffer 0 IN|OUT: struct sysv_msqid or sysv_msginfo */
	SYSVP_MSG_CTL,
};

enum { SYSV_RMID, SYSV_SET, SYSV_STAT, SYSV_INFO };
enum { SYSV_SHM_LOCK = 11, SYSV_SHM_UNLOCK, SYSV_SHM_STAT, SYSV_SHM_INFO, SYSV_SHM_STAT_ANY };
enum { SYSV_GETPID = 11, SYSV_GETVAL, SYSV_GETALL, SYSV_GETNCNT, SYSV_GETZCNT, SYSV_SETVAL, SYSV_SETALL, SYSV_SEM_STAT, SYSV_SEM_INFO, SYSV_SEM_STAT_ANY };
enum { SYSV_MSG_STAT = 11, SYSV_MSG_INFO, SYSV_MSG_STAT_ANY };
#define SYSV_CREAT   01000u
#define SYSV_EXCL    02000u
#define SYSV_NOWAIT  04000u
#define SYSV_SEM_UNDO 0x1000
#define SYSV_MSG_NOERROR 010000u
#define SYSV_MSG_EXCEPT	 020000u
#define SYSV_MSG_COPY	 040000u

#define SYSV_IDS     4096u /* of each kind (SHMMNI, SEMMNI, MSGMNI) */
#define SYSV_SEMS    32000u /* in a set (SEMMSL) */
#define SYSV_SEM_OPS 500u
#define SYSV_SEM_MAX 32767
#define SYSV_MSG_MAX 8192u /* bytes of a message */
#define SYSV_MSG_QUEUE 16384 /* bytes in a queue, at first */

struct sysv_perm {
	i32 key;
	u32 uid, gid, cuid, cgid, mode;
	u16 seq, pad0;
	u32 pad1;
	u64 unused[2];
};
struct sysv_shmid {
	struct sysv_perm perm;
	u64 segsz;
	i64 atime, dtime, ctime;
	i32 cpid, lpid;
	u64 nattch, unused[2];
};
struct sysv_shminfo {
	u64 max, min, mni, seg, all, unused[4];
};
struct sysv_shm_info {
	i32 used_ids, pad;
	u64 tot, rss, swp, swap_attempts, swap_successes;
};
struct sysv_semid {
	struct sysv_perm perm;
	i64 otime;
	u64 unused0;
	i64 ctime;
	u64 unused1, nsems, unused2[2];
};
struct sysv_seminfo {
	i32 map, mni, mns, mnu, msl, opm, ume, usz, vmx, aem;
};
struct sysv_sembuf {
	u16 num;
	i16 op, flags;
};
struct sysv_msqid {
	struct sysv_perm perm;
	i64 stime, rtime, ctime;
	u64 cbytes, qnum, qbytes;
	i32 lspid, lrpid;
	u64 unused[2];
};
struct sysv_msginfo {
	i32 pool, map, max, mnb, mni, ssz, tql;
	u16 seg;
};
_Static_assert(sizeof(struct sysv_perm) == 48 && sizeof(struct sysv_shmid) == 112 && sizeof(struct sysv_shminfo) == 72 &&
		sizeof(struct sysv_shm_info) == 48 && sizeof(struct sysv_semid) == 104 && sizeof(struct sysv_seminfo) == 40 &&
		sizeof(struct sysv_sembuf) == 6 && sizeof(struct sysv_msqid) == 120 && sizeof(struct sysv_msginfo) == 32,
	"Linux's structs");

#endif
