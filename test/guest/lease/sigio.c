// SPDX-License-Identifier: GPL-2.0
/* A signal for each event, to whom F_SETOWN names, with the lease in it. */
#define _GNU_SOURCE
#include "common.h"

#define PATH   PMEM "sigio"
#define LENGTH (4 * MIB)

/* @signal within @timeout_ms: the descriptor it is about, or -1. */
static int signal_fd(int signal, long *band, int timeout_ms)
{
	struct timespec limit = { .tv_sec = timeout_ms / 1000,
				  .tv_nsec = timeout_ms % 1000 * 1000000L };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	if (sigtimedwait(&set, &info, &limit) != signal)
		return -1;
	*band = info.si_band;
	return info.si_fd;
}

static void signals_for(int lease, pid_t owner, int signal)
{
	if (fcntl(lease, F_SETOWN, owner) || fcntl(lease, F_SETSIG, signal) ||
	    fcntl(lease, F_SETFL, fcntl(lease, F_GETFL) | O_ASYNC))
		tap_bail("fcntl: %s", strerror(errno));
}

static void test_own(int fd)
{
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	int other = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	struct holdfast_event event;
	long band = 0;

	signals_for(lease, getpid(), SIGRTMIN);
	tap_is(signal_fd(SIGRTMIN, &band, STILL), -1, "no event, no signal");
	tap_is(change_make("punch", PATH, 0, 4096, NULL, SOON), 0, "a change");
	tap_is(signal_fd(SIGRTMIN, &band, SOON), lease,
	       "a signal with the lease's descriptor");
	tap_ok(band & POLLIN, "and that it can be read");
	tap_ok(event_next(lease, &event, AT_ONCE) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "which is so");
	tap_is(signal_fd(SIGRTMIN, &band, SOON), lease,
	       "another for the change's end");
	tap_is(signal_fd(SIGRTMIN, &band, STILL), -1,
	       "none for the lease that asked for none");
	tap_ok(event_next(other, &event, AT_ONCE), "which has its events, too");

	fcntl(lease, F_SETFL, fcntl(lease, F_GETFL) & ~O_ASYNC);
	tap_is(change_make("punch", PATH, 0, 4096, NULL, SOON), 0, "a change");
	tap_is(signal_fd(SIGRTMIN, &band, STILL), -1, "none without O_ASYNC");
	close(lease);
	close(other);
}

/* Without F_SETSIG, to a process that has nothing to do with the lease. */
static void test_other(int fd)
{
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	long band;
	int status;
	pid_t pid;

	pid = child_fork();
	if (!pid) {
		sigset_t set;
		int number;

		close(lease);
		sigemptyset(&set);
		sigaddset(&set, SIGIO);
		alarm(SOON / 1000);
		_exit(sigwait(&set, &number) || number != SIGIO);
	}
	signals_for(lease, pid, 0);
	tap_is(change_make("punch", PATH, 0, 4096, NULL, SOON), 0, "a change");
	status = child_wait(pid, SOON);
	tap_is(status, 0, "SIGIO for the owner that was named");
	tap_is(signal_fd(SIGIO, &band, STILL), -1, "and not for us");
	close(lease);
}

int main(void)
{
	int fd = file_make(PATH, LENGTH);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	test_own(fd);
	test_other(fd);
	close(fd);
	unlink(PATH);
	return tap_done();
}
