// SPDX-License-Identifier: GPL-2.0
/*
 * An exclusive lease: overlapping changes fail with ETXTBSY at once, all else
 * goes on.
 */
#define _GNU_SOURCE
#include "rdma.h"

#define PATH	 PMEM "exclusive"
#define OTHER	 PMEM "exclusive.other"
#define FILE_LEN (16 * MIB)
#define OFFSET	 (4 * MIB)
#define LENGTH	 (4 * MIB)

struct
try {
	const char *op;
	uint64_t offset;
	uint64_t length;
	bool xfs_only;
};

static const struct try refused[] = {
	{ "truncate", 0, 0, false },
	{ "truncate", OFFSET + LENGTH - 4096, 0, false },
	{ "ftruncate", OFFSET, 0, false },
	{ "open", 0, 0, false },
	{ "punch", OFFSET, 4096, false },
	{ "punch", OFFSET + LENGTH - 4096, 8 * 4096, false },
	{ "zero", 0, FILE_LEN, false },
	{ "collapse", 0, 4096, false },
	{ "collapse", OFFSET, 4096, false },
	{ "insert", 0, 4096, false },
	{ "unshare", OFFSET, 4096, true },
	{ "reflink", OFFSET, MIB, true },
	{ "reflink-from", OFFSET, MIB, true },
	{ "dedupe", OFFSET, MIB, true },
	{ "dedupe-append", OFFSET, MIB, true },
	{ "dedupe-read", OFFSET, MIB, true },
	{ "swapext", 0, FILE_LEN, true },
};

/* Further away than the 2 MiB that range edges are rounded to. */
static const struct try allowed[] = {
	{ "append", 0, 4096, false },
	{ "truncate", FILE_LEN + 2 * MIB, 0, false },
	{ "allocate", FILE_LEN, 4 * MIB, false },
	{ "punch", 12 * MIB, MIB, false },
	{ "punch", 0, MIB, false },
	{ "zero", 12 * MIB, MIB, false },
	{ "truncate", 10 * MIB, 0, false },
};

static bool possible(const struct try *try)
{
	const char *fs = getenv("HOLDFAST_LAB_FS");

	if (!try->xfs_only || !fs || !strcmp(fs, "xfs"))
		return true;
	tap_skip("%s: not on %s", try->op, fs);
	return false;
}

int main(void)
{
	struct rdma rdma = rdma_open();
	int fd = file_make(PATH, FILE_LEN), lease, again;
	char *before = malloc(FILE_LEN), *after = malloc(FILE_LEN), *map, *file;
	struct ibv_mr *mr;
	struct stat st;

	file_make(OTHER, FILE_LEN);
	lease = lease_make(fd, OFFSET, LENGTH, HOLDFAST_EXCLUSIVE, LONG_BREAK);
	map = map_shared(fd, OFFSET, LENGTH);
	mr = rdma_register(&rdma, map, LENGTH);
	if (pread(fd, before, FILE_LEN, 0) != FILE_LEN)
		tap_bail("read: %s", strerror(errno));

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct try *try = &refused[i];

		if (possible(try))
			tap_is(change_make(try->op, PATH, try->offset,
					   try->length, OTHER, AT_ONCE),
			       ETXTBSY, "%s at %llu is refused at once",
			       try->op, (unsigned long long)try->offset);
	}
	fstat(fd, &st);
	tap_is(st.st_size, FILE_LEN, "the size is as it was");
	tap_ok(pread(fd, after, FILE_LEN, 0) == FILE_LEN &&
		       !memcmp(before, after, FILE_LEN),
	       "the content too");
	tap_ok(!readable(lease, 0), "the holder hears nothing");
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "the lease is active");

	tap_is(pwrite(fd, "exclusive", 9, OFFSET + 100), 9,
	       "write(2) into the range goes on");
	tap_ok(!memcmp(map + 100, "exclusive", 9), "and shows in the mapping");
	tap_is(pread(fd, after, 9, OFFSET + 100), 9, "read(2) goes on");
	file = map_shared(fd, 0, FILE_LEN);
	tap_ok(!memcmp(file + OFFSET + 100, "exclusive", 9),
	       "mmap of the file goes on");
	munmap(file, FILE_LEN);
	again = open(PATH, O_RDWR);
	tap_ok(again >= 0, "open(2) without O_TRUNC goes on");
	close(again);

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		const struct try *try = &allowed[i];

		tap_is(change_make(try->op, PATH, try->offset, try->length,
				   OTHER, AT_ONCE),
		       0, "%s at %llu, outside, is not", try->op,
		       (unsigned long long)try->offset);
	}
	tap_ok(!readable(lease, 0), "the holder hears nothing of those either");
	tap_is(chmod(PATH, 0600), 0, "chmod goes on");

	ibv_dereg_mr(mr);
	tap_is(change_make("truncate", PATH, OFFSET, 0, NULL, AT_ONCE), ETXTBSY,
	       "without a consumer truncate is refused as well");
	tap_is(hf_release(lease), 0, "release");
	tap_is(change_make("truncate", PATH, OFFSET, 0, NULL, AT_ONCE), 0,
	       "after that truncate works");

	file_make(PATH, FILE_LEN);
	lease = lease_make(fd, 0, FILE_LEN, HOLDFAST_EXCLUSIVE, 0);
	tap_is(change_make("truncate", PATH, 0, 0, NULL, AT_ONCE), ETXTBSY,
	       "leased again: refused");
	close(lease);
	tap_is(change_make("truncate", PATH, 0, 0, NULL, AT_ONCE), 0,
	       "close ends the lease");
	munmap(map, LENGTH);
	unlink(PATH);
	unlink(OTHER);
	rdma_close(&rdma);
	return tap_done();
}
