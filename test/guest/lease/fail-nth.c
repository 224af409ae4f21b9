// SPDX-License-Identifier: GPL-2.0
/*
 * What a lease does when memory is short, or a buffer cannot be read: each step
 * of a good session is taken with its first, second, ... allocation or user copy
 * failing, until there is none left to fail. It ends well or with an error that
 * says so, can be taken again then, and leaves nothing behind. Kernel threads
 * cannot be told so: they, too, have their share of failures at random.
 *
 *	fail-nth [--seconds N --seed S]
 *
 * With --seconds steps and failures are chosen at random. On a kernel without fault
 * injection each step is only taken once, and succeeds.
 */
#define _GNU_SOURCE
#include <linux/falloc.h>
#include <linux/fs.h>

#include "extents.h"
#include "fault.h"
#include "rdma.h"
#include "sigbus.h"

#define PATH	      PMEM "fail-nth"
#define OTHER	      PMEM "fail-nth.other"
#define LENGTH	      (4 * MIB)
#define PART	      (LENGTH / 8)
/* Of a file in large pages; each of these is looked up by itself. */
#define PAGES	      (2 * 4096)
/* No step has nearly as many. */
#define NTH_MOST      500
/* How often all steps are taken while one thing in twenty fails. */
#define RANDOM_ROUNDS 30

struct session {
	int file, lease;
	int other; /* a permission, or a queue of events */
	unsigned int break_ms;
	void *addr;
	size_t mapped;
	struct ibv_mr *mr;
	bool broken; /* something it builds on did not come about */
};

/* What a change in a child came to. */
struct outcome {
	int err;
	bool failed;
};

static struct rdma rdma;
static struct outcome *shared;
static bool lenient; /* what a step builds on may fail as well */
static unsigned long faults;

static bool need(struct session *s, bool there, const char *what)
{
	if (there)
		return true;
	if (!lenient)
		tap_bail("%s: %s, %s", what, strerror(errno), hf_error());
	s->broken = true;
	return false;
}

static int errno_of(long ret)
{
	return ret < 0 ? errno : 0;
}

/* --- what steps build on */

static void with_lease(struct session *s)
{
	const struct hf_attr attr = { .break_ms = s->break_ms };

	s->lease = hf_acquire(s->file, 0, LENGTH, &attr);
	need(s, s->lease >= 0, "lease");
}

static bool map(struct session *s, size_t length)
{
	with_lease(s);
	if (s->broken)
		return false;
	s->mapped = length;
	s->addr = map_shared(s->file, 0, length);
	return true;
}

static void with_map(struct session *s)
{
	if (map(s, LENGTH))
		need(s, !gives_sigbus(s->addr), "touch");
}

static void with_large_pages(struct session *s)
{
	map(s, LENGTH);
}

/*
 * Too short for a large one. Not to be touched: where a page table cannot be had
 * the kernel complains of VM_FAULT_OOM in its log, of any driver, and tries again.
 */
static void with_pages(struct session *s)
{
	map(s, 2 * PART);
}

static void with_region(struct session *s)
{
	with_map(s);
	if (s->broken)
		return;
	s->mr = ibv_reg_mr(rdma.pd, s->addr, LENGTH, RDMA_ACCESS);
	need(s, s->mr, "region");
}

static void with_break(struct session *s)
{
	with_map(s);
	if (!s->broken)
		need(s, !ftruncate(s->file, LENGTH / 2), "truncate");
}

/* All of the mapping is in the file again, and most of it a hole. */
static void with_changed(struct session *s)
{
	with_break(s);
	if (!s->broken)
		need(s, !ftruncate(s->file, LENGTH), "truncate");
}

static void with_hole(struct session *s)
{
	if (need(s, !ftruncate(s->file, 0) && !ftruncate(s->file, LENGTH),
		 "hole"))
		map(s, LENGTH);
}

