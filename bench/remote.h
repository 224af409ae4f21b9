/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An exporter of one file, and an importer of it, in one guest. The two must be in different
 * processes of which neither has forked the other while a device was open: a child
 * shares its parent's open device.
 */
#ifndef HOLDFAST_BENCH_REMOTE_H
#define HOLDFAST_BENCH_REMOTE_H

#include <arpa/inet.h>

#include "bench.h"
#include "holdfast_remote.h"

#define REMOTE_PORT 7472

static const unsigned char remote_token[HF_TOKEN_BYTES] = "of the benchmark";

static inline struct sockaddr_in remote_address(const char *text)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(REMOTE_PORT) };

	if (inet_pton(AF_INET, text, &in.sin_addr) != 1)
		errx(2, "no IPv4 address: %s", text);
	return in;
}

/* A new file of @length bytes, exported as "file". */
static inline struct hf_exporter *remote_share(const char *address,
					       const char *path, size_t length)
{
	struct hf_peer peer = { .name = "bench", .token = remote_token };
	struct sockaddr_in in = remote_address(address);
	struct hf_exporter *exporter;
	int fd = make_file(path, length);

	if (hf_exporter_open((struct sockaddr *)&in, NULL, &exporter) ||
	    hf_exporter_admit(exporter, &peer) ||
	    hf_export(exporter, "file", fd, 0, length, NULL, NULL))
		errx(1, "exporter: %s", hf_remote_error());
	close(fd);
	return exporter;
}

static inline struct hf_importer *remote_import(const char *address,
						unsigned int depth,
						struct hf_remote **remote)
{
	struct sockaddr_in in = remote_address(address);
	const struct hf_importer_attr attr = {
		.address = (struct sockaddr *)&in,
		.token = remote_token,
		.depth = depth,
	};
	struct hf_importer *importer;

	if (hf_importer_open(&attr, &importer) ||
	    hf_remote_open(importer, "file", remote))
		errx(1, "importer: %s", hf_remote_error());
	return importer;
}

#endif
