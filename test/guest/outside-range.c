// SPDX-License-Identifier: GPL-2.0
/*
 * Changes outside a leased and registered range neither wait nor break: the
 * filesystems ask for the whole file, Holdfast narrows that down. Nor do
 * operations that change no blocks of it, wherever they are.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH	 PMEM "outside"
#define OTHER	 PMEM "outside.other"
#define FILE_LEN (16 * MIB)
#define OFFSET	 (4 * MIB)
#define LENGTH	 (4 * MIB)

static const struct {
	const char *op;
	uint64_t offset;
	uint64_t length;
	uint64_t size_after;
} changes[] = {
	{ "copy-from", 4 * MIB, MIB, FILE_LEN },
	{ "copy-to", 6 * MIB, MIB, FILE_LEN },
	{ "append", 0, 8192, FILE_LEN + 8192 },
	{ "truncate", FILE_LEN + 4 * MIB, 0, FILE_LEN + 4 * MIB },
	{ "allocate", FILE_LEN + 4 * MIB, MIB, FILE_LEN + 5 * MIB },
	{ "punch", 12 * MIB, 2 * MIB, FILE_LEN + 5 * MIB },
	{ "punch", 8 * MIB, 4096, FILE_LEN + 5 * MIB },
	{ "punch", 0, 2 * MIB, FILE_LEN + 5 * MIB },
	{ "punch", 4 * MIB - 4096, 4096, FILE_LEN + 5 * MIB },
	{ "zero", 10 * MIB, 4096, FILE_LEN + 5 * MIB },
	{ "insert", 10 * MIB, 4096, FILE_LEN + 5 * MIB + 4096 },
	{ "collapse", 10 * MIB, 4096, FILE_LEN + 5 * MIB },
	{ "truncate", 8 * MIB, 0, 8 * MIB },
};

/*
 * Give the change something to find on both sides of where it begins: kernels
 * from 6.15 warn when a DAX entry is left that they were not shown.
 */
static void touch_around(char *file, uint64_t at, uint64_t size)
{
	uint64_t end = at + MIB;

	if (end > size)
		end = size;
	if (end > FILE_LEN)
		end = FILE_LEN;
	for (uint64_t i = at < MIB ? 0 : at - MIB; i < end; i += 4096)
		file[i] ^= 1;
}

int main(void)
{
	static char sent[4096], got[sizeof(sent)];
	struct rdma rdma = rdma_open();
	int fd = file_make(PATH, FILE_LEN);
	char *file =
		mmap(NULL, FILE_LEN, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int lease =
		lease_make(fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *map = lease_map(lease, 0, LENGTH);
	struct ibv_mr *mr = rdma_register(&rdma, map, LENGTH);
	struct stat st;

	close(file_make(OTHER, FILE_LEN));
	/* A mapped file is what kernels up to 6.14 search for busy pages. */
	if (file == MAP_FAILED)
		tap_bail("mmap: %s", strerror(errno));
	for (size_t i = 0; i < FILE_LEN; i += 4096)
		file[i] ^= 1;

	st.st_size = FILE_LEN;
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const char *op = changes[i].op;
		unsigned long long at = changes[i].offset;

		touch_around(file, at, st.st_size);
		tap_is(change_make(op, PATH, at, changes[i].length, OTHER,
				   AT_ONCE),
		       0, "%s at %llu: at once", op, at);
		fstat(fd, &st);
		tap_is(st.st_size, changes[i].size_after, "%s at %llu: size",
		       op, at);
		tap_ok(!readable(lease, 0),
		       "%s at %llu: the holder hears nothing", op, at);
		pattern_fill(sent, sizeof(sent), i);
		tap_is(rdma_write(&rdma, mr, MIB * (i % 4), sent, sizeof(sent)),
		       IBV_WC_SUCCESS, "%s at %llu: RDMA goes on", op, at);
		tap_ok(pread(fd, got, sizeof(got), OFFSET + MIB * (i % 4)) ==
				       sizeof(got) &&
			       !memcmp(sent, got, sizeof(sent)),
		       "%s at %llu: into the file", op, at);
	}
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "the lease is active");
	ibv_dereg_mr(mr);
	munmap(map, LENGTH);
	close(lease);
	munmap(file, FILE_LEN);
	close(fd);
	unlink(PATH);
	unlink(OTHER);
	rdma_close(&rdma);
	return tap_done();
}
