/* SPDX-License-Identifier: MIT */
/* Signal queues: coalescing, real-time order, limits, who is told, taking, job control. */
#include "shim.h"

static struct thread t[2];
static struct weft_tp tp[2];
static struct weft_pp pp;
static struct identity ident;
static u32 poked[2], stopped, continued, killed;

void thread_poke(struct thread *x)
{
	poked[x - t]++;
}
void process_kill(struct process *p, u32 status)
{
	(void)p;
	killed = status;
}
void process_stop(struct process *p, u32 signo)
{
	(void)p;
	stopped = signo;
}
void process_cont(struct process *p)
{
	(void)p;
	continued++;
}
void signals_notify(u64 bit)
{
	(void)bit;
}
int process_get(i32 fd, u32 rights, struct process **out)
{
	(void)rights;
	if (fd != -1)
		return -EBADF;
	object_get(&shim_process.obj);
	*out = &shim_process;
	return 0;
}
struct thread *thread_find(struct process *p, u32 tid)
{
	(void)p;
	return tid == t[0].tid ? &t[0] : tid == t[1].tid ? &t[1] : NULL;
}
struct fd_entry *fd_peek(i32 fd)
{
	(void)fd;
	return NULL;
}
int copy_from_user(void *to, u64 from, size_t n)
{
	memcpy(to, (void *)from, n);
	return 0;
}
int copy_to_user(u64 to, const void *from, size_t n)
{
	memcpy((void *)to, from, n);
	return 0;
}

static int setup(void **state)
{
	static const struct obj_ops ops = {0};

	(void)state;
	memset(&shim_process, 0, sizeof(shim_process));
	object_init(&shim_process.obj, WEFT_OBJ_PROCESS, &ops);
	memset(tp, 0, sizeof(tp));
	memset(&pp, 0, sizeof(pp));
	list_init(&shim_process.threads);
	list_init(&shim_process.sigq.entries);
	shim_process.pp = &pp;
	shim_process.sigq.mirror = &pp.pending;
	shim_process.pid = 5;
	shim_process.nthreads = 2;
	shim_process.limits[WEFT_LIMIT_SIGNALS] = 10;
	for (u32 i = 0; i < 2; i++) {
		shim_thread(&t[i], i + 10);
		t[i].tp = &tp[i];
		t[i].sigq.mirror = &tp[i].pending;
		t[i].ident = &ident;
		list_add_tail(&shim_process.threads, &t[i].proc_link);
	}
	shim_run(&t[0]);
	memset(poked, 0, sizeof(poked));
	stopped = continued = killed = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sigq_drop(&shim_process.sigq, ~0ul);
	for (u32 i = 0; i < 2; i++)
		sigq_drop(&t[i].sigq, ~0ul);
	return 0;
}

static int post(struct thread *to, u32 signo, u64 value)
{
	struct weft_siginfo si = {.signo = signo, .code = -1, .value = value};

	return signal_post(&shim_process, to, &si);
}

static void coalesce(void **state)
{
	struct weft_siginfo si;

	(void)state;
	assert_int_equal(post(NULL, 10, 1), 0);
	assert_int_equal(post(NULL, 10, 2), 0);
	assert_int_equal(shim_process.sigq.n, 1);
	assert_int_equal(pp.pending, SIG_BIT(10));
	assert_int_equal(signal_take(&t[0], ~0ul, &si), 10);
	assert_int_equal(si.value, 1);
	assert_int_equal(signal_take(&t[0], ~0ul, &si), 0);
	assert_int_equal(pp.pending, 0);
}

static void realtime_queues(void **state)
{
	struct weft_siginfo si;

	(void)state;
	for (u64 i = 0; i < 10; i++)
		assert_int_equal(post(&t[1], 40, i), 0);
	assert_int_equal(post(&t[1], 40, 10), -EAGAIN);
	assert_int_equal(post(&t[1], 3, 11), 0); /* a standard one is never lost */
	assert_int_equal(tp[1].pending, SIG_BIT(40) | SIG_BIT(3));
	assert_int_equal(signal_take(&t[0], ~0ul, &si), 0);
	assert_int_equal(signal_take(&t[1], ~0ul, &si), 3);
	for (u64 i = 0; i < 10; i++) {
		assert_int_equal(tp[1].pending, SIG_BIT(40));
		assert_int_equal(signal_take(&t[1], ~0ul, &si), 40);
		assert_int_equal(si.value, i);
	}
	assert_int_equal(tp[1].pending, 0);
}

