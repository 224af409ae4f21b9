// SPDX-License-Identifier: GPL-2.0
/*
 * Each wrong use has the errno that the ABI header promises, at the ioctl and
 * at the library, and the library says why. After any of them the descriptor
 * is as it was.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/syscall.h>

#include "extents.h"
#include "pass-fd.h"
#include "rdma.h"

#define PATH	 PMEM "bad-input"
#define FILE_LEN (4 * MIB)

static int file;

static int device(void)
{
	int fd = open(HOLDFAST_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		tap_bail("%s: %s", HOLDFAST_DEVICE, strerror(errno));
	return fd;
}

static struct holdfast_acquire good(void)
{
	return (struct holdfast_acquire){
		.size = sizeof(struct holdfast_acquire),
		.fd = file,
		.kind = HOLDFAST_BREAKABLE,
		.length = MIB,
	};
}

static int acquire_errno(int fd, const void *arg)
{
	return ioctl(fd, HOLDFAST_IOC_ACQUIRE, arg) ? errno : 0;
}

/* Wrong at the ioctl, and afterwards the same descriptor can become a lease. */
static void expect(const struct holdfast_acquire *acquire, int want,
		   const char *what)
{
	struct holdfast_acquire right = good();
	int fd = device();

	tap_is(acquire_errno(fd, acquire), want, "%s", what);
	tap_is(acquire_errno(fd, &right), 0, "%s: nothing has changed", what);
	close(fd);
}

#define EXPECT(want, what, ...)                            \
	do {                                               \
		struct holdfast_acquire acquire_ = good(); \
		struct holdfast_acquire *a = &acquire_;    \
		__VA_ARGS__;                               \
		expect(a, want, what);                     \
	} while (0)

static void test_arguments(void)
{
	EXPECT(EINVAL, "offset unaligned", a->offset = 100);
	EXPECT(EINVAL, "length unaligned", a->length = 100);
	EXPECT(EINVAL, "length zero", a->length = 0);
	EXPECT(EINVAL, "kind zero", a->kind = 0);
	EXPECT(EINVAL, "kind unknown", a->kind = 99);
	EXPECT(EINVAL, "flags unknown", a->flags = 1);
	EXPECT(EINVAL, "reserved not zero", a->__reserved = 1);
	EXPECT(EINVAL, "size zero", a->size = 0);
	EXPECT(EINVAL, "size too small", a->size = 8);
	EXPECT(EOVERFLOW, "offset + length wraps around",
	       a->offset = ~0xfffULL);
	EXPECT(EOVERFLOW, "offset beyond the largest file",
	       a->offset = 1ULL << 63);
	EXPECT(EOVERFLOW, "the end beyond the largest file",
	       a->offset = 1ULL << 62, a->length = 1ULL << 62);
	EXPECT(EBADF, "no file", a->fd = -1);
	EXPECT(EBADF, "a closed file", a->fd = 1000);
}

/* A lease is of what is asked for, whatever the file has of it. */
static void test_beyond_end(void)
{
	struct holdfast_acquire acquire = good();
	uint64_t had = bytes_of(PATH);
	struct holdfast_query query;
	int fd = device();

	acquire.offset = FILE_LEN / 2;
	acquire.length = 16 * FILE_LEN;
	tap_is(acquire_errno(fd, &acquire), 0,
	       "the range ends beyond the end of the file");
	query = lease_query(fd);
	tap_ok(query.offset == acquire.offset && query.length == acquire.length,
	       "it is leased as asked for");
	close(fd);
	fd = device();
	acquire.offset = 4 * FILE_LEN;
	tap_is(acquire_errno(fd, &acquire), 0,
	       "the range begins beyond the end of the file");
	tap_is(bytes_of(PATH), had, "nothing is allocated");
	close(fd);
}

static void test_address(void)
{
	int fd = device();

	tap_is(acquire_errno(fd, NULL), EFAULT, "no structure");
	tap_ok(ioctl(fd, _IO(HOLDFAST_IOC_TYPE, 0x7f), NULL) && errno == ENOTTY,
	       "no such ioctl");
	close(fd);
}

