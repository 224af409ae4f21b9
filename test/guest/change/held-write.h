/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A write(2) that stays inside the kernel, and so in the file's i_rwsem, until
 * it is let go: what it writes is a page that userfaultfd keeps back.
 */
#ifndef HOLDFAST_TEST_HELD_WRITE_H
#define HOLDFAST_TEST_HELD_WRITE_H

#include <pthread.h>
#include <sys/syscall.h>
#include <linux/userfaultfd.h>

#include "common.h"

struct held_write {
	pthread_t thread;
	int file;
	int fault;
	void *page;
	ssize_t written;
};

static inline void *held_write_thread(void *arg)
{
	struct held_write *held = arg;

	held->written = pwrite(held->file, held->page, 4096, 0);
	return NULL;
}

/* A thread that will write @file's first block; pthread_attr_t may be NULL. */
static inline void held_write_start(struct held_write *held, int file,
				    const pthread_attr_t *attr)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	held->file = file;
	held->fault = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	held->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	range.range.start = (uintptr_t)held->page;
	range.range.len = 4096;
	if (held->fault < 0 || ioctl(held->fault, UFFDIO_API, &api) ||
	    ioctl(held->fault, UFFDIO_REGISTER, &range))
		tap_bail("userfaultfd: %s", strerror(errno));
	if (pthread_create(&held->thread, attr, held_write_thread, held))
		tap_bail("pthread_create: %s", strerror(errno));
}

/* True when it is in the kernel, with the lock. */
static inline bool held_write_holds(struct held_write *held, int timeout_ms)
{
	return readable(held->fault, timeout_ms);
}

/* Lets it go, and waits for its end; it writes zeros. */
static inline void held_write_end(struct held_write *held)
{
	struct uffdio_zeropage zero = { .range.start = (uintptr_t)held->page,
					.range.len = 4096 };

	if (ioctl(held->fault, UFFDIO_ZEROPAGE, &zero))
		tap_bail("userfaultfd: %s", strerror(errno));
	pthread_join(held->thread, NULL);
	close(held->fault);
	munmap(held->page, 4096);
}

#endif
