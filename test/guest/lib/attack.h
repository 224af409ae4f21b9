/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A user without any privilege, for attacks that are one call or a few: the
 * errno that came of it, 0 when he has what he wanted. doc/attacks.md lists
 * them all.
 */
#ifndef HOLDFAST_TEST_ATTACK_H
#define HOLDFAST_TEST_ATTACK_H

#include <grp.h>
#include <sys/prctl.h>

#include "pass-fd.h"

#define ATTACKER 65534
#define OWNER	 1000

/* What it took to get there failed: no attack was made. */
#define NO_ATTACK 255

static inline void attack_needs(bool ok, const char *what)
{
	if (ok)
		return;
	tap_diag("%s: %s", what, strerror(errno));
	_exit(NO_ATTACK);
}

static inline void become(uid_t uid)
{
	attack_needs(!setgroups(0, NULL) && !setresgid(uid, uid, uid) &&
			     !setresuid(uid, uid, uid) &&
			     !prctl(PR_SET_DUMPABLE, 1),
		     "setresuid");
}

static inline void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	attack_needs(fd >= 0 && write(fd, text, strlen(text)) ==
					(ssize_t)strlen(text),
		     path);
	close(fd);
}

/* Root with all capabilities, in a namespace of his own and nowhere else. */
static inline void become_fake_root(int more)
{
	char map[32];

	snprintf(map, sizeof(map), "0 %u 1", geteuid());
	attack_needs(!unshare(CLONE_NEWUSER | more), "unshare");
	write_text("/proc/self/setgroups", "deny");
	write_text("/proc/self/uid_map", map);
	write_text("/proc/self/gid_map", map);
	attack_needs(geteuid() == 0, "fake root");
}

/* What @attack(@arg) returns, in a process of @uid. */
static inline int attack_as(uid_t uid, int (*attack)(long arg), long arg)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		become(uid);
		status = attack(arg);
		fflush(stdout);
		_exit(status);
	}
	status = child_wait(pid, SOON);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The same, with all capabilities that he can give himself. */
static inline int attack_as_fake_root(int (*attack)(long arg), long arg)
{
	pid_t pid = child_fork();
	int status;

	if (!pid) {
		become(ATTACKER);
		become_fake_root(0);
		status = attack(arg);
		fflush(stdout);
		_exit(status);
	}
	status = child_wait(pid, SOON);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline int acquire_errno(int fd, enum holdfast_kind kind,
				uint64_t length)
{
	struct hf_attr attr = { .kind = kind, .break_ms = LONG_BREAK };
	int lease = hf_acquire(fd, 0, length, &attr);

	if (lease < 0)
		return -lease;
	close(lease);
	return 0;
}

/* A file that is somebody's. */
static inline int file_of(const char *path, size_t length, uid_t uid,
			  mode_t mode)
{
	int fd = file_make(path, length);

	if (fchown(fd, uid, uid) || fchmod(fd, mode) || fsync(fd))
		tap_bail("%s: %s", path, strerror(errno));
	return fd;
}

#endif
