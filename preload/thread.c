// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Lets go for the program, see shim.h. A break goes through three steps: caches of
 * registrations hear that the memory goes; the program has time to deregister; and
 * what is registered then is taken from it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "holdfast.h"
#include "shim.h"

/* What the kernel calls a queue of events. */
#define WATCH_LINK "anon_inode:[holdfast-watch]"

/* What a registration gives a cache that it waits for, and how often to look. */
#define HURRY_MS     500
#define LOOK_MS	     20
/* How many regions caches are told of between two looks at the table */
#define TELL_AT_ONCE 256

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int watch = -1;
static atomic_bool failed;
/* How often the kernel was asked for all leases that break. Under the table's lock. */
static unsigned int looks;
/* A change is over: does another one want its regions? For the thread alone. */
static bool doubt;

/* The program has half of the break time at most. */
static int64_t take_time(const struct holdfast_event *event)
{
	int64_t now = hf_clock_ms(), grace = event->deadline_ns / 1000000 - now;

	grace = grace > 0 ? grace / 2 : 0;
	if (grace > settings()->grace_ms)
		grace = settings()->grace_ms;
	return now + grace;
}

/*
 * MPI libraries and their like stand before madvise(), which therefore is called
 * by its name, and deregister what they keep of the range. With an address in the
 * middle of a page the kernel itself only refuses: the program may have unmapped
 * the file, and have memory of its own there.
 */
static int tell_caches(uintptr_t addr, size_t length)
{
	return madvise((char *)(addr | 1), length > 1 ? length - 1 : 1,
		       MADV_DONTNEED);
}

/*
 * A cache may not know a region yet when it is told: the kernel tells of it before
 * the registration returns. So it is told again, less and less often.
 */
static void tell_caches_again(void)
{
	struct {
		uintptr_t addr;
		size_t length;
	} due[TELL_AT_ONCE];
	struct tracked_mr *tracked;
	int64_t now = hf_clock_ms();
	unsigned int count;

	do {
		count = 0;
		tracked = NULL;
		table_lock();
		while (count < TELL_AT_ONCE &&
		       (tracked = table_next_mr(tracked, 0, SIZE_MAX))) {
			if (!tracked->take_ms || tracked->leaving ||
			    tracked->tell_ms > now)
				continue;
			due[count].addr = tracked->addr;
			due[count++].length = tracked->length;
			tracked->tell_ms = now + tracked->tell_wait_ms;
			tracked->tell_wait_ms *= 2;
		}
		table_unlock();
		/* What stands before madvise() may call us. */
		for (unsigned int i = 0; i < count; i++)
			tell_caches(due[i].addr, due[i].length);
	} while (count == TELL_AT_ONCE);
}

/* An earlier time stays. True: no change has wanted it before. */
static bool want(int64_t *take_ms, int64_t new_ms)
{
	bool first = !*take_ms;

	if (first || new_ms < *take_ms)
		*take_ms = new_ms;
	return first;
}

static void tell_later(struct tracked_mr *tracked)
{
	tracked->tell_ms = hf_clock_ms() + LOOK_MS;
	tracked->tell_wait_ms = 2 * LOOK_MS;
}

void thread_made(struct tracked_mr *tracked, const struct making_mr *making)
{
	if (!making->take_ms || tracked->taken || tracked->leaving)
		return;
	if (want(&tracked->take_ms, making->take_ms))
		tell_later(tracked);
	tracked->look = making->look;
}

static bool is_of(const struct holdfast_event *event,
		  const struct making_mr *making)
{
	return making->addr < event->address + event->lease_length &&
	       event->address < making->addr + making->length;
}

/* True: caches have not heard of it. */
static bool want_all(const struct holdfast_event *event, int64_t take_ms)
{
	struct tracked_mr *tracked = NULL;
	struct making_mr *making;
	bool known = false, first = false;

	table_lock();
	while ((tracked = table_next_mr(tracked, event->address,
					event->lease_length))) {
		if (tracked->taken || tracked->leaving)
			continue;
		known = true;
		tracked->look = looks;
		if (want(&tracked->take_ms, take_ms)) {
			tell_later(tracked);
			first = true;
		}
	}
	for (making = table_making(); making; making = making->next) {
		if (!is_of(event, making))
			continue;
		known = true;
		making->look = looks;
		first |= want(&making->take_ms, take_ms);
	}
	table_unlock();
	return first || !known;
}

