// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes that a disk reads and that end in a file with DAX: the disk's DMA goes to the
 * file's own memory, registered as a fixed buffer on a plain mapping of a leased file;
 * or to anonymous memory, and from there by pwrite(2). The disk is emulated, and its
 * DMA needs no instruction of the guest, so what is counted is the CPU's work.
 */
#define _GNU_SOURCE
#include <liburing.h>

#include "bench.h"

#define REGION (4 * MIB)

static const char *file = "/mnt/pmem/bench", *disk_path = "/dev/nvme0n1";
static unsigned long rounds = 7, bytes = 16 * MIB;
static struct sizes sizes = { 4, { 4 * KIB, 64 * KIB, 256 * KIB, MIB } };

static const struct bench_option options[] = {
	{ "file", "a file with DAX", .text = &file },
	{ "disk", "a block device to read", .text = &disk_path },
	{ "sizes", "bytes of an operation", .list = &sizes },
	{ "bytes", "read at each size in a round", .number = &bytes },
	{ "rounds", "of all variants", .number = &rounds },
	{ 0 }
};

/* A ring, and memory that is its fixed buffer. */
struct reader {
	const char *variant;
	struct io_uring ring;
	char *buffer;
	bool copies;
};

static int fd, disk;

static void open_reader(struct reader *reader, const char *variant, int from)
{
	struct iovec memory = { map_shared(from, REGION), REGION };
	int ret = io_uring_queue_init(1, &reader->ring, 0);

	if (!ret) {
		memset(memory.iov_base, 1, REGION);
		ret = io_uring_register_buffers(&reader->ring, &memory, 1);
	}
	if (ret)
		errx(1, "%s: io_uring: %s", variant, strerror(-ret));
	reader->variant = variant;
	reader->buffer = memory.iov_base;
	reader->copies = from < 0;
}

static void read_disk(struct reader *reader, size_t at, size_t size)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&reader->ring);
	struct io_uring_cqe *cqe;
	int ret;

	io_uring_prep_read_fixed(sqe, disk, reader->buffer + at, size, at, 0);
	ret = io_uring_submit_and_wait(&reader->ring, 1);
	if (ret == 1)
		ret = io_uring_wait_cqe(&reader->ring, &cqe);
	if (ret)
		errx(1, "%s: io_uring: %s", reader->variant, strerror(-ret));
	if (cqe->res != (int)size)
		errx(1, "%s: read: %s", reader->variant,
		     cqe->res < 0 ? strerror(-cqe->res) : "short");
	io_uring_cqe_seen(&reader->ring, cqe);
}

/* Instructions for each operation, until its bytes are in the file. */
static void measure(struct reader *reader, size_t size, int round)
{
	uint64_t times[REGION / PAGE];
	unsigned int count = bytes / size;

	if (count > REGION / PAGE)
		count = REGION / PAGE;
	for (unsigned int i = 0; i < count; i++) {
		size_t at = i * size % REGION;
		uint64_t began = now_ns();

		read_disk(reader, at, size);
		if (reader->copies &&
		    pwrite(fd, reader->buffer + at, size, at) != (ssize_t)size)
			err(1, "pwrite");
		times[i] = now_ns() - began;
	}
	if (round >= 0)
		sample("disk", size, reader->variant, round,
		       median_time(times, count));
}

int main(int argc, char **argv)
{
	struct reader leased, buffer;

	parse_options(argc, argv,
		      "From a disk into a file with DAX, by DMA or by a copy.",
		      options);
	fd = make_file(file, REGION);
	disk = open(disk_path, O_RDONLY | O_DIRECT | O_CLOEXEC);
	if (disk < 0)
		err(1, "%s", disk_path);
	acquire(fd, 0, REGION);
	open_reader(&leased, "lease", fd);
	open_reader(&buffer, "buffer, pwrite", -1);
	for (unsigned int s = 0; s < sizes.count; s++) {
		for (int round = -1; round < (int)rounds; round++) {
			measure(&leased, sizes.size[s], round);
			measure(&buffer, sizes.size[s], round);
		}
	}
	unlink(file);
	return 0;
}
