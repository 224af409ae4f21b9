// SPDX-License-Identifier: GPL-2.0
/*
 * libholdfast-remote: an exporter that is stopped answers nothing. What an importer wants
 * of it then fails within the time that the importer's program has set, with an error of
 * its own; and works again when the exporter runs again. A pause that is only long is none.
 */
#define _GNU_SOURCE
#include "remote.h"

#define PATH	  PMEM "remote-silent"
#define FILE_LEN  (2 * MIB)
#define ANSWER_MS (3000 * time_scale())

static void begin(struct hf_exporter *exporter)
{
	const struct hf_export_attr attr = { .break_ms = LONG_BREAK };

	admit(exporter, "peer", 1);
	admit(exporter, "stops", 2);
	share(exporter, "file", PATH, FILE_LEN, &attr);
	share(exporter, "other", PATH, FILE_LEN, &attr);
}

/* A peer that is stopped keeps a pause from ending. */
static void hold_open(int ready)
{
	struct hf_importer *importer = import_as(2, 1, 0);

	remote_open(importer, "file");
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static bool in_time(uint64_t since)
{
	long ms = (now_ns() - since) / 1000000;

	tap_diag("after %ld ms", ms);
	return ms >= ANSWER_MS / 2 && ms < ANSWER_MS + AT_ONCE;
}

static void runs_again(struct exporter *exporter, struct hf_remote *remote)
{
	kill(exporter->pid, SIGCONT);
	tap_ok(remote_becomes(remote, HF_REMOTE_ACTIVE),
	       "it runs again: the region is back");
}

int main(int argc, char **argv)
{
	const struct exporter_does does = {
		.attr = { .patience_ms = LONG_BREAK / 2 }, .begin = begin
	};
	const struct hf_importer_attr impatient = { .answer_ms = ANSWER_MS };
	struct hf_completion completion;
	struct hf_remote *other;
	struct exporter exporter;
	struct client client;
	struct change change;
	uint64_t since;
	int ready[2];
	pid_t stops;
	char byte;

	exporter_main(argc, argv, &does);
	close(file_make(PATH, FILE_LEN));
	exporter = exporter_start();
	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	stops = child_fork();
	if (!stops)
		hold_open(ready[1]);
	client = client_start(1, &impatient, 4096);
	tap_ok(readable(ready[0], SOON) && read(ready[0], &byte, 1) == 1,
	       "two peers have a region open");

	kill(stops, SIGSTOP);
	change = change_start("punch", PATH, 0, 4096, NULL);
	tap_ok(remote_becomes(client.remote, HF_REMOTE_PAUSED), "a pause");
	tap_is(hf_post_write(client.queue, client.remote, 8192, &client.part,
			     7),
	       0, "a write");
	usleep((ANSWER_MS + 1500) * 1000);
	tap_is(hf_queue_poll(client.queue, &completion, 1), 0,
	       "waits for as long as the exporter is there");
	tap_is(remote_query(client.remote).reconnects, 0,
	       "on the same connection");

	kill(exporter.pid, SIGSTOP);
	since = now_ns();
	completion = completion_next(client.queue);
	tap_ok(completion.error == -EHOSTDOWN && completion.user_data == 7,
	       "the exporter is stopped: it fails (%d)", completion.error);
	tap_ok(in_time(since), "in the time that was set");
	kill(stops, SIGCONT);
	runs_again(&exporter, client.remote);
	tap_ok(change_done(&change, SOON) && !change.error, "the change ends");
	tap_is(hf_remote_write(client.queue, client.remote, 8192, &client.part),
	       0, "it is written");
	tap_ok(remote_query(client.remote).reconnects >= 1,
	       "on another connection");

	kill(exporter.pid, SIGSTOP);
	tap_is(hf_remote_write(client.queue, client.remote, 8192, &client.part),
	       0, "stopped without a pause: a write does not need it");
	since = now_ns();
	tap_is(hf_remote_flush(client.queue, client.remote, 0, 0), -EHOSTDOWN,
	       "but a flush does");
	tap_ok(in_time(since), "in the time that was set");
	runs_again(&exporter, client.remote);
	tap_is(hf_remote_flush(client.queue, client.remote, 0, 0), 0,
	       "it is flushed");

	kill(exporter.pid, SIGSTOP);
	since = now_ns();
	tap_is(hf_remote_open(client.importer, "other", &other), -EHOSTDOWN,
	       "and so does the opening of a region");
	tap_ok(in_time(since), "in the time that was set");
	tap_diag("%s", hf_remote_error());
	runs_again(&exporter, client.remote);
	tap_is(hf_remote_open(client.importer, "other", &other), 0,
	       "it is opened");

	kill(stops, SIGKILL);
	child_wait(stops, SOON);
	tap_is(client_end(&client), 0, "the importer is closed");
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	unlink(PATH);
	return tap_done();
}