static void test_size(void)
{
	struct {
		struct holdfast_acquire acquire;
		uint64_t later;
	} newer = { .acquire = good() };
	struct holdfast_query query = { .size = 8 };
	int fd = device();

	newer.acquire.size = sizeof(newer);
	newer.later = 1;
	tap_is(acquire_errno(fd, &newer), E2BIG,
	       "a newer header, with something in its tail");
	newer.later = 0;
	tap_is(acquire_errno(fd, &newer), 0,
	       "a newer header, with nothing in it");
	tap_ok(newer.acquire.id > 0, "it gets its lease");
	tap_is(newer.acquire.size, sizeof(newer), "its size is left alone");
	tap_ok(!ioctl(fd, HOLDFAST_IOC_QUERY, &query) || errno == EINVAL,
	       "query: an older header is served or told");
	query = (struct holdfast_query){ .size = sizeof(query), .flags = 1 };
	tap_ok(ioctl(fd, HOLDFAST_IOC_QUERY, &query) && errno == EINVAL,
	       "query: flags unknown");
	close(fd);
}

static void test_files(void)
{
	int pipefd[2], wronly = open(PATH, O_WRONLY);
	int dir = open(PMEM, O_RDONLY), null = open("/dev/null", O_RDWR), disk,
	    path;

	path = open(PATH, O_PATH);
	disk = open("/root/bad-input", O_RDWR | O_CREAT, 0600);
	if (pipe(pipefd) || disk < 0 || ftruncate(disk, MIB))
		tap_bail("files: %s", strerror(errno));
	EXPECT(EACCES, "a file open for writing only", a->fd = wronly);
	EXPECT(EBADF, "an O_PATH descriptor", a->fd = path);
	EXPECT(ENODEV, "a pipe", a->fd = pipefd[0]);
	EXPECT(ENODEV, "a device", a->fd = null);
	EXPECT(ENODEV, "a folder", a->fd = dir);
	EXPECT(EOPNOTSUPP, "a file that is not on DAX", a->fd = disk);
	close(pipefd[0]);
	close(pipefd[1]);
	close(wronly);
	close(dir);
	close(null);
	close(path);
	close(disk);
	unlink("/root/bad-input");
}

static int map_errno(int fd)
{
	void *addr = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (addr == MAP_FAILED)
		return errno;
	munmap(addr, 4096);
	return 0;
}

static void test_order(void)
{
	struct holdfast_release release = { .size = sizeof(release) };
	struct holdfast_acquire acquire = good();
	struct holdfast_query query = { .size = sizeof(query) };
	struct holdfast_event event;
	int fd = device();

	tap_is(map_errno(fd), ENODEV, "mmap before acquire");
	tap_ok(read(fd, &event, sizeof(event)) == -1 && errno == EBADFD,
	       "read before acquire");
	tap_ok(ioctl(fd, HOLDFAST_IOC_RELEASE, &release) && errno == EBADFD,
	       "release before acquire");
	tap_ok(!ioctl(fd, HOLDFAST_IOC_QUERY, &query) &&
		       query.state == HOLDFAST_UNBOUND && !query.id,
	       "query before acquire tells so");

	tap_is(acquire_errno(fd, &acquire), 0, "acquire");
	tap_is(acquire_errno(fd, &acquire), EBUSY, "a second time");
	tap_is(map_errno(fd), ENODEV, "mmap of a lease");

	release.flags = 1;
	tap_ok(ioctl(fd, HOLDFAST_IOC_RELEASE, &release) && errno == EINVAL,
	       "release: flags unknown");
	release.flags = 0;
	tap_is(ioctl(fd, HOLDFAST_IOC_RELEASE, &release), 0, "release");
	tap_is(acquire_errno(fd, &acquire), EBUSY, "acquire after release");
	close(fd);
}

