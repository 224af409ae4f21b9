// SPDX-License-Identifier: GPL-2.0
/*
 * Who is not killed at the deadline of a break: a process that has deregistered
 * in time, although somebody else still holds the pages, and that somebody, who
 * has only read them. The change goes on waiting. Of two processes with regions
 * on the same pages the one that lets go lives.
 */
#define _GNU_SOURCE
#include <linux/fuse.h>
#include <sys/mount.h>
#include <sys/uio.h>

#include "attack.h"
#include "implicit.h"
#include "rdma.h"
#include "slow-disk.h"

#define PATH	  PMEM "innocent"
#define LENGTH	  MIB
#define HELD	  65536 /* by the reader */
#define POINT	  "/tmp/innocent"
#define BREAK_MS  1500
/* The fence looks again each second, and each time further. */
#define ROUNDS_MS (5000 * time_scale())

enum lease_kind {
	IMPLICIT,
	EXPLICIT
};

static const char *const lease_kinds[] = { "implicit", "explicit" };

static struct slow_disk disk;

/* Tells its parent that it is where it should be. */
static void ready(int to)
{
	if (write(to, "r", 1) != 1)
		_exit(1);
}

static void wait_ready(int from, const char *what)
{
	char byte;

	if (!readable(from, SOON) || read(from, &byte, 1) != 1)
		tap_bail("%s: it does not get there", what);
	close(from);
}

/*
 * A process of the file's owner with a region on all of it, made under a lease of
 * its own. @answers: it deregisters when it is told of a change.
 */
static void hold(enum lease_kind kind, bool answers, int to)
{
	struct holdfast_event event;
	struct ibv_mr *mr;
	struct rdma rdma;
	int file, events;
	char *map;

	become(OWNER);
	file = open(PATH, O_RDWR | O_CLOEXEC);
	if (kind == EXPLICIT) {
		events = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE,
				    BREAK_MS);
	} else {
		implicit_allow(BREAK_MS);
		events = implicit_watch();
	}
	map = map_shared(file, 0, LENGTH);
	rdma = rdma_open();
	mr = rdma_register(&rdma, map, LENGTH);
	ready(to);
	if (!event_next(events, &event, SOON))
		_exit(2);
	if (answers)
		ibv_dereg_mr(mr);
	for (;;)
		pause();
}

static pid_t holder_start(enum lease_kind kind, bool answers)
{
	int pipefd[2];
	pid_t pid;

	if (pipe(pipefd))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid)
		hold(kind, answers, pipefd[1]);
	wait_ready(pipefd[0], "holder");
	close(pipefd[1]);
	return pid;
}

/* Of the same user, with a message that nobody has read. */
static pid_t bystander_start(void)
{
	int pipefd[2];
	pid_t pid;

	if (pipe(pipefd))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		int pair[2];

		become(OWNER);
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) ||
		    write(pair[0], "x", 1) != 1)
			_exit(1);
		rdma_open();
		ready(pipefd[1]);
		for (;;)
			pause();
	}
	wait_ready(pipefd[0], "bystander");
	close(pipefd[1]);
	return pid;
}

static char *map_to_read(size_t length)
{
	int file = open(PATH, O_RDONLY | O_CLOEXEC);
	char *map = mmap(NULL, length, PROT_READ, MAP_SHARED, file, 0);

	attack_needs(map != MAP_FAILED, PATH);
	return map;
}

