// SPDX-License-Identifier: GPL-2.0
/*
 * Two threads register and deregister the same memory by turns, so that it is registered at each moment. A change of it
 * is done within the break time, and "holdfast run" keeps the program alive: this program runs itself under it, and
 * from then on calls mmap(2), pthreads and libibverbs alone.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>

#include "common.h"
#include "rdma.h"

#define PATH	PMEM "run-busy"
#define LENGTH	(2 * MIB)
#define BREAK_S 10

static struct rdma rdma;
static char *memory;
static sem_t turn[2];
static volatile bool over;
static int failures, rounds;

/* Registers, and only then lets the other one deregister. */
static void *register_by_turns(void *arg)
{
	int me = (intptr_t)arg;
	struct ibv_mr *mr = NULL;

	while (!over) {
		struct ibv_mr *old = mr;

		sem_wait(&turn[me]);
		mr = ibv_reg_mr(rdma.pd, memory, LENGTH / 2, RDMA_ACCESS);
		failures += !mr;
		rounds++;
		if (old)
			ibv_dereg_mr(old);
		sem_post(&turn[!me]);
		usleep(1000);
	}
	sem_post(&turn[!me]);
	if (mr)
		ibv_dereg_mr(mr);
	return NULL;
}

int main(int argc, char **argv)
{
	char seconds[8];
	struct change change;
	pthread_t threads[2];
	int fd;

	snprintf(seconds, sizeof(seconds), "%d", BREAK_S * time_scale());
	if (argc == 1)
		execlp("holdfast", "holdfast", "run", "--hitless",
		       "--break-time", seconds, argv[0], "under", NULL);
	fd = file_make(PATH, LENGTH);
	memory = map_shared(fd, 0, LENGTH);
	rdma = rdma_open();
	sem_init(&turn[0], 0, 1);
	sem_init(&turn[1], 0, 0);
	for (intptr_t i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, register_by_turns, (void *)i);
	usleep(STILL * 1000);
	change = change_start("punch", PATH, 0, 4096, NULL);
	tap_ok(change_done(&change, BREAK_S * 1000 * time_scale() + SOON) &&
		       !change.error,
	       "a change of memory that is registered all the time is done");
	tap_ok(change_ms(&change) < BREAK_S * 1000 * time_scale(),
	       "within the break time (%ld ms)", change_ms(&change));
	over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	tap_is(failures, 0, "no registration of %d has failed", rounds);
	close(fd);
	unlink(PATH);
	return tap_done();
}
