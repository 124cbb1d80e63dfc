/* SPDX-License-Identifier: MIT */
/* System V shared memory, semaphores and message queues. Passes on Linux too. Runs as root. */
#define _GNU_SOURCE
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define KEY 0x57656674

union semun {
	int val;
	struct semid_ds *buf;
	unsigned short *array;
};

static int in_child(int (*fn)(int), int arg)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(fn(arg));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 200;
}

static void be_user(void)
{
	if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		_exit(99);
}

static int nattch(int id)
{
	struct shmid_ds d;
	return shmctl(id, IPC_STAT, &d) ? -1 : (int)d.shm_nattch;
}

static int shm_as_user(int id)
{
	be_user();
	struct shmid_ds d;
	int bad = 0;
	bad += shmat(id, NULL, 0) != (void *)-1 || errno != EACCES;
	char *p = shmat(id, NULL, SHM_RDONLY);
	bad += p == (void *)-1 || p[0] != 'a';
	bad += mprotect(p, 4096, PROT_READ | PROT_WRITE) == 0;
	bad += shmctl(id, IPC_RMID, NULL) != -1 || errno != EPERM;
	bad += shmctl(id, IPC_STAT, &d) != 0 || d.shm_perm.uid != 0;
	return bad;
}

static int child_sees(int id)
{
	/* The parent's attachment came along, and this one's end drops it. */
	return nattch(id) != 2;
}

static void shared_memory(void)
{
	struct shmid_ds d;
	int id = shmget(KEY, 10000, IPC_CREAT | IPC_EXCL | 0644);
	CHECK("shm: made", id >= 0);
	FAILS("shm: there already", shmget(KEY, 10000, IPC_CREAT | IPC_EXCL | 0644), EEXIST);
	CHECK("shm: found by its key", shmget(KEY, 0, 0) == id);
	FAILS("shm: asked for more than it has", shmget(KEY, 20000, 0), EINVAL);
	FAILS("shm: no such key", shmget(KEY + 1, 100, 0), ENOENT);
	FAILS("shm: of no size", shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600), EINVAL);
	char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, 0);
	CHECK("shm: attached twice", p != (void *)-1 && q != (void *)-1 && p != q);
	strcpy(p, "a word");
	CHECK("shm: one memory", strcmp(q, "a word") == 0);
	CHECK("shm: two attachments", nattch(id) == 2);
	CHECK("shm: detached", shmdt(q) == 0 && nattch(id) == 1);
	FAILS("shm: detached again", shmdt(q), EINVAL);
	CHECK("shm: a child has it too", in_child(child_sees, id) == 0 && nattch(id) == 1);
	CHECK("shm: what it is", shmctl(id, IPC_STAT, &d) == 0 && d.shm_segsz == 10000 && d.shm_cpid == getpid() && d.shm_perm.__key == KEY &&
		(d.shm_perm.mode & 0777) == 0644 && d.shm_atime && d.shm_ctime);
	CHECK("shm: permissions", in_child(shm_as_user, id) == 0);
	char *at = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FAILS("shm: where something is", (long)shmat(id, at, 0), EINVAL);
	CHECK("shm: in its place", shmat(id, at, SHM_REMAP) == at && strcmp(at, "a word") == 0 && shmdt(at) == 0);
	d.shm_perm.mode = 0600;
	CHECK("shm: mode changed", shmctl(id, IPC_SET, &d) == 0 && shmctl(id, IPC_STAT, &d) == 0 && (d.shm_perm.mode & 0777) == 0600);
	CHECK("shm: removed while attached", shmctl(id, IPC_RMID, NULL) == 0 && strcmp(p, "a word") == 0 && nattch(id) == 1);
	FAILS("shm: its key is free", shmget(KEY, 0, 0), ENOENT);
	CHECK("shm: the last detaches", shmdt(p) == 0);
	CHECK("shm: and it is gone", shmctl(id, IPC_STAT, &d) == -1 && (errno == EINVAL || errno == EIDRM));
	struct shm_info info;
	CHECK("shm: nothing is left", shmctl(0, SHM_INFO, (void *)&info) >= 0 && info.used_ids == 0);
}

static int op1(int id, int num, int n, int flags)
{
	struct sembuf o = {num, n, flags};
	return semop(id, &o, 1);
}

static int take_with_undo(int id)
{
	return op1(id, 0, -2, SEM_UNDO) ? 1 : op1(id, 1, 1, 0) ? 2 : 0;
}

static int take_and_stay(int id)
{
	op1(id, 0, -1, SEM_UNDO);
	op1(id, 1, 1, 0);
	pause();
	return 0;
}

static int wait_for_it(int id)
{
	return op1(id, 0, -5, 0) ? errno : 0;
}