static void test_release_waits(void)
{
	struct holdfast_release release = { .size = sizeof(release) };
	struct rdma rdma = rdma_open();
	int lease = lease_make(file, 0, MIB, HOLDFAST_BREAKABLE, LONG_BREAK);
	void *map = map_shared(file, 0, MIB);
	struct ibv_mr *mr = rdma_register(&rdma, map, MIB);
	struct pollfd pfd = { .events = POLLIN };

	fcntl(lease, F_SETFL, O_NONBLOCK);
	tap_ok(ioctl(lease, HOLDFAST_IOC_RELEASE, &release) && errno == EAGAIN,
	       "release with a region, O_NONBLOCK: EAGAIN");
	tap_is(lease_query(lease).state, HOLDFAST_RELEASING, "it has begun");
	ibv_dereg_mr(mr);
	tap_is(ioctl(lease, HOLDFAST_IOC_RELEASE, &release) ? errno : 0, 0,
	       "without the region it ends");
	pfd.fd = lease;
	tap_ok(poll(&pfd, 1, SOON) == 1 && (pfd.revents & POLLHUP),
	       "and poll says so");
	munmap(map, MIB);
	close(lease);
	rdma_close(&rdma);
}

/* As an ordinary user that may lock nothing. Returns the number of failures. */
static int as_user(void)
{
	struct rlimit limit = { 0, 0 };
	struct hf_attr exclusive = { .kind = HOLDFAST_EXCLUSIVE };
	int bad = 0, own, ret;

	setrlimit(RLIMIT_MEMLOCK, &limit);
	if (setgid(1000) || setuid(1000))
		return 100;
	ret = hf_acquire(file, 0, MIB, NULL);
	if (ret < 0) {
		tap_diag("more than RLIMIT_MEMLOCK: %d (%s)", ret, hf_error());
		bad++;
	}
	close(ret);
	ret = hf_acquire(file, 0, MIB, &exclusive);
	if (ret != -EPERM) {
		tap_diag("exclusive on somebody else's file: %d", ret);
		bad++;
	}
	own = file_make(PMEM "user/own", MIB);
	ret = hf_acquire(own, 0, MIB, &exclusive);
	if (ret < 0) {
		tap_diag("exclusive on one's own file: %d (%s)", ret,
			 hf_error());
		bad++;
	}
	return bad;
}

static void test_user(void)
{
	int status;
	pid_t pid;

	mkdir(PMEM "user", 0755);
	if (chown(PMEM "user", 1000, 1000))
		tap_bail("chown: %s", strerror(errno));
	chmod(HOLDFAST_DEVICE, 0666);
	pid = child_fork();
	if (!pid) {
		status = as_user();
		fflush(stdout);
		_exit(status);
	}
	status = child_wait(pid, SOON);
	tap_ok(WIFEXITED(status) && !WEXITSTATUS(status),
	       "an ordinary user: no RLIMIT_MEMLOCK, exclusive on an own file only");

	chmod(HOLDFAST_DEVICE, 0600);
	pid = child_fork();
	if (!pid) {
		if (setgid(1000) || setuid(1000))
			_exit(2);
		status = hf_acquire(file, 0, MIB, NULL);
		tap_diag("the library says: %s", hf_error());
		_exit(status == -EACCES ? 0 : 1);
	}
	status = child_wait(pid, SOON);
	tap_ok(WIFEXITED(status) && !WEXITSTATUS(status),
	       "no permission on the device: EACCES");
	chmod(HOLDFAST_DEVICE, 0666);
	unlink(PMEM "user/own");
	rmdir(PMEM "user");
}

/* What an ioctl that makes a descriptor, or none, returns: 0 or an errno. */
static int call_errno(unsigned long request, const void *args)
{
	int fd = device(), ret = ioctl(fd, request, args), err = errno;

	close(fd);
	if (ret < 0)
		return err;
	if (ret > 0)
		close(ret);
	return 0;
}

/* Sizes that no call takes, and one that each does. */
static void expect_sizes(unsigned long request, const void *good, uint32_t size,
			 const char *what)
{
	struct {
		uint32_t size;
		unsigned char bytes[124];
	} args = { 0 };

	memcpy(&args, good, size);
	args.size = 0;
	tap_is(call_errno(request, &args), EINVAL, "%s: size zero", what);
	args.size = size - 4;
	tap_is(call_errno(request, &args), EINVAL, "%s: size too small", what);
	args.size = sizeof(args);
	args.bytes[sizeof(args.bytes) - 1] = 1;
	tap_is(call_errno(request, &args), E2BIG, "%s: something in its tail",
	       what);
	args.size = 4097;
	tap_is(call_errno(request, &args), E2BIG, "%s: larger than a page",
	       what);
	args.size = sizeof(args);
	args.bytes[sizeof(args.bytes) - 1] = 0;
	tap_is(call_errno(request, &args), 0, "%s: nothing in its tail", what);
	tap_is(call_errno(request, NULL), EFAULT, "%s: no structure", what);
}

