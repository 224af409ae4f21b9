// SPDX-License-Identifier: GPL-2.0
/*
 * writer [-cf] [-l LENGTH] [-u FILE] ADDRESS PORT TOKEN SECONDS RECORD: write the blocks of what
 * 14-exporter shares, or of its first LENGTH bytes, round and round, and read back what has
 * been written (blocks.h). RECORD gets, at the end, the last number of each block; with -f it
 * gets, after each round, what is durable. With -u it goes on until FILE is there, and then
 * writes all blocks once more. With -c the numbers go on behind those of RECORD, if it is
 * there.
 *
 * Prints "writes N failed N wrong N seconds S longest_ms N from T pauses N reconnects N". T is
 * when the longest operation began, in seconds of CLOCK_MONOTONIC. "device_flushes N" at the end: of the flushes so many
 * were RDMA FLUSH.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast_remote.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../queue-take.h"
#include "blocks.h"
#include "internal/clock.h"

#define DEPTH	    16
/* One operation of so many is a read, of a block whose write has completed. */
#define READS	    8
/* How long an exporter may be away: its machine boots. */
#define PATIENCE_MS 240000

struct slot {
	bool busy;
	bool is_read;
	uint64_t number;
	int64_t began;
	uint64_t *data;
};

static struct hf_importer *importer;
static struct hf_queue *queue;
static struct hf_remote *remote;
static struct ibv_mr *mr;
static struct slot slots[DEPTH];
static uint64_t count, first, number, *record;
static unsigned int busy, writes, failed, wrong;
static int64_t longest, longest_from;

/* @length: bytes to write, 0: all. */
static void connect_to(char **argv, uint64_t length)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	unsigned char token[HF_TOKEN_BYTES] = { 0 };
	const struct hf_importer_attr attr = {
		.address = (struct sockaddr *)&address,
		.token = token,
		.timeout_ms = PATIENCE_MS,
		.depth = DEPTH,
	};
	struct hf_remote_info info;
	char *memory;

	inet_pton(AF_INET, argv[0], &address.sin_addr);
	address.sin_port = htons(atoi(argv[1]));
	memcpy(token, argv[2], strnlen(argv[2], sizeof(token)));
	if (hf_importer_open(&attr, &importer) ||
	    hf_remote_open(importer, "file", &remote) ||
	    hf_remote_query(remote, &info))
		errx(2, "%s", hf_remote_error());
	queue = hf_importer_queue(importer, 0);
	count = (length ? length : info.length) / BLOCK;
	record = calloc(count, sizeof(*record));
	memory = aligned_alloc(4096, DEPTH * BLOCK);
	if (!record || !memory)
		err(2, "memory");
	mr = ibv_reg_mr(hf_importer_pd(importer), memory, DEPTH * BLOCK,
			IBV_ACCESS_LOCAL_WRITE);
	if (!mr)
		err(2, "ibv_reg_mr");
	for (int i = 0; i < DEPTH; i++)
		slots[i].data = (uint64_t *)(memory + i * BLOCK);
}

static struct slot *free_slot(void)
{
	for (int i = 0; i < DEPTH; i++)
		if (!slots[i].busy)
			return &slots[i];
	return NULL;
}

static void post(struct slot *slot, bool is_read, uint64_t nr)
{
	struct ibv_sge sge = { (uintptr_t)slot->data, BLOCK, mr->lkey };
	uint64_t offset = nr % count * BLOCK;
	int ret;

	slot->is_read = is_read;
	slot->number = nr;
	slot->began = hf_clock_ns();
	slot->busy = true;
	if (!is_read)
		block_fill(slot->data, nr);
	ret = is_read ? hf_post_read(queue, remote, offset, &sge, slot - slots)
		      : hf_post_write(queue, remote, offset, &sge,
				      slot - slots);
	if (ret)
		errx(2, "post: %s", hf_remote_error());
	busy++;
}

static void post_next(struct slot *slot)
{
	uint64_t written = number - 2 * DEPTH;

	if (number > first + 2 * DEPTH && random() % READS == 0 &&
	    record[written % count] == written &&
	    block_is_kept(written % count, count))
		post(slot, true, written);
	else
		post(slot, false, ++number);
}

