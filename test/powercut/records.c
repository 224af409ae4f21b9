// SPDX-License-Identifier: GPL-2.0
/*
 * records write DIR TAG SEED [all|again]: write records into leased files, by the
 * CPU and by RDMA, flush them from user space, and only then acknowledge them, a
 * line each ("ack FILE OFFSET NUMBER ."), until the power is cut. Between the
 * records files change and are registered again. A mapping with MAP_SYNC keeps the
 * block map durable by itself; with any other the file is synced once after each
 * registration. "again" leaves that out after registering again, "all" always, and
 * neither uses MAP_SYNC: then records are lost.
 *
 * records check DIR ACKS: whether the records of such lines are there.
 */
#define _GNU_SOURCE
#include <emmintrin.h>
#include <err.h>
#include <inttypes.h>

#include "../guest/lib/rdma.h"

#define UNIT   (2 * MIB) /* as changes are rounded */
#define UNITS  8
#define LENGTH (UNITS * UNIT)
#define PAGE   4096UL
#define PAGES  (UNIT / PAGE)
#define RECORD 512UL
#define LINE   64UL

enum sync {
	SYNCS,
	SYNCS_FIRST,
	SYNCS_NEVER
};

/* A record, as its place and number have it: nothing else looks like it. */
static void record_make(uint64_t *record, uint64_t offset, uint64_t number)
{
	uint64_t x = (number << 32) ^ offset ^ 0x9e3779b97f4a7c15ULL;

	for (size_t i = 0; i < RECORD / sizeof(x); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		record[i] = x;
	}
}

/* --- write */

struct log {
	const char *dir;
	enum sync sync;
	unsigned int seed;
	uint64_t number; /* of the next record */
	struct rdma rdma;

	/* the file in hand */
	char name[64];
	int fd, lease;
	bool map_sync;
	char *map;
	struct ibv_mr *mr;
};

static unsigned int pick(struct log *log, unsigned int count)
{
	return (unsigned int)rand_r(&log->seed) / 7 % count;
}

static void must(bool ok, const char *what)
{
	if (!ok)
		err(1, "%s", what);
}

/* Created, with its size, for good. What is behind it is not, or not for good. */
static void file_start(struct log *log)
{
	int dir = open(log->dir, O_RDONLY | O_DIRECTORY);
	static char zeros[MIB];

	log->fd = openat(dir, log->name, O_RDWR | O_CREAT | O_EXCL, 0644);
	must(log->fd >= 0, log->name);
	/* Blocks that were written are nothing to lose. */
	switch (pick(log, log->sync == SYNCS ? 3 : 2)) {
	case 0: /* holes */
		must(!ftruncate(log->fd, LENGTH), "ftruncate");
		break;
	case 1: /* blocks that are not written */
		must(!fallocate(log->fd, 0, 0, LENGTH), "fallocate");
		break;
	default:
		for (size_t at = 0; at < LENGTH; at += MIB)
			must(pwrite(log->fd, zeros, MIB, at) == (ssize_t)MIB,
			     "write");
	}
	must(!fsync(log->fd) && !fsync(dir), "fsync");
	close(dir);
}

static void lease_start(struct log *log)
{
	log->lease =
		lease_make(log->fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	log->map_sync = log->sync == SYNCS && pick(log, 2);
	log->map = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			log->map_sync ? MAP_SHARED_VALIDATE | MAP_SYNC
				      : MAP_SHARED,
			log->fd, 0);
	must(log->map != MAP_FAILED, "mmap");
	log->mr = rdma_register(&log->rdma, log->map, LENGTH);
	if (log->sync != SYNCS_NEVER && !log->map_sync)
		must(!fsync(log->fd), "fsync");
}

static void file_change(struct log *log, uint64_t from)
{
	/* A collapse may not reach to the end of the file. */
	switch (pick(log, from + UNIT < LENGTH ? 4 : 3)) {
	case 0:
		must(!ftruncate(log->fd, from) && !ftruncate(log->fd, LENGTH),
		     "ftruncate");
		break;
	case 1:
		must(!fallocate(log->fd,
				FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				from, UNIT),
		     "punch");
		break;
	case 2:
		must(!fallocate(log->fd, FALLOC_FL_ZERO_RANGE, from, UNIT),
		     "zero");
		break;
	default:
		must(!fallocate(log->fd, FALLOC_FL_COLLAPSE_RANGE, from,
				UNIT) &&
			     !ftruncate(log->fd, LENGTH),
		     "collapse");
	}
}