/* Two pages of a large one: an entry to be dropped, and two copies to be made. */
static void with_shared(struct session *s)
{
	struct file_clone_range range = { .src_fd = s->file,
					  .src_offset = LENGTH / 2,
					  .src_length = PAGES };
	int other = open(OTHER, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	/* Large again, as the first registration made it. */
	with_region(s);
	if (s->broken)
		return;
	ibv_dereg_mr(s->mr);
	s->mr = NULL;
	need(s, other >= 0 && !ioctl(other, FICLONERANGE, &range), "reflink");
	close(other);
}

/* Blocks of two files by turns: each page is a run of its own. */
static void in_pieces(struct session *s)
{
	int other = open(OTHER, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool good = other >= 0 && !ftruncate(s->file, 0);

	for (size_t at = 0; at < 2 * PART && good; at += 4096)
		good = !fallocate(s->file, 0, at, 4096) &&
		       !fallocate(other, 0, at, 4096);
	need(s, good && !ftruncate(s->file, LENGTH), "pieces");
	close(other);
}

static void with_pieces(struct session *s)
{
	in_pieces(s);
	if (!s->broken)
		map(s, 2 * PART);
}

static void with_permission(struct session *s)
{
	s->other = hf_allow(LONG_BREAK);
	if (!need(s, s->other >= 0, "permission"))
		return;
	s->mapped = LENGTH;
	s->addr = map_shared(s->file, 0, LENGTH);
}

static void with_permitted_pieces(struct session *s)
{
	in_pieces(s);
	if (!s->broken)
		with_permission(s);
}

/* Time enough for a step, but not for one that is never answered. */
static void with_own_pins(struct session *s)
{
	s->break_ms = 100;
	with_region(s);
}

/* --- the steps: 0 or an errno value */

static int do_acquire(struct session *s)
{
	const struct hf_attr attr = { .break_ms = LONG_BREAK };

	s->lease = hf_acquire(s->file, 0, LENGTH, &attr);
	return s->lease < 0 ? -s->lease : 0;
}

static int do_exclude(struct session *s)
{
	const struct hf_attr attr = { .kind = HOLDFAST_EXCLUSIVE };

	s->lease = hf_acquire(s->file, 0, LENGTH, &attr);
	return s->lease < 0 ? -s->lease : 0;
}

static int do_register(struct session *s)
{
	s->mr = ibv_reg_mr(rdma.pd, s->addr, 2 * PART, RDMA_ACCESS);
	return s->mr ? 0 : errno;
}

/* The two pages that with_shared() shares. */
static int do_register_pages(struct session *s)
{
	s->mr = ibv_reg_mr(rdma.pd, (char *)s->addr + LENGTH / 2, PAGES,
			   RDMA_ACCESS);
	return s->mr ? 0 : errno;
}

static int do_join(struct session *s)
{
	return -hf_join(s->lease);
}

static int is_open(struct session *s, int fd)
{
	s->other = fd;
	return fd < 0 ? -fd : 0;
}

static int do_allow(struct session *s)
{
	return is_open(s, hf_allow(0));
}

static int do_watch_own(struct session *s)
{
	return is_open(s, hf_watch_own());
}

static int do_watch_filesystem(struct session *s)
{
	return is_open(s, hf_watch_filesystem(s->file));
}

static int do_policy(struct session *s)
{
	int ret = hf_policy_allow(s->file, HF_ANY_GROUP, 0);

	return ret ? -ret : -hf_policy_forbid(s->file);
}

/* A second registration of the same pages joins the record of the first. */
static int do_register_twice(struct session *s)
{
	struct ibv_mr *first;
	int err = do_register(s);

	if (err)
		return err;
	first = s->mr;
	err = do_register(s);
	ibv_dereg_mr(first);
	return err;
}

/* Of its own pinned pages a process gives up at the deadline, and lives. */
static int do_own_change(struct session *s)
{
	int err = errno_of(ftruncate(s->file, LENGTH / 2));

	return err == EDEADLK ? 0 : err;
}

static int do_query(struct session *s)
{
	struct holdfast_query query;

	return -hf_query(s->lease, &query);
}

static int read_all(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), err;
	char room[600];
	ssize_t length;

	if (fd < 0)
		return errno;
	do
		length = read(fd, room, sizeof(room));
	while (length > 0);
	err = errno_of(length);
	close(fd);
	return err;
}

static int do_report(struct session *s)
{
	(void)s;
	return read_all(HOLDFAST_REPORT) ?: read_all(HOLDFAST_PINS);
}

static int do_fdinfo(struct session *s)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", s->lease);
	return read_all(path);
}

static int do_async(struct session *s)
{
	return errno_of(fcntl(s->lease, F_SETFL, O_ASYNC));
}

static int do_truncate(struct session *s)
{
	return errno_of(ftruncate(s->file, LENGTH / 2));
}

static int do_punch(struct session *s)
{
	return errno_of(fallocate(s->file,
				  FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				  2 * MIB));
}

static int do_read(struct session *s)
{
	struct holdfast_event event;

	return -hf_wait(s->lease, &event, 0);
}

static int do_revoke(struct session *s)
{
	struct holdfast_query query;
	int ret = hf_query(s->lease, &query);

	if (!ret)
		ret = hf_revoke(query.id, 0, HF_REVOKE_NOWAIT);
	return ret == -EINPROGRESS ? 0 : -ret;
}

static int do_release(struct session *s)
{
	struct holdfast_release release = { .size = sizeof(release) };

	return errno_of(ioctl(s->lease, HOLDFAST_IOC_RELEASE, &release));
}

/* Its memory region makes it a zombie. */
static int do_close(struct session *s)
{
	int lease = s->lease;

	munmap(s->addr, s->mapped);
	s->addr = NULL;
	s->lease = -1;
	return errno_of(close(lease));
}

