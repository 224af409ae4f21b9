// SPDX-License-Identifier: MIT
/*
 * 05-log FILE PORT: the log of a database, which 05-append writes by RDMA. The
 * lease is exclusive: nobody may take blocks away from a log. A truncate of it
 * fails at once, ETXTBSY, and the log is never interrupted; an administrator can
 * still revoke the lease.
 */
#include "05-wire.h"

/* Nothing is in the way of reading what has come: it is the file. */
static uint64_t last_number(const struct record *log, size_t count)
{
	uint64_t number = 0;

	while (number < count && log[number].number == number + 1)
		number++;
	return number;
}

int main(int argc, char **argv)
{
	const struct hf_mr_attr attr = { .kind = HOLDFAST_EXCLUSIVE };
	struct hf_context *context;
	struct hf_mr_info info;
	uint64_t number;
	struct hf_mr *mr;
	struct rdma rdma;
	size_t length;
	int file, sock;

	setlinebuf(stdout);
	if (argc != 3)
		errx(2, "usage: 05-log FILE PORT");
	file = file_open(argv[1], &length);
	rdma = rdma_accept(argv[2], &sock);

	if (hf_open_context(rdma.device, NULL, &context) ||
	    hf_reg_mr(rdma.pd, file, 0, length,
		      IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE, &attr,
		      &mr) ||
	    hf_query_mr(mr, &info))
		errx(1, "%s", hf_verbs_error());
	/* Once: from now on the file's blocks are where they are. */
	if (fsync(file))
		err(1, "%s", argv[1]);
	send_window(sock, mr);

	/* The writer says how many records it has written. */
	while (receive_all(sock, &number, sizeof(number))) {
		uint64_t seen = last_number(info.addr, length / RECORD_SIZE);

		if (seen < number)
			errx(1, "record %lu is not there", number);
		printf("record %lu: %s\n", number,
		       ((struct record *)info.addr)[number - 1].text);
		send_all(sock, &seen, sizeof(seen));
	}
	if (hf_dereg_mr(mr) || hf_close_context(context))
		errx(1, "%s", hf_verbs_error());
	printf("done\n");
	return 0;
}
