/* SPDX-License-Identifier: MIT */
/* Namespaces: names, rights, shrinking only. */
#include "host.h"

i64 sys_scheme_create(u64 flags, u64 ufds, u64 ulimits);

static struct process *p;
static i32 ends[2], ns, plain;

static i64 ctl(i32 fd, u64 op, const char *name, u64 a)
{
	return sys_ns_ctl((u64)fd, op, U(name), strlen(name), a);
}

static int setup(void **state)
{
	struct weft_res all = {.kinds = WEFT_RES_ALL, .len = ~0ul};
	struct weft_scheme_limits l = {0};
	struct resource *r;

	host_begin();
	p = host_process();
	assert_int_equal(resource_create(&all, &r), 0);
	l.authority = fd_install(p, &r->obj, WEFT_RIGHT_ALL, 0);
	object_put(&r->obj);
	assert_int_equal(sys_scheme_create(0, U(ends), U(&l)), 0);
	ns = fd_install(p, &p->ns->obj, WEFT_RIGHT_ALL, 0);
	plain = fd_install(p, &p->ns->obj, WEFT_RIGHT_ALL & ~WEFT_RIGHT_CONTROL, 0);
	assert_int_equal(ctl(ns, WEFT_NS_PUBLISH, "one", (u64)ends[1]), 0);
	assert_int_equal(ctl(ns, WEFT_NS_PUBLISH, "two.b-c_3", (u64)ends[1]), 0);
	return 0;
}

static int teardown(void **state)
{
	host_exit(p);
	host_end();
	return 0;
}

static void names(void **state)
{
	assert_int_equal(ctl(ns, WEFT_NS_PUBLISH, "one", (u64)ends[1]), -EEXIST);
	assert_int_equal(ctl(ns, WEFT_NS_PUBLISH, "", (u64)ends[1]), -EINVAL);
	assert_int_equal(ctl(ns, WEFT_NS_PUBLISH, "Up", (u64)ends[1]), -EINVAL);
	assert_int_equal(ctl(ns, WEFT_NS_PUBLISH, "a/b", (u64)ends[1]), -EINVAL);
	assert_int_equal(ctl(ns, WEFT_NS_PUBLISH, "a2345678901234567890123456789012", (u64)ends[1]),
		-ENAMETOOLONG);
	assert_int_equal(ctl(ns, WEFT_NS_PUBLISH, "a234567890123456789012345678901", (u64)ends[1]),
		0);
	assert_int_equal(ctl(plain, WEFT_NS_PUBLISH, "x", (u64)ends[1]), -EPERM);
	assert_int_equal(ctl(-1, WEFT_NS_PUBLISH, "x", (u64)ends[1]), -EPERM);
	assert_int_equal(ctl(ns, WEFT_NS_PUBLISH, "x", (u64)ends[0]), -EINVAL);
	assert_int_equal(ctl(ns, WEFT_NS_OPEN, "three", 0), -ENOENT);
	assert_true(ctl(-1, WEFT_NS_OPEN, "two.b-c_3", 0) >= 0);
	assert_int_equal(ctl(plain, WEFT_NS_REMOVE, "one", 0), -EPERM);
	assert_int_equal(ctl(-1, WEFT_NS_REMOVE, "one", 0), 0);
	assert_int_equal(ctl(ns, WEFT_NS_OPEN, "one", 0), -ENOENT);
	assert_int_equal(ctl(77, WEFT_NS_OPEN, "one", 0), -EBADF);
}

static void clone_and_enter(void **state)
{
	char list[64];
	i64 sub, no_control, all;

	assert_int_equal(ctl(ns, WEFT_NS_CLONE, "one\nnone", 0), -ENOENT);
	sub = ctl(ns, WEFT_NS_CLONE, "one\none\n", 0);
	assert_true(sub >= 0);
	assert_int_equal(sys_ns_ctl((u64)sub, WEFT_NS_LIST, U(list), sizeof(list), 0), 4);
	assert_memory_equal(list, "one\n", 4);
	assert_int_equal(sys_ns_ctl((u64)sub, WEFT_NS_LIST, U(list), 3, 0), -ERANGE);
	no_control = ctl(-1, WEFT_NS_CLONE, "", 0);
	assert_true(no_control >= 0);
	assert_int_equal(ctl((i32)no_control, WEFT_NS_PUBLISH, "new", (u64)ends[1]), -EPERM);
	all = ctl(ns, WEFT_NS_CLONE, "", 0);
	assert_int_equal(ctl((i32)sub, WEFT_NS_ENTER, "", 0), 0);
	assert_int_equal(ctl(-1, WEFT_NS_OPEN, "two.b-c_3", 0), -ENOENT);
	assert_int_equal(ctl((i32)no_control, WEFT_NS_ENTER, "", 0), -EPERM); /* wider */
	assert_int_equal(ctl((i32)all, WEFT_NS_ENTER, "", 0), 0); /* wider, but with CONTROL */
	assert_int_equal(ctl(-1, WEFT_NS_NULL, "", 0), 0);
	assert_int_equal(ctl(-1, WEFT_NS_OPEN, "one", 0), -ENOENT);
	assert_int_equal(ctl((i32)no_control, WEFT_NS_ENTER, "", 0), -EPERM);
}

/* A name keeps its endpoint: without server and endpoint fds the scheme still waits for a
 * successor. */
static void name_holds_endpoint(void **state)
{
	fd_close(p, ends[1]);
	fd_close(p, ends[0]);
	assert_int_equal(object_count[WEFT_OBJ_ENDPOINT], 1);
	assert_true(ctl(ns, WEFT_NS_OPEN, "one", 0) >= 0);
	assert_int_equal(ctl(ns, WEFT_NS_REMOVE, "one", 0), 0);
	assert_int_equal(ctl(ns, WEFT_NS_REMOVE, "two.b-c_3", 0), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {T(names), T(clone_and_enter), T(name_holds_endpoint)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