static void completed(const struct hf_completion *completion)
{
	struct slot *slot = &slots[completion->user_data];
	int64_t took = hf_clock_ns() - slot->began;

	slot->busy = false;
	busy--;
	if (took > longest) {
		longest = took;
		longest_from = slot->began;
	}
	if (completion->error) {
		if (!failed++)
			warnx("%s %ju: %s", slot->is_read ? "read" : "write",
			      (uintmax_t)slot->number,
			      strerror(-completion->error));
		return;
	}
	if (!slot->is_read) {
		writes++;
		record[slot->number % count] = slot->number;
	} else if (!block_is(slot->data, slot->number)) {
		if (!wrong++)
			warnx("read of %ju: %ju", (uintmax_t)slot->number,
			      (uintmax_t)slot->data[0]);
	}
}

/* Takes what has completed; waits for something. */
static void take(void)
{
	struct hf_completion completions[DEPTH];
	int n = queue_take(queue, completions, DEPTH, 1000);

	while (n--)
		completed(&completions[n]);
}

static void drain(void)
{
	while (busy)
		take();
}

/* Whole at any time. */
static void save(const char *path)
{
	char draft[4096];
	int fd;

	snprintf(draft, sizeof(draft), "%s.new", path);
	fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 ||
	    write(fd, record, count * sizeof(*record)) !=
		    (ssize_t)(count * sizeof(*record)) ||
	    close(fd) || rename(draft, path))
		err(2, "%s", path);
}

static void flush(const char *path)
{
	drain();
	if (!hf_remote_flush(queue, remote, 0, 0)) {
		save(path);
		return;
	}
	warnx("flush: %s", hf_remote_error());
	failed++;
}

/* Behind all that an earlier writer, which kept this record with -f, can have posted. */
static void go_on(const char *path)
{
	int fd = open(path, O_RDONLY);

	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || read(fd, record, count * sizeof(*record)) !=
			      (ssize_t)(count * sizeof(*record)))
		err(2, "%s", path);
	close(fd);
	for (uint64_t block = 0; block < count; block++)
		if (record[block] > first)
			first = record[block];
	first += 2 * count;
	number = first;
}

/* Whether it is time to end: what @until waits for has come, and all blocks were written after it. */
static bool is_over(int64_t end, const char *until)
{
	static uint64_t last;

	if (hf_clock_ns() < end)
		return false;
	if (!until)
		return true;
	if (!last && !access(until, F_OK))
		last = number + count;
	return last && number >= last;
}

int main(int argc, char **argv)
{
	const char *path, *until = NULL;
	uint64_t length = 0, round;
	struct hf_remote_info info;
	bool flushes = false, goes_on = false;
	int64_t began, end;
	double seconds;
	int option;

	while ((option = getopt(argc, argv, "cfl:u:")) != -1) {
		if (option == 'c')
			goes_on = true;
		else if (option == 'f')
			flushes = true;
		else if (option == 'l')
			length = strtoull(optarg, NULL, 0);
		else if (option == 'u')
			until = optarg;
		else
			return 2;
	}
	argv += optind;
	if (argc - optind != 5)
		errx(2,
		     "usage: writer [-cf] [-l LENGTH] [-u FILE] ADDRESS PORT TOKEN SECONDS RECORD");
	path = argv[4];
	connect_to(argv, length);
	if (goes_on)
		go_on(path);
	round = number / count;
	began = hf_clock_ns();
	end = began + atoll(argv[3]) * INT64_C(1000000000);
	while (!is_over(end, until)) {
		struct slot *slot = free_slot();

		if (slot)
			post_next(slot);
		else
			take();
		if (flushes && number / count > round) {
			round = number / count;
			flush(path);
		}
	}
	drain();
	seconds = (hf_clock_ns() - began) / 1e9;
	if (flushes)
		flush(path);
	else
		save(path);
	hf_remote_query(remote, &info);
	printf("writes %u failed %u wrong %u seconds %.3f longest_ms %.0f from %.6f pauses %ju reconnects %ju device_flushes %ju\n",
	       writes, failed, wrong, seconds, longest / 1e6,
	       longest_from / 1e9, (uintmax_t)info.pauses,
	       (uintmax_t)info.reconnects, (uintmax_t)info.device_flushes);
	ibv_dereg_mr(mr);
	return hf_importer_close(importer) ? 2 : 0;
}
