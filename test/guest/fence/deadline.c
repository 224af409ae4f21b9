// SPDX-License-Identifier: GPL-2.0
/*
 * A lease that has to let go keeps its deadline, whatever becomes of the task
 * that waits for it.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/time.h>
#include "implicit.h"
#include "rdma.h"

#define PATH	 PMEM "deadline"
#define LENGTH	 (4 * MIB)
#define BREAK_MS (4000 * time_scale())

/* The holder: registers a mapping, and never lets go. */
static void register_mapping(void)
{
	struct rdma rdma = rdma_open();
	int file = open(PATH, O_RDWR | O_CLOEXEC);

	rdma_register(&rdma, map_shared(file, 0, LENGTH), LENGTH);
}

static bool is_killed(pid_t pid, int timeout_ms)
{
	int status = child_wait(pid, timeout_ms);

	return was_killed(status);
}

static volatile sig_atomic_t alarms;

static void count(int number)
{
	(void)number;
	alarms++;
}

/* A signal each second, whose handler has SA_RESTART. */
static void timer_start(void)
{
	struct sigaction action = { .sa_handler = count,
				    .sa_flags = SA_RESTART };
	struct itimerval timer = { .it_interval.tv_sec = 1,
				   .it_value.tv_sec = 1 };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

static void restarted(void)
{
	pid_t holder = child_holding(register_mapping), task = child_fork();
	uint64_t begin = now_ns();
	long took;

	if (!task) {
		timer_start();
		if (truncate(PATH, 0))
			_exit(errno);
		_exit(alarms ? 0 : 1);
	}
	tap_ok(is_killed(holder, BREAK_MS + SOON),
	       "a holder is fenced although signals restart the change");
	took = (now_ns() - begin) / 1000000;
	tap_ok(took > BREAK_MS - 100 && took < BREAK_MS + AT_ONCE,
	       "after the break time (%ld of %d ms)", took, BREAK_MS);
	tap_is(child_wait(task, SOON), 0, "the change is done");
}

static void without_restart(void)
{
	struct sigaction action = { .sa_handler = count };
	pid_t holder = child_holding(register_mapping), task = child_fork();

	if (!task) {
		sigaction(SIGUSR1, &action, NULL);
		_exit(truncate(PATH, 0) ? errno : 0);
	}
	tap_is(child_wait(task, STILL), -1, "a truncation waits");
	kill(task, SIGUSR1);
	tap_is(child_wait(task, SOON), EINTR << 8,
	       "a handler without SA_RESTART ends it with EINTR");
	tap_is(child_wait(holder, STILL), -1, "and the holder lives");
	kill(holder, SIGKILL);
	child_wait(holder, SOON);
}

static void revoked(void)
{
	struct holdfast_revoke revoke = { .size = sizeof(revoke),
					  .flags = HOLDFAST_REVOKE_NOWAIT,
					  .grace_ms = BREAK_MS };
	pid_t holder = child_holding(register_mapping);
	struct change change;
	uint64_t begin;
	long took;

	change = change_start("truncate", PATH, 0, 0, NULL);
	revoke.id = lease_awaited(PATH, "breaking");
	tap_ok(revoke.id, "a change waits for a holder");
	begin = now_ns();
	tap_is(device_call(HOLDFAST_IOC_REVOKE, &revoke), -EINPROGRESS,
	       "the lease is revoked");
	kill(change.pid, SIGKILL);
	waitpid(change.pid, NULL, 0);
	tap_ok(is_killed(holder, BREAK_MS + SOON),
	       "the change is killed, and the holder fenced even so");
	took = (now_ns() - begin) / 1000000;
	tap_ok(took < BREAK_MS + AT_ONCE,
	       "at the revoke's deadline or before (%ld of %d ms)", took,
	       BREAK_MS);
}

static void given_up(void)
{
	pid_t holder = child_holding(register_mapping);
	struct change change;

	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(lease_awaited(PATH, "breaking"), "a change waits for a holder");
	kill(change.pid, SIGKILL);
	waitpid(change.pid, NULL, 0);
	tap_is(child_wait(holder, BREAK_MS + 2 * STILL), -1,
	       "killed for good, it has nobody killed");
	kill(holder, SIGKILL);
	child_wait(holder, SOON);
}

int main(void)
{
	int permission = implicit_allow(BREAK_MS);
	static void (*const tests[])(void) = { restarted, without_restart,
					       revoked, given_up };

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		close(file_make(PATH, LENGTH));
		tests[i]();
	}
	close(permission);
	unlink(PATH);
	return tap_done();
}
