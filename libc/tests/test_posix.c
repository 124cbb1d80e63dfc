/* SPDX-License-Identifier: MIT */
/* The runtime's parts that need no kernel: signal frames, ioctl tables, formatting, the table of calls. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "core/rt.h"
#include "core/sigframe.h"
#include "ioctl/ioctl.h"

/* What the linked files ask of the rest of the runtime; never called here. */
u64 rt_copy(void *d, const void *s, u64 n)
{
	memcpy(d, s, n);
	return 0;
}
bool rt_drop_ignored(void)
{
	return false;
}
i64 rt_console_ioctl(i32 fd, const struct weft_fd_info *info, u32 cmd, u64 arg);
i64 rt_console_ioctl(i32 fd, const struct weft_fd_info *info, u32 cmd, u64 arg)
{
	(void)fd, (void)info, (void)cmd, (void)arg;
	return -ENOTTY;
}

static void frame_is_aligned(void **state)
{
	(void)state;
	for (u64 sp = 0x7fff00000000; sp < 0x7fff00000100; sp++) {
		struct sigframe_place p;
		sigframe_place(&p, sp, false, 0, 0, 0, 512);
		assert_int_equal((p.frame + 8) % 16, 0);
		assert_int_equal(p.fp % 64, 0);
		assert_true(p.frame + sizeof(struct linux_sigframe) <= p.fp);
		assert_true(p.fp + 512 <= sp - REDZONE);
		assert_false(p.overflow);
	}
}

static void frame_on_the_alternate_stack(void **state)
{
	(void)state;
	struct sigframe_place p;
	sigframe_place(&p, 0x7fff00000000, true, 0x10000, 8192, 0, 512);
	assert_false(p.was_on_alt);
	assert_false(p.overflow);
	assert_true(p.frame > 0x10000 && p.fp + 512 <= 0x12000);
	/* Already there: below what is in use. */
	sigframe_place(&p, 0x11800, true, 0x10000, 8192, 0, 512);
	assert_true(p.was_on_alt);
	assert_true(p.fp + 512 <= 0x11800 - REDZONE);
	/* No room left. */
	sigframe_place(&p, 0x10300, true, 0x10000, 8192, 0, 512);
	assert_true(p.overflow);
	/* Not wanted: stays on the ordinary stack. */
	sigframe_place(&p, 0x7fff00000000, false, 0x10000, 8192, 0, 512);
	assert_true(p.frame > 0x7ffe00000000);
	/* SS_AUTODISARM: the stack never counts as in use. */
	sigframe_place(&p, 0x11800, true, 0x10000, 8192, SS_AUTODISARM, 512);
	assert_false(p.was_on_alt);
	assert_true(p.fp > 0x11800);
}

static void registers_round_trip(void **state)
{
	(void)state;
	struct weft_regs a, b = {.rflags = 0x202};
	struct linux_sigcontext mc = {0};
	memset(&a, 0x5a, sizeof(a));
	a.rflags = 0x202 | 0x8d5;
	sigcontext_from_regs(&mc, &a);
	sigcontext_to_regs(&b, &mc);
	assert_memory_equal(&a, &b, sizeof(a));
	/* A program cannot give itself IOPL or clear IF. */
	mc.rflags = 0x3000;
	sigcontext_to_regs(&b, &mc);
	assert_int_equal(b.rflags, 0x202);
}

static const struct ioctl_desc *known(u32 cmd)
{
	const struct ioctl_desc *d = rt_ioctl_find(cmd);
	assert_non_null(d);
	return d;
}

static void ioctls_are_found(void **state)
{
	(void)state;
	assert_int_equal(known(0x5401)->size, 36);			 /* TCGETS */
	assert_int_equal(known(0x540e)->dir, ARG_NUMBER);		 /* TIOCSCTTY */
	known(IOC(IOC_READ, 'E', 0x20 + 1, 96));			 /* EVIOCGBIT(EV_KEY, 96) */
	known(IOC(IOC_READ, 'E', 0x06, 255));				 /* EVIOCGNAME(255) */
	known(IOC(IOC_READ, 'E', 0x18, 96));				 /* EVIOCGKEY */
	assert_int_equal(known(0xc04064a0)->nested, 4);			 /* MODE_GETRESOURCES */
	assert_int_equal(known(0xc03864bc)->nested, 2);			 /* MODE_ATOMIC */
	assert_int_equal(known(0xc00c642e)->fd_in, 9);			 /* PRIME_FD_TO_HANDLE */
	assert_int_equal(known(0x40187542)->fd_out, NO_FD);		 /* UDMABUF_CREATE */
	assert_null(rt_ioctl_find(0x12345678));
	assert_null(rt_ioctl_find(0xc04064ff));
}

/* Every pointer, count and fd lies inside its argument; buffers fit a request. */
static void ioctl_tables_are_sound(void **state)
{
	(void)state;
	const struct ioctl_class *all[] = {&rt_ioctl_tty, &rt_ioctl_input, &rt_ioctl_drm, &rt_ioctl_misc};
	for (u32 c = 0; c < 4; c++) {
		for (u32 i = 0; i < all[c]->count; i++) {
			const struct ioctl_desc *d = &all[c]->desc[i];
			u32 size = d->size ? d->size : IOC_SIZE(d->cmd);
			assert_int_equal(d->cmd & d->mask, d->cmd);
			assert_true(d->nested <= IOCTL_NESTED && d->nested + 3u <= WEFT_REQ_BUFS);
			for (u32 n = 0; n < d->nested; n++) {
				assert_true(d->n[n].at + 8u <= size);
				assert_true(d->n[n].size);
				if (d->n[n].count_at != 0xffff)
					assert_true(d->n[n].count_at + (d->n[n].count_wide ? 8u : 4u) <= size);
			}
			if (d->fd_in)
				assert_true(d->fd_in + 3u <= size);
			if (d->fd_out && d->fd_out != NO_FD)
				assert_true(d->fd_out + 3u <= size);
			if (d->cloexec_at)
				assert_true(d->cloexec_at + 3u <= size);
		}
	}
}

static void formats(void **state)
{
	(void)state;
	char b[64];
	assert_int_equal(rt_format(b, sizeof(b), "%d %u %lx %05d %s %c%%", -5, 7u, 0xabcdul, 42, "str", 'x'), 22);
	assert_string_equal(b, "-5 7 abcd 00042 str x%");
	assert_int_equal(rt_format(b, 4, "%s", "truncated"), 3);
	assert_string_equal(b, "tru");
	assert_int_equal(rt_format(b, sizeof(b), "%ld", INT64_MIN), 20);
}

struct call {
	int nr;
	const char *name;
};
static const struct call calls[] = {
#define CALL(nr, name, args, state) {nr, #name},
#define NONE(nr, name, args) {nr, #name},
#include "core/calls.def"
};

static void calls_ascend(void **state)
{
	(void)state;
	for (u32 i = 1; i < ARRAY_SIZE(calls); i++)
		assert_true(calls[i].nr > calls[i - 1].nr);
	assert_true(calls[ARRAY_SIZE(calls) - 1].nr < RT_CALLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_is_aligned), cmocka_unit_test(frame_on_the_alternate_stack), cmocka_unit_test(registers_round_trip),
		cmocka_unit_test(ioctls_are_found), cmocka_unit_test(ioctl_tables_are_sound), cmocka_unit_test(formats), cmocka_unit_test(calls_ascend),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
