// SPDX-License-Identifier: GPL-2.0
/*
 * F_SEAL_WRITE of a memfd and a writable mapping of its lease, at the same
 * time: one of them is refused. Who gets a memfd with that seal relies on it.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "common.h"

#define LENGTH 4096
/* So long it is tried; the window is a few hundred instructions. */
#define TRY_NS (10 * 1000000000ULL)

struct race {
	pthread_barrier_t barrier;
	int memfd;
	int lease;
	unsigned int delay;
	bool over;
	bool sealed;
};

static void spin(unsigned int n)
{
	while (n--)
		__asm__ volatile("" ::: "memory");
}

static void *seal_thread(void *arg)
{
	struct race *race = arg;

	for (;;) {
		pthread_barrier_wait(&race->barrier);
		if (race->over)
			return NULL;
		spin(race->delay);
		race->sealed = !fcntl(race->memfd, F_ADD_SEALS, F_SEAL_WRITE);
		pthread_barrier_wait(&race->barrier);
	}
}

int main(void)
{
	unsigned long rounds = 0, mapped = 0, sealed = 0, both = 0;
	uint64_t limit = now_ns() + TRY_NS;
	struct race race = { 0 };
	pthread_t thread;

	if (pthread_barrier_init(&race.barrier, NULL, 2) ||
	    pthread_create(&thread, NULL, seal_thread, &race))
		tap_bail("pthread: %s", strerror(errno));
	while (now_ns() < limit && !both) {
		char *map;

		race.memfd = memfd_create("seal-race",
					  MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (race.memfd < 0 || ftruncate(race.memfd, LENGTH))
			tap_bail("memfd: %s", strerror(errno));
		race.lease = lease_make(race.memfd, 0, LENGTH,
					HOLDFAST_BREAKABLE, 0);
		/* Where the two meet is searched for, both ways. */
		race.delay = rounds * 37 % 4000;
		pthread_barrier_wait(&race.barrier);
		spin(rounds * 53 % 1000);
		map = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED,
			   race.lease, 0);
		pthread_barrier_wait(&race.barrier);
		mapped += map != MAP_FAILED;
		sealed += race.sealed;
		both += map != MAP_FAILED && race.sealed;
		if (map != MAP_FAILED)
			munmap(map, LENGTH);
		close(race.lease);
		close(race.memfd);
		rounds++;
	}
	race.over = true;
	pthread_barrier_wait(&race.barrier);
	pthread_join(thread, NULL);
	tap_diag("%lu rounds: mapped %lu times, sealed %lu times", rounds,
		 mapped, sealed);
	tap_ok(mapped && sealed, "either is first at times");
	tap_is(both, 0, "never both");
	return tap_done();
}