static int sem_as_user(int id)
{
	be_user();
	union semun u = {.val = 1};
	int bad = 0;
	bad += op1(id, 0, 1, 0) != -1 || errno != EACCES;
	bad += semctl(id, 0, GETVAL) < 0;
	bad += semctl(id, 0, SETVAL, u) != -1 || errno != EACCES;
	bad += semctl(id, 0, IPC_RMID) != -1 || errno != EPERM;
	bad += semget(KEY, 1, 0600) != -1 || errno != EACCES;
	return bad;
}

static void nothing(int s)
{
	(void)s;
}

static void settle(int id, int cmd, int want)
{
	for (int i = 0; i < 500 && semctl(id, 0, cmd) != want; i++)
		usleep(10000);
}

static void semaphores(void)
{
	union semun u;
	unsigned short v[3] = {5, 0, 7};
	struct semid_ds d;
	int status, id = semget(KEY, 3, IPC_CREAT | IPC_EXCL | 0644);
	CHECK("sem: made, all zero", id >= 0 && semctl(id, 2, GETVAL) == 0);
	FAILS("sem: asked for more than it has", semget(KEY, 4, 0), EINVAL);
	u.array = v;
	CHECK("sem: set all", semctl(id, 0, SETALL, u) == 0);
	memset(v, 0, sizeof v);
	CHECK("sem: get all", semctl(id, 0, GETALL, u) == 0 && v[0] == 5 && v[1] == 0 && v[2] == 7);
	u.val = 40000;
	FAILS("sem: too large a value", semctl(id, 0, SETVAL, u), ERANGE);
	FAILS("sem: no such one", op1(id, 3, 1, 0), EFBIG);
	FAILS("sem: one too many", semctl(id, 3, GETVAL), EINVAL);
	struct sembuf both[] = {{0, -1, 0}, {1, -1, IPC_NOWAIT}};
	errno = 0;
	CHECK("sem: all or nothing", semop(id, both, 2) == -1 && errno == EAGAIN && semctl(id, 0, GETVAL) == 5);
	struct sembuf twice[] = {{1, 2, 0}, {1, -1, 0}, {0, -5, 0}, {0, 0, 0}};
	CHECK("sem: in their order", semop(id, twice, 4) == 0 && semctl(id, 1, GETVAL) == 1 && semctl(id, 0, GETVAL) == 0);
	CHECK("sem: who was last", semctl(id, 0, GETPID) == getpid());
	struct timespec t = {0, 50000000};
	struct sembuf one = {0, -1, 0};
	FAILS("sem: semtimedop", syscall(SYS_semtimedop, id, &one, 1, &t), EAGAIN);
	pid_t pid = fork();
	if (pid == 0)
		_exit(wait_for_it(id));
	settle(id, GETNCNT, 1);
	CHECK("sem: one waits", semctl(id, 0, GETNCNT) == 1 && semctl(id, 0, GETZCNT) == 0);
	op1(id, 0, 4, 0);
	CHECK("sem: for all that it wants", waitpid(pid, &status, WNOHANG) == 0);
	op1(id, 0, 2, 0);
	CHECK("sem: and has it", waitpid(pid, &status, 0) == pid && status == 0 && semctl(id, 0, GETVAL) == 1);
	u.val = 3;
	semctl(id, 0, SETVAL, u);
	CHECK("sem: SEM_UNDO", in_child(take_with_undo, id) == 0);
	settle(id, GETVAL, 3);
	CHECK("sem: undone at the exit", semctl(id, 0, GETVAL) == 3 && semctl(id, 1, GETVAL) == 2);
	pid = fork();
	if (pid == 0)
		_exit(take_and_stay(id));
	settle(id, GETVAL, 2);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	settle(id, GETVAL, 3);
	CHECK("sem: and at a killing", semctl(id, 0, GETVAL) == 3);
	pid = fork();
	if (pid == 0)
		_exit(wait_for_it(id));
	settle(id, GETNCNT, 1);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	op1(id, 0, 7, 0);
	CHECK("sem: who was killed takes nothing", semctl(id, 0, GETVAL) == 10 && semctl(id, 0, GETNCNT) == 0);
	u.val = 0;
	semctl(id, 0, SETVAL, u);
	signal(SIGUSR1, nothing);
	pid = fork();
	if (pid == 0)
		_exit(wait_for_it(id));
	settle(id, GETNCNT, 1);
	kill(pid, SIGUSR1);
	CHECK("sem: a signal ends the wait", waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == EINTR);
	CHECK("sem: permissions", in_child(sem_as_user, id) == 0);
	CHECK("sem: what it is", semctl(id, 0, IPC_STAT, (union semun){.buf = &d}) == 0 && d.sem_nsems == 3 && d.sem_otime && d.sem_perm.__key == KEY);
	pid = fork();
	if (pid == 0)
		_exit(wait_for_it(id));
	settle(id, GETNCNT, 1);
	CHECK("sem: removed", semctl(id, 0, IPC_RMID) == 0);
	CHECK("sem: who waited is told", waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == EIDRM);
	CHECK("sem: and it is gone", op1(id, 0, 1, 0) == -1 && (errno == EINVAL || errno == EIDRM));
}