static void faults_first(void **state)
{
	struct weft_siginfo si;

	(void)state;
	post(&t[0], 2, 0);
	post(&t[0], 11, 0);
	assert_int_equal(signal_take(&t[0], ~0ul, &si), 11);
	assert_int_equal(signal_take(&t[0], ~SIG_BIT(2), &si), 0);
	assert_int_equal(signal_take(&t[0], ~0ul, &si), 2);
}

static void who_is_told(void **state)
{
	(void)state;
	tp[0].blocked = SIG_BIT(15);
	post(NULL, 15, 0);
	assert_int_equal(poked[0], 0);
	assert_int_equal(poked[1], 1);
	assert_false(signal_deliverable(&t[0]));
	assert_true(signal_deliverable(&t[1]));
	tp[1].blocked = SIG_BIT(15);
	tp[0].blocked = 0;
	signal_retarget(&shim_process);
	assert_int_equal(poked[0], 1);
	/* one that waits for it is preferred, though it blocks it */
	t[1].sig_waiting = SIG_BIT(12);
	t[1].state = T_BLOCKED;
	tp[1].blocked = SIG_BIT(12);
	post(NULL, 12, 0);
	assert_int_equal(poked[1], 2);
	assert_int_equal(poked[0], 1);
}

static void timer_overrun(void **state)
{
	struct weft_siginfo si = {.signo = 14, .code = -2, .status = 3};

	(void)state;
	signal_post(&shim_process, NULL, &si);
	signal_post(&shim_process, NULL, &si);
	signal_post(&shim_process, NULL, &si);
	assert_int_equal(shim_process.sigq.n, 1);
	assert_int_equal(signal_take(&t[0], ~0ul, &si), 14);
	assert_int_equal(si.overrun, 2);
}

static void job_control(void **state)
{
	struct weft_siginfo si;

	(void)state;
	post(NULL, 20, 0);
	post(&t[1], 21, 0);
	post(NULL, 18, 0);
	assert_int_equal(continued, 1);
	assert_int_equal(pp.pending, SIG_BIT(18));
	assert_int_equal(tp[1].pending, 0);
	post(NULL, 19, 0);
	assert_int_equal(stopped, 19);
	assert_int_equal(pp.pending, 0);
	post(NULL, 9, 0);
	assert_int_equal(killed, 9);
	assert_int_equal(post(NULL, 0, 0), -EINVAL);
	assert_int_equal(post(NULL, 65, 0), -EINVAL);
	assert_int_equal(signal_take(&t[0], ~0ul, &si), 0);
}

static void calls(void **state)
{
	struct weft_siginfo si = {.code = -1, .pid = 99, .value = 7};

	(void)state;
	assert_int_equal(sys_sig_post((u64)-1, 0, 65, 0), -EINVAL);
	assert_int_equal(sys_sig_post(3, 0, 5, 0), -EBADF);
	assert_int_equal(sys_sig_post((u64)-1, 77, 5, 0), -ESRCH);
	assert_int_equal(sys_sig_post((u64)-1, 0, 0, 0), 0);
	assert_int_equal(sys_sig_post((u64)-1, 11, 34, (u64)&si), 0);
	shim_run(&t[1]);
	assert_int_equal(sys_sig_take(SIG_BIT(33), (u64)&si, 0), -EAGAIN);
	assert_int_equal(sys_sig_take(SIG_BIT(34), (u64)&si, 0), 34);
	assert_int_equal(si.value, 7);
	assert_int_equal(si.pid, 99);
	assert_int_equal(sys_sig_take(~0ul, (u64)&si, WEFT_FOREVER),
		-EAGAIN); /* the shim's time is out at once */
	assert_int_equal(sys_sig_take(~0ul, (u64)&si, (u64)-1), -EINVAL);
	assert_int_equal(t[1].sig_waiting, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {TEST(coalesce), TEST(realtime_queues),
		TEST(faults_first), TEST(who_is_told), TEST(timer_overrun), TEST(job_control),
		TEST(calls)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
