// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Waits for breaks, see shim.h. Events are not read: a child of the program has
 * the same lease open, and an event goes to one reader. That something happened
 * is enough; what, the lease itself tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

/* While a break lasts: the program may register what is broken. */
#define AGAIN_MS 100

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static int epoll = -1;

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The program has half of the break time at most. */
static int64_t fence_time(const struct holdfast_query *query)
{
	int64_t now = now_ns(), grace = (int64_t)query->deadline_ns - now;

	grace = grace > 0 ? grace / 2000000 : 0;
	if (grace > settings()->grace_ms)
		grace = settings()->grace_ms;
	return now / 1000000 + grace;
}

/* In how many milliseconds to look again, -1: when it has an event. */
static int look(struct lease *lease)
{
	struct holdfast_query query;
	int64_t now = now_ns() / 1000000;

	if (lease->fd < 0)
		return -1;
	if (hf_query(lease->fd, &query) || query.id != lease->id) {
		shim_say(
			"lease %llu: the program has closed its descriptor; breaks are left to the kernel",
			(unsigned long long)lease->id);
		fd_protect(lease->fd, false);
		lease->fd = -1;
		return -1;
	}
	if (!query.deadline_ns) {
		lease->fence_ms = 0;
		return -1;
	}
	if (!lease->fence_ms)
		lease->fence_ms = fence_time(&query);
	if (now < lease->fence_ms && lease->fence_ms - now < AGAIN_MS)
		return lease->fence_ms - now;
	if (now >= lease->fence_ms)
		mr_fence(lease);
	return AGAIN_MS;
}

static int look_at_all(void)
{
	int next = -1;

	table_lock();
	for (struct lease *lease = table_leases(); lease; lease = lease->next) {
		int again = look(lease);

		if (again >= 0 && (next < 0 || again < next))
			next = again;
	}
	table_close_unused();
	table_unlock();
	return next;
}

static void *run(void *arg)
{
	int fd = (intptr_t)arg;
	struct epoll_event event;
	int next = -1;

	while (epoll_wait(fd, &event, 1, next) >= 0 || errno == EINTR)
		next = look_at_all();
	shim_say("epoll_wait: %s; breaks are left to the kernel",
		 strerror(errno));
	return NULL;
}

static int start_thread(void)
{
	pthread_t thread;
	sigset_t all, old;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	err = pthread_create(&thread, NULL, run, (void *)(intptr_t)epoll);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return -err;
	pthread_setname_np(thread, "holdfast-run");
	pthread_detach(thread);
	return 0;
}

/* With start_lock held. */
static int start(void)
{
	int err;

	if (epoll >= 0)
		return 0;
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return -errno;
	fd_protect(epoll, true);
	err = start_thread();
	if (err) {
		fd_protect(epoll, false);
		syscall(SYS_close, epoll);
		epoll = -1;
	}
	return err;
}

/* One that is watched already is no mistake. */
static int add(const struct lease *lease)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	if (lease->fd < 0 ||
	    !epoll_ctl(epoll, EPOLL_CTL_ADD, lease->fd, &event) ||
	    errno == EEXIST)
		return 0;
	return -errno;
}

void thread_watch(void)
{
	struct lease *lease;
	int err;

	pthread_mutex_lock(&start_lock);
	err = start();
	table_lock();
	for (lease = table_leases(); lease && !err; lease = lease->next)
		err = add(lease);
	table_unlock();
	pthread_mutex_unlock(&start_lock);
	if (err)
		shim_say("breaks of leases are left to the kernel: %s",
			 strerror(-err));
}

static void before_fork(void)
{
	pthread_mutex_lock(&start_lock);
	table_lock();
}

static void after_fork(void)
{
	table_unlock();
	pthread_mutex_unlock(&start_lock);
}

/*
 * The child has the leases, and no thread until it registers something. Memory
 * regions stay the parent's: two who deregister by number would meet on
 * somebody else's.
 */
static void in_child(void)
{
	while (table_mrs())
		table_drop_mr(table_mrs());
	table_map_again();
	if (epoll >= 0) {
		fd_protect(epoll, false);
		syscall(SYS_close, epoll);
		epoll = -1;
	}
	after_fork();
}

__attribute__((constructor)) static void prepare(void)
{
	pthread_atfork(before_fork, after_fork, in_child);
}
