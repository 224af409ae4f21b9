/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A user without any privilege who may write another's file, and uses that to
 * hold up the owner's truncate: the user leases the file, asks for an hour of break
 * time, registers the file, and plays a trick. Whatever it is, the truncate
 * ends with success soon after the administrator's cap on break times.
 */
#ifndef HOLDFAST_TEST_ATTACKER_H
#define HOLDFAST_TEST_ATTACKER_H

#include <grp.h>
#include <sys/prctl.h>

#include "parameter.h"
#include "pass-fd.h"
#include "rdma.h"

#define PATH	 PMEM "attacked"
#define LENGTH	 (4 * MIB)
#define ATTACKER 65534
#define OWNER	 1000
#define CAP	 "break_time_max_ms"
#define CAP_MS	 1500
#define GUESS	 "fence_widely"
#define ASKED_MS 3600000
#define FENCE_MS 1000 /* between rounds of the fence */
#define FENCES	 3    /* who pinned, who shares with them, who is left */

/*
 * What "no longer than the cap" is here: the fence may need some rounds, and
 * what would not wait at all ends AT_ONCE in emulation.
 */
#define LIMIT_MS (CAP_MS + FENCES * FENCE_MS + AT_ONCE)

struct attacker {
	int fd, lease, ready;
	char *map;
	struct rdma rdma;
	struct ibv_mr *mr;
};

static inline void must(bool ok, const char *what)
{
	if (!ok)
		tap_bail("attacker: %s: %s", what, strerror(errno));
}

static inline void user_become(uid_t uid)
{
	must(!setgroups(0, NULL) && !setresgid(uid, uid, uid) &&
		     !setresuid(uid, uid, uid),
	     "setresuid");
	/* As after an exec: his own processes may trace him. */
	must(!prctl(PR_SET_DUMPABLE, 1), "dumpable");
}

/* A lease and a mapping of the whole file. */
static inline void attacker_lease(struct attacker *me)
{
	me->fd = open(PATH, O_RDWR | O_CLOEXEC);
	must(me->fd >= 0, "open");
	me->lease = lease_make(me->fd, 0, LENGTH, HOLDFAST_BREAKABLE, ASKED_MS);
	me->map = map_shared(me->fd, 0, LENGTH);
}

/* With a consumer. */
static inline void attacker_hold(struct attacker *me)
{
	attacker_lease(me);
	me->rdma = rdma_open();
	me->mr = rdma_register(&me->rdma, me->map, LENGTH);
}

/* From here on the truncate may come. */
static inline void attacker_ready(const struct attacker *me)
{
	must(write(me->ready, "r", 1) == 1, "ready");
}

__attribute__((noreturn)) static inline void sit(void)
{
	for (;;)
		pause();
}

/* A child that holds the lease, for its parent to trace. */
static inline pid_t attacker_hold_in_child(struct attacker *me)
{
	int held[2];
	char byte;
	pid_t pid;

	must(!pipe(held), "pipe");
	pid = fork();
	if (!pid) {
		attacker_hold(me);
		must(write(held[1], "h", 1) == 1, "held");
		sit();
	}
	must(read(held[0], &byte, 1) == 1, "held");
	return pid;
}

/* Bytes of the file that are held; soon there are some. */
static inline uint64_t attack_pinned(void)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL, pinned;

	do
		pinned = report_pinned();
	while (!pinned && now_ns() < limit);
	return pinned;
}

static inline bool attack_leased(void)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	bool leased;

	if (hf_report_open(NULL, &report))
		tap_bail("report: %s", hf_error());
	leased = hf_report_next(report, &entry) == 1;
	hf_report_close(report);
	return leased;
}

struct truncate_result {
	int error;
	long ms;
};

