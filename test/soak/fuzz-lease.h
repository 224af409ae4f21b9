/* SPDX-License-Identifier: GPL-2.0 */
/* Fuzz: the calls that leases have of their own. */
#ifndef HOLDFAST_SOAK_FUZZ_LEASE_H
#define HOLDFAST_SOAK_FUZZ_LEASE_H

#include "fuzz-world.h"

/* A structure with room behind it, for sizes that it has not. */
union arguments {
	uint32_t size;
	struct holdfast_acquire acquire;
	struct holdfast_release release;
	struct holdfast_query query;
	struct holdfast_revoke revoke;
	struct holdfast_allow allow;
	struct holdfast_join join;
	struct holdfast_watch watch;
	struct holdfast_policy policy;
	unsigned char bytes[8192];
};

/* A word of the structure, or of what is behind it, becomes something else. */
static void spoil(union arguments *args, size_t size)
{
	size_t at = random_below(size + 16) & ~3UL;
	uint64_t value = one_in(2) ? random_u64() : random_edge(FILE_SIZE);

	memcpy(args->bytes + at, &value, one_in(2) ? 4 : 8);
}

static long lease_ioctl(int fd, unsigned int command, union arguments *args,
			size_t size)
{
	void *at = args;

	args->size = size;
	if (one_in(16))
		args->size = ONE_OF(0U, 1U, 4U, 8U, 64U, 4096U, 4097U, 8192U,
				    UINT32_MAX);
	else if (one_in(16))
		args->size = random_below(128);
	if (one_in(8))
		spoil(args, size);
	if (one_in(24))
		at = some_buffer(at, size);
	if (one_in(64))
		command = random_u64();
	else if (one_in(64))
		command ^= 1U << random_below(32);
	return ioctl(fd, command, at);
}

static void op_open(void)
{
	int flags = ONE_OF(O_RDWR, O_RDWR, O_RDWR, O_RDONLY, O_WRONLY, O_PATH);

	if (!one_in(6))
		flags |= O_NONBLOCK;
	fd_put(KIND_LEASE, open(HOLDFAST_DEVICE, flags | O_CLOEXEC));
	count_call();
}

/* Mostly a new descriptor: one that is a lease already refuses for good. */
static void acquire(union arguments *args)
{
	bool fresh = !one_in(8);
	long ret;
	int fd = fresh ? open(HOLDFAST_DEVICE,
			      O_RDWR | O_CLOEXEC | (one_in(6) ? 0 : O_NONBLOCK))
		       : fd_some(KIND_LEASE);

	*args = (union arguments){ .acquire = {
					   .fd = fd_some(
						   one_in(8)
							   ? random_below(KINDS)
							   : KIND_FILE),
					   .kind = one_in(6)
							   ? HOLDFAST_EXCLUSIVE
							   : HOLDFAST_BREAKABLE,
					   .offset = random_offset(FILE_SIZE),
					   .length = random_length(FILE_SIZE),
					   .break_ms = ONE_OF(0, 1, 5, 20, 50,
							      100, UINT32_MAX),
				   } };
	if (one_in(24))
		args->acquire.kind = random_below(8);
	ret = count_deep(DEEP_ACQUIRE,
			 lease_ioctl(fd, HOLDFAST_IOC_ACQUIRE, args,
				     sizeof(args->acquire)));
	if (!ret)
		board->ids[random_below(64)] = args->acquire.id;
	/* One that has become nothing is of little use. */
	if (fresh && ret && !one_in(8))
		close(fd);
	else if (fresh)
		fd_put(KIND_LEASE, fd);
}

static void op_acquire(void)
{
	union arguments args;

	acquire(&args);
}

/* Without O_NONBLOCK it waits for pins that perhaps nobody takes away. */
static void op_release(void)
{
	union arguments args = { 0 };
	int fd = fd_some(KIND_LEASE);

	if (!one_in(30))
		fcntl(fd, F_SETFL, O_NONBLOCK);
	count_deep(DEEP_RELEASE, lease_ioctl(fd, HOLDFAST_IOC_RELEASE, &args,
					     sizeof(args.release)));
}