struct message {
	long type;
	char text[9000];
};

static int put(int id, long type, const char *text, int flags)
{
	struct message m = {.type = type};
	strcpy(m.text, text);
	return msgsnd(id, &m, strlen(text), flags);
}

static int get_is(int id, long want, int flags, long type, const char *text)
{
	struct message m = {0};
	ssize_t n = msgrcv(id, &m, sizeof m.text, want, flags);
	return n == (ssize_t)strlen(text) && m.type == type && memcmp(m.text, text, n) == 0;
}

static int receiver(int id)
{
	return !get_is(id, 9, 0, 9, "nine");
}

static int filler(int id)
{
	struct message m = {.type = 1};
	for (int i = 0; i < 5; i++)
		if (msgsnd(id, &m, 8000, 0))
			return errno;
	return 0;
}

static int msg_as_user(int id)
{
	be_user();
	int bad = put(id, 1, "x", IPC_NOWAIT) != -1 || errno != EACCES;
	return bad + (msgctl(id, IPC_RMID, NULL) != -1 || errno != EPERM);
}

static void messages(void)
{
	struct msqid_ds d;
	struct message m = {.type = 1};
	int status, id = msgget(KEY, IPC_CREAT | IPC_EXCL | 0644);
	CHECK("msg: made", id >= 0 && msgget(KEY, 0) == id);
	FAILS("msg: nothing there", msgrcv(id, &m, 10, 0, IPC_NOWAIT), ENOMSG);
	CHECK("msg: sent", put(id, 3, "three", 0) == 0 && put(id, 1, "one", 0) == 0 && put(id, 2, "two", 0) == 0 && put(id, 3, "again", 0) == 0);
	CHECK("msg: what it is", msgctl(id, IPC_STAT, &d) == 0 && d.msg_qnum == 4 && d.msg_lspid == getpid() && d.msg_qbytes == 16384 && d.msg_stime);
	CHECK("msg: by its type", get_is(id, 2, 0, 2, "two"));
	CHECK("msg: the lowest", get_is(id, -2, 0, 1, "one"));
	CHECK("msg: none so low", msgrcv(id, &m, 10, -2, IPC_NOWAIT) == -1 && errno == ENOMSG);
	CHECK("msg: any but", msgrcv(id, &m, 10, 3, IPC_NOWAIT | MSG_EXCEPT) == -1 && errno == ENOMSG);
	CHECK("msg: the first", get_is(id, 0, 0, 3, "three"));
	FAILS("msg: too long for the room", msgrcv(id, &m, 2, 0, 0), E2BIG);
	CHECK("msg: cut off", msgrcv(id, &m, 2, 0, MSG_NOERROR) == 2 && memcmp(m.text, "ag", 2) == 0);
	m.type = 0;
	FAILS("msg: type 0", msgsnd(id, &m, 1, 0), EINVAL);
	m.type = 1;
	FAILS("msg: too long", msgsnd(id, &m, 8193, 0), EINVAL);
	CHECK("msg: an empty one", msgsnd(id, &m, 0, 0) == 0 && msgrcv(id, &m, 0, 0, 0) == 0);
	pid_t pid = fork();
	if (pid == 0)
		_exit(receiver(id));
	usleep(50000);
	put(id, 8, "eight", 0);
	put(id, 9, "nine", 0);
	CHECK("msg: who waits gets its own", waitpid(pid, &status, 0) == pid && status == 0 && get_is(id, 0, 0, 8, "eight"));
	pid = fork();
	if (pid == 0)
		_exit(filler(id));
	int n = 0;
	usleep(100000);
	CHECK("msg: a full queue makes senders wait", waitpid(pid, &status, WNOHANG) == 0);
	FAILS("msg: or refuses", msgsnd(id, &m, 8000, IPC_NOWAIT), EAGAIN);
	while (n < 5 && msgrcv(id, &m, sizeof m.text, 0, 0) == 8000)
		n++;
	CHECK("msg: all of them come", n == 5 && waitpid(pid, &status, 0) == pid && status == 0);
	CHECK("msg: permissions", in_child(msg_as_user, id) == 0);
	pid = fork();
	if (pid == 0)
		_exit(msgrcv(id, &m, 10, 0, 0) == -1 ? errno : 0);
	usleep(100000);
	CHECK("msg: removed", msgctl(id, IPC_RMID, NULL) == 0);
	CHECK("msg: who waited is told", waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == EIDRM);
}

int main(void)
{
	shared_memory();
	semaphores();
	messages();
	return check_done();
}
