// SPDX-License-Identifier: GPL-2.0
/*
 * A freeze of the filesystem while a truncation waits for a holder: it completes,
 * and nobody is stuck when it ends, also where the holder sits in write(2).
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <pthread.h>
#include "implicit.h"
#include "rdma.h"

#define PATH	 PMEM "freeze"
#define LOG	 PMEM "freeze.log"
#define LENGTH	 (4 * MIB)
#define BREAK_MS (3000 * time_scale())

static void *write_on(void *arg)
{
	int log = open(LOG, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	while (pwrite(log, "log", 3, 0) == 3)
		usleep(1000);
	return arg;
}

/* The holder: registers a mapping, and never lets go. */
static void register_mapping(void)
{
	struct rdma rdma = rdma_open();
	int file = open(PATH, O_RDWR | O_CLOEXEC);
	pthread_t thread;

	rdma_register(&rdma, map_shared(file, 0, LENGTH), LENGTH);
	pthread_create(&thread, NULL, write_on, NULL);
}

static void freezes_during(const char *op)
{
	int dir = open(PMEM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid_t holder = child_holding(register_mapping), freezer;
	struct change change = change_start(op, PATH, 0, 0, NULL);

	tap_ok(!change_done(&change, STILL), "%s: it waits", op);
	freezer = child_fork();
	if (!freezer)
		_exit(ioctl(dir, FIFREEZE, 0) ? errno : 0);
	tap_is(child_wait(freezer, AT_ONCE), 0, "%s: a freeze completes", op);
	tap_ok(!change_done(&change, BREAK_MS + STILL),
	       "%s: the change does not, while it lasts", op);
	tap_is(ioctl(dir, FITHAW, 0), 0, "%s: thawed", op);
	tap_ok(child_wait(holder, SOON) > 0, "%s: the holder is fenced", op);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: the change is done (%d)", op, change.error);
	close(dir);
}

int main(void)
{
	int permission = implicit_allow(BREAK_MS);

	close(file_make(PATH, LENGTH));
	freezes_during("truncate");
	close(file_make(PATH, LENGTH));
	freezes_during("ftruncate");
	close(permission);
	unlink(PATH);
	unlink(LOG);
	return tap_done();
}
