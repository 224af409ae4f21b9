// SPDX-License-Identifier: MIT
/*
 * 03-client ADDRESS PORT TEXT: write a text into the file that 03-serve lends,
 * at its beginning, and read it back, both by RDMA.
 */
#include "03-wire.h"

int main(int argc, char **argv)
{
	static char text[4096], answer[sizeof(text)];
	struct ibv_mr *from, *to;
	struct window window;
	struct rdma rdma;
	int sock;

	if (argc != 4)
		errx(2, "usage: 03-client ADDRESS PORT TEXT");
	snprintf(text, sizeof(text), "%s", argv[3]);
	rdma = rdma_call(argv[1], argv[2], &sock);
	if (!receive_all(sock, &window, sizeof(window)))
		errx(1, "the server has gone");
	from = ibv_reg_mr(rdma.pd, text, sizeof(text), 0);
	to = ibv_reg_mr(rdma.pd, answer, sizeof(answer),
			IBV_ACCESS_LOCAL_WRITE);
	if (!from || !to)
		err(1, "ibv_reg_mr");

	transfer(&rdma, IBV_WR_RDMA_WRITE, from, sizeof(text), &window, 0);
	transfer(&rdma, IBV_WR_RDMA_READ, to, sizeof(answer), &window, 0);
	printf("%s\n", answer);
	return 0;
}
