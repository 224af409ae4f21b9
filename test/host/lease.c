// SPDX-License-Identifier: GPL-2.0
/*
 * What the calls do without a module: what they return, and what they leave
 * alone. Pipes stand in for a lease's queue of events.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../tap.h"
#include "holdfast.h"

static int file;

static void test_acquire(void)
{
	struct hf_attr attr = { .flags = 8 };

	tap_is(hf_acquire(file, 0, 4096, &attr), -EINVAL, "unknown flags");
	tap_ok(strstr(hf_error(), "unknown flags 0x8"), "%s", hf_error());
	tap_is(hf_acquire(file, -4096, 4096, NULL), -EINVAL,
	       "a negative offset");
	tap_ok(strstr(hf_error(), "offset -4096"), "%s", hf_error());
	if (!access(HOLDFAST_DEVICE, F_OK)) {
		tap_skip("the module is loaded");
		return;
	}
	errno = EXFULL;
	tap_is(hf_acquire(file, 0, 4096, NULL), -ENOENT, "no module");
	tap_ok(strstr(hf_error(), "modprobe holdfast"), "%s", hf_error());
}

static void test_not_a_lease(void)
{
	struct holdfast_query query = { .id = 42 };
	uint64_t reach = 42;

	tap_is(hf_query(file, &query), -ENOTTY, "query of a file");
	tap_is(query.id, 42, "... leaves the answer alone");
	tap_is(hf_await_changes(file, -4096, 4096, &reach), -EINVAL,
	       "changes at a negative offset");
	tap_is(reach, 42, "... leaves the reach alone");
	tap_is(hf_release(file), -ENOTTY, "release of a file");
	tap_ok(fcntl(file, F_GETFD) >= 0, "... leaves it open");
	tap_is(hf_query(-1, &query), -EBADF, "query of no descriptor");
	tap_is(hf_release(-1), -EBADF, "release of no descriptor");
	tap_is_str(hf_error(), "descriptor -1: not an open file", "the words");
}

static void test_revoke(void)
{
	tap_is(hf_revoke(1, 0, 4), -EINVAL, "revoke with unknown flags");
	tap_is_str(hf_error(), "lease 1: unknown flags 0x4", "the words");
	if (!access(HOLDFAST_DEVICE, F_OK)) {
		tap_skip("the module is loaded");
		return;
	}
	tap_is(hf_revoke(1, 0, 0), -ENOENT, "revoke without a module");
	tap_ok(strstr(hf_error(), "modprobe holdfast"), "%s", hf_error());
}

static void test_implicit(void)
{
	tap_is(hf_join(file), -ENOTTY, "join of a file");
	tap_ok(strstr(hf_error(), "not a lease"), "%s", hf_error());
	tap_is(hf_join(-1), -EBADF, "join of no descriptor");
	if (!access(HOLDFAST_DEVICE, F_OK)) {
		tap_skip("the module is loaded");
		return;
	}
	tap_is(hf_allow(0), -ENOENT, "allow without a module");
	tap_ok(strstr(hf_error(), "modprobe holdfast"), "%s", hf_error());
	tap_is(hf_watch_own(), -ENOENT, "watch without a module");
	tap_is(hf_watch_filesystem(file), -ENOENT, "... of a filesystem");
	tap_is(hf_policy_allow(file, HF_ANY_GROUP, 0), -ENOENT,
	       "a policy without a module");
	tap_is(hf_policy_forbid(file), -ENOENT, "... or none");
}

static long elapsed_ms(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - start->tv_sec) * 1000 +
	       (now.tv_nsec - start->tv_nsec) / 1000000;
}

static void on_alarm(int signal)
{
	(void)signal;
}

static void test_wait(void)
{
	struct holdfast_event event = { .size = sizeof(event), .seq = 5 };
	struct itimerval soon = { .it_value.tv_usec = 50000 };
	struct sigaction action = { .sa_handler = on_alarm };
	struct timespec start;
	int ends[2];

	if (pipe(ends))
		tap_bail("pipe: %s", strerror(errno));
	tap_is(hf_wait(ends[0], &event, 0), -ETIMEDOUT, "no event, no wait");
	clock_gettime(CLOCK_MONOTONIC, &start);
	tap_is(hf_wait(ends[0], &event, 100), -ETIMEDOUT, "no event in 100 ms");
	tap_ok(elapsed_ms(&start) >= 99, "... that were waited for");
	tap_is(event.seq, 5, "... and the event is left alone");

	event.seq = 6;
	if (write(ends[1], &event, sizeof(event)) != sizeof(event))
		tap_bail("write: %s", strerror(errno));
	event.seq = 7;
	if (write(ends[1], &event, sizeof(event)) != sizeof(event))
		tap_bail("write: %s", strerror(errno));
	tap_is(hf_wait(ends[0], &event, -1), 0, "an event");
	tap_is(event.seq, 6, "... the first");
	tap_is(hf_wait(ends[0], &event, 0), 0, "another");
	tap_is(event.seq, 7, "... the second");

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	tap_is(hf_wait(ends[0], &event, -1), -EINTR, "a signal");

	if (write(ends[1], "half", 4) != 4)
		tap_bail("write: %s", strerror(errno));
	tap_is(hf_wait(ends[0], &event, 0), -EPROTO, "not an event");
	close(ends[1]);
	tap_is(hf_wait(ends[0], &event, -1), -EPIPE, "nobody to send one");
	close(ends[0]);
	tap_is(hf_wait(ends[0], &event, -1), -EBADF, "no descriptor");
}

static void *other_thread(void *arg)
{
	const char **text = arg;

	if (*hf_error())
		*text = "not empty";
	hf_release(-1);
	return NULL;
}

static void test_threads(void)
{
	const char *text = "";
	char before[512];
	pthread_t thread;

	hf_query(file, &(struct holdfast_query){ 0 });
	snprintf(before, sizeof(before), "%s", hf_error());
	if (pthread_create(&thread, NULL, other_thread, &text))
		tap_bail("no thread");
	pthread_join(thread, NULL);
	tap_is_str(text, "", "a new thread has no message");
	tap_is_str(hf_error(), before, "its failure does not touch ours");
}

static void test_errno(void)
{
	errno = 0;
	hf_query(file, &(struct holdfast_query){ 0 });
	tap_is(errno, ENOTTY, "errno is still that of the call that failed");
}

int main(void)
{
	char path[] = "/tmp/holdfast-lease-XXXXXX";

	file = mkstemp(path);
	if (file < 0)
		tap_bail("%s: %s", path, strerror(errno));
	unlink(path);
	tap_is_str(hf_error(), "", "no failure, no message");
	test_acquire();
	test_not_a_lease();
	test_revoke();
	test_implicit();
	test_wait();
	test_threads();
	test_errno();
	return tap_done();
}