#define CALL(request, want, what, type, ...)                                \
	do {                                                                \
		struct type args_ = { .size = sizeof(args_), __VA_ARGS__ }; \
		tap_is(call_errno(request, &args_), want, "%s", what);      \
	} while (0)

static void test_allow(void)
{
	struct holdfast_allow good = { .size = sizeof(good) };

	expect_sizes(HOLDFAST_IOC_ALLOW, &good, sizeof(good), "allow");
	CALL(HOLDFAST_IOC_ALLOW, EINVAL, "allow: flags unknown", holdfast_allow,
	     .flags = 1);
	CALL(HOLDFAST_IOC_ALLOW, EINVAL, "allow: reserved not zero",
	     holdfast_allow, .__reserved = 1);
	CALL(HOLDFAST_IOC_ALLOW, 0, "allow: a break time beyond the cap",
	     holdfast_allow, .break_ms = UINT32_MAX);
}

static void test_join(void)
{
	struct holdfast_release release = { .size = sizeof(release) };
	struct holdfast_join join = { .size = sizeof(join) };
	int lease = lease_make(file, 0, MIB, HOLDFAST_BREAKABLE, 0);

	join.size = 4;
	tap_is(call_errno(HOLDFAST_IOC_JOIN, &join), EINVAL,
	       "join: size too small");
	join.size = sizeof(join);
	CALL(HOLDFAST_IOC_JOIN, EINVAL, "join: flags unknown", holdfast_join,
	     .flags = 1);
	CALL(HOLDFAST_IOC_JOIN, EBADFD, "join before acquire", holdfast_join, );
	tap_is(ioctl(lease, HOLDFAST_IOC_JOIN, &join), 0, "join");
	tap_is(ioctl(lease, HOLDFAST_IOC_JOIN, &join), 0, "a second time");
	tap_is(ioctl(lease, HOLDFAST_IOC_RELEASE, &release), 0, "release");
	tap_ok(ioctl(lease, HOLDFAST_IOC_JOIN, &join) && errno == EBADFD,
	       "join after release");
	close(lease);
}

static void test_watch(void)
{
	struct holdfast_watch good = { .size = sizeof(good), .fd = -1 };
	struct holdfast_event event;
	int watch;

	expect_sizes(HOLDFAST_IOC_WATCH, &good, sizeof(good), "watch");
	CALL(HOLDFAST_IOC_WATCH, EINVAL, "watch: unknown", holdfast_watch,
	     .what = 2, .fd = -1);
	CALL(HOLDFAST_IOC_WATCH, EINVAL, "watch: reserved not zero",
	     holdfast_watch, .fd = -1, .__reserved = 1);
	CALL(HOLDFAST_IOC_WATCH, EINVAL, "watch of one's own, with a file",
	     holdfast_watch, .fd = file);
	CALL(HOLDFAST_IOC_WATCH, EBADF, "watch of no filesystem",
	     holdfast_watch, .what = HOLDFAST_WATCH_FILESYSTEM, .fd = -1);
	CALL(HOLDFAST_IOC_WATCH, EBADF, "watch of a closed file",
	     holdfast_watch, .what = HOLDFAST_WATCH_FILESYSTEM, .fd = 1000);
	CALL(HOLDFAST_IOC_WATCH, 0, "watch of a filesystem", holdfast_watch,
	     .what = HOLDFAST_WATCH_FILESYSTEM, .fd = file);
	watch = hf_watch_own();
	fcntl(watch, F_SETFL, O_NONBLOCK);
	tap_ok(read(watch, &event, 8) < 0 && errno == EINVAL,
	       "watch: a buffer that is too small");
	tap_ok(read(watch, &event, sizeof(event)) < 0 && errno == EAGAIN,
	       "watch: no event");
	tap_ok(ioctl(watch, HOLDFAST_IOC_WATCH, &good) < 0 && errno == ENOTTY,
	       "watch: it is no lease");
	close(watch);
}

