// SPDX-License-Identifier: GPL-2.0
/*
 * The shim of "holdfast run" is a guest in the program: while it answers changes it
 * allocates nothing, waits for no pipe, touches no descriptor of the program, blocks
 * no synchronous signal, and is in nobody's way at fork, vfork and unshare. Standard
 * error is a pipe that is full and that nobody reads, from the beginning to the end.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <dirent.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "common.h"
#include "rdma.h"

#define PATH	PMEM "run-manners"
#define LENGTH	(2 * MIB)
#define PAGE	4096UL
#define REGIONS 40
/* The shim's descriptors are below this. */
#define NUMBERS 1024
/* Nobody takes a region before: half of it is the grace at most. */
#define BREAK_S "60"
#define GRACE_S "0.2"

static struct rdma rdma;

/* --- allocations: every thread except the first is the shim's */

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *from, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *from);

static int allocations;

static void note_allocation(void)
{
	if (gettid() != getpid())
		__atomic_add_fetch(&allocations, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
	note_allocation();
	return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	note_allocation();
	return __libc_calloc(count, size);
}

void *realloc(void *from, size_t size)
{
	note_allocation();
	return __libc_realloc(from, size);
}

void *memalign(size_t alignment, size_t size)
{
	note_allocation();
	return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
	*out = memalign(alignment, size);
	return *out ? 0 : ENOMEM;
}

void free(void *from)
{
	note_allocation();
	__libc_free(from);
}

/* --- */

static char *map(void)
{
	int fd = open(PATH, O_RDWR | O_CLOEXEC);
	char *addr = map_shared(fd, 0, LENGTH);

	close(fd);
	return addr;
}

static unsigned int threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned int count = 0;

	if (!dir)
		tap_bail("/proc/self/task: %s", strerror(errno));
	for (struct dirent *entry; (entry = readdir(dir));)
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

static bool threads_soon(unsigned int count)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	while (threads() != count && now_ns() < limit)
		usleep(5000);
	return threads() == count;
}

static unsigned int descriptors(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < NUMBERS; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* A hole of which nobody lets go: the shim takes the region after the grace. */
static bool is_taken(void)
{
	struct change change = change_start("punch", PATH, 0, LENGTH, NULL);

	return change_done(&change, SOON) && !change.error;
}

/* --- */

static void try_counts(char *addr)
{
	unsigned int before = descriptors(), after;
	struct ibv_mr *mrs[REGIONS];
	char *maps[REGIONS];

	mrs[0] = rdma_register(&rdma, addr, LENGTH);
	after = descriptors();
	tap_is(after, before + 1, "the first registration: one descriptor");
	tap_is(threads(), 2, "and one thread");
	for (int i = 1; i < REGIONS; i++) {
		maps[i] = map();
		mrs[i] = rdma_register(&rdma, maps[i], LENGTH);
	}
	tap_is(descriptors(), after, "%d mappings: no more descriptors",
	       REGIONS);
	tap_is(threads(), 2, "and no more threads");
	for (int i = 1; i < REGIONS; i++) {
		ibv_dereg_mr(mrs[i]);
		munmap(maps[i], LENGTH);
	}
	ibv_dereg_mr(mrs[0]);
}

/* The bits of the shim's thread in a line of its status, such as "SigBlk". */
static uint64_t signals_of_shim(const char *field)
{
	char path[300], line[200];
	unsigned long long bits;
	uint64_t found = 0;
	DIR *dir = opendir("/proc/self/task");

	for (struct dirent *entry; dir && (entry = readdir(dir));) {
		FILE *status;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status",
			 entry->d_name);
		status = fopen(path, "re");
		while (status && fgets(line, sizeof(line), status))
			if (!strncmp(line, field, strlen(field)) &&
			    sscanf(line + strlen(field) + 1, "%llx", &bits) ==
				    1)
				found = bits;
		if (status)
			fclose(status);
	}
	if (dir)
		closedir(dir);
	return found;
}

static void try_signals(void)
{
	static const int own[] = { SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
				   SIGTRAP, SIGABRT, SIGSYS };
	uint64_t blocked = signals_of_shim("SigBlk"), wrong = 0;
	sigset_t mask;

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		wrong |= blocked & UINT64_C(1) << (own[i] - 1);
	tap_is(wrong, 0, "its thread blocks no synchronous signal");
	tap_ok(blocked & UINT64_C(1) << (SIGTERM - 1) &&
		       blocked & UINT64_C(1) << (SIGCHLD - 1),
	       "and all of the program's");
	sigprocmask(SIG_SETMASK, NULL, &mask);
	for (int i = 1; i < SIGRTMIN; i++)
		wrong += sigismember(&mask, i) == 1;
	tap_is(wrong, 0, "the program's own mask is as it was");
}

