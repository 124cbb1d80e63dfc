/* SPDX-License-Identifier: MIT */
/* Fd tables and reference counts: lowest number first, limits, the private range, copies, and
 * chains of objects that close each other. */
#include "shim.h"

static int setup(void **state)
{
	static struct thread t;

	(void)state;
	shim_thread(&t, 1);
	shim_run(&t);
	shim_process.fds = fds_create();
	shim_closed = shim_destroyed = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fds_put(shim_process.fds);
	shim_process.fds = NULL;
	assert_int_equal(object_count[WEFT_OBJ_PIPE], 0);
	return 0;
}

static void fill(u32 n)
{
	for (u32 i = 0; i < n; i++) {
		struct object *o = shim_object();
		assert_int_equal(fd_install(&shim_process, o, WEFT_RIGHT_ALL, 0), i);
		object_put(o);
	}
}

static void lowest_first(void **state)
{
	struct object *o = shim_object();

	(void)state;
	fill(100);
	assert_int_equal(fd_close(&shim_process, 40), 0);
	assert_int_equal(fd_close(&shim_process, 7), 0);
	assert_int_equal(fd_close(&shim_process, 7), -EBADF);
	assert_int_equal(fd_install(&shim_process, o, WEFT_RIGHT_ALL, 0), 7);
	assert_int_equal(fd_install(&shim_process, o, WEFT_RIGHT_ALL, 0), 40);
	assert_int_equal(fd_install(&shim_process, o, WEFT_RIGHT_ALL, 0), 100);
	assert_int_equal(o->fds, 3);
	assert_int_equal(o->refs, 4);
	object_put(o);
	assert_int_equal(shim_process.fds->pub.used, 101);
}

static void lower_bound(void **state)
{
	struct object *o = shim_object();

	(void)state;
	fill(3);
	assert_int_equal(fd_install_from(&shim_process, o, 0, 0, 10), 10);
	assert_int_equal(fd_install_from(&shim_process, o, 0, 0, 10), 11);
	assert_int_equal(fd_install(&shim_process, o, 0, 0), 3);
	assert_int_equal(fd_install_from(&shim_process, o, 0, 0, 2), 4);
	object_put(o);
}

static void limits(void **state)
{
	struct object *o = shim_object();

	(void)state;
	shim_process.fds->pub.limit = 4;
	fill(4);
	assert_int_equal(fd_install(&shim_process, o, 0, 0), -EMFILE);
	assert_int_equal(fd_install_at(&shim_process, o, 0, 0, 4), -EBADF);
	assert_int_equal(fd_install_at(&shim_process, o, 0, 0, -1), -EBADF);
	assert_int_equal(fd_install_at(&shim_process, o, 0, 0, 0x7fffffff), -EBADF);
	assert_int_equal(fd_install(&shim_process, o, 0, WEFT_DUP_PRIVATE), WEFT_FD_PRIVATE);
	shim_no_memory = true;
	assert_int_equal(fd_install_at(&shim_process, o, 0, 0, WEFT_FD_PRIVATE + 5000), -ENOMEM);
	shim_no_memory = false;
	object_put(o);
}

static void replaces(void **state)
{
	struct object *o = shim_object();

	(void)state;
	fill(2);
	assert_int_equal(fd_install_at(&shim_process, o, 3, WEFT_DUP_CLOEXEC, 1), 1);
	assert_int_equal(shim_closed, 1);
	assert_int_equal(shim_destroyed, 1);
	assert_ptr_equal(fd_peek(1)->o, o);
	assert_int_equal(fd_peek(1)->cloexec, 1);
	assert_null(fd_peek(2));
	assert_null(fd_peek(-1));
	assert_null(fd_peek(-2147483647 - 1));
	object_put(o);
}

static void rights_and_types(void **state)
{
	struct object *o = shim_object(), *got;
	u32 rights;

	(void)state;
	assert_int_equal(fd_install(&shim_process, o, WEFT_RIGHT_READ, 0), 0);
	assert_int_equal(fd_get(0, WEFT_OBJ_PIPE, WEFT_RIGHT_READ, &got), 0);
	object_put(got);
	assert_int_equal(fd_get(0, WEFT_OBJ_TIMER, 0, &got), -EINVAL);
	assert_int_equal(fd_get(0, 0, WEFT_RIGHT_READ | WEFT_RIGHT_DUP, &got), -EPERM);
	assert_int_equal(fd_get(1, 0, 0, &got), -EBADF);
	assert_int_equal(fd_get_in(&shim_process, 0, 0, 0, &got, &rights), 0);
	assert_int_equal(rights, WEFT_RIGHT_READ);
	object_put(got);
	object_put(o);
}

static void copies(void **state)
{
	struct object *o = shim_object();
	struct process child = {0};

	(void)state;
	fill(20);
	fd_close(&shim_process, 5);
	fd_install(&shim_process, o, 0, WEFT_DUP_PRIVATE | WEFT_DUP_NOFORK);
	fd_install(&shim_process, o, 0, WEFT_DUP_PRIVATE | WEFT_DUP_CLOEXEC);
	assert_int_equal(fds_copy(shim_process.fds, &child.fds), 0);
	assert_int_equal(child.fds->pub.used, 19);
	assert_int_equal(child.fds->priv.used, 1);
	assert_int_equal(fd_install(&child, o, 0, 0), 5);
	fds_close_exec(&child);
	assert_int_equal(child.fds->priv.used, 0);
	fds_put(child.fds);
	assert_int_equal(o->fds, 2);
	object_put(o);
	shim_no_memory = true;
	assert_int_equal(fds_copy(shim_process.fds, &child.fds), -ENOMEM);
	shim_no_memory = false;
}

/* An object that holds the next one's last fd, 100,000 deep: must not nest. */
struct holder {
	struct object obj;
	struct object *next;
};
static u32 max_nest, nest;

static void holder_closed(struct object *o)
{
	struct object *next = container_of(o, struct holder, obj)->next;

	if (++nest > max_nest)
		max_nest = nest;
	container_of(o, struct holder, obj)->next = NULL;
	if (next)
		object_fd_put(next);
	nest--;
}

static void holder_destroy(struct object *o)
{
	free(container_of(o, struct holder, obj));
}

static void deep_chain(void **state)
{
	static const struct obj_ops ops = {.closed = holder_closed, .destroy = holder_destroy};
	struct object *next = NULL;

	(void)state;
	for (u32 i = 0; i < 100000; i++) {
		struct holder *h = calloc(1, sizeof(*h));
		object_init(&h->obj, WEFT_OBJ_CHANNEL, &ops);
		h->next = next;
		object_fd_get(&h->obj);
		object_put(&h->obj);
		next = &h->obj;
	}
	assert_int_equal(object_count[WEFT_OBJ_CHANNEL], 100000);
	object_fd_put(next);
	assert_int_equal(object_count[WEFT_OBJ_CHANNEL], 0);
	assert_true(max_nest < 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lowest_first, setup, teardown),
		cmocka_unit_test_setup_teardown(lower_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(limits, setup, teardown),
		cmocka_unit_test_setup_teardown(replaces, setup, teardown),
		cmocka_unit_test_setup_teardown(rights_and_types, setup, teardown),
		cmocka_unit_test_setup_teardown(copies, setup, teardown),
		cmocka_unit_test(deep_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