static void op_query(void)
{
	union arguments args = { 0 };

	count_deep(DEEP_QUERY,
		   lease_ioctl(fd_some(KIND_LEASE), HOLDFAST_IOC_QUERY, &args,
			       sizeof(args.query)));
}

static void op_revoke(void)
{
	union arguments
		args = { .revoke = {
				 .flags = one_in(8) ? 0
						    : HOLDFAST_REVOKE_NOWAIT,
				 .id = board->ids[random_below(64)],
				 .grace_ms = ONE_OF(0, 1, 20, 100, UINT32_MAX),
			 } };

	if (one_in(16))
		args.revoke.id = random_edge(FILE_SIZE);
	count_deep(DEEP_REVOKE,
		   lease_ioctl(fd_some(KIND_LEASE), HOLDFAST_IOC_REVOKE, &args,
			       sizeof(args.revoke)));
}

static void op_allow(void)
{
	union arguments args = { .allow.break_ms =
					 ONE_OF(0, 1, 20, 100, UINT32_MAX) };
	long fd = lease_ioctl(fd_some(KIND_LEASE), HOLDFAST_IOC_ALLOW, &args,
			      sizeof(args.allow));

	fd_put(KIND_PERMISSION, count_deep(DEEP_ALLOW, fd));
}

static void op_join(void)
{
	union arguments args = { 0 };

	count_deep(DEEP_JOIN,
		   lease_ioctl(fd_some(KIND_LEASE), HOLDFAST_IOC_JOIN, &args,
			       sizeof(args.join)));
}

static void op_watch(void)
{
	union arguments args = { .watch.fd = -1 };

	if (one_in(2)) {
		args.watch.what = HOLDFAST_WATCH_FILESYSTEM;
		args.watch.fd =
			fd_some(one_in(8) ? random_below(KINDS) : KIND_FILE);
	}
	fd_put(KIND_WATCH,
	       count_deep(DEEP_WATCH,
			  lease_ioctl(fd_some(KIND_LEASE), HOLDFAST_IOC_WATCH,
				      &args, sizeof(args.watch))));
}

static void op_policy(void)
{
	union arguments
		args = { .policy = {
				 .policy = one_in(3) ? HOLDFAST_POLICY_FORBID
						     : HOLDFAST_POLICY_ALLOW,
				 .fd = fd_some(one_in(8) ? random_below(KINDS)
							 : KIND_FILE),
				 .gid = ONE_OF(HOLDFAST_ANY_GROUP,
					       HOLDFAST_ANY_GROUP, 1000U),
				 .break_ms = ONE_OF(0, 1, 20, 100, UINT32_MAX),
			 } };

	count_deep(DEEP_POLICY,
		   lease_ioctl(fd_some(KIND_LEASE), HOLDFAST_IOC_POLICY, &args,
			       sizeof(args.policy)));
}

static void op_read(void)
{
	char room[1024];
	size_t size = one_in(3) ? random_below(sizeof(room))
				: sizeof(struct holdfast_event);
	int fd = fd_some(one_in(4) ? KIND_WATCH : KIND_LEASE);

	if (!one_in(20))
		fcntl(fd, F_SETFL, O_NONBLOCK | (one_in(4) ? O_ASYNC : 0));
	count_deep(DEEP_READ, read(fd, some_buffer(room, size), size));
}

static void op_poll(void)
{
	struct pollfd polls[4];

	for (int i = 0; i < 4; i++)
		polls[i] = (struct pollfd){ fd_some(random_below(KINDS)),
					    random_u64(), 0 };
	poll(polls, 4, one_in(8) ? 5 : 0);
	count_call();
}

