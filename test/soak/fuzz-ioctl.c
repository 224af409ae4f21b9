// SPDX-License-Identifier: GPL-2.0
/*
 * Fuzz of all that a program can call on leases: structure-aware, so most calls
 * are nearly right and get far.
 *
 *	fuzz-ioctl [--calls N | --seconds N] [--seed S]
 *
 * Processes of root and of an ordinary user, two threads each, do as their own
 * generators say, with descriptors and memory in common. What they do gets them
 * killed by the fence, or stuck in a wait that they asked for: then they are
 * killed, and others go on. The seed decides what each thread calls, the
 * scheduler what comes of it.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <pthread.h>

#include "fuzz-file.h"
#include "fuzz-lease.h"
#include "fuzz-memory.h"
#include "../guest/lib/parameter.h"

#define USER	 1000
#define MEMLOCK	 (24 * MIB)
/* A call may wait this long until its process is killed. */
#define STUCK_MS 1500
/* Interruptible waits are interrupted, in ms. */
#define TICK_MS	 30

struct operation {
	void (*run)(void);
	unsigned int weight;
};

static void op_fork(void);

static const struct operation operations[] = {
	{ op_open, 1 },	      { op_session, 16 }, { op_acquire, 6 },
	{ op_release, 4 },    { op_query, 10 },	  { op_revoke, 2 },
	{ op_read, 14 },      { op_poll, 8 },	  { op_file_calls, 20 },
	{ op_close, 3 },      { op_report, 6 },	  { op_mail, 4 },
	{ op_map, 8 },	      { op_unmap, 3 },	  { op_remap, 4 },
	{ op_advise, 16 },    { op_touch, 24 },	  { op_register, 6 },
	{ op_deregister, 8 }, { op_ring, 4 },	  { op_vmsplice, 1 },
	{ op_file, 8 },	      { op_other, 4 },	  { op_change, 2 },
	{ op_fork, 1 },	      { op_allow, 4 },	  { op_join, 6 },
	{ op_watch, 3 },      { op_policy, 3 },
};

/* One of two threads is about the files, the other about the leases. */
static const struct operation changes[] = {
	{ op_change, 20 }, { op_file, 4 },    { op_touch, 4 },
	{ op_read, 6 },	   { op_revoke, 2 },  { op_deregister, 4 },
	{ op_close, 2 },   { op_session, 2 }, { op_file_calls, 2 },
};

static void choose_from(const struct operation *list, unsigned int count)
{
	unsigned int sum = 0, chosen;

	for (unsigned int i = 0; i < count; i++)
		sum += list[i].weight;
	chosen = random_below(sum);
	while (chosen >= list->weight)
		chosen -= list++->weight;
	list->run();
}

static void choose(void)
{
	if (own_thread)
		choose_from(changes, sizeof(changes) / sizeof(*changes));
	else
		choose_from(operations,
			    sizeof(operations) / sizeof(*operations));
}

/* A child with the descriptors and not the memory; it does not live long. */
static void op_fork(void)
{
	pid_t pid = fork();

	count_call();
	if (pid)
		return;
	signal(SIGALRM, SIG_DFL);
	alarm(1);
	for (int i = 0; i < 20; i++) {
		op_touch();
		op_file_calls();
		op_read();
	}
	_exit(0);
}

static void ignore(int signal)
{
	(void)signal;
}

/* Waits end: whatever interrupts them is a signal like this. */
static void tick_start(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID,
				  .sigev_signo = SIGUSR2 };
	struct itimerspec every = {
		.it_interval.tv_nsec = TICK_MS * 1000000,
		.it_value.tv_nsec = TICK_MS * 1000000,
	};
	timer_t timer;

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &every, NULL))
		_exit(99);
}

static uint64_t own_seed;

static void *thread_run(void *number)
{
	own_thread = (uintptr_t)number;
	random_state = random_mix(own_seed + own_thread);
	tick_start();
	while (!__atomic_load_n(&board->stop, __ATOMIC_RELAXED))
		choose();
	return NULL;
}

static void handle_signals(void)
{
	struct sigaction touch = { .sa_handler = touch_handler };
	struct sigaction nothing = { .sa_handler = ignore };

	sigaction(SIGSEGV, &touch, NULL);
	sigaction(SIGBUS, &touch, NULL);
	sigaction(SIGIO, &nothing, NULL);
	sigaction(SIGUSR1, &nothing, NULL);
	sigaction(SIGUSR2, &nothing, NULL);
	sigaction(SIGALRM, &nothing, NULL);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
}

