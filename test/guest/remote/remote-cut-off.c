// SPDX-License-Identifier: GPL-2.0
/* libholdfast-remote: who is kept out, who is cut off, and that others notice nothing. */
#define _GNU_SOURCE
#include <rdma/rdma_cma.h>

#include "remote-stream.h"

#define PATH	 PMEM "remote-cut-off"
#define FILE_LEN (2 * MIB)
#define TIMEOUT	 1500
#define REGIONS	 3

static struct hf_export *second;

static void begin(struct hf_exporter *exporter)
{
	struct sockaddr_in elsewhere = remote_address();

	admit(exporter, "one", 1);
	admit(exporter, "two", 2);
	admit(exporter, "hostile", 4);
	elsewhere.sin_addr.s_addr ^= htonl(1);
	hf_exporter_admit(
		exporter,
		&(struct hf_peer){ .name = "elsewhere",
				   .token = remote_token(3),
				   .address = (struct sockaddr *)&elsewhere });
	share(exporter, "file", PATH, FILE_LEN, NULL);
	second = share(exporter, "second", PATH, FILE_LEN, NULL);
}

static void order(struct hf_exporter *exporter, const char *order)
{
	if (!strcmp(order, "expel"))
		hf_exporter_expel(exporter, "two");
	else if (!strcmp(order, "admit"))
		admit(exporter, "two", 2);
	else if (!strcmp(order, "unexport"))
		hf_unexport(second);
}

static void test_expel(struct exporter *exporter)
{
	const struct hf_importer_attr attr = { .timeout_ms = TIMEOUT };
	struct client client = client_start(2, &attr, 4096);

	tap_is(hf_remote_read(client.queue, client.remote, 0, &client.part), 0,
	       "a peer reads");
	exporter_ask(exporter, "expel");
	tap_ok(exporter_has(exporter, "sessions", 1), "it is cut off");
	tap_is(hf_remote_read(client.queue, client.remote, 0, &client.part),
	       -EACCES, "it reads no more");
	exporter_ask(exporter, "admit");
	tap_ok(remote_becomes(client.remote, HF_REMOTE_ACTIVE),
	       "admitted again");
	tap_is(hf_remote_read(client.queue, client.remote, 0, &client.part), 0,
	       "it reads");
	client_end(&client);
}

static void test_address(void)
{
	struct sockaddr_in address = remote_address();
	const struct hf_importer_attr attr = {
		.address = (struct sockaddr *)&address,
		.token = remote_token(3),
	};
	struct hf_importer *importer;

	tap_is(hf_importer_open(&attr, &importer), -EACCES,
	       "the right token from a wrong address");
}

static void test_unexport(struct exporter *exporter,
			  struct hf_importer *importer)
{
	struct hf_remote *remote = remote_open(importer, "second"), *none;
	struct hf_queue *queue = hf_importer_queue(importer, 1);
	struct local local = local_make(importer, 4096);
	struct ibv_sge part = local_part(&local, 0, 4096);

	tap_is(hf_remote_read(queue, remote, 0, &part), 0, "a region is read");
	exporter_ask(exporter, "unexport");
	tap_is(hf_remote_read(queue, remote, 0, &part), -ESTALE,
	       "exported no more: it is not");
	tap_is(remote_query(remote).state, HF_REMOTE_GONE, "it is gone");
	tap_is(hf_remote_open(importer, "second", &none), -ENOENT,
	       "and has no name");
	tap_is(hf_remote_close(remote), 0, "closed");
	local_end(&local);
}

static void test_quota(struct hf_importer *importer)
{
	struct hf_remote *more[REGIONS];
	int ret = 0, n = 0;

	/* The stream has one open. */
	while (n < REGIONS &&
	       !(ret = hf_remote_open(importer, "file", &more[n])))
		n++;
	tap_is(ret, -EDQUOT, "a peer opens as many regions as it may (%d)", n);
	tap_is(n, REGIONS - 1, "and no more");
	while (n--)
		hf_remote_close(more[n]);
}

/* With librdmacm alone: connect with a token, and send what is no message. */
static void send_garbage(void)
{
	struct sockaddr_in address = remote_address();
	struct ibv_qp_init_attr init = { .cap = { 4, 4, 1, 1, 0 },
					 .qp_type = IBV_QPT_RC,
					 .sq_sig_all = 1 };
	unsigned char hello[56] = { 'H', 'F', 'R', '2', 1 };
	struct rdma_conn_param param = { .private_data = hello,
					 .private_data_len = sizeof(hello),
					 .retry_count = 7,
					 .rnr_retry_count = 7 };
	static unsigned char garbage[4096];
	struct rdma_cm_id *id;
	struct ibv_mr *mr;

	memcpy(hello + 8, remote_token(4), HF_TOKEN_BYTES);
	memset(garbage, 0xa5, sizeof(garbage));
	if (rdma_create_id(NULL, &id, NULL, RDMA_PS_TCP) ||
	    rdma_resolve_addr(id, NULL, (struct sockaddr *)&address, 2000) ||
	    rdma_resolve_route(id, 2000) || rdma_create_qp(id, NULL, &init) ||
	    rdma_connect(id, &param))
		tap_bail("librdmacm: %s", strerror(errno));
	mr = ibv_reg_mr(id->pd, garbage, sizeof(garbage), 0);
	struct ibv_sge sge = { (uintptr_t)garbage, sizeof(garbage), mr->lkey };
	struct ibv_send_wr *bad,
		wr = { .sg_list = &sge, .num_sge = 1, .opcode = IBV_WR_SEND };

	if (ibv_post_send(id->qp, &wr, &bad))
		tap_bail("ibv_post_send: %s", strerror(errno));
	usleep(500000);
	rdma_destroy_qp(id);
	ibv_dereg_mr(mr);
	rdma_destroy_id(id);
}

int main(int argc, char **argv)
{
	const struct exporter_does does = { .attr = { .regions = REGIONS },
					    .begin = begin,
					    .order = order };
	static struct stream stream;
	struct hf_importer *importer;
	struct exporter exporter;
	struct hf_remote *remote;
	int fd;

	exporter_main(argc, argv, &does);
	fd = file_make(PATH, FILE_LEN);
	exporter = exporter_start();
	importer = import_as(1, 2, 0);
	remote = remote_open(importer, "file");
	stream_start(&stream, importer, hf_importer_queue(importer, 0), remote);
	test_expel(&exporter);
	test_address();
	test_unexport(&exporter, importer);
	test_quota(importer);
	send_garbage();
	tap_ok(exporter_has(&exporter, "violations", 1),
	       "a peer that sends no messages ends its session");
	tap_ok(exporter_has(&exporter, "sessions", 1), "and only its own");
	stream_end(&stream, fd, "the other peer");
	tap_is(remote_query(remote).reconnects, 0, "its connection lived");
	tap_is(hf_importer_close(importer), 0, "the importer is closed");
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	close(fd);
	unlink(PATH);
	return tap_done();
}