struct step {
	const char *name;
	void (*before)(struct session *s);
	int (*run)(struct session *s);
	/*
	 * A change of the file, by a child, while the session has consumers. The
	 * filesystem is under us then: only what we do ourselves may fail.
	 */
	bool change;
};

static const struct step steps[] = {
	{ "acquire", NULL, do_acquire, false },
	{ "acquire, exclusive", NULL, do_exclude, false },
	{ "join", with_lease, do_join, false },
	{ "allow", NULL, do_allow, false },
	{ "policy", NULL, do_policy, false },
	{ "watch own", NULL, do_watch_own, false },
	{ "watch a filesystem", NULL, do_watch_filesystem, false },
	{ "register", with_large_pages, do_register, false },
	{ "register small pages", with_pages, do_register, false },
	{ "register holes", with_hole, do_register, false },
	{ "register pieces", with_pieces, do_register, false },
	{ "register twice", with_large_pages, do_register_twice, false },
	{ "register, implicitly", with_permission, do_register, false },
	{ "register pieces, implicitly", with_permitted_pieces, do_register,
	  false },
	{ "register twice, implicitly", with_permission, do_register_twice,
	  false },
	{ "query", with_region, do_query, false },
	{ "report", with_region, do_report, false },
	{ "fdinfo", with_region, do_fdinfo, false },
	{ "SIGIO", with_lease, do_async, false },
	{ "truncate", with_region, do_truncate, true },
	{ "punch", with_region, do_punch, true },
	{ "truncate, of own pins", with_own_pins, do_own_change, false },
	{ "read", with_break, do_read, false },
	{ "register again", with_changed, do_register, false },
	{ "revoke", with_region, do_revoke, false },
	{ "release", with_map, do_release, false },
	{ "zombie", with_region, do_close, false },
	/* The last: only XFS shares. */
	{ "register shared pages", with_shared, do_register_pages, false },
};
static size_t nr_steps = sizeof(steps) / sizeof(*steps);

static bool errno_is_good(int err)
{
	switch (err) {
	case 0:
	case ENOMEM:
	case EAGAIN:
	case EFAULT:
	case EINTR:
		return true;
	default:
		/* Of an earlier failure, which this step did not expect. */
		return lenient;
	}
}

/* --- one step */

static struct session session_begin(void)
{
	struct session s = { .lease = -1, .other = -1, .break_ms = LONG_BREAK };

	s.file = open(PATH, O_RDWR | O_CLOEXEC);
	if (s.file < 0 || ftruncate(s.file, LENGTH))
		tap_bail(PATH ": %s", strerror(errno));
	return s;
}

static void session_end(struct session *s)
{
	if (s->mr)
		ibv_dereg_mr(s->mr);
	if (s->addr)
		munmap(s->addr, s->mapped);
	if (s->lease >= 0)
		close(s->lease);
	if (s->other >= 0)
		close(s->other);
	close(s->file);
}

static bool no_lease(void)
{
	const uint64_t limit = now_ns() + SOON * 1000000ULL;
	struct hf_report_entry entry;
	struct hf_report *report;
	int ret;

	do {
		if (hf_report_open(NULL, &report))
			tap_bail("report: %s", hf_error());
		ret = hf_report_next(report, &entry);
		hf_report_close(report);
	} while (ret && now_ns() < limit);
	return !ret;
}

static int run_here(const struct step *step, struct session *s,
		    unsigned int nth, bool *failed)
{
	int err;

	fault_arm(nth);
	err = step->run(s);
	*failed = fault_disarm() && nth;
	return err;
}

/* The holder answers while a child makes the change. */
static int run_change(const struct step *step, struct session *s,
		      unsigned int nth, bool *failed)
{
	pid_t pid = child_fork();

	if (!pid) {
		shared->err = run_here(step, s, nth, &shared->failed);
		_exit(0);
	}
	while (!waitpid(pid, NULL, WNOHANG)) {
		if (!readable(s->lease, 10) || !s->mr)
			continue;
		ibv_dereg_mr(s->mr);
		s->mr = NULL;
	}
	*failed = shared->failed;
	return shared->err;
}

static int run_step(const struct step *step, struct session *s,
		    unsigned int nth, bool *failed)
{
	if (!step->change)
		return run_here(step, s, nth, failed);
	return run_change(step, s, nth, failed);
}

/*
 * A session up to a step, which has its @nth chance to fail; 0: none. True while
 * there was one. What goes wrong is counted in *@bad.
 */
