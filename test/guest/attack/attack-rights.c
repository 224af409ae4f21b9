// SPDX-License-Identifier: GPL-2.0
/*
 * Attacks on rights: to lease a file that one may not write, to see, use, end or
 * be told of others' leases. Each is tried by a user without privileges, most
 * also as the root of a user namespace that he made (Debian lets everybody make
 * those); and each works for who has the right, so that a refusal means it.
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <sys/syscall.h>

#include "attack.h"
#include "rdma.h"
#include "sigbus.h"

#define PATH   PMEM "attack-rights"
#define LENGTH (2 * MIB)
#define PAGE   4096UL

static int file;

/* --- to lease it */

static int lease_opened(long flags)
{
	int fd = open(PATH, flags);

	return fd < 0 ? errno : acquire_errno(fd, HOLDFAST_BREAKABLE, LENGTH);
}

/* A descriptor that somebody else opened. */
static int lease_passed(long fd)
{
	return acquire_errno(fd, HOLDFAST_BREAKABLE, LENGTH);
}

/* To open again for writing what one has for reading. */
static int lease_reopened(long fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%ld", fd);
	fd = open(path, O_RDWR);
	return fd < 0 ? errno : lease_passed(fd);
}

static void test_unwritable(void)
{
	int rdonly = open(PATH, O_RDONLY), path = open(PATH, O_PATH);

	tap_is(attack_as(ATTACKER, lease_opened, O_RDWR), EACCES,
	       "a file that he may only read: not to be opened");
	tap_is(attack_as(ATTACKER, lease_opened, O_RDONLY), EACCES,
	       "open for reading: not to be leased");
	tap_is(attack_as_fake_root(lease_opened, O_RDWR), EACCES,
	       "nor is it by the root of a namespace");
	tap_is(attack_as(ATTACKER, lease_passed, rdonly), EACCES,
	       "passed to him by the owner, for reading");
	tap_is(attack_as(ATTACKER, lease_passed, path), EBADF,
	       "passed to him by the owner, as a path");
	tap_is(attack_as(ATTACKER, lease_reopened, rdonly), EACCES,
	       "and opened again");
	tap_is(attack_as(OWNER, lease_opened, O_RDWR), 0,
	       "the owner leases it");
	tap_is(attack_as(ATTACKER, lease_passed, file), 0,
	       "and so does to whom he passes it for writing");
	close(rdonly);
	close(path);
}

/* What an ordinary mapping of the file says: 0 when it can be written. */
static int map_errno(int fd)
{
	char *map =
		mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int err = 0;

	if (map == MAP_FAILED)
		return errno;
	if (sigsetjmp(sigbus_fault, 1))
		err = EIO;
	else
		*(volatile char *)map = 'x';
	munmap(map, LENGTH);
	return err;
}

/* A lease gives no more than a mapping of the same descriptor. */
static int lease_beyond_mapping(long fd)
{
	int mapped, leased;

	sigbus_catch();
	mapped = map_errno(fd);
	leased = lease_passed(fd);
	tap_diag("mapping it: %s; leasing it: %s", strerror(mapped),
		 strerror(leased));
	return mapped && !leased ? 0 : 1;
}

static void set_flags(int flags)
{
	if (ioctl(file, FS_IOC_SETFLAGS, &flags))
		tap_bail("chattr: %s", strerror(errno));
}

static void test_flags(void)
{
	int flags, opened = open(PATH, O_RDWR);

	if (ioctl(file, FS_IOC_GETFLAGS, &flags))
		tap_bail("lsattr: %s", strerror(errno));
	set_flags(flags | FS_APPEND_FL);
	tap_is(attack_as(ATTACKER, lease_beyond_mapping, opened), 1,
	       "made append-only after he had it open: no more than a mapping");
	tap_ok(attack_as(ATTACKER, lease_passed, opened) > 0,
	       "which is nothing");
	set_flags(flags | FS_IMMUTABLE_FL);
	tap_is(attack_as(ATTACKER, lease_beyond_mapping, opened), 1,
	       "made immutable: no more than a mapping");
	set_flags(flags);
	tap_is(attack_as(ATTACKER, lease_passed, opened), 0,
	       "neither any more: he leases it");
	close(opened);
}

static int exclude(long fd)
{
	return acquire_errno(fd, HOLDFAST_EXCLUSIVE, LENGTH);
}

static void test_exclusive(void)
{
	tap_is(attack_as(ATTACKER, exclude, file), EPERM,
	       "an exclusive lease of what he may write but does not own");
	tap_is(attack_as_fake_root(exclude, file), EPERM,
	       "nor as the root of a namespace");
	tap_is(attack_as(OWNER, exclude, file), 0, "the owner may");
	tap_is(attack_as(0, exclude, file), 0, "and root");
}

/* --- others' leases */

