// SPDX-License-Identifier: GPL-2.0
/*
 * Each wrong use has the errno that the ABI header promises, at the ioctl and
 * at the library, and the library says why. After any of them the descriptor
 * is as it was.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/syscall.h>

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
	EXPECT(ENXIO, "the range ends beyond the end of the file",
	       a->length = FILE_LEN + 4096);
	EXPECT(ENXIO, "the range begins beyond the end of the file",
	       a->offset = FILE_LEN);
	EXPECT(EBADF, "no file", a->fd = -1);
	EXPECT(EBADF, "a closed file", a->fd = 1000);
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
	int pipefd[2], rdonly = open(PATH, O_RDONLY),
		       wronly = open(PATH, O_WRONLY);
	int dir = open(PMEM, O_RDONLY), null = open("/dev/null", O_RDWR), disk,
	    path;

	path = open(PATH, O_PATH);
	disk = open("/root/bad-input", O_RDWR | O_CREAT, 0600);
	if (pipe(pipefd) || disk < 0 || ftruncate(disk, MIB))
		tap_bail("files: %s", strerror(errno));
	EXPECT(EACCES, "a file open for reading only", a->fd = rdonly);
	EXPECT(EACCES, "a file open for writing only", a->fd = wronly);
	EXPECT(EBADF, "an O_PATH descriptor", a->fd = path);
	EXPECT(ENODEV, "a pipe", a->fd = pipefd[0]);
	EXPECT(ENODEV, "a device", a->fd = null);
	EXPECT(ENODEV, "a folder", a->fd = dir);
	EXPECT(EOPNOTSUPP, "a file that is not on DAX", a->fd = disk);
	close(pipefd[0]);
	close(pipefd[1]);
	close(rdonly);
	close(wronly);
	close(dir);
	close(null);
	close(path);
	close(disk);
	unlink("/root/bad-input");
}

static int map_errno(int fd, size_t len, int prot, int flags, off_t offset)
{
	void *addr = mmap(NULL, len, prot, flags, fd, offset);

	if (addr == MAP_FAILED)
		return errno;
	munmap(addr, len);
	return 0;
}

static void test_order(void)
{
	struct holdfast_release release = { .size = sizeof(release) };
	struct holdfast_acquire acquire = good();
	struct holdfast_query query = { .size = sizeof(query) };
	struct holdfast_event event;
	int fd = device();
	void *addr;

	tap_is(map_errno(fd, 4096, PROT_READ, MAP_SHARED, 0), EBADFD,
	       "mmap before acquire");
	tap_ok(read(fd, &event, sizeof(event)) == -1 && errno == EBADFD,
	       "read before acquire");
	tap_ok(ioctl(fd, HOLDFAST_IOC_RELEASE, &release) && errno == EBADFD,
	       "release before acquire");
	tap_ok(!ioctl(fd, HOLDFAST_IOC_QUERY, &query) &&
		       query.state == HOLDFAST_UNBOUND && !query.id,
	       "query before acquire tells so");

	tap_is(acquire_errno(fd, &acquire), 0, "acquire");
	tap_is(acquire_errno(fd, &acquire), EBUSY, "a second time");
	tap_is(map_errno(fd, MIB, PROT_READ | PROT_WRITE, MAP_SHARED, 0), 0,
	       "mmap");
	tap_is(map_errno(fd, 2 * MIB, PROT_READ, MAP_SHARED, 0), ENXIO,
	       "mmap beyond the range");
	tap_is(map_errno(fd, 4096, PROT_READ, MAP_SHARED, MIB), ENXIO,
	       "mmap behind the range");
	tap_is(map_errno(fd, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, 0),
	       EINVAL, "MAP_PRIVATE");
	tap_is(map_errno(fd, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, 0), EPERM,
	       "PROT_EXEC");
	addr = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	tap_ok(mprotect(addr, 4096, PROT_READ | PROT_EXEC) == -1,
	       "PROT_EXEC by mprotect");
	munmap(addr, 4096);

	release.flags = 1;
	tap_ok(ioctl(fd, HOLDFAST_IOC_RELEASE, &release) && errno == EINVAL,
	       "release: flags unknown");
	release.flags = 0;
	tap_is(ioctl(fd, HOLDFAST_IOC_RELEASE, &release), 0, "release");
	tap_is(map_errno(fd, 4096, PROT_READ, MAP_SHARED, 0), EBADFD,
	       "mmap after release");
	tap_is(acquire_errno(fd, &acquire), EBUSY, "acquire after release");
	close(fd);
}

static void test_release_waits(void)
{
	struct holdfast_release release = { .size = sizeof(release) };
	struct rdma rdma = rdma_open();
	int lease = lease_make(file, 0, MIB, HOLDFAST_BREAKABLE, LONG_BREAK);
	void *map = lease_map(lease, 0, MIB);
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

/* As the ordinary user, who has limits. Returns the number of failures. */
static int as_user(void)
{
	struct rlimit limit = { 64 << 10, 64 << 10 };
	struct hf_attr exclusive = { .kind = HOLDFAST_EXCLUSIVE };
	int bad = 0, own, ret;

	setrlimit(RLIMIT_MEMLOCK, &limit);
	if (setgid(1000) || setuid(1000))
		return 100;
	ret = hf_acquire(file, 0, MIB, NULL);
	if (ret != -ENOMEM) {
		tap_diag("more than RLIMIT_MEMLOCK: %d (%s)", ret,
			 ret < 0 ? hf_error() : "");
		bad++;
	} else {
		tap_diag("the library says: %s", hf_error());
	}
	ret = hf_acquire(file, 0, 32 << 10, NULL);
	if (ret < 0) {
		tap_diag("less than RLIMIT_MEMLOCK: %d (%s)", ret, hf_error());
		bad++;
	}
	close(ret);
	ret = hf_acquire(file, 0, 32 << 10, &exclusive);
	if (ret != -EPERM) {
		tap_diag("exclusive on somebody else's file: %d", ret);
		bad++;
	}
	own = file_make(PMEM "user/own", MIB);
	ret = hf_acquire(own, 0, 32 << 10, &exclusive);
	if (ret < 0) {
		tap_diag("exclusive on one's own file: %d (%s)", ret,
			 hf_error());
		bad++;
	}
	close(ret);
	/* Closed, so both are given back. */
	ret = hf_acquire(file, 0, 64 << 10, NULL);
	if (ret < 0) {
		tap_diag("all of RLIMIT_MEMLOCK, after the others: %d (%s)",
			 ret, hf_error());
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
	       "an ordinary user: RLIMIT_MEMLOCK, exclusive only on his own file");

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

/* The library passes on what the kernel says, in words. */
static void test_library(void)
{
	const struct hf_attr flags = { .flags = 1U << 31 },
			     kind = { .kind = 77 };
	struct holdfast_event event;
	int unbound = device(), null = open("/dev/null", O_RDWR), disk,
	    rdonly = open(PATH, O_RDONLY), lease;
	void *addr;

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
	SAYS(hf_acquire(file, 0, 2 * FILE_LEN, NULL), ENXIO,
	     "beyond the end of the file");
	SAYS(hf_acquire(-1, 0, MIB, NULL), EBADF, "no file");
	SAYS(hf_acquire(null, 0, MIB, NULL), ENODEV, "not a regular file");
	SAYS(hf_acquire(rdonly, 0, MIB, NULL), EACCES, "not writable");
	SAYS(hf_acquire(disk, 0, MIB, NULL), EOPNOTSUPP, "not DAX");
	SAYS(hf_map(unbound, 0, 4096, &addr), EBADFD, "map: not a lease");
	SAYS(hf_wait(unbound, &event, 100), EBADFD, "wait: not a lease");
	SAYS(hf_release(unbound), EBADFD, "release: not a lease");
	SAYS(hf_release(null), ENOTTY, "release: some other file");
	lease = lease_make(file, 0, MIB, HOLDFAST_BREAKABLE, 0);
	SAYS(hf_map(lease, 0, 2 * MIB, &addr), ENXIO, "map: beyond the range");
	SAYS(hf_map(lease, 100, 4096, &addr), EINVAL, "map: offset unaligned");
	SAYS(hf_wait(lease, &event, 0), ETIMEDOUT, "wait: no event");
	close(lease);
	close(null);
	close(unbound);
	close(disk);
	close(rdonly);
	unlink("/root/bad-input");
}

int main(void)
{
	file = file_make(PATH, FILE_LEN);
	test_arguments();
	test_address();
	test_size();
	test_files();
	test_order();
	test_release_waits();
	test_user();
	test_library();
	close(file);
	unlink(PATH);
	return tap_done();
}