/* Every second one is the ordinary user. */
static void become(unsigned int worker)
{
	struct rlimit size = { FILE_MOST, FILE_MOST };
	struct rlimit lock = { MEMLOCK, MEMLOCK };

	if (setrlimit(RLIMIT_FSIZE, &size) || setrlimit(RLIMIT_MEMLOCK, &lock))
		_exit(98);
	if (worker % 2 == 0)
		return;
	if (setgroups(0, NULL) || setresgid(USER, USER, USER) ||
	    setresuid(USER, USER, USER))
		_exit(98);
}

static void worker_run(unsigned int worker, uint64_t seed)
{
	pthread_t threads[THREADS];

	own_worker = worker;
	own_seed = seed;
	/* Nobody works on without the supervisor. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	become(worker);
	handle_signals();
	umask(0);
	memset(slots, -1, sizeof(slots));
	for (int i = 0; i < 2 * SLOTS; i++)
		op_file();
	rdma = rdma_open();
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, thread_run, (void *)i))
			_exit(97);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

/* --- the supervisor */

static struct {
	uint64_t calls, seconds, seed;
} wanted;

struct worker {
	pid_t pid;
	unsigned int generation;
	uint64_t calls[THREADS]; /* when last looked at, of each */
	uint64_t since[THREADS];
};

static struct worker workers[WORKERS];
static uint64_t fences, kills, restarts;

static void worker_start(unsigned int i)
{
	struct worker *worker = &workers[i];
	pid_t pid;

	pid = child_fork();
	if (!pid)
		worker_run(i, random_mix(wanted.seed) + i * 1000003ULL +
				      worker->generation * 7919ULL);
	worker->pid = pid;
	worker->generation++;
	for (int t = 0; t < THREADS; t++)
		worker->since[t] = now_ns();
}

static uint64_t calls_all(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < WORKERS; i++)
		for (int t = 0; t < THREADS; t++)
			sum += __atomic_load_n(&board->thread[i][t].calls,
					       __ATOMIC_RELAXED);
	return sum;
}

/* True when a thread of it has not come on for too long. */
static bool worker_stuck(unsigned int i)
{
	struct worker *worker = &workers[i];
	bool stuck = false;

	for (int t = 0; t < THREADS; t++) {
		uint64_t calls = __atomic_load_n(&board->thread[i][t].calls,
						 __ATOMIC_RELAXED);

		if (calls != worker->calls[t]) {
			worker->calls[t] = calls;
			worker->since[t] = now_ns();
		}
		if (now_ns() - worker->since[t] >
		    STUCK_MS * 1000000ULL * time_scale())
			stuck = true;
	}
	return stuck;
}

/* SIGKILL, and it has to be gone soon: true if it is. */
static bool worker_end(unsigned int i)
{
	kill(workers[i].pid, SIGKILL);
	return child_wait(workers[i].pid, 2 * SOON) != -1;
}

static void look_at(unsigned int i)
{
	struct worker *worker = &workers[i];
	int status;

	if (waitpid(worker->pid, &status, WNOHANG) == worker->pid) {
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
			fences++;
		else if (WIFEXITED(status) && WEXITSTATUS(status) >= 97 &&
			 WEXITSTATUS(status) <= 99)
			tap_bail("a process could not be set up: %d",
				 WEXITSTATUS(status));
		restarts++;
		worker_start(i);
	} else if (worker_stuck(i)) {
		kills++;
		if (!worker_end(i))
			tap_bail("process %d does not die", worker->pid);
		worker_start(i);
	}
}

static void adopted_reap(void)
{
	for (int i = 0; i < SOON / 10; i++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG);

		if (pid < 0)
			return;
		if (!pid)
			usleep(10000);
	}
	tap_ok(false, "all processes end");
}

static void supervise(void)
{
	const uint64_t end = now_ns() + wanted.seconds * 1000000000ULL;

	for (unsigned int i = 0; i < WORKERS; i++)
		worker_start(i);
	while (wanted.calls ? calls_all() < wanted.calls : now_ns() < end) {
		usleep(20000);
		for (unsigned int i = 0; i < WORKERS; i++)
			look_at(i);
	}
	board->stop = true;
	for (unsigned int i = 0; i < WORKERS; i++)
		tap_ok(worker_end(i), "process %u ends", i);
	/* Their children live for a second at most. */
	adopted_reap();
}

/* --- what has to be true afterwards */

