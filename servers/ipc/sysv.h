/* SPDX-License-Identifier: MIT */
/*
 * Identifiers of System V's objects. An object begins with its struct sysv and is in the table of its kind; its id is its place there and
 * a sequence number, so that an old id does not find a new object.
 */
#ifndef IPC_SYSV_H
#define IPC_SYSV_H

#include <native/server.h>
#include <native/sysvproto.h>

struct sysv {
	u32 place, seq;
	i32 key;
	u32 mode, uid, gid, cuid, cgid;
	i64 ctime;
};
struct sysv_table {
	struct sysv *at[SYSV_IDS];
	u32 used, seq;
	i32 highest; /* place in use, or 0 */
};

#define SYSV_MAY_READ  4u
#define SYSV_MAY_WRITE 2u

/* The identity of who asks, as it is now. */
void sysv_caller(const struct request *r, struct weft_identity *out);
i64 sysv_now(void); /* seconds since 1970 */
i64 sysv_id(const struct sysv *o);
struct sysv *sysv_find(const struct sysv_table *t, u64 id, i64 *error); /* NULL: *error is -EINVAL or -EIDRM */
/*
 * xxxget(2): finds the object of a key, or says that one is to be made. -> id; -ENOENT with *make: the caller makes an object and
 * adds it; another errno. *found is for more checks.
 */
i64 sysv_get(const struct sysv_table *t, const struct request *r, i32 key, u32 flags, struct sysv **found, bool *make);
i64 sysv_add(struct sysv_table *t, struct sysv *o, const struct request *r, i32 key, u32 flags); /* -> id, -ENOSPC */
void sysv_drop(struct sysv_table *t, struct sysv *o);
bool sysv_may(const struct sysv *o, const struct request *r, u32 want);
bool sysv_owns(const struct sysv *o, const struct request *r); /* may change and remove it */
void sysv_perm_out(const struct sysv *o, struct sysv_perm *p);
int sysv_perm_set(struct sysv *o, const struct sysv_perm *p);
/* The object of xxxctl's STAT commands: by id, or by place (*_STAT). With any, no permission to read is asked for. */
struct sysv *sysv_stat(const struct sysv_table *t, const struct request *r, bool by_place, bool any, i64 *error);

bool sysv_cancel(struct request *r); /* a request that sem.c or msg.c kept: true if it was one */
bool sem_cancel(struct request *r);
bool msg_cancel(struct request *r);

i64 op_shm_get(struct request *r);
i64 op_shm_at(struct request *r);
i64 op_shm_dt(struct request *r);
i64 op_shm_ctl(struct request *r);
i64 op_sem_get(struct request *r);
i64 op_sem_op(struct request *r);
i64 op_sem_ctl(struct request *r);
i64 op_msg_get(struct request *r);
i64 op_msg_send(struct request *r);
i64 op_msg_receive(struct request *r);
i64 op_msg_ctl(struct request *r);

#endif