/* The owner's process; the result comes from the pipe it returns. */
static inline int truncate_start(void)
{
	struct truncate_result result;
	uint64_t began;
	int out[2], fd;

	must(!pipe2(out, O_CLOEXEC), "pipe");
	if (!child_fork()) {
		user_become(OWNER);
		fd = open(PATH, O_RDWR | O_CLOEXEC);
		began = now_ns();
		result.error = fd < 0 || ftruncate(fd, 0) ? errno : 0;
		result.ms = (now_ns() - began) / 1000000;
		_exit(write(out[1], &result, sizeof(result)) != sizeof(result));
	}
	close(out[1]);
	return out[0];
}

/* Another user's process that is in on it, or 0. */
static pid_t attack_partner;

/*
 * Ends every process of the attacker, and what they left in flight: the kernel
 * looks for that when some socket is closed.
 */
static inline void attackers_kill(void)
{
	int sockets[2];
	pid_t pid = child_fork();

	if (!pid) {
		if (setresuid(ATTACKER, ATTACKER, ATTACKER))
			_exit(1);
		kill(-1, SIGKILL);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	if (attack_partner)
		kill(attack_partner, SIGKILL);
	attack_partner = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		tap_bail("socketpair: %s", strerror(errno));
	close(sockets[0]);
	close(sockets[1]);
}

/* Everybody's children come to the test, see attack_init(). */
static inline bool children_gone(int timeout_ms)
{
	uint64_t limit = now_ns() + timeout_ms * 1000000ULL;

	while (waitpid(-1, NULL, WNOHANG) >= 0) {
		if (now_ns() > limit)
			return false;
		usleep(2000);
	}
	return true;
}

/* An attacker that is in place. */
static inline pid_t attack_start(void (*play)(struct attacker *))
{
	struct attacker me = { .fd = -1 };
	int ready[2];
	pid_t pid;

	must(!pipe2(ready, O_CLOEXEC), "pipe");
	pid = child_fork();
	if (!pid) {
		close(ready[0]);
		me.ready = ready[1];
		user_become(ATTACKER);
		play(&me);
		sit();
	}
	close(ready[1]);
	if (!readable(ready[0], SOON))
		tap_bail("no attacker");
	close(ready[0]);
	return pid;
}

/* One trick, in two lines: how long the truncate took, and what is left. */
static inline void attack(const char *name, void (*play)(struct attacker *))
{
	struct truncate_result result = { .error = -1 };
	int fd = file_make(PATH, LENGTH), out;
	uint64_t pinned;
	bool late;

	if (fchown(fd, OWNER, OWNER) || fchmod(fd, 0666))
		tap_bail("%s: %s", PATH, strerror(errno));
	close(fd);
	attack_start(play);
	pinned = attack_pinned();
	out = truncate_start();
	late = !readable(out, LIMIT_MS + FENCE_MS);
	if (late) {
		tap_diag("%s: late, ending the attacker", name);
		attackers_kill();
		if (!readable(out, SOON))
			tap_bail("%s: truncate does not end", name);
	}
	if (read(out, &result, sizeof(result)) != sizeof(result))
		tap_bail("%s: the owner died", name);
	close(out);
	tap_ok(!late && pinned && !result.error && result.ms <= LIMIT_MS,
	       "%s: truncated", name);
	tap_diag("%s: %llu KiB held, errno %d, %ld ms of %d", name,
		 (unsigned long long)pinned >> 10, result.error, result.ms,
		 LIMIT_MS);

	attackers_kill();
	tap_ok(children_gone(SOON) && !attack_leased(),
	       "%s: no process and no lease is left", name);
	unlink(PATH);
}

/* The same where no process can be seen to have the pins: the fence may guess. */
static inline void attack_hidden(const char *name,
				 void (*play)(struct attacker *))
{
	parameter_set(GUESS, 1);
	attack(name, play);
	parameter_set(GUESS, 0);
}

static inline unsigned int attack_init(void)
{
	unsigned int before = parameter_get(CAP);

	if (prctl(PR_SET_CHILD_SUBREAPER, 1))
		tap_bail("subreaper: %s", strerror(errno));
	parameter_set(CAP, CAP_MS);
	return before;
}

#endif