/* A file of its own which is never read to the end. */
static void serve(int device, int to)
{
	static char request[FUSE_MIN_READ_BUFFER + MIB];
	struct fuse_in_header *in = (void *)request;

	for (;;) {
		struct {
			struct fuse_out_header head;
			union {
				struct fuse_init_out init;
				struct fuse_open_out open;
				struct fuse_attr_out attr;
			};
		} out = { 0 };
		size_t length = 0;

		if (read(device, request, sizeof(request)) <= 0)
			_exit(0);
		out.head.unique = in->unique;
		switch (in->opcode) {
		case FUSE_INIT:
			out.init.major = FUSE_KERNEL_VERSION;
			out.init.minor = 31;
			out.init.max_write = 4096;
			length = sizeof(out.init);
			break;
		case FUSE_OPEN:
			length = sizeof(out.open);
			break;
		case FUSE_GETATTR:
			out.attr.attr_valid = 1000;
			out.attr.attr.ino = 1;
			out.attr.attr.size = MIB;
			out.attr.attr.mode = S_IFREG | 0666;
			out.attr.attr.nlink = 1;
			out.attr.attr.blksize = 4096;
			length = sizeof(out.attr);
			break;
		case FUSE_READ:
			ready(to);
			continue;
		default:
			out.head.error = -ENOSYS;
			break;
		}
		out.head.len = sizeof(out.head) + length;
		if (write(device, &out, out.head.len) != (ssize_t)out.head.len)
			_exit(1);
	}
}

/* process_vm_readv(2) into memory that never comes. */
static void read_stalled(int to)
{
	struct iovec local = { .iov_len = HELD }, remote = { .iov_len = HELD };
	char options[80];
	int device, own;
	struct stat stat;

	become(ATTACKER);
	remote.iov_base = map_to_read(HELD);
	become_fake_root(CLONE_NEWNS);
	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	attack_needs(device >= 0, "/dev/fuse");
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=100666,user_id=0,group_id=0", device);
	attack_needs(!mount("innocent", POINT, "fuse", 0, options), "mount");
	if (!fork())
		serve(device, to);
	close(device);
	own = open(POINT, O_RDWR | O_CLOEXEC);
	/* The kernel asks for its size only then. */
	attack_needs(own >= 0 && !fstat(own, &stat), POINT);
	local.iov_base =
		mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE, own, 0);
	attack_needs(local.iov_base != MAP_FAILED, "mmap");
	process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	_exit(1);
}

/* Pages in a pipe that nobody reads. */
static void splice_stalled(int to)
{
	struct iovec from = { .iov_len = HELD / 2 };
	int pipefd[2];

	become(ATTACKER);
	from.iov_base = map_to_read(HELD);
	attack_needs(!pipe(pipefd) && vmsplice(pipefd[1], &from, 1, 0) > 0,
		     "vmsplice");
	ready(to);
	for (;;)
		pause();
}

/* Pages on their way to a disk. */
static void write_stalled(int to)
{
	char *map = map_to_read(HELD);
	int fd = open(disk.path, O_RDWR | O_DIRECT | O_CLOEXEC);

	attack_needs(fd >= 0, disk.path);
	ready(to);
	if (pwrite(fd, map, HELD, 0) != HELD)
		_exit(1);
	for (;;)
		pause();
}

struct reader {
	const char *name;
	void (*start)(int to);
};

static const struct reader readers[] = {
	{ "process_vm_readv", read_stalled },
	{ "vmsplice", splice_stalled },
	{ "O_DIRECT", write_stalled },
};

static pid_t reader_start(const struct reader *reader)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	int pipefd[2];
	pid_t pid;

	if (pipe(pipefd))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		setpgid(0, 0);
		reader->start(pipefd[1]);
	}
	wait_ready(pipefd[0], reader->name);
	close(pipefd[1]);
	while (reader->start == write_stalled && !slow_disk_waiting()) {
		if (now_ns() > limit)
			tap_bail("the write does not begin");
		usleep(20000);
	}
	return pid;
}

static bool lives(pid_t pid)
{
	return child_wait(pid, 0) == -1;
}

static void reader_end(const struct reader *reader, pid_t pid)
{
	/* It ends when what serves it does, or its direct I/O. */
	kill(-pid, SIGKILL);
	if (reader->start == write_stalled)
		slow_disk_go_on();
	if (child_wait(pid, SOON) == -1)
		tap_bail("%s: it does not end", reader->name);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	child_wait(pid, SOON);
}

