// SPDX-License-Identifier: GPL-2.0
/*
 * attack-races [SECONDS [SEED]]: attacks on the kernel. A user without
 * privileges does everything that can be done to leases, from many threads and
 * processes at once on the same descriptors, while the files change; passes
 * leases in circles; executes with them. Afterwards nothing is left of it: no
 * lease, no charge, no reference on the module; and the kernel has nothing to
 * say (the runner looks).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "attack.h"
#include "parameter.h"
#include "rdma.h"
#include "sigbus.h"

#define PATH	 PMEM "attack-races"
#define LENGTH	 (4 * MIB)
#define PAGE	 4096UL
#define LIMIT	 (64 * MIB)
#define SLOTS	 8
#define THREADS	 4
#define WORKERS	 2
#define BREAK_MS 200

static int file, memory;

/* What the threads of a process share, and take from each other. */
static struct slot {
	int fd;
	char *map;
	struct ibv_mr *mr;
} slots[SLOTS];

static struct rdma rdma;
static bool over;
static unsigned long calls;

static size_t some_page(unsigned int *seed)
{
	return rand_r(seed) % (LENGTH / PAGE) * PAGE;
}

static void acquire(struct slot *slot, unsigned int *seed)
{
	struct holdfast_acquire acquire = {
		.size = sizeof(acquire),
		.fd = rand_r(seed) % 4 ? file : memory,
		.kind = rand_r(seed) % 8 ? HOLDFAST_BREAKABLE
					 : HOLDFAST_EXCLUSIVE,
		.offset = some_page(seed),
		.break_ms = BREAK_MS,
	};

	acquire.length = PAGE << (rand_r(seed) % 8);
	/* Of whatever the descriptor is in the meantime. */
	ioctl(slot->fd, HOLDFAST_IOC_ACQUIRE, &acquire);
}

static void reopen(struct slot *slot)
{
	int fd = open(HOLDFAST_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);

	/* In one step: whoever uses the old one is surprised. */
	if (slot->fd >= 0 && fd >= 0) {
		dup3(fd, slot->fd, O_CLOEXEC);
		close(fd);
	} else if (fd >= 0) {
		slot->fd = fd;
	}
}

static void map(struct slot *slot, unsigned int *seed)
{
	void *addr = mmap(NULL, PAGE << (rand_r(seed) % 11),
			  PROT_READ | PROT_WRITE, MAP_SHARED,
			  rand_r(seed) % 4 ? file : memory, some_page(seed));

	/* The old one stays: there are enough addresses. */
	if (addr != MAP_FAILED)
		slot->map = addr;
}

static void touch(struct slot *slot)
{
	char *at = slot->map;

	if (at)
		gives_sigbus(at);
}

