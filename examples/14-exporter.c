// SPDX-License-Identifier: MIT
/*
 * 14-exporter FILE ADDRESS PORT TOKEN: share a file with 14-importer, which has the same
 * token, and answer changes of the file by itself. Ends when its input does.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <holdfast_remote.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	unsigned char token[HF_TOKEN_BYTES] = { 0 };
	struct hf_peer peer = { .name = "writer", .token = token };
	struct hf_exporter *exporter;
	struct hf_exporter_info info;
	struct stat st;
	int fd;

	setlinebuf(stdout);
	if (argc != 5)
		errx(2, "usage: 14-exporter FILE ADDRESS PORT TOKEN");
	fd = open(argv[1], O_RDWR);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", argv[1]);
	inet_pton(AF_INET, argv[2], &address.sin_addr);
	address.sin_port = htons(atoi(argv[3]));
	memcpy(token, argv[4], strnlen(argv[4], sizeof(token)));

	if (hf_exporter_open((struct sockaddr *)&address, NULL, &exporter) ||
	    hf_exporter_admit(exporter, &peer) ||
	    hf_export(exporter, "file", fd, 0, st.st_size, NULL, NULL))
		errx(1, "%s", hf_remote_error());
	printf("listening\n");
	while (getchar() != EOF)
		;
	hf_exporter_query(exporter, &info);
	printf("%lu pauses\n", (unsigned long)info.pauses);
	return hf_exporter_close(exporter) ? 1 : 0;
}
