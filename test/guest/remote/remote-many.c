// SPDX-License-Identifier: GPL-2.0
/* libholdfast-remote: 64 peers at once, and many regions of one; a change of all of them. */
#define _GNU_SOURCE
#include <sys/resource.h>

#include "remote.h"

#define PATH	PMEM "remote-many"
#define PEERS	64
#define REGIONS 400
#define PART	4096UL

static void begin(struct hf_exporter *exporter)
{
	const struct hf_export_attr attr = { .break_ms = LONG_BREAK };
	int fd = open(PATH, O_RDWR | O_CLOEXEC);
	struct rlimit files;
	char name[32];

	/* Two for each export, and one for each region. */
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (int i = 0; i < PEERS; i++) {
		snprintf(name, sizeof(name), "peer%d", i);
		admit(exporter, name, i);
	}
	for (int i = 0; i < REGIONS; i++) {
		snprintf(name, sizeof(name), "part%d", i);
		if (hf_export(exporter, name, fd, i * PART, PART, &attr,
			      NULL)) {
			fprintf(stderr, "%s: %s\n", name, hf_remote_error());
			_exit(1);
		}
	}
	close(fd);
}

/* Writes its number to each region. */
static int write_all(struct hf_importer *importer, struct hf_remote **remotes,
		     int count, struct local *local)
{
	struct ibv_sge part = local_part(local, 0, 8);
	int failed = 0;

	for (int i = 0; i < count; i++) {
		*(uint64_t *)local->data = i + 1;
		failed += hf_remote_write(hf_importer_queue(importer, 0),
					  remotes[i], 64, &part) != 0;
	}
	return failed;
}

static int wrong_in_file(int fd, int count)
{
	int wrong = 0;

	for (int i = 0; i < count; i++) {
		uint64_t value = 0;

		if (pread(fd, &value, sizeof(value), i * PART + 64) !=
			    sizeof(value) ||
		    value != (uint64_t)i + 1)
			wrong++;
	}
	return wrong;
}

static void test_regions(struct exporter *exporter, int fd)
{
	struct hf_importer *importer = import_as(0, 1, 0);
	struct local local = local_make(importer, 4096);
	struct hf_remote *remotes[REGIONS];
	char name[32];

	for (int i = 0; i < REGIONS; i++) {
		snprintf(name, sizeof(name), "part%d", i);
		remotes[i] = remote_open(importer, name);
	}
	tap_is(exporter_ask(exporter, "regions"), REGIONS, "%d regions",
	       REGIONS);
	tap_is(write_all(importer, remotes, REGIONS, &local), 0, "are written");
	tap_is(wrong_in_file(fd, REGIONS), 0, "each where it belongs");
	tap_is(change_make("punch", PATH, 0, REGIONS * PART, NULL, SOON), 0,
	       "one change of all of them");
	tap_is(write_all(importer, remotes, REGIONS, &local), 0,
	       "they are written again");
	tap_is(wrong_in_file(fd, REGIONS), 0, "each where it belongs");
	tap_is(remote_query(remotes[0]).reconnects, 0, "the connection lived");
	local_end(&local);
	hf_importer_close(importer);
}

static void test_peers(struct exporter *exporter, int fd)
{
	struct hf_importer *importers[PEERS];
	struct hf_remote *remotes[PEERS];
	struct local locals[PEERS];
	char name[32];
	int failed = 0;

	for (int i = 0; i < PEERS; i++) {
		snprintf(name, sizeof(name), "part%d", i);
		importers[i] = import_as(i, 1, 0);
		remotes[i] = remote_open(importers[i], name);
		locals[i] = local_make(importers[i], 4096);
	}
	tap_is(exporter_ask(exporter, "sessions"), PEERS, "%d peers", PEERS);
	tap_is(change_make("punch", PATH, 0, PEERS * PART, NULL, SOON), 0,
	       "a change of what all have open");
	for (int i = 0; i < PEERS; i++) {
		struct ibv_sge part = local_part(&locals[i], 0, 8);

		*(uint64_t *)locals[i].data = i + 1;
		failed += hf_remote_write(hf_importer_queue(importers[i], 0),
					  remotes[i], 64, &part) != 0;
	}
	tap_is(failed, 0, "all write");
	tap_is(wrong_in_file(fd, PEERS), 0, "each where it belongs");
	tap_is(exporter_ask(exporter, "dropped"), 0, "nobody was dropped");
	for (int i = 0; i < PEERS; i++) {
		local_end(&locals[i]);
		hf_importer_close(importers[i]);
	}
	tap_ok(exporter_has(exporter, "sessions", 0), "all have gone");
	tap_ok(exporter_has(exporter, "regions", 0), "with their regions");
}

int main(int argc, char **argv)
{
	const struct exporter_does does = { .begin = begin };
	struct exporter exporter;
	int fd;

	exporter_main(argc, argv, &does);
	fd = file_make(PATH, (REGIONS * PART + MIB) / MIB * MIB);
	exporter = exporter_start();
	test_regions(&exporter, fd);
	test_peers(&exporter, fd);
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	close(fd);
	unlink(PATH);
	return tap_done();
}
