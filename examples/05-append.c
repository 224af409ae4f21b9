// SPDX-License-Identifier: MIT
/*
 * 05-append ADDRESS PORT: write each line of standard input as a record into the
 * log that 05-log keeps, by RDMA; a line has been taken when it is printed.
 */
#include "05-wire.h"

int main(int argc, char **argv)
{
	static struct record record;
	struct window window;
	struct ibv_mr *mr;
	struct rdma rdma;
	uint64_t seen;
	int sock;

	setlinebuf(stdout);
	if (argc != 3)
		errx(2, "usage: 05-append ADDRESS PORT");
	rdma = rdma_call(argv[1], argv[2], &sock);
	if (!receive_all(sock, &window, sizeof(window)))
		errx(1, "the log has gone");
	mr = ibv_reg_mr(rdma.pd, &record, sizeof(record), 0);
	if (!mr)
		err(1, "ibv_reg_mr");

	while (fgets(record.text, sizeof(record.text), stdin)) {
		uint64_t offset = record.number * RECORD_SIZE;

		if (offset + RECORD_SIZE > window.length)
			errx(1, "the log is full");
		record.text[strcspn(record.text, "\n")] = '\0';
		record.number++;
		transfer(&rdma, IBV_WR_RDMA_WRITE, mr, sizeof(record), &window,
			 offset);
		send_all(sock, &record.number, sizeof(record.number));
		if (!receive_all(sock, &seen, sizeof(seen)))
			errx(1, "the log has gone");
		printf("%lu %s\n", record.number, record.text);
	}
	return 0;
}
