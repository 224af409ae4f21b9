// SPDX-License-Identifier: GPL-2.0
/*
 * zombie FILE OFFSET LENGTH: lease a range of a file, register it, unmap it and
 * close the lease, for tests that are scripts. Prints "lease ID" and stays, with
 * the region, until it is killed.
 */
#define _GNU_SOURCE
#include <inttypes.h>

#include "rdma.h"

int main(int argc, char **argv)
{
	struct rdma rdma = rdma_open();
	uint64_t id, offset;
	size_t length;
	void *map;
	int fd, lease;

	if (argc != 4)
		tap_bail("usage: zombie FILE OFFSET LENGTH");
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		tap_bail("%s: %s", argv[1], strerror(errno));
	offset = strtoull(argv[2], NULL, 0);
	length = strtoull(argv[3], NULL, 0);
	lease = lease_make(fd, offset, length, HOLDFAST_BREAKABLE, LONG_BREAK);
	id = lease_query(lease).id;
	map = map_shared(fd, offset, length);
	rdma_register(&rdma, map, length);
	munmap(map, length);
	close(lease);
	close(fd);
	printf("lease %" PRIu64 "\n", id);
	fflush(stdout);
	for (;;)
		pause();
}