/* What one of root's threads has allowed lasts. */
static void policy_end(void)
{
	int folder = open(FOLDER, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = hf_policy_forbid(folder);

	tap_ok(!ret || ret == -ENOENT, "no policy is left");
	close(folder);
}

static bool no_lease(void)
{
	char room[512];
	int fd = open(HOLDFAST_REPORT, O_RDONLY | O_CLOEXEC);
	ssize_t length = read(fd, room, sizeof(room));

	close(fd);
	/* The line with the names of the columns is all. */
	return length > 0 && memchr(room, '\n', length) == room + length - 1;
}

static bool module_unused(void)
{
	FILE *file = fopen("/sys/module/holdfast/refcnt", "r");
	int count = -1;

	if (!file || fscanf(file, "%d", &count) != 1)
		tap_bail("the module's count: %s", strerror(errno));
	fclose(file);
	return !count;
}

static bool soon(bool (*is)(void))
{
	const uint64_t limit = now_ns() + SOON * 1000000ULL;

	do {
		if (is())
			return true;
		usleep(10000);
	} while (now_ns() < limit);
	return false;
}

static void report_depth(void)
{
	for (int d = 0; d < DEEP_COUNT; d++) {
		uint64_t sum = 0;

		for (int i = 0; i < WORKERS; i++)
			for (int t = 0; t < THREADS; t++)
				sum += board->thread[i][t].deep[d];
		tap_ok(sum, "%s: %llu came to pass", deep_names[d],
		       (unsigned long long)sum);
	}
}

static void check_afterwards(void)
{
	close(mail[0]);
	close(mail[1]);
	policy_end();
	tap_ok(soon(no_lease), "no lease is left");
	tap_ok(soon(module_unused), "nobody uses the module");
}

/* --- setting up */

static void parse_arguments(int argc, char **argv)
{
	wanted.seed = time(NULL);
	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t value = strtoull(argv[i + 1], NULL, 0);

		if (!strcmp(argv[i], "--calls"))
			wanted.calls = value;
		else if (!strcmp(argv[i], "--seconds"))
			wanted.seconds = value;
		else if (!strcmp(argv[i], "--seed"))
			wanted.seed = value;
		else
			tap_bail("no option %s", argv[i]);
	}
	if (argc % 2 == 0 || (!wanted.calls && !wanted.seconds))
		tap_bail(
			"usage: fuzz-ioctl --calls N | --seconds N [--seed S]");
}

static void huge_pages(void)
{
	FILE *file = fopen("/proc/sys/vm/nr_hugepages", "w");

	/* Where there are none, files of them just do not come about. */
	if (file) {
		fputs("16", file);
		fclose(file);
	}
}

static void set_up(void)
{
	struct utsname uts;
	struct stat st;
	char path[64];

	if (uname(&uts))
		tap_bail("uname: %s", strerror(errno));
	may_share = strncmp(uts.release, "6.1.", 4);
	board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (board == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, mail))
		tap_bail("%s", strerror(errno));
	if ((mkdir(FOLDER, 0777) && errno != EEXIST) || chmod(FOLDER, 0777))
		tap_bail(FOLDER ": %s", strerror(errno));
	if (stat(FOLDER, &st))
		tap_bail(FOLDER ": %s", strerror(errno));
	folder_device = st.st_dev;
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), FOLDER "%d", i);
		close(file_make(path, FILE_SIZE));
		if (chmod(path, 0666) || (i % 2 && chown(path, USER, USER)))
			tap_bail("%s: %s", path, strerror(errno));
	}
	huge_pages();
	/* Children of processes that were killed are ours to wait for. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
}

static void remove_files(void)
{
	DIR *folder = opendir(FOLDER);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (*entry->d_name != '.')
			unlinkat(dirfd(folder), entry->d_name, 0);
	if (!folder || closedir(folder) || rmdir(FOLDER))
		tap_bail(FOLDER ": %s", strerror(errno));
}

int main(int argc, char **argv)
{
	unsigned int default_ms = parameter_get("break_time_ms");
	unsigned int most_ms = parameter_get("break_time_max_ms");
	uint64_t began = now_ns();

	parse_arguments(argc, argv);
	tap_diag("seed %llu", (unsigned long long)wanted.seed);
	set_up();
	parameter_set("break_time_ms", 50);
	parameter_set("break_time_max_ms", 200);
	supervise();
	tap_diag("%llu calls in %llu ms, %llu processes started again",
		 (unsigned long long)calls_all(),
		 (unsigned long long)(now_ns() - began) / 1000000,
		 (unsigned long long)restarts);
	report_depth();
	check_afterwards();
	parameter_set("break_time_ms", default_ms);
	parameter_set("break_time_max_ms", most_ms);
	remove_files();

	printf("# figure calls fuzzed: %llu\n",
	       (unsigned long long)calls_all());
	printf("# figure fences: %llu\n", (unsigned long long)fences);
	printf("# figure kills: %llu\n", (unsigned long long)kills);
	return tap_done();
}
