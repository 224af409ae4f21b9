// SPDX-License-Identifier: GPL-2.0
/* RLIMIT_MEMLOCK is a limit of the user, for all his processes together. */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "common.h"

#define PATH	 PMEM "memlock"
#define LIMIT	 (8 * MIB)
#define MOST	 (6 * MIB)
#define STRANGER 1001

/* A holder that is another user's process. */
struct user {
	pid_t pid;
	int in;	 /* to it: a length to lease, 0 to let go of all */
	int out; /* from it: 0 or -errno */
};

static void serve(int in, int out, uid_t uid)
{
	struct rlimit limit = { LIMIT, LIMIT };
	int leases[64], count = 0, fd;
	size_t length;

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setresuid(uid, uid, uid))
		_exit(2);
	fd = open(PATH, O_RDWR);
	while (read(in, &length, sizeof(length)) == sizeof(length)) {
		int ret = 0;

		if (length)
			ret = hf_acquire(fd, 0, length, NULL);
		if (ret > 0)
			leases[count++] = ret;
		while (!length && count)
			hf_release(leases[--count]);
		if (ret > 0)
			ret = 0;
		if (write(out, &ret, sizeof(ret)) != sizeof(ret))
			break;
	}
	_exit(0);
}

static struct user user_start(uid_t uid)
{
	int to[2], from[2];
	struct user user;

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		tap_bail("pipe: %s", strerror(errno));
	user.pid = child_fork();
	if (!user.pid) {
		close(to[1]);
		serve(to[0], from[1], uid);
	}
	close(to[0]);
	close(from[1]);
	user.in = to[1];
	user.out = from[0];
	return user;
}

static int user_lease(struct user *user, size_t length)
{
	int ret;

	if (write(user->in, &length, sizeof(length)) != sizeof(length) ||
	    read(user->out, &ret, sizeof(ret)) != sizeof(ret))
		tap_bail("the holder has died");
	return ret;
}

static void user_end(struct user *user)
{
	kill(user->pid, SIGKILL);
	waitpid(user->pid, NULL, 0);
	close(user->in);
	close(user->out);
}

/*
 * Who has all he maps locked has less room than a lease, which is mapped for a
 * moment: that is said, too, and not tried for ever.
 */
static void test_locked(void)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		struct rlimit limit = { LIMIT, LIMIT };
		int fd = open(PATH, O_RDWR);

		if (setrlimit(RLIMIT_MEMLOCK, &limit) ||
		    setresuid(1000, 1000, 1000) || mlockall(MCL_FUTURE) ||
		    mmap(NULL, MOST, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED)
			_exit(1);
		_exit(hf_acquire(fd, 0, LIMIT / 2, NULL) == -ENOMEM ? 0 : 2);
	}
	status = child_wait(pid, SOON);
	tap_is(status, 0, "all of his memory is locked: ENOMEM");
	if (status == -1) {
		kill(pid, SIGKILL);
		tap_ok(child_wait(pid, SOON) != -1, "and a kill ends that");
	}
}

int main(void)
{
	int fd = file_make(PATH, 16 * MIB);
	struct user one, two, stranger;

	if (fchmod(fd, 0666))
		tap_bail("chmod: %s", strerror(errno));
	one = user_start(1000);
	two = user_start(1000);
	stranger = user_start(STRANGER);
	tap_is(user_lease(&one, LIMIT + 4096), -ENOMEM,
	       "more than the limit: ENOMEM");
	tap_is(user_lease(&one, LIMIT), 0, "the limit");
	tap_is(user_lease(&one, 4096), -ENOMEM, "a page more");
	tap_is(user_lease(&two, 4096), -ENOMEM,
	       "nor may the user's other process");
	tap_is(user_lease(&stranger, MOST), 0, "another user may");
	tap_is(user_lease(&one, 0), 0, "he lets go");
	tap_is(user_lease(&two, MOST), 0, "then his other process may");
	tap_is(user_lease(&one, LIMIT - MOST), 0, "each a part of it");
	tap_is(user_lease(&one, 4096), -ENOMEM, "together no more");
	user_end(&two);
	tap_is(user_lease(&one, MOST), 0, "who ends gives back");
	user_end(&one);
	user_end(&stranger);
	one = user_start(1000);
	tap_is(user_lease(&one, LIMIT), 0, "in the end all of it is free");
	user_end(&one);
	test_locked();
	close(fd);
	unlink(PATH);
	return tap_done();
}
