// SPDX-License-Identifier: GPL-2.0
/* The administrator's cap on break times, changed while leases are held. */
#define _GNU_SOURCE
#include "parameter.h"
#include "rdma.h"

#define PATH   PMEM "break-time-max"
#define LENGTH (2 * MIB)
#define CAP    "break_time_max_ms"

/* A holder that asks for a minute and never lets go. */
static pid_t stubborn_start(int fd)
{
	int ready[2];
	pid_t pid;
	char byte;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		struct rdma rdma = rdma_open();

		lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 60000);
		rdma_register(&rdma, map_shared(fd, 0, LENGTH), LENGTH);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		tap_bail("no holder");
	close(ready[0]);
	return pid;
}

int main(void)
{
	unsigned int before = parameter_get(CAP);
	int fd = file_make(PATH, LENGTH), lease;
	struct change change;
	pid_t pid;

	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, before + 1);
	tap_is(lease_query(lease).break_ms, before, "never more than the cap");
	parameter_set(CAP, 700);
	tap_is(lease_query(lease).break_ms, before,
	       "a new cap is for the leases that come");
	close(lease);
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 60000);
	tap_is(lease_query(lease).break_ms, 700, "for these at once");
	close(lease);
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 300);
	tap_is(lease_query(lease).break_ms, 300, "less is what was asked for");
	close(lease);
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
	tap_is(lease_query(lease).break_ms, 700, "the default is capped, too");
	close(lease);

	pid = stubborn_start(fd);
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "who asked for a minute holds up a change");
	tap_ok(change_ms(&change) >= 650, "for the cap (%ld ms)",
	       change_ms(&change));
	tap_ok(child_wait(pid, SOON) != -1, "and is fenced");
	parameter_set(CAP, before);
	tap_is(parameter_get(CAP), before, "the cap is as before");
	close(fd);
	unlink(PATH);
	return tap_done();
}