static void give(struct slot *slot)
{
	int sockets[2];

	if (slot->fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		return;
	/* One end in the other: a circle, with the lease in it. */
	fd_send(sockets[0], slot->fd);
	fd_send(sockets[0], sockets[1]);
	close(sockets[0]);
	close(sockets[1]);
}

static void fork_with(struct slot *slot)
{
	pid_t pid = fork();

	if (!pid) {
		struct holdfast_query query;

		hf_query(slot->fd, &query);
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void registrate(struct slot *slot)
{
	struct ibv_mr *mr =
		__atomic_exchange_n(&slot->mr, NULL, __ATOMIC_SEQ_CST);

	if (mr)
		ibv_dereg_mr(mr);
	else if (slot->map)
		slot->mr = ibv_reg_mr(rdma.pd, slot->map, PAGE, RDMA_ACCESS);
}

static void play(unsigned int *seed)
{
	struct slot *slot = &slots[rand_r(seed) % SLOTS];
	struct holdfast_event event;
	struct holdfast_query query;
	char *addr;

	switch (rand_r(seed) % 16) {
	case 0:
		reopen(slot);
		break;
	case 1:
	case 2:
		acquire(slot, seed);
		break;
	case 3:
	case 4:
		map(slot, seed);
		break;
	case 5:
		touch(slot);
		break;
	case 6:
		addr = __atomic_exchange_n(&slot->map, NULL, __ATOMIC_SEQ_CST);
		if (addr)
			munmap(addr, PAGE);
		break;
	case 7:
		hf_join(slot->fd);
		break;
	case 8:
		registrate(slot);
		break;
	case 9:
		ioctl(slot->fd, HOLDFAST_IOC_RELEASE,
		      &(struct holdfast_release){
			      .size = sizeof(struct holdfast_release) });
		break;
	case 10:
		if (!hf_query(slot->fd, &query))
			hf_revoke(query.id, 1, HOLDFAST_REVOKE_NOWAIT);
		break;
	case 11:
		if (read(slot->fd, &event, sizeof(event)) < 0)
			sched_yield();
		break;
	case 12:
		fcntl(slot->fd, F_SETFL,
		      rand_r(seed) % 2 ? O_NONBLOCK | O_ASYNC : O_NONBLOCK);
		break;
	case 13:
		give(slot);
		break;
	case 14:
		registrate(slot);
		break;
	default:
		if (rand_r(seed) % 8)
			readable(slot->fd, 0);
		else
			fork_with(slot);
	}
	__atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
}

static void *play_on(void *arg)
{
	unsigned int seed = (uintptr_t)arg;

	while (!__atomic_load_n(&over, __ATOMIC_RELAXED))
		play(&seed);
	return NULL;
}

static void ignore(int signal)
{
	(void)signal;
}

/* A process of the attacker's; a fence may end it, and that is in order. */
static void worker(int seconds, unsigned int seed)
{
	struct rlimit limit = { LIMIT, LIMIT };
	pthread_t thread[THREADS];

	attack_needs(!setrlimit(RLIMIT_MEMLOCK, &limit), "setrlimit");
	become(ATTACKER);
	sigbus_catch();
	/* What another thread has unmapped */
	signal(SIGSEGV, sigbus_handler);
	signal(SIGIO, ignore);
	rdma = rdma_open();
	for (int i = 0; i < SLOTS; i++)
		slots[i].fd =
			open(HOLDFAST_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	for (uintptr_t i = 0; i < THREADS; i++)
		attack_needs(!pthread_create(&thread[i], NULL, play_on,
					     (void *)(seed + i)),
			     "thread");
	sleep(seconds);
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	tap_diag("%lu calls", calls);
	fflush(stdout);
	/* Some wait, for each other: the end of the process is one for all. */
	_exit(0);
}

/* Somebody who may, and does. */
static void change_on(unsigned int seed)
{
	static const int modes[] = {
		FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_COLLAPSE_RANGE,
		FALLOC_FL_INSERT_RANGE,
	};

	for (;;) {
		int fd = rand_r(&seed) % 4 ? file : memory;

		if (rand_r(&seed) % 2)
			fallocate(fd, modes[rand_r(&seed) % 4],
				  some_page(&seed), PAGE);
		else if (ftruncate(fd, some_page(&seed)))
			sched_yield();
		if (ftruncate(fd, LENGTH))
			sched_yield();
		usleep(1000);
	}
}

static bool module_goes(void)
{
	return !syscall(SYS_delete_module, "holdfast", O_NONBLOCK);
}

static int unload(long arg)
{
	(void)arg;
	return module_goes() ? 0 : errno;
}

static bool no_lease(void)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	bool none;

	if (hf_report_open(NULL, &report))
		tap_bail("report: %s", hf_error());
	none = hf_report_next(report, &entry) == 0;
	hf_report_close(report);
	return none;
}

/* As much as the limit allows: if something is still charged, it is too much. */
static int all_of_it(long length)
{
	int lease = lease_make(file, 0, length, HOLDFAST_BREAKABLE, LONG_BREAK);
	void *map = map_shared(file, 0, length);

	(void)lease;
	rdma = rdma_open();
	return ibv_reg_mr(rdma.pd, map, length, RDMA_ACCESS) ? 0 : errno;
}

static int references(void)
{
	FILE *file = fopen("/sys/module/holdfast/refcnt", "re");
	int count = -1;

	if (!file || fscanf(file, "%d", &count) != 1)
		tap_bail("refcnt: %s", strerror(errno));
	fclose(file);
	return count;
}

/* The end of a socket is when the kernel looks for circles. */
static bool nothing_left(void)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	int sockets[2];

	while ((!no_lease() || references()) && now_ns() < limit) {
		if (!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)) {
			close(sockets[0]);
			close(sockets[1]);
		}
		usleep(20000);
	}
	tap_diag("%d references to the module", references());
	return no_lease() && !references();
}

/* A program that executes another with a lease that stays open. */
static int execute(long arg)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);

	(void)arg;
	fcntl(lease, F_SETFD, 0);
	execl("/bin/sh", "sh", "-c", "grep -qs breakable /proc/$$/fdinfo/*",
	      NULL);
	return NO_ATTACK;
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 3, lease;
	unsigned int seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	unsigned int before = parameter_get("fs_limit_mib");
	pid_t pid[WORKERS], changer;
	bool good = true;
	int status;

	tap_diag("seed %u", seed);
	file = file_of(PATH, LENGTH, OWNER, 0666);
	memory = memfd_create("attack-races", MFD_CLOEXEC);
	if (memory < 0 || ftruncate(memory, LENGTH))
		tap_bail("memfd: %s", strerror(errno));
	changer = child_fork();
	if (!changer)
		change_on(seed);
	for (int i = 0; i < WORKERS; i++) {
		pid[i] = child_fork();
		if (!pid[i])
			worker(seconds, seed + 1000 * i);
	}
	tap_is(attack_as(ATTACKER, unload, 0), EPERM,
	       "meanwhile: he does not unload the module");
	for (int i = 0; i < WORKERS; i++) {
		status = child_wait(pid[i], seconds * 1000 + SOON);
		good &= status == 0 || (status != -1 && WIFSIGNALED(status) &&
					WTERMSIG(status) == SIGKILL);
	}
	tap_ok(good, "the attackers end, or are fenced");
	kill(changer, SIGKILL);
	tap_ok(child_wait(changer, SOON) != -1, "and who changes the files");
	tap_ok(nothing_left(), "no lease, nor open device, is left");

	if (ftruncate(file, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
	parameter_set("fs_limit_mib", LENGTH / MIB);
	tap_is(attack_as(ATTACKER, all_of_it, LENGTH), 0,
	       "all that he had charged was given back");
	parameter_set("fs_limit_mib", before);
	tap_is(attack_as(ATTACKER, execute, 0), 0,
	       "a lease that another program has open is one there");
	tap_ok(nothing_left(), "and ends with it");

	lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
	tap_ok(!module_goes() && errno == EAGAIN,
	       "with a lease root does not unload the module, either");
	close(lease);
	close(file);
	close(memory);
	unlink(PATH);
	return tap_done();
}
