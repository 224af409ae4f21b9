// SPDX-License-Identifier: MIT
/*
 * 14-importer ADDRESS PORT TOKEN TEXT: write a text to the beginning of the file that
 * 14-exporter shares, make it durable, and read it back.
 */
#include <arpa/inet.h>
#include <err.h>
#include <holdfast_remote.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	static char text[4096], answer[sizeof(text)];
	struct sockaddr_in address = { .sin_family = AF_INET };
	unsigned char token[HF_TOKEN_BYTES] = { 0 };
	const struct hf_importer_attr attr = {
		.address = (struct sockaddr *)&address,
		.token = token,
	};
	struct hf_importer *importer;
	struct hf_remote *remote;
	struct hf_queue *queue;
	struct ibv_mr *from, *to;

	if (argc != 5)
		errx(2, "usage: 14-importer ADDRESS PORT TOKEN TEXT");
	inet_pton(AF_INET, argv[1], &address.sin_addr);
	address.sin_port = htons(atoi(argv[2]));
	memcpy(token, argv[3], strnlen(argv[3], sizeof(token)));
	snprintf(text, sizeof(text), "%s", argv[4]);

	if (hf_importer_open(&attr, &importer) ||
	    hf_remote_open(importer, "file", &remote))
		errx(1, "%s", hf_remote_error());
	from = ibv_reg_mr(hf_importer_pd(importer), text, sizeof(text), 0);
	to = ibv_reg_mr(hf_importer_pd(importer), answer, sizeof(answer),
			IBV_ACCESS_LOCAL_WRITE);
	if (!from || !to)
		err(1, "ibv_reg_mr");
	struct ibv_sge out = { (uintptr_t)text, sizeof(text), from->lkey };
	struct ibv_sge in = { (uintptr_t)answer, sizeof(answer), to->lkey };

	queue = hf_importer_queue(importer, 0);
	if (hf_remote_write(queue, remote, 0, &out) ||
	    hf_remote_flush(queue, remote, 0, sizeof(text)) ||
	    hf_remote_read(queue, remote, 0, &in))
		errx(1, "%s", hf_remote_error());
	printf("%s\n", answer);
	ibv_dereg_mr(from);
	ibv_dereg_mr(to);
	return hf_importer_close(importer) ? 1 : 0;
}