static void test_policy(void)
{
	struct holdfast_policy good = { .size = sizeof(good),
					.policy = HOLDFAST_POLICY_ALLOW,
					.fd = file,
					.gid = HOLDFAST_ANY_GROUP };
	int null = open("/dev/null", O_RDWR), path = open(PATH, O_PATH);

	CALL(HOLDFAST_IOC_POLICY, ENOENT, "policy: nothing to forbid",
	     holdfast_policy, .fd = file);
	expect_sizes(HOLDFAST_IOC_POLICY, &good, sizeof(good), "policy");
	CALL(HOLDFAST_IOC_POLICY, EINVAL, "policy: unknown", holdfast_policy,
	     .policy = 2, .fd = file);
	CALL(HOLDFAST_IOC_POLICY, EINVAL, "policy: reserved not zero",
	     holdfast_policy, .policy = HOLDFAST_POLICY_ALLOW, .fd = file,
	     .__reserved = 1);
	CALL(HOLDFAST_IOC_POLICY, EBADF, "policy: no file", holdfast_policy,
	     .policy = HOLDFAST_POLICY_ALLOW, .fd = -1);
	CALL(HOLDFAST_IOC_POLICY, EINVAL, "policy: a file and a UUID",
	     holdfast_policy, .policy = HOLDFAST_POLICY_ALLOW, .fd = file,
	     .uuid = { 1 });
	CALL(HOLDFAST_IOC_POLICY, 0, "policy: a UUID that no filesystem has",
	     holdfast_policy, .policy = HOLDFAST_POLICY_ALLOW, .fd = -1,
	     .gid = HOLDFAST_ANY_GROUP, .uuid = { 1 });
	CALL(HOLDFAST_IOC_POLICY, 0, "policy: ... is forbidden again",
	     holdfast_policy, .fd = -1, .uuid = { 1 });
	CALL(HOLDFAST_IOC_POLICY, ENOENT, "policy: ... once", holdfast_policy,
	     .fd = -1, .uuid = { 1 });
	CALL(HOLDFAST_IOC_POLICY, EBADF, "policy: an O_PATH descriptor",
	     holdfast_policy, .policy = HOLDFAST_POLICY_ALLOW, .fd = path);
	CALL(HOLDFAST_IOC_POLICY, EOPNOTSUPP, "policy: another filesystem",
	     holdfast_policy, .policy = HOLDFAST_POLICY_ALLOW, .fd = null);
	CALL(HOLDFAST_IOC_POLICY, 0, "policy: forbid", holdfast_policy,
	     .fd = file);
	CALL(HOLDFAST_IOC_POLICY, ENOENT, "policy: forbid again",
	     holdfast_policy, .fd = file);
	close(null);
	close(path);
}

/* As the ordinary user, of root's lease. The number of failures. */
static int calls_as_user(int lease)
{
	struct holdfast_watch watch = { .size = sizeof(watch),
					.what = HOLDFAST_WATCH_FILESYSTEM,
					.fd = -1 };
	struct holdfast_policy policy = { .size = sizeof(policy), .fd = -1 };

	if (setgid(1000) || setuid(1000))
		return 100;
	/* Root had CAP_KILL, so anybody may join. */
	return (hf_join(lease) != 0) +
	       (call_errno(HOLDFAST_IOC_WATCH, &watch) != EPERM) +
	       (call_errno(HOLDFAST_IOC_POLICY, &policy) != EPERM) +
	       (hf_watch_filesystem(file) != -EPERM) +
	       (hf_policy_allow(file, HF_ANY_GROUP, 0) != -EPERM) +
	       (hf_policy_forbid(file) != -EPERM);
}

static void test_rights(void)
{
	int lease = lease_make(file, 0, MIB, HOLDFAST_BREAKABLE, 0), status;
	pid_t pid = child_fork();

	if (!pid)
		_exit(calls_as_user(lease));
	status = child_wait(pid, SOON);
	tap_ok(WIFEXITED(status) && !WEXITSTATUS(status),
	       "an ordinary user sets no policy and watches no filesystem (%#x)",
	       status);
	close(lease);
}

