// SPDX-License-Identifier: GPL-2.0
/*
 * libholdfast-remote: an importer is not closed while local memory is registered in its
 * protection domain. It works as before then, and nothing is left when it is closed.
 */
#define _GNU_SOURCE
#include "remote.h"

#define PATH	 PMEM "remote-close"
#define FILE_LEN (2 * MIB)

static void begin(struct hf_exporter *exporter)
{
	admit(exporter, "peer", 1);
	share(exporter, "file", PATH, FILE_LEN, NULL);
}

/* Protection domains of all processes, the exporter's of each session among them. */
static int domains(void)
{
	FILE *out = popen("rdma resource show", "r");
	char line[512], *text;
	int count = -1;

	while (out && fgets(line, sizeof(line), out)) {
		text = strstr(line, " pd ");
		if (text)
			count = atoi(text + 4);
	}
	if (!out || pclose(out) || count < 0)
		tap_bail("rdma resource show: \"%s\"", line);
	return count;
}

int main(int argc, char **argv)
{
	const struct exporter_does does = { .begin = begin };
	const struct hf_importer_attr two = { .queues = 2 };
	struct exporter exporter;
	struct client client;
	int before;

	exporter_main(argc, argv, &does);
	close(file_make(PATH, FILE_LEN));
	exporter = exporter_start();
	before = domains();
	client = client_start(1, &two, 4096);
	tap_ok(domains() > before,
	       "importer and exporter have protection domains");
	tap_is(hf_remote_write(client.queue, client.remote, 0, &client.part), 0,
	       "it writes");

	for (int i = 0; i < 3; i++) {
		tap_is(hf_importer_close(client.importer), -EBUSY,
		       "local memory is registered: it is not closed");
		tap_is(hf_remote_write(client.queue, client.remote, 0,
				       &client.part),
		       0, "it still writes");
		tap_is(hf_remote_flush(client.queue, client.remote, 0, 4096), 0,
		       "and flushes");
	}
	tap_diag("%s", hf_remote_error());
	tap_is(exporter_ask(&exporter, "sessions"), 1,
	       "the exporter has one session of it");

	tap_is(client_end(&client), 0, "without, it is closed");
	tap_ok(exporter_has(&exporter, "sessions", 0), "the exporter sees it");
	tap_is(domains(), before, "no protection domain is left");
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	unlink(PATH);
	return tap_done();
}
