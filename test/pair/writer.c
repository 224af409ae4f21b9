// SPDX-License-Identifier: GPL-2.0
/*
 * writer ADDRESS PORT TOKEN SECONDS RECORD [flush]: write the blocks of what 14-exporter shares,
 * round and round, and read back what has been written (blocks.h). RECORD gets, at the end,
 * the last number of each block; with "flush" it gets, after each round, what is durable.
 *
 * Prints "writes N failed N wrong N seconds S longest_ms N pauses N reconnects N".
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <holdfast_remote.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blocks.h"
#include "clock.h"

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
static uint64_t count, number, *record;
static unsigned int busy, writes, failed, wrong;
static int64_t longest;

static void connect_to(char **argv)
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

	inet_pton(AF_INET, argv[1], &address.sin_addr);
	address.sin_port = htons(atoi(argv[2]));
	memcpy(token, argv[3], strnlen(argv[3], sizeof(token)));
	if (hf_importer_open(&attr, &importer) ||
	    hf_remote_open(importer, "file", &remote) ||
	    hf_remote_query(remote, &info))
		errx(2, "%s", hf_remote_error());
	queue = hf_importer_queue(importer, 0);
	count = info.length / BLOCK;
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

	/* In order: what was posted so long ago has completed. */
	if (number > 2 * DEPTH && random() % READS == 0 &&
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
	if (took > longest)
		longest = took;
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
	struct pollfd pollfd = { .fd = hf_queue_fd(queue), .events = POLLIN };
	struct hf_completion completions[DEPTH];
	int n;

	while (!(n = hf_queue_poll(queue, completions, DEPTH))) {
		hf_queue_arm(queue);
		n = hf_queue_poll(queue, completions, DEPTH);
		if (n)
			break;
		poll(&pollfd, 1, 1000);
	}
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

int main(int argc, char **argv)
{
	bool flushes = argc == 7 && !strcmp(argv[6], "flush");
	struct hf_remote_info info;
	int64_t began, end;
	double seconds;
	uint64_t round = 0;

	if (argc != 6 && !flushes)
		errx(2,
		     "usage: writer ADDRESS PORT TOKEN SECONDS RECORD [flush]");
	connect_to(argv);
	began = hf_clock_ns();
	end = began + atoll(argv[4]) * INT64_C(1000000000);
	while (hf_clock_ns() < end) {
		struct slot *slot = free_slot();

		if (slot)
			post_next(slot);
		else
			take();
		if (flushes && number / count > round) {
			round = number / count;
			flush(argv[5]);
		}
	}
	drain();
	seconds = (hf_clock_ns() - began) / 1e9;
	if (flushes)
		flush(argv[5]);
	else
		save(argv[5]);
	hf_remote_query(remote, &info);
	printf("writes %u failed %u wrong %u seconds %.3f longest_ms %.0f pauses %ju reconnects %ju\n",
	       writes, failed, wrong, seconds, longest / 1e6,
	       (uintmax_t)info.pauses, (uintmax_t)info.reconnects);
	ibv_dereg_mr(mr);
	return hf_importer_close(importer) ? 2 : 0;
}