static bool session_fail(const struct step *step, unsigned int nth,
			 unsigned int *bad)
{
	struct session s = session_begin();
	bool failed = false, again;
	int err;

	if (step->before)
		step->before(&s);
	if (s.broken) {
		session_end(&s);
		return false;
	}
	if (!lenient)
		fault_set_number("stacktrace-depth",
				 step->change ? FAULT_NEAR : FAULT_FAR);
	err = run_step(step, &s, nth, &failed);
	faults += failed;
	if (!errno_is_good(err) || (err && !failed && !lenient)) {
		tap_diag("%s, failure %u: %s", step->name, nth, strerror(err));
		++*bad;
	}
	if (err && !lenient) {
		err = run_step(step, &s, 0, &again);
		if (err) {
			tap_diag("%s, after failure %u: %s", step->name, nth,
				 strerror(err));
			++*bad;
		}
	}
	session_end(&s);
	if (!lenient && !no_lease()) {
		tap_diag("%s, failure %u: a lease is left", step->name, nth);
		++*bad;
	}
	return failed;
}

/* --- all of them */

static void fail_each(void)
{
	for (size_t i = 0; i < nr_steps; i++) {
		const struct step *step = &steps[i];
		unsigned int bad = 0, nth = 1;

		session_fail(step, 0, &bad);
		while (nth < NTH_MOST && session_fail(step, nth, &bad))
			nth++;
		session_fail(step, 0, &bad);
		tap_ok(!bad && nth < NTH_MOST, "%s: %u failures", step->name,
		       nth - 1);
	}
}

static unsigned int fault_times(void)
{
	unsigned int sum = 0, left;
	char path[80];
	FILE *file;

	for (size_t i = 0; i < FAULT_KINDS; i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/times",
			 fault_kinds[i]);
		file = fopen(path, "r");
		if (!file || fscanf(file, "%u", &left) != 1)
			tap_bail("%s: %s", path, strerror(errno));
		fclose(file);
		sum += left;
	}
	return sum;
}

/* Every task, workers too, fails now and then: one in twenty. */
static void fail_anywhere(unsigned int rounds)
{
	unsigned int before, bad = 0, count;

	fault_set_number("stacktrace-depth", FAULT_NEAR);
	fault_set("times", "1000000");
	before = fault_times();
	lenient = true;
	fault_set("probability", "5");
	for (unsigned int round = 0; round < rounds; round++)
		for (size_t i = 0; i < nr_steps; i++)
			session_fail(&steps[i], 0, &bad);
	fault_set("probability", "0");
	lenient = false;
	count = before - fault_times();
	faults += count;
	tap_ok(!bad && count, "any task: %u failures", count);
	tap_ok(no_lease(), "no lease is left");
}

static void fail_at_random(unsigned int seconds, unsigned int seed)
{
	const uint64_t end = now_ns() + seconds * 1000000000ULL;
	unsigned int bad = 0;

	srand(seed);
	while (now_ns() < end) {
		const struct step *step = &steps[rand() % nr_steps];
		unsigned int nth = 1 + rand() % 40;

		session_fail(step, nth, &bad);
		if (rand() % 20 == 0)
			fail_anywhere(1);
	}
	tap_ok(!bad, "steps and failures at random");
}

static void good_session(void)
{
	unsigned int bad = 0;

	for (size_t i = 0; i < nr_steps; i++)
		session_fail(&steps[i], 0, &bad);
	tap_ok(!bad, "all steps, and nothing fails");
}

static void module_unused(void)
{
	int count = -1;

	for (int i = 0; i < SOON / 10 && count; i++) {
		FILE *file = fopen("/sys/module/holdfast/refcnt", "r");

		if (!file || fscanf(file, "%d", &count) != 1)
			tap_bail("the module's count: %s", strerror(errno));
		fclose(file);
		usleep(count ? 10000 : 0);
	}
	tap_is(count, 0, "nobody uses the module");
}

int main(int argc, char **argv)
{
	unsigned int seconds = 0, seed = 1;

	for (int i = 1; i + 1 < argc; i += 2) {
		if (!strcmp(argv[i], "--seconds"))
			seconds = atoi(argv[i + 1]);
		else if (!strcmp(argv[i], "--seed"))
			seed = atoi(argv[i + 1]);
		else
			tap_bail("no option %s", argv[i]);
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		tap_bail("%s", strerror(errno));
	nr_steps -= !fs_is_xfs();
	sigbus_catch();
	/* The first registration allocates it in large pages, where it can. */
	close(file_make(PATH, 0));
	rdma = rdma_open();
	if (!fault_possible()) {
		tap_skip("no fault injection here: lab/guest --kernel debug");
	} else if (seconds) {
		fault_setup();
		tap_diag("seed %u", seed);
		fail_at_random(seconds, seed);
	} else {
		fault_setup();
		fail_each();
		fail_anywhere(RANDOM_ROUNDS);
	}
	good_session();
	module_unused();
	rdma_close(&rdma);
	unlink(PATH);
	unlink(OTHER);
	printf("# figure faults injected: %lu\n", faults);
	return tap_done();
}