/* Calls that a lease has no use for. */
static void op_file_calls(void)
{
	char room[512] = "";
	int fd = fd_some(
		ONE_OF(KIND_LEASE, KIND_LEASE, KIND_PERMISSION, KIND_WATCH));
	int other = fd_some(random_below(KINDS));
	struct iovec io = { some_buffer(room, sizeof(room)), sizeof(room) };
	off_t at = random_edge(FILE_SIZE);
	struct stat st;

	switch (random_below(18)) {
	case 0:
		lseek(fd, at, random_below(6));
		break;
	case 1:
		pread(fd, room, sizeof(room), at);
		break;
	case 2:
		write(fd, io.iov_base, sizeof(room));
		break;
	case 3:
		preadv2(fd, &io, 1, one_in(2) ? -1 : at,
			RWF_NOWAIT | (one_in(4) ? RWF_HIPRI : 0));
		break;
	case 4:
		splice(fd, NULL, other, NULL, 4096, SPLICE_F_NONBLOCK);
		break;
	case 5:
		splice(other, NULL, fd, NULL, 4096, SPLICE_F_NONBLOCK);
		break;
	case 6:
		ftruncate(fd, at);
		break;
	case 7:
		fallocate(fd, random_below(128), at, 4096);
		break;
	case 8:
		fsync(fd);
		break;
	case 9:
		fcntl(fd, F_SETOWN, one_in(8) ? 0 : getpid());
		fcntl(fd, F_SETSIG, ONE_OF(0, SIGIO, SIGUSR1));
		fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK);
		break;
	case 10:
		fcntl(fd, F_SETFL, (int)random_u64());
		fcntl(fd, F_SETFL, O_NONBLOCK);
		break;
	case 11:
		fcntl(fd, F_SETLEASE, ONE_OF(F_RDLCK, F_WRLCK, F_UNLCK));
		break;
	case 12:
		flock(fd, ONE_OF(LOCK_SH, LOCK_EX, LOCK_UN) | LOCK_NB);
		break;
	case 13:
		fstat(fd, &st);
		fchmod(fd, 0666);
		break;
	case 14:
		posix_fadvise(fd, at, 4096, random_below(8));
		break;
	case 15:
		fd_put(KIND_LEASE, dup(fd));
		break;
	case 16:
		snprintf(room, sizeof(room), "/proc/self/fdinfo/%d", fd);
		fd = open(room, O_RDONLY | O_CLOEXEC);
		pread(fd, room, random_below(sizeof(room)), random_below(600));
		close(fd);
		break;
	case 17:
		copy_file_range(fd, NULL, other, NULL, 4096, 0);
		break;
	}
	count_call();
}

static void op_close(void)
{
	enum kind kind = random_below(KINDS);
	int fd;

	/* Files are opened again when they are gone: see op_file(). */
	fd = __atomic_exchange_n(&slots[kind][random_below(SLOTS)], -1,
				 __ATOMIC_RELAXED);
	if (fd >= 0)
		close(fd);
	count_call();
}

static void op_report(void)
{
	char room[4096];
	static const char *const paths[] = { HOLDFAST_REPORT, HOLDFAST_PINS,
					     HOLDFAST_POLICIES };
	int fd = open(paths[one_in(2) ? 0 : random_below(3)],
		      (one_in(16) ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	long ret = 0;

	for (int i = 0; i < 4 && ret >= 0; i++) {
		size_t size = one_in(3) ? random_below(16)
					: random_below(sizeof(room));

		switch (random_below(8)) {
		case 0:
			lseek(fd,
			      one_in(2) ? (off_t)random_edge(4096)
					: random_below(2000),
			      random_below(5));
			break;
		case 1:
			pread(fd, room, size,
			      one_in(3) ? (off_t)random_edge(4096)
					: random_below(3000));
			break;
		case 2:
			write(fd, room, size);
			break;
		case 3:
			poll(&(struct pollfd){ fd, POLLPRI | POLLIN, 0 }, 1, 0);
			break;
		case 4:
			splice(fd, NULL, fd_some(KIND_OTHER), NULL, size,
			       SPLICE_F_NONBLOCK);
			break;
		default:
			ret = read(fd, some_buffer(room, size), size);
			break;
		}
	}
	close(fd);
	count_deep(DEEP_REPORT, ret);
}

/* A descriptor for, or from, another process: another user's, perhaps. */
static void op_mail(void)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)),
				.cmsg_level = SOL_SOCKET,
				.cmsg_type = SCM_RIGHTS } };
	char byte = 0;
	struct iovec io = { &byte, 1 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int fd = fd_some(KIND_LEASE);

	count_call();
	if (one_in(2)) {
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		sendmsg(mail[0], &message, MSG_DONTWAIT);
	} else if (recvmsg(mail[1], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) >
			   0 &&
		   message.msg_controllen >= CMSG_LEN(sizeof(int))) {
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
		fd_put(KIND_LEASE, fd);
	}
}

#endif
