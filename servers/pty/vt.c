/* SPDX-License-Identifier: MIT */
/*
 * Virtual terminals as seatd and libseat use them (console_ioctl(4), ioctl_vt(2)): one screen, VT 1 always active. Text output on
 * them goes to the console. Modes are remembered so that the one who set them can be told and restored.
 */
#include "pty.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* linux/kd.h and linux/vt.h, which musl has not. */
enum {
	KDGKBTYPE = 0x4b33, KDSETMODE = 0x4b3a, KDGETMODE = 0x4b3b, KDGKBMODE = 0x4b44, KDSKBMODE = 0x4b45,
	VT_OPENQRY = 0x5600, VT_GETMODE, VT_SETMODE, VT_GETSTATE, VT_RELDISP = 0x5605, VT_ACTIVATE,
	VT_WAITACTIVE, VT_DISALLOCATE,
};
#define KD_TEXT 0
#define KD_TEXT1 2
#define K_UNICODE 3
#define K_OFF 4
#define KB_101 2
#define VT_ACKACQ 2
struct vt_mode {
	char mode, waitv;
	short relsig, acqsig, frsig;
};
struct vt_stat {
	u16 v_active, v_signal, v_state;
};

#define NVTS 7
static struct {
	int kd_mode, kb_mode;
	struct vt_mode mode;
} vts[NVTS + 1];
static u16 active = 1;

static struct node_ops vt_ops;

static i64 vt_open(struct fsreq *r, struct handle *h)
{
	i64 e = console_ops.open(r, h);
	return e == -EIO ? -ENXIO : e;
}

static i64 vt_ioctl(struct fsreq *r)
{
	u32 n = (u32)(uintptr_t)r->h->node->priv;
	u32 vt = n ? n : active;
	u64 arg = r->sqe->args[1];
	i64 e;
	int v;
	switch ((u32)r->sqe->args[0]) {
	case VT_GETSTATE: {
		struct vt_stat st = {.v_active = active, .v_signal = 0, .v_state = 1u | 1u << active};
		return fsreq_out(r, 0, 0, &st, sizeof(st));
	}
	case VT_OPENQRY:
		v = 1;
		return fsreq_out(r, 0, 0, &v, sizeof(v));
	case VT_GETMODE:
		return fsreq_out(r, 0, 0, &vts[vt].mode, sizeof(vts[vt].mode));
	case VT_SETMODE: {
		struct vt_mode m;
		e = fsreq_in(r, 0, 0, &m, sizeof(m));
		if (!e && m.mode > VT_ACKACQ)
			e = -EINVAL;
		if (!e)
			vts[vt].mode = m;
		return e;
	}
	case VT_ACTIVATE:
	case VT_WAITACTIVE:
		if (arg < 1 || arg > NVTS)
			return -ENXIO;
		return arg == active ? 0 : -EOPNOTSUPP; /* there is one screen's worth of them */
	case VT_RELDISP:
		return arg <= VT_ACKACQ ? 0 : -EINVAL;
	case VT_DISALLOCATE:
		return 0;
	case KDGETMODE:
		return fsreq_out(r, 0, 0, &vts[vt].kd_mode, sizeof(int));
	case KDSETMODE:
		if (arg > KD_TEXT1)
			return -EINVAL;
		vts[vt].kd_mode = (int)arg;
		return 0;
	case KDGKBMODE:
		return fsreq_out(r, 0, 0, &vts[vt].kb_mode, sizeof(int));
	case KDSKBMODE:
		if (arg > K_OFF)
			return -EINVAL;
		vts[vt].kb_mode = (int)arg;
		return 0;
	case KDGKBTYPE: {
		char type = KB_101;
		return fsreq_out(r, 0, 0, &type, 1);
	}
	}
	return terminal_ioctl(r);
}

int vt_make(struct fs *fs)
{
	vt_ops = console_ops;
	vt_ops.open = vt_open;
	vt_ops.ioctl = vt_ioctl;
	for (u32 i = 0; i <= NVTS; i++) {
		char name[8];
		snprintf(name, sizeof(name), "tty%u", i);
		struct node *n = vfs_add(fs, name, S_IFCHR | 0620, 4u << 8 | i, &vt_ops);
		if (!n)
			return -ENOMEM;
		n->priv = (void *)(uintptr_t)i;
		n->gid = 5;
		vts[i].kd_mode = KD_TEXT;
		vts[i].kb_mode = K_UNICODE;
	}
	return 0;
}