static void test_reader(const struct reader *reader, enum lease_kind kind)
{
	int file = file_of(PATH, LENGTH, OWNER, 0644);
	pid_t holder = holder_start(kind, true), bystander = bystander_start();
	pid_t pid = reader_start(reader);
	const char *lease = lease_kinds[kind];
	struct change change;

	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_ok(!change_done(&change, BREAK_MS + ROUNDS_MS),
	       "%s, %s: the change waits, also after the deadline", lease,
	       reader->name);
	tap_is(pins_of(holder, NULL, 0), 0, "%s, %s: the holder has let go",
	       lease, reader->name);
	tap_ok(lives(holder), "%s, %s: and lives", lease, reader->name);
	tap_ok(lives(pid), "%s, %s: so does the reader", lease, reader->name);
	tap_ok(lives(bystander), "%s, %s: and a bystander", lease,
	       reader->name);
	reader_end(reader, pid);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s, %s: the change is done when the reader is", lease,
	       reader->name);
	tap_ok(lives(holder), "%s, %s: the holder still lives", lease,
	       reader->name);
	end(holder);
	end(bystander);
	close(file);
	unlink(PATH);
}

/* Of pins of its own, and of others' on the same pages, only some end. */
static void read_often(int to)
{
	static char buffer[LENGTH];
	struct iovec local = { buffer, LENGTH }, remote = { .iov_len = LENGTH };

	become(ATTACKER);
	remote.iov_base = map_to_read(LENGTH);
	for (int i = 0; i < 8; i++)
		attack_needs(process_vm_readv(getpid(), &local, 1, &remote, 1,
					      0) == (ssize_t)LENGTH,
			     "process_vm_readv");
	ready(to);
	for (;;)
		pause();
}

/* What a reader lets go of is not what the holder has. */
static void test_not_answered(enum lease_kind kind)
{
	static const struct reader reader = { "reads", read_often };
	int file = file_of(PATH, LENGTH, OWNER, 0644), status;
	pid_t holder = holder_start(kind, false);
	pid_t pid = reader_start(&reader);
	const char *lease = lease_kinds[kind];
	struct change change;

	tap_is(pins_of(holder, NULL, 0), 1,
	       "%s: a reader takes nothing off the record", lease);
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	status = child_wait(holder, BREAK_MS + ROUNDS_MS);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "%s: a holder that does not answer is killed all the same",
	       lease);
	tap_ok(lives(pid), "%s: the reader lives", lease);
	if (status == -1)
		end(holder);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: the change is done", lease);
	end(pid);
	close(file);
	unlink(PATH);
}

static void test_two(enum lease_kind first, enum lease_kind second)
{
	int file = file_of(PATH, LENGTH, OWNER, 0644), status;
	pid_t good = holder_start(first, true);
	pid_t bad = holder_start(second, false);
	pid_t bystander = bystander_start();
	const char *one = lease_kinds[first], *two = lease_kinds[second];
	struct change change;

	change = change_start("punch", PATH, 0, LENGTH, NULL);
	status = child_wait(bad, BREAK_MS + ROUNDS_MS);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "%s, %s: the second does not let go and is killed", one, two);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s, %s: the change is done", one, two);
	tap_ok(change_ms(&change) >= BREAK_MS,
	       "%s, %s: not before the deadline (%ld ms)", one, two,
	       change_ms(&change));
	tap_ok(lives(good), "%s, %s: the first has let go and lives", one, two);
	tap_ok(lives(bystander), "%s, %s: so does a bystander", one, two);
	end(good);
	end(bystander);
	if (status == -1)
		end(bad);
	close(file);
	unlink(PATH);
}

int main(void)
{
	int point = open(POINT, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (point < 0 || fchmod(point, 0666) || RUN("modprobe", "fuse") ||
	    chmod("/dev/fuse", 0666))
		tap_bail("no FUSE");
	close(point);
	disk = slow_disk_make();
	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers); i++) {
		test_reader(&readers[i], IMPLICIT);
		test_reader(&readers[i], EXPLICIT);
	}
	test_not_answered(IMPLICIT);
	test_not_answered(EXPLICIT);
	test_two(IMPLICIT, IMPLICIT);
	test_two(EXPLICIT, EXPLICIT);
	test_two(IMPLICIT, EXPLICIT);
	test_two(EXPLICIT, IMPLICIT);
	slow_disk_end(&disk);
	unlink(POINT);
	return tap_done();
}