/* The file loses what it has from @from on, where no record is yet. */
static void lease_change(struct log *log, uint64_t from)
{
	ibv_dereg_mr(log->mr);
	file_change(log, from);
	log->mr = rdma_register(&log->rdma, log->map, LENGTH);
	if (log->sync == SYNCS && !log->map_sync)
		must(!fsync(log->fd), "fsync");
}

/* Out of the caches, and ordered before what comes. */
static void flush(const char *addr, size_t len)
{
	for (size_t at = 0; at < len; at += LINE)
		_mm_clflush(addr + at);
	_mm_sfence();
}

static void record_append(struct log *log, uint64_t offset)
{
	static uint64_t record[RECORD / sizeof(uint64_t)];
	uint64_t number = log->number++;
	char line[128];
	int len;

	record_make(record, offset, number);
	if (!pick(log, 2))
		memcpy(log->map + offset, record, RECORD);
	else if (rdma_write(&log->rdma, log->mr, offset, record, RECORD))
		errx(1, "RDMA write");
	flush(log->map + offset, RECORD);
	len = snprintf(line, sizeof(line), "ack %s %" PRIu64 " %" PRIu64 " .\n",
		       log->name, offset, number);
	must(write(STDOUT_FILENO, line, len) == len, "stdout");
}

static void file_fill(struct log *log)
{
	for (unsigned int unit = 0; unit < UNITS; unit++) {
		unsigned int page = pick(log, PAGES), count = 2 + pick(log, 7);

		if (unit)
			lease_change(log, unit * UNIT);
		/* 37 is a stride that comes to each page once. */
		for (unsigned int n = 0; n < count; n++)
			record_append(log,
				      unit * UNIT +
					      (page + n * 37) % PAGES * PAGE +
					      pick(log, 8) * RECORD);
	}
}

static void file_end(struct log *log)
{
	ibv_dereg_mr(log->mr);
	munmap(log->map, LENGTH);
	if (hf_release(log->lease))
		errx(1, "%s", hf_error());
	close(log->fd);
}

static void records_write(struct log *log, const char *tag)
{
	log->rdma = rdma_open();
	for (unsigned int n = 0;; n++) {
		snprintf(log->name, sizeof(log->name), "%s-%u", tag, n);
		file_start(log);
		lease_start(log);
		file_fill(log);
		/* The next file's sync would be this one's, too. */
		while (log->sync != SYNCS)
			pause();
		file_end(log);
	}
}

/* --- check */

static const char *record_state(const char *dir, const char *name,
				uint64_t offset, uint64_t number)
{
	static uint64_t want[RECORD / 8], got[RECORD / 8], zeros[RECORD / 8];
	char path[256];
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return strerror(errno);
	len = pread(fd, got, RECORD, offset);
	close(fd);
	record_make(want, offset, number);
	if (len != (ssize_t)RECORD)
		return "the file is too short";
	if (!memcmp(got, want, RECORD))
		return NULL;
	return memcmp(got, zeros, RECORD) ? "something else" : "zeros";
}

static void records_check(const char *dir, const char *acks)
{
	unsigned int checked = 0, lost = 0;
	FILE *file = fopen(acks, "r");
	uint64_t offset, number;
	const char *state;
	char name[64];

	must(file, acks);
	while (fscanf(file, "ack %63s %" SCNu64 " %" SCNu64 " .\n", name,
		      &offset, &number) == 3) {
		checked++;
		state = record_state(dir, name, offset, number);
		if (!state)
			continue;
		if (!lost++)
			printf("lost %s %" PRIu64 " %" PRIu64 ": %s\n", name,
			       offset, number, state);
	}
	if (!feof(file))
		errx(1, "%s: no such line", acks);
	fclose(file);
	printf("checked %u lost %u\n", checked, lost);
}

int main(int argc, char **argv)
{
	struct log log = { 0 };

	setlinebuf(stdout);
	if (argc == 4 && !strcmp(argv[1], "check")) {
		records_check(argv[2], argv[3]);
		return 0;
	}
	if (argc < 5 || argc > 6 || strcmp(argv[1], "write"))
		errx(2,
		     "usage: records write DIR TAG SEED [all|again], records check DIR ACKS");
	log.dir = argv[2];
	log.seed = strtoul(argv[4], NULL, 0);
	if (argc == 6)
		log.sync = !strcmp(argv[5], "all") ? SYNCS_NEVER : SYNCS_FIRST;
	records_write(&log, argv[3]);
	return 0;
}
