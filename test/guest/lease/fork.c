// SPDX-License-Identifier: GPL-2.0
/* A holder that forks: what parent and child see, and what each keeps alive. */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH   PMEM "fork"
#define LENGTH (4 * MIB)

static void test_region_outlives_child(void)
{
	static char sent[4096], got[sizeof(sent)];
	struct rdma rdma = rdma_open();
	int fd = file_make(PATH, LENGTH);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = map_shared(fd, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	struct holdfast_event event;
	struct change change;
	int status;
	pid_t pid;

	pid = child_fork();
	if (!pid)
		_exit(0);
	status = child_wait(pid, SOON);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	       "a child comes and goes");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "the lease is active");
	pattern_fill(sent, sizeof(sent), 0xf0);
	tap_is(rdma_write(&rdma, mr, 4096, sent, sizeof(sent)), IBV_WC_SUCCESS,
	       "RDMA goes on");
	tap_ok(pread(fd, got, sizeof(got), 4096) == sizeof(got) &&
		       !memcmp(sent, got, sizeof(got)),
	       "into the file: no copy-on-write came between");
	map[0] = 'p';
	tap_ok(pread(fd, got, 1, 0) == 1 && got[0] == 'p',
	       "the parent's stores too");

	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(event_next(lease, &event, SOON), "the break comes");
	change_waits_for(&change, mr, "the parent's region");
	close(lease);
	munmap(map, LENGTH);
	close(fd);
	rdma_close(&rdma);
}

/* The child inherits lease and mapping, joins, and lives on: it is no consumer. */
static void test_child_lives(void)
{
	int fd = file_make(PATH, LENGTH), lease, ready[2], stop[2], status;
	char *map;
	pid_t pid;

	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	map = map_shared(fd, 0, LENGTH);
	if (pipe(stop) || pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		close(stop[1]);
		*(volatile char *)map ^= 1;
		if (hf_join(lease) || write(ready[1], "", 1) != 1)
			_exit(2);
		/* Until the parent closes its end, by its own death too. */
		_exit(read(stop[0], &status, 1) == 0 ? 0 : 1);
	}
	close(stop[0]);
	tap_ok(readable(ready[0], SOON),
	       "a child joins the lease that it inherited");
	close(lease);
	munmap(map, LENGTH);
	tap_is(change_make("truncate", PATH, 4096, 0, NULL, AT_ONCE), 0,
	       "without a region truncate does not wait for it");
	close(ready[0]);
	close(ready[1]);
	close(stop[1]);
	status = child_wait(pid, SOON);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	       "the child was not harmed");
	close(fd);
}

int main(void)
{
	test_region_outlives_child();
	test_child_lives();
	unlink(PATH);
	return tap_done();
}
