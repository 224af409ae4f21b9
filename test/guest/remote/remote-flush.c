// SPDX-License-Identifier: GPL-2.0
/*
 * libholdfast-remote: a flush by the exporter's processor writes back what a peer has written,
 * also when it was written back before: a device that writes makes nothing dirty.
 * remote-placement is about RDMA FLUSH.
 */
#define _GNU_SOURCE
#include <sys/mount.h>

#include "remote.h"

#define PATH	 PMEM "remote-flush"
#define FILE_LEN (4 * MIB)
#define TRACING	 "/sys/kernel/tracing/"
#define EVENT	 TRACING "events/fs_dax/dax_writeback_one/enable"

static void begin(struct hf_exporter *exporter)
{
	admit(exporter, "peer", 1);
	share(exporter, "file", PATH, FILE_LEN, NULL);
	share(exporter, "readonly", PATH, FILE_LEN,
	      &(struct hf_export_attr){ .flags = HF_EXPORT_READ_ONLY });
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		tap_bail("%s: %s", path, strerror(errno));
	close(fd);
}

/* Whether the kernel has written back the page since the trace was emptied. */
static bool written_back(unsigned long inode, unsigned long page)
{
	FILE *trace = fopen(TRACING "trace", "re");
	unsigned long at, first, count;
	char line[512], *text;
	bool found = false;

	while (trace && fgets(line, sizeof(line), trace)) {
		text = strstr(line, "dax_writeback_one: ");
		text = text ? strstr(text, " ino ") : NULL;
		if (text &&
		    sscanf(text, " ino %li pgoff %li pglen %li", (long *)&at,
			   (long *)&first, (long *)&count) == 3)
			found |= at == inode && page >= first &&
				 page < first + count;
	}
	fclose(trace);
	return found;
}

int main(int argc, char **argv)
{
	const struct exporter_does does = { .begin = begin };
	struct hf_remote *readonly;
	struct exporter exporter;
	struct client client;
	struct stat st;
	int fd;

	exporter_main(argc, argv, &does);
	fd = file_make(PATH, FILE_LEN);
	if (fstat(fd, &st))
		tap_bail("fstat: %s", strerror(errno));
	if (mount("tracefs", TRACING, "tracefs", 0, NULL) && errno != EBUSY)
		tap_bail("tracefs: %s", strerror(errno));
	exporter = exporter_start();
	client = client_start(1, NULL, 64);
	readonly = remote_open(client.importer, "readonly");
	put(EVENT, "1");
	for (unsigned long page = 3; page < 6; page++) {
		for (int round = 1; round <= 3; round++) {
			put(TRACING "trace", "");
			tap_is(hf_remote_write(client.queue, client.remote,
					       page * 4096 + 64, &client.part),
			       0, "page %lu is written, %d", page, round);
			tap_is(hf_remote_flush(client.queue, client.remote,
					       page * 4096 + 64, 64),
			       0, "and flushed");
			tap_ok(written_back(st.st_ino, page),
			       "the kernel has written it back");
		}
	}
	tap_is(hf_remote_flush(client.queue, readonly, 0, 0), 0,
	       "a flush of a region for reading");
	put(EVENT, "0");
	tap_is(client_end(&client), 0, "the importer is closed");
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	close(fd);
	unlink(PATH);
	return tap_done();
}