static void hear_of_break(const struct holdfast_event *event)
{
	if (want_all(event, take_time(event)) &&
	    tell_caches(event->address, event->lease_length) &&
	    settings()->verbose)
		shim_say("lease %llu: a change waits for %llu bytes at %#llx",
			 (unsigned long long)event->lease,
			 (unsigned long long)event->lease_length,
			 (unsigned long long)event->address);
}

static void note(const struct holdfast_event *event)
{
	switch (event->type) {
	case HOLDFAST_EVENT_BREAK:
		hear_of_break(event);
		break;
	case HOLDFAST_EVENT_CHANGED:
		doubt = true;
		break;
	case HOLDFAST_EVENT_MEDIA_ERROR:
		shim_say("%llu bytes of registered memory at %#llx have failed",
			 (unsigned long long)event->length,
			 (unsigned long long)(event->address + event->offset -
					      event->lease_offset));
		break;
	}
}

/*
 * Takes what is due, if the latest look has shown that a change wants it; or, with
 * @sure, as that is known. In how many milliseconds there is something to do, -1:
 * nothing.
 */
static int take_due(bool sure)
{
	int64_t now = hf_clock_ms(), next = -1, left;
	struct tracked_mr *tracked, *after;
	struct making_mr *making;

	table_lock();
	for (making = table_making(); making; making = making->next)
		if (making->take_ms)
			next = LOOK_MS;
	tracked = table_next_mr(NULL, 0, SIZE_MAX);
	for (; tracked; tracked = after) {
		after = table_next_mr(tracked, 0, SIZE_MAX);
		if (!tracked->take_ms)
			continue;
		left = tracked->take_ms - now;
		if (left <= 0 && !tracked->leaving &&
		    (sure || tracked->look == looks)) {
			mr_take(tracked);
			continue;
		}
		/* The program deregisters it, and may fail; or see look_again(). */
		if (left <= 0)
			left = LOOK_MS;
		if (next < 0 || left < next)
			next = left;
	}
	table_unlock();
	return next;
}

/* The program may have closed it, and have the number for something else. */
static bool is_ours(int fd)
{
	char path[32], link[sizeof(WATCH_LINK)];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, link, sizeof(link));
	return length == sizeof(WATCH_LINK) - 1 &&
	       !memcmp(link, WATCH_LINK, length);
}

/* What is read must be ours: poll(2) returns for what has the number by then. */
static int next_event(int fd, struct holdfast_event *event, int timeout_ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	int ready = poll(&pollfd, 1, timeout_ms);

	if (ready < 0)
		return -errno;
	if (!is_ours(fd))
		return -EBADF;
	return ready ? hf_wait(fd, event, 0) : -ETIMEDOUT;
}

/* What there is to read, for some time: 0: there is more; -ETIMEDOUT: that was all. */
static int read_events(int fd, int timeout_ms, int64_t until_ms)
{
	struct holdfast_event event;
	int ret;

	do {
		ret = next_event(fd, &event, timeout_ms);
		if (!ret)
			note(&event);
		timeout_ms = 0;
	} while (!ret && hf_clock_ms() < until_ms);
	return ret;
}

/* No change wants what the latest look has not shown. */
static void forget_unseen(void)
{
	struct tracked_mr *tracked = NULL;
	struct making_mr *making;

	table_lock();
	while ((tracked = table_next_mr(tracked, 0, SIZE_MAX)))
		if (tracked->look != looks)
			tracked->take_ms = 0;
	for (making = table_making(); making; making = making->next)
		if (making->look != looks)
			making->take_ms = 0;
	table_unlock();
}

/*
 * What leases break is what counts, before regions are taken: an event of a change
 * that is over can be lost, and it may have been about another lease of the same
 * memory.
 */
static int look_again(int fd)
{
	int ret;

	if (!is_ours(fd))
		return -EBADF;
	/* A module that cannot do it is taken by its word. */
	if (lseek(fd, 0, SEEK_SET))
		return 0;
	table_lock();
	looks++;
	table_unlock();
	ret = read_events(fd, 0, hf_clock_ms() + HURRY_MS);
	if (ret == -ETIMEDOUT) {
		forget_unseen();
		doubt = false;
	}
	return ret;
}