static int leases_seen(long fd)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	int count = 0;

	(void)fd;
	if (hf_report_open(NULL, &report))
		return NO_ATTACK;
	while (hf_report_next(report, &entry) == 1)
		count++;
	hf_report_close(report);
	return count;
}

static int open_errno(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int pins_seen(long arg)
{
	struct hf_pins_entry entry;
	struct hf_pins *pins;
	int count = 0;

	(void)arg;
	if (hf_pins_open(NULL, &pins))
		return NO_ATTACK;
	while (hf_pins_next(pins, &entry) == 1)
		count++;
	hf_pins_close(pins);
	return count;
}

static pid_t victim;
static int victim_lease;

static int open_fdinfo(long arg)
{
	char path[64];

	(void)arg;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", victim,
		 victim_lease);
	return open_errno(path);
}

static int take_descriptor(long arg)
{
	int pidfd = syscall(SYS_pidfd_open, victim, 0);

	(void)arg;
	return syscall(SYS_pidfd_getfd, pidfd, victim_lease, 0) < 0 ? errno : 0;
}

/* The victim's descriptor, as the system shows it, opened: that is a new one. */
static int reopen_descriptor(long arg)
{
	struct holdfast_query query = { 0 };
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fd/%ld", victim, arg);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return errno;
	return hf_query(fd, &query) || !query.id ? EBADFD : 0;
}

static int revoke_errno(long id)
{
	return -hf_revoke(id, 1, HOLDFAST_REVOKE_NOWAIT);
}

/* All that he can do to a lease of the owner's. */
static void test_others(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
	uint64_t id = lease_query(lease).id;
	struct rdma rdma = rdma_open();
	struct ibv_mr *mr =
		rdma_register(&rdma, map_shared(file, 0, PAGE), PAGE);

	victim = getpid();
	victim_lease = lease;
	tap_is(attack_as(ATTACKER, leases_seen, 0), 0, "he sees no lease");
	tap_is(attack_as_fake_root(leases_seen, 0), 0,
	       "nor as the root of a namespace");
	tap_is(attack_as(OWNER, leases_seen, 0), 1, "the file's owner does");
	tap_is(attack_as(0, leases_seen, 0), 1, "and root");
	tap_is(attack_as(ATTACKER, pins_seen, 0), 0, "nor its pins");
	tap_is(attack_as_fake_root(pins_seen, 0), 0,
	       "nor as the root of a namespace");
	tap_is(attack_as(0, pins_seen, 0), 1, "root does");
	ibv_dereg_mr(mr);
	rdma_close(&rdma);
	tap_is(attack_as(ATTACKER, open_fdinfo, 0), EACCES,
	       "nor the lease's fdinfo");
	tap_is(attack_as_fake_root(open_fdinfo, 0), EACCES,
	       "nor as the root of a namespace");
	tap_is(attack_as(0, open_fdinfo, 0), 0, "root does");
	tap_is(attack_as(ATTACKER, take_descriptor, 0), EPERM,
	       "he does not get at the descriptor");
	tap_is(attack_as_fake_root(take_descriptor, 0), EPERM,
	       "nor as the root of a namespace");
	tap_is(attack_as(0, take_descriptor, 0), 0, "root does");
	tap_is(attack_as(ATTACKER, reopen_descriptor, lease), EACCES,
	       "nor by opening it in /proc");
	tap_is(attack_as(0, reopen_descriptor, lease), EBADFD,
	       "which gives root no lease, either");

	tap_is(attack_as(ATTACKER, revoke_errno, id), EPERM,
	       "he does not revoke it");
	tap_is(attack_as_fake_root(revoke_errno, id), EPERM,
	       "nor as the root of a namespace");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "nothing has come of all that");
	tap_is(attack_as(OWNER, revoke_errno, id), 0, "the file's owner may");
	close(lease);
	lease = lease_make(file, 0, LENGTH, HOLDFAST_EXCLUSIVE, 0);
	id = lease_query(lease).id;
	tap_is(attack_as(ATTACKER, revoke_errno, id), EPERM,
	       "nor an exclusive one");
	tap_is(attack_as(0, revoke_errno, id), 0, "root may");
	close(lease);
}

/* --- signals to others, by O_ASYNC */

static volatile sig_atomic_t signals;

static void count_signal(int signal)
{
	(void)signal;
	signals++;
}

/* A process of @uid that says how many came until the byte. */
static int start_counter(uid_t uid, pid_t *pid)
{
	int sockets[2];
	char byte = 'r';

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		tap_bail("socketpair: %s", strerror(errno));
	*pid = child_fork();
	if (!*pid) {
		signal(SIGUSR1, count_signal);
		become(uid);
		close(sockets[0]);
		write(sockets[1], &byte, 1);
		while (read(sockets[1], &byte, 1) < 0 && errno == EINTR)
			;
		byte = '0' + signals;
		_exit(write(sockets[1], &byte, 1) != 1);
	}
	close(sockets[1]);
	if (read(sockets[0], &byte, 1) != 1)
		tap_bail("no counter");
	return sockets[0];
}

