// SPDX-License-Identifier: GPL-2.0
/*
 * libholdfast-remote: a peer that does not acknowledge a pause loses its connection, and
 * nobody else does; when it runs again it connects again, and repeats what it had.
 */
#define _GNU_SOURCE
#include "remote-stream.h"

#define PATH	 PMEM "remote-stopped"
#define FILE_LEN (2 * MIB)
#define PATIENCE 1500

static void begin(struct hf_exporter *exporter)
{
	const struct hf_export_attr attr = { .break_ms = LONG_BREAK };

	admit(exporter, "runs", 1);
	admit(exporter, "stops", 2);
	share(exporter, "file", PATH, FILE_LEN, &attr);
}

/* The peer that will be stopped: it writes until it is told to end by SIGTERM. */
static volatile sig_atomic_t enough;

static void on_term(int signal)
{
	(void)signal;
	enough = 1;
}

static void write_on(int ready)
{
	struct client client = client_start(2, NULL, 4096);
	unsigned int failed = 0, reconnects;

	signal(SIGTERM, on_term);
	for (uint64_t number = 1; !enough; number++) {
		memcpy(client.local.data, &number, sizeof(number));
		if (hf_remote_write(client.queue, client.remote,
				    FILE_LEN - 4096, &client.part))
			failed++;
		if (number == 3 && write(ready, "", 1) != 1)
			_exit(100);
	}
	reconnects = remote_query(client.remote).reconnects;
	client_end(&client);
	/* 0 is right. */
	_exit(failed ? 1 : reconnects == 0 ? 2 : 0);
}

int main(int argc, char **argv)
{
	const struct exporter_does does = { .attr = { .patience_ms = PATIENCE },
					    .begin = begin };
	static struct stream stream;
	struct hf_importer *importer;
	struct exporter exporter;
	struct hf_remote *remote;
	struct change change;
	int fd, ready[2], status;
	pid_t stops;
	char byte;

	exporter_main(argc, argv, &does);
	fd = file_make(PATH, FILE_LEN);
	exporter = exporter_start();
	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	stops = child_fork();
	if (!stops)
		write_on(ready[1]);
	importer = import_as(1, 1, 0);
	remote = remote_open(importer, "file");
	stream_start(&stream, importer, hf_importer_queue(importer, 0), remote);
	tap_ok(readable(ready[0], SOON) && read(ready[0], &byte, 1) == 1,
	       "two peers write");

	kill(stops, SIGSTOP);
	tap_ok(stream_goes_on(&stream), "one is stopped, the other goes on");
	change = change_start("punch", PATH, 0, STREAM_LENGTH, NULL);
	tap_ok(!change_done(&change, PATIENCE / 3),
	       "a change waits for the one that is stopped");
	tap_ok(change_done(&change, SOON) && !change.error, "and not for ever");
	tap_ok(change_ms(&change) < LONG_BREAK / 2,
	       "long before its deadline (%ld ms)", change_ms(&change));
	tap_ok(stream_goes_on(&stream), "the other goes on");
	tap_is(exporter_ask(&exporter, "dropped"), 1, "one has been dropped");
	tap_is(exporter_ask(&exporter, "sessions"), 1, "one session is left");
	tap_is(remote_query(remote).reconnects, 0,
	       "the other has kept its connection");

	kill(stops, SIGCONT);
	tap_ok(exporter_has(&exporter, "sessions", 2),
	       "the one that was stopped connects again");
	tap_ok(exporter_has(&exporter, "regions", 2), "and opens its region");
	usleep(300000);
	kill(stops, SIGTERM);
	status = child_wait(stops, SOON);
	tap_ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	       "none of its writes has failed (%#x)", status);
	stream_end(&stream, fd, "the other");
	tap_is(hf_importer_close(importer), 0, "the importer is closed");
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	close(fd);
	unlink(PATH);
	return tap_done();
}