static void try_allocations(char *addr)
{
	struct ibv_mr *mr = rdma_register(&rdma, addr, LENGTH);

	__atomic_store_n(&allocations, 0, __ATOMIC_RELAXED);
	tap_ok(is_taken(),
	       "it takes a region while nobody reads standard error");
	/* This waits until the shim is done with it. */
	tap_is(ibv_dereg_mr(mr), 0, "which the program can deregister");
	tap_is(__atomic_load_n(&allocations, __ATOMIC_RELAXED), 0,
	       "it has allocated nothing");
}

/* True when a program that is started by vfork(2) ends as it should. */
static bool vforks(void)
{
	char *const argv[] = { "true", NULL };
	pid_t pid = vfork();

	if (!pid) {
		execvp(argv[0], argv);
		_exit(127);
	}
	return child_wait(pid, SOON) == 0;
}

static bool forks(void)
{
	pid_t pid = child_fork();

	if (!pid)
		_exit(threads() != 1 || unshare(CLONE_NEWUSER));
	return child_wait(pid, SOON) == 0;
}

/* Children of every kind begin and end while breaks come. */
static void try_children(char *addr)
{
	int good = 0;

	for (int i = 0; i < 3; i++) {
		struct ibv_mr *mr = rdma_register(&rdma, addr, LENGTH);
		struct change change =
			change_start("punch", PATH, 0, LENGTH, NULL);

		good += vforks() && forks();
		good += change_done(&change, SOON) && !change.error;
		ibv_dereg_mr(mr);
	}
	tap_is(good, 6, "vfork, fork and unshare in the middle of breaks");
}

/* --- descriptors that were the shim's */

/* All except those of the device and the standard ones are @fd from here on. */
static void replace_all(int fd)
{
	for (int to = 3; to < NUMBERS; to++)
		if (to != fd && to != rdma.context->cmd_fd &&
		    to != rdma.context->async_fd)
			dup2(fd, to);
}

static bool are_all_open(void)
{
	return descriptors() == NUMBERS;
}

/*
 * The program has the numbers for something else, which can be read and written, and
 * a break comes.
 */
static void try_replaced(char *addr)
{
	struct ibv_mr *mr = rdma_register(&rdma, addr, LENGTH);
	struct change change;
	char data[256] = "the program's", back[sizeof(data)];
	int ends[2], other;
	pid_t pid;

	/* Its descriptors must not be in the way of what is to be replaced. */
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		tap_bail("socketpair: %s", strerror(errno));
	other = fcntl(ends[1], F_DUPFD_CLOEXEC, NUMBERS);
	if (other < 0 || write(other, data, sizeof(data)) != sizeof(data))
		tap_bail("socket: %s", strerror(errno));
	close(ends[1]);
	replace_all(ends[0]);
	pid = child_fork();
	if (!pid)
		_exit(!are_all_open());
	tap_is(child_wait(pid, SOON), 0,
	       "closed and replaced: a child closes none of them");
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_ok(threads_soon(1), "a break: the shim's thread ends");
	tap_ok(are_all_open(), "it has closed none of them");
	tap_is(recv(ends[0], back, sizeof(back), MSG_DONTWAIT), sizeof(back),
	       "it has read nothing of them");
	tap_ok(!memcmp(data, back, sizeof(data)), "what is there is right");
	tap_is(recv(other, back, sizeof(back), MSG_DONTWAIT), -1,
	       "it has written nothing to them");
	tap_is(ibv_dereg_mr(mr), 0, "the program deregisters");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "and the change is done");
}

/* What this program runs itself with. */
static void run_under(char *self)
{
	int ends[2];
	char block[PAGE] = "";

	if (pipe(ends) || fcntl(ends[1], F_SETFL, O_NONBLOCK))
		tap_bail("pipe: %s", strerror(errno));
	while (write(ends[1], block, sizeof(block)) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	execlp("holdfast", "holdfast", "run", "--hitless", "--verbose",
	       "--break-time", BREAK_S, "--grace", GRACE_S, self, "under",
	       NULL);
	tap_bail("holdfast: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	struct rlimit limit = { NUMBERS * 2, NUMBERS * 2 };
	char *addr;

	if (setrlimit(RLIMIT_NOFILE, &limit))
		tap_bail("RLIMIT_NOFILE: %s", strerror(errno));
	if (argc == 1)
		run_under(argv[0]);
	close(file_make(PATH, LENGTH));
	addr = map();
	rdma = rdma_open();
	try_counts(addr);
	try_signals();
	try_allocations(addr);
	try_children(addr);
	try_replaced(addr);
	unlink(PATH);
	return tap_done();
}
