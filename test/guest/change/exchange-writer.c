// SPDX-License-Identifier: GPL-2.0
/*
 * XFS_IOC_EXCHANGE_RANGE waits for consumers inside XFS, with the file locked.
 * A holder who sits in write(2) for that lock can be killed all the same.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "attacker.h"

#define OTHER PMEM "attacked.other"

static void *write_on(void *arg)
{
	struct attacker *me = arg;
	char page[4096] = "";

	while (pwrite(me->fd, page, sizeof(page), 0) > 0)
		;
	return NULL;
}

static void writes(struct attacker *me)
{
	pthread_t thread;

	attacker_hold(me);
	must(!pthread_create(&thread, NULL, write_on, me), "thread");
	attacker_ready(me);
}

int main(void)
{
	const char *fs = getenv("HOLDFAST_LAB_FS");
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");
	unsigned int before;
	struct change change;
	bool late;

	if ((fs && strcmp(fs, "xfs")) || (kernel && !strcmp(kernel, "6.1"))) {
		tap_skip("only XFS exchanges ranges, from 6.10 on");
		return tap_done();
	}
	before = attack_init();
	close(file_make(PATH, LENGTH));
	close(file_make(OTHER, LENGTH));
	if (chmod(PATH, 0666))
		tap_bail("%s: %s", PATH, strerror(errno));
	attack_start(writes);
	change = change_start("exchange", PATH, 0, LENGTH, OTHER);
	late = !change_done(&change, LIMIT_MS + FENCE_MS);
	tap_ok(!late && !change.error, "the exchange ends");
	if (late)
		kill(change.pid, SIGKILL);
	attackers_kill();
	tap_ok(children_gone(SOON) && !attack_leased(),
	       "no process and no lease is left");
	parameter_set(CAP, before);
	unlink(PATH);
	unlink(OTHER);
	return tap_done();
}