/* A process that joins can be killed for it: not by a lease of another user. */
static void test_join_rights(void)
{
	int pair[2], status, lease;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		tap_bail("socketpair: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		if (setgid(1000) || setuid(1000))
			_exit(2);
		lease = hf_acquire(file, 0, 16384, NULL);
		if (lease < 0)
			_exit(1);
		fd_send(pair[1], lease);
		_exit(0);
	}
	status = child_wait(pid, SOON);
	tap_ok(WIFEXITED(status) && !WEXITSTATUS(status),
	       "an ordinary user passes a lease on");
	lease = fd_receive(pair[0]);
	tap_is(hf_join(lease), -EPERM, "another user cannot join it");
	tap_ok(strstr(hf_error(), "only the user who acquired"), "%s",
	       hf_error());
	close(lease);
	close(pair[0]);
	close(pair[1]);
}

/* The library passes on what the kernel says, in words. */
static void test_library(void)
{
	const struct hf_attr flags = { .flags = 1U << 31 },
			     kind = { .kind = 77 };
	struct holdfast_event event;
	int unbound = device(), null = open("/dev/null", O_RDWR), disk,
	    wronly = open(PATH, O_WRONLY), lease;

	disk = open("/root/bad-input", O_RDWR | O_CREAT, 0600);
	if (disk < 0 || ftruncate(disk, MIB))
		tap_bail("file: %s", strerror(errno));
#define SAYS(call, want, what)                                               \
	do {                                                                 \
		tap_is(call, -(want), "library: %s", what);                  \
		tap_ok(strlen(hf_error()) > 10 && !strchr(hf_error(), '\n'), \
		       "library: %s: %s", what, hf_error());                 \
	} while (0)
	SAYS(hf_acquire(file, 100, MIB, NULL), EINVAL, "offset unaligned");
	SAYS(hf_acquire(file, -4096, MIB, NULL), EINVAL, "offset negative");
	SAYS(hf_acquire(file, 0, 0, NULL), EINVAL, "length zero");
	SAYS(hf_acquire(file, 0, MIB, &flags), EINVAL, "flags unknown");
	SAYS(hf_acquire(file, 0, MIB, &kind), EINVAL, "kind unknown");
	SAYS(hf_acquire(-1, 0, MIB, NULL), EBADF, "no file");
	SAYS(hf_acquire(null, 0, MIB, NULL), ENODEV, "not a regular file");
	SAYS(hf_acquire(wronly, 0, MIB, NULL), EACCES, "not readable");
	SAYS(hf_acquire(disk, 0, MIB, NULL), EOPNOTSUPP, "not DAX");
	SAYS(hf_wait(unbound, &event, 100), EBADFD, "wait: not a lease");
	SAYS(hf_release(unbound), EBADFD, "release: not a lease");
	SAYS(hf_release(null), ENOTTY, "release: some other file");
	SAYS(hf_join(unbound), EBADFD, "join: not a lease");
	SAYS(hf_join(null), ENOTTY, "join: some other file");
	SAYS(hf_watch_filesystem(-1), EBADF, "watch: no file");
	SAYS(hf_policy_allow(null, HF_ANY_GROUP, 0), EOPNOTSUPP,
	     "policy: another filesystem");
	SAYS(hf_policy_allow(-1, HF_ANY_GROUP, 0), EBADF, "policy: no file");
	SAYS(hf_policy_forbid(file), ENOENT, "policy: nothing to forbid");
	lease = lease_make(file, 0, MIB, HOLDFAST_BREAKABLE, 0);
	SAYS(hf_wait(lease, &event, 0), ETIMEDOUT, "wait: no event");
	close(lease);
	close(null);
	close(unbound);
	close(disk);
	close(wronly);
	unlink("/root/bad-input");
}

int main(void)
{
	file = file_make(PATH, FILE_LEN);
	test_arguments();
	test_beyond_end();
	test_address();
	test_size();
	test_files();
	test_order();
	test_release_waits();
	test_user();
	test_allow();
	test_join();
	test_watch();
	test_policy();
	test_rights();
	test_join_rights();
	test_library();
	close(file);
	unlink(PATH);
	return tap_done();
}