static bool is_due(void)
{
	int64_t now = hf_clock_ms();
	struct tracked_mr *tracked = NULL;
	bool due = false;

	table_lock();
	while (!due && (tracked = table_next_mr(tracked, 0, SIZE_MAX)))
		due = tracked->take_ms && tracked->take_ms <= now &&
		      !tracked->leaving;
	table_unlock();
	return due;
}

static void *run(void *arg)
{
	int fd = (intptr_t)arg, next = -1, ret;

	do {
		/* A registration that hurries does not wake us. */
		if (next > LOOK_MS)
			next = LOOK_MS;
		ret = read_events(fd, next, hf_clock_ms() + LOOK_MS);
		if ((!ret || ret == -ETIMEDOUT) && (doubt || is_due()))
			ret = look_again(fd);
		next = take_due(false);
		tell_caches_again();
	} while (!ret || ret == -ETIMEDOUT || ret == -EINTR);
	shim_say("the queue of events is gone; breaks are left to the kernel");
	failed = true;
	return NULL;
}

/* Signals are for the program, except those that the thread itself causes. */
static void block_signals(sigset_t *old)
{
	static const int own[] = { SIGSEGV, SIGBUS,  SIGILL, SIGFPE,
				   SIGTRAP, SIGABRT, SIGSYS };
	sigset_t others;

	sigfillset(&others);
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(&others, own[i]);
	pthread_sigmask(SIG_BLOCK, &others, old);
}

static int start_thread(int fd)
{
	pthread_t thread;
	sigset_t old;
	int err;

	block_signals(&old);
	err = pthread_create(&thread, NULL, run, (void *)(intptr_t)fd);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return -err;
	pthread_setname_np(thread, "holdfast-run");
	pthread_detach(thread);
	return 0;
}

/* With start_lock held. */
static void start(void)
{
	int fd = hf_watch_own(), err = fd;

	if (fd >= 0) {
		fd = fd_move_up(fd);
		err = start_thread(fd);
	}
	if (err) {
		shim_say("breaks of leases are left to the kernel: %s",
			 strerror(-err));
		failed = true;
		if (fd >= 0)
			close(fd);
		return;
	}
	watch = fd;
}

void thread_start(void)
{
	if (watch >= 0 || failed)
		return;
	pthread_mutex_lock(&start_lock);
	if (watch < 0 && !failed)
		start();
	pthread_mutex_unlock(&start_lock);
}

/* How many regions a change wants, which are taken soon. */
static unsigned int wanted(void)
{
	int64_t soon_ms = hf_clock_ms() + HURRY_MS;
	struct tracked_mr *tracked = NULL;
	unsigned int count = 0;

	table_lock();
	while ((tracked = table_next_mr(tracked, 0, SIZE_MAX))) {
		if (!tracked->take_ms)
			continue;
		if (tracked->take_ms > soon_ms)
			tracked->take_ms = soon_ms;
		count++;
	}
	table_unlock();
	return count;
}

bool thread_hurry(void)
{
	int64_t limit = hf_clock_ms() + HURRY_MS;

	/* The event may still be under way. */
	while (!failed && !wanted()) {
		if (hf_clock_ms() > limit)
			return false;
		usleep(LOOK_MS * 1000);
	}
	/*
	 * Here, too, regions are taken: a cache may hold a lock over this registration
	 * that the thread waits for, where it tells the cache.
	 */
	while (!failed && wanted()) {
		take_due(true);
		usleep(LOOK_MS * 1000);
	}
	return !failed;
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
 * The child's leases are others, and it has no thread until it registers something.
 * Memory regions stay the parent's: if both processes deregistered by number, one
 * would end a region of the other.
 */
static void in_child(void)
{
	table_drop_all();
	if (watch >= 0 && is_ours(watch))
		close(watch);
	watch = -1;
	failed = false;
	after_fork();
}

/* While standard error is what the program was given. */
__attribute__((constructor)) static void prepare(void)
{
	settings();
	pthread_atfork(before_fork, after_fork, in_child);
}
