// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The thread that lets go for the program, see shim.h. It reads the events of the
 * process's leases, tells caches of what changes want, and takes what is due.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "internal/clock.h"
#include "holdfast.h"
#include "shim.h"

/* What the kernel calls a queue of events. */
#define WATCH_LINK "anon_inode:[holdfast-watch]"

/* What a registration gives a cache that it waits for; how long a look may last at a time */
#define HURRY_MS 500

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_int watch = -1;
static atomic_bool failed;

/* Who reads the queue has it. */
static pthread_mutex_t reader_lock = PTHREAD_MUTEX_INITIALIZER;
static bool looking; /* a look goes on */
static bool doubt;   /* a change is over: does another one want its regions? */

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
static int next_event(int fd, struct holdfast_event *event)
{
	return is_ours(fd) ? hf_wait(fd, event, 0) : -EBADF;
}

static void note(const struct holdfast_event *event)
{
	switch (event->type) {
	case HOLDFAST_EVENT_BREAK:
		wants_break(event);
		break;
	case HOLDFAST_EVENT_CHANGED:
		wants_changed(event);
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

/* What there is to read, for some time: 0: there is more; -ETIMEDOUT: that was all. */
static int read_events(int fd, int64_t until_ms)
{
	struct holdfast_event event;
	int ret;

	do {
		ret = next_event(fd, &event);
		if (!ret)
			note(&event);
	} while ((!ret || ret == -EINTR) && hf_clock_ms() < until_ms);
	return ret;
}

/*
 * Asks for all leases that break, and forgets the marks of others; or goes on with
 * that. With reader_lock.
 */
static int look(int fd)
{
	int ret;

	if (!looking) {
		if (!is_ours(fd))
			return -EBADF;
		doubt = false;
		if (lseek(fd, 0, SEEK_SET))
			return -errno;
		wants_look();
		looking = true;
	}
	ret = read_events(fd, hf_clock_ms() + HURRY_MS);
	looking = ret != -ETIMEDOUT;
	if (!looking && !doubt)
		wants_forget();
	return ret;
}

/* One round of the thread: in how many milliseconds the next is to be; -1: when there is an event. */
static int round_of(int fd, int *next)
{
	bool due, all;
	int64_t now;
	int ret;

	pthread_mutex_lock(&reader_lock);
	ret = read_events(fd, hf_clock_ms() + LOOK_MS);
	all = ret == -ETIMEDOUT;
	now = hf_clock_ms();
	*next = wants_next(now);
	due = !*next;
	if (*next < 0)
		doubt = false;
	/* What is due does not wait until all is read. */
	if ((all && (looking || doubt)) || (due && (all || !ret)))
		ret = look(fd);
	pthread_mutex_unlock(&reader_lock);
	wants_take(now);
	wants_tell();
	*next = wants_next(hf_clock_ms());
	return ret;
}

static void *run(void *arg)
{
	int fd = (intptr_t)arg, next = -1, ret;
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	do {
		/* A registration that hurries does not wake us. */
		if (next >= 0)
			next = LOOK_MS;
		poll(&pollfd, 1, next);
		ret = round_of(fd, &next);
	} while (!ret || ret == -ETIMEDOUT || ret == -EINTR);
	shim_say("the queue of events is gone; breaks are left to the kernel");
	failed = true;
	/* With it the kernel would go on to make what nobody takes. */
	if (is_ours(fd))
		close(fd);
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

bool thread_hurry(unsigned int tries)
{
	int64_t until = hf_clock_ms() + HURRY_MS;
	bool any = false;
	unsigned int left;

	/* A change that only begins says the same for a moment. */
	if (!tries) {
		usleep(LOOK_MS * 1000);
		return !failed;
	}
	/*
	 * The thread may wait for a lock that a cache holds over this registration, where
	 * it tells the cache. So all that it does is done here, too, but for telling.
	 */
	do {
		pthread_mutex_lock(&reader_lock);
		if (!failed)
			look(watch);
		pthread_mutex_unlock(&reader_lock);
		left = wants_hurry(until);
		any |= left;
		wants_take(hf_clock_ms());
		if (any && !left)
			return true;
		usleep(LOOK_MS * 1000);
	} while (!failed && hf_clock_ms() < until + HURRY_MS);
	return any && !failed;
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
	looking = doubt = false;
	/* The parent's thread may have had it. */
	pthread_mutex_init(&reader_lock, NULL);
	after_fork();
}

/* While standard error is what the program was given. */
__attribute__((constructor)) static void prepare(void)
{
	settings();
	pthread_atfork(before_fork, after_fork, in_child);
}
