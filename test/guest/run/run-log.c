// SPDX-License-Identifier: GPL-2.0
/*
 * A database's log that knows nothing of Holdfast, under "holdfast run --exclusive
 * --lease LOG": its memory is a fixed buffer of an io_uring, and records come from a
 * socket straight into the file. Another process tries to change the file all the
 * time: each change is refused, and each record is where it belongs.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <sys/socket.h>

#include "common.h"

#define PATH	 PMEM "run-log"
#define RECORD	 8192UL
#define RECORDS	 256
#define LENGTH	 (RECORD * RECORDS)
/* So many changes must have been refused before the log ends. */
#define REFUSALS 20

static void record_fill(char *record, unsigned int number)
{
	pattern_fill(record, RECORD, number * 7919);
}

/* The clients: records, one after the other. */
static pid_t clients_start(int to)
{
	pid_t pid = child_fork();
	static char record[RECORD];

	for (unsigned int i = 0; !pid && i < RECORDS; i++) {
		record_fill(record, i);
		for (size_t done = 0; done < RECORD;) {
			ssize_t n = write(to, record + done, RECORD - done);

			if (n <= 0)
				_exit(1);
			done += n;
		}
	}
	if (!pid)
		_exit(0);
	return pid;
}

/* Says after each change that it was refused, and ends with the first one that was not. */
static void change_all_the_time(int to)
{
	static const struct {
		const char *op;
		uint64_t offset, length;
	} changes[] = {
		{ "truncate", 0, 0 },	       { "truncate", LENGTH - 4096, 0 },
		{ "punch", 0, LENGTH },	       { "zero", LENGTH / 2, 65536 },
		{ "punch", LENGTH / 4, 4096 },
	};

	for (unsigned int i = 0;; i++) {
		size_t n = i % (sizeof(changes) / sizeof(changes[0]));

		if (change_make(changes[n].op, PATH, changes[n].offset,
				changes[n].length, NULL, SOON) != ETXTBSY)
			_exit(1);
		if (write(to, "", 1) != 1)
			_exit(0);
	}
}

/* Appends what comes; the buffer is all of the file. */
static int append(struct io_uring *ring, int from, char *log, size_t at)
{
	for (size_t done = 0; done < RECORD;) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
		struct io_uring_cqe *cqe;
		int got;

		io_uring_prep_read_fixed(sqe, from, log + at + done,
					 RECORD - done, 0, 0);
		if (io_uring_submit(ring) != 1 || io_uring_wait_cqe(ring, &cqe))
			return -EIO;
		got = cqe->res;
		io_uring_cqe_seen(ring, cqe);
		if (got <= 0)
			return got ?: -EPIPE;
		done += got;
	}
	return 0;
}

static void drain(int refused, unsigned int *count)
{
	char bytes[256];
	ssize_t n;

	while ((n = read(refused, bytes, sizeof(bytes))) > 0)
		*count += n;
}

static bool all_right(void)
{
	static char want[RECORD], have[RECORD];
	int fd = open(PATH, O_RDONLY | O_CLOEXEC);
	bool right = fd >= 0;

	for (unsigned int i = 0; right && i < RECORDS; i++) {
		record_fill(want, i);
		right = pread(fd, have, RECORD, i * RECORD) == RECORD &&
			!memcmp(want, have, RECORD);
	}
	close(fd);
	return right;
}

static void run_log(void)
{
	int fd = open(PATH, O_RDWR | O_CLOEXEC), sockets[2], refused[2],
	    err = 0;
	char *log = map_shared(fd, 0, LENGTH);
	struct iovec buffer = { log, LENGTH };
	unsigned int count = 0, i;
	struct io_uring ring;
	pid_t clients, changer;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) ||
	    pipe2(refused, O_CLOEXEC) || fcntl(refused[0], F_SETFL, O_NONBLOCK))
		tap_bail("socketpair: %s", strerror(errno));
	changer = child_fork();
	if (!changer)
		change_all_the_time(refused[1]);
	clients = clients_start(sockets[1]);
	if (io_uring_queue_init(4, &ring, 0))
		tap_bail("io_uring");
	tap_is(io_uring_register_buffers(&ring, &buffer, 1), 0,
	       "the log's memory is a fixed buffer");
	tap_ok(lease_listed(PATH, "active"), "under the lease");
	for (i = 0; i < RECORDS && !err; i++) {
		err = append(&ring, sockets[0], log, i * RECORD);
		/* As databases do before they answer. */
		if (!err && fdatasync(fd))
			err = -errno;
		/* The last record waits for enough changes. */
		do
			drain(refused[0], &count);
		while (i == RECORDS - 2 && count < REFUSALS &&
		       readable(refused[0], SOON));
	}
	tap_is(err, 0, "all records are appended");
	tap_ok(count >= REFUSALS, "in the meantime changes were refused (%u)",
	       count);
	tap_is(waitpid(changer, NULL, WNOHANG), 0, "each of them, by ETXTBSY");
	tap_is(child_wait(clients, SOON), 0, "the clients are done");
	kill(changer, SIGKILL);
	waitpid(changer, NULL, 0);
	tap_ok(all_right(), "each record is in the file, in its place");
	io_uring_queue_exit(&ring);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		run_log();
		unlink(PATH);
		return tap_done();
	}
	close(file_make(PATH, LENGTH));
	execlp("holdfast", "holdfast", "run", "--exclusive", "--lease", PATH,
	       argv[0], "under", NULL);
	tap_bail("holdfast: %s", strerror(errno));
}