static int signal_another(long pid)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, 0);

	if (fcntl(lease, F_SETOWN, (int)pid) ||
	    fcntl(lease, F_SETSIG, SIGUSR1) || fcntl(lease, F_SETFL, O_ASYNC))
		return errno;
	/* A change of his own: it breaks the lease, and gives a signal. */
	return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 4096)
		       ? errno
		       : 0;
}

static int signals_of(uid_t uid)
{
	int socket, ret;
	char byte;
	pid_t pid;

	socket = start_counter(uid, &pid);
	ret = attack_as(ATTACKER, signal_another, pid);
	if (ret)
		tap_diag("no change: %d", ret);
	if (write(socket, "g", 1) != 1 || read(socket, &byte, 1) != 1)
		tap_bail("the counter has died");
	close(socket);
	child_wait(pid, SOON);
	return byte - '0';
}

static void test_signals(void)
{
	tap_is(signals_of(OWNER), 0, "F_SETOWN: nobody else gets signals");
	tap_is(signals_of(0), 0, "nor root");
	tap_ok(signals_of(ATTACKER) > 0, "his own processes do");
}

/* --- what the owner takes back */

struct tries {
	uint64_t id;
	int acquired, joined, registered;
};

/* Leases and maps the file, says so; once told to goes on trying. */
static void lose_file(int socket, uint32_t kind)
{
	struct tries tries = { 0 };
	struct rdma rdma;
	struct ibv_mr *mr;
	char *map, byte;
	int lease;

	become(ATTACKER);
	rdma = rdma_open();
	lease = lease_make(file, 0, LENGTH, kind, LONG_BREAK);
	map = map_shared(file, 0, LENGTH);
	ibv_dereg_mr(rdma_register(&rdma, map, PAGE));
	tries.id = lease_query(lease).id;
	attack_needs(write(socket, &tries, sizeof(tries)) == sizeof(tries) &&
			     read(socket, &byte, 1) == 1,
		     "socket");
	mr = ibv_reg_mr(rdma.pd, map, PAGE, RDMA_ACCESS);
	tries.registered = mr ? 0 : errno;
	tries.joined = -hf_join(lease);
	tries.acquired = lease_opened(O_RDWR);
	attack_needs(write(socket, &tries, sizeof(tries)) == sizeof(tries),
		     "socket");
	_exit(0);
}

static int cut_off(long length)
{
	int fd = open(PATH, O_RDWR);

	return fd < 0 || ftruncate(fd, length) ? errno : 0;
}

/* @kind: he took it while he might; the owner is another one now. */
static void test_owner(uint32_t kind, const char *what)
{
	struct tries tries;
	int sockets[2];
	pid_t pid;

	if (fchown(file, kind == HOLDFAST_EXCLUSIVE ? ATTACKER : OWNER, -1) ||
	    fchmod(file, 0666) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		tap_bail("%s: %s", what, strerror(errno));
	pid = child_fork();
	if (!pid)
		lose_file(sockets[1], kind);
	close(sockets[1]);
	if (read(sockets[0], &tries, sizeof(tries)) != sizeof(tries))
		tap_bail("%s: no lease", what);
	if (fchown(file, OWNER, OWNER) || fchmod(file, 0600))
		tap_bail("chown: %s", strerror(errno));
	if (kind == HOLDFAST_EXCLUSIVE)
		tap_is(attack_as(OWNER, cut_off, 0), ETXTBSY,
		       "%s: the new owner may not change the file", what);
	tap_is(attack_as(OWNER, revoke_errno, tries.id), 0,
	       "%s: he revokes the lease", what);
	tap_is(attack_as(OWNER, cut_off, LENGTH / 2), 0, "%s: then he may",
	       what);
	if (write(sockets[0], "g", 1) != 1 ||
	    read(sockets[0], &tries, sizeof(tries)) != sizeof(tries))
		tap_bail("%s: the holder has died", what);
	tap_is(tries.registered, EOPNOTSUPP, "%s: it allows no pin", what);
	tap_is(tries.joined, EBADFD, "%s: it cannot be joined", what);
	tap_is(tries.acquired, EACCES, "%s: nor acquired again", what);
	child_wait(pid, SOON);
	close(sockets[0]);
	if (ftruncate(file, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
}

int main(void)
{
	file = file_of(PATH, LENGTH, OWNER, 0644);
	test_unwritable();
	test_flags();
	test_exclusive();
	test_others();
	test_signals();
	test_owner(HOLDFAST_BREAKABLE, "chmod");
	test_owner(HOLDFAST_EXCLUSIVE, "chown");
	tap_is(leases_seen(0), 0, "no lease is left");
	close(file);
	unlink(PATH);
	return tap_done();
}
