// SPDX-License-Identifier: GPL-2.0
/*
 * librpma-rounds SECONDS FILE FILE: pair.h by librpma, between mappings of pmem_map_file(3). librpma-rounds -o:
 * the files are pools of libpmemobj, which it makes, and their root objects the memory.
 * link: -l:librpma.so.0 -l:libpmem.so.1 -l:libpmemobj.so.1 -l:libibverbs.so.1
 */
#define _GNU_SOURCE
#include <libpmem.h>
#include <libpmemobj.h>
#include <librpma.h>
#include <stdbool.h>

#include "pair.h"

#define PORT	   "7204"
/* Of a pool's file, beside what its own records take */
#define ROOT_BYTES (1984UL << 10)

static bool objects;
static struct rpma_peer *peer;
static struct rpma_conn *conn;
static struct rpma_mr_local *window_mr;

static void must(int ret, const char *what)
{
	if (ret)
		errx(1, "rank %d: %s: %s", pair_rank, what, rpma_err_2str(ret));
}

static void *pool_open(const char *path, size_t *size)
{
	/* Of the size that the file has */
	PMEMobjpool *pool = pmemobj_create(path, "rounds", 0, 0600);

	if (!pool)
		errx(1, "%s: %s", path, pmemobj_errormsg());
	*size = ROOT_BYTES;
	return pmemobj_direct(pmemobj_root(pool, ROOT_BYTES));
}

static void *memory_map(const char *path, size_t *size)
{
	int is_pmem;
	void *memory;

	if (objects)
		return pool_open(path, size);
	memory = pmem_map_file(path, 0, 0, 0, size, &is_pmem);
	if (!memory)
		errx(1, "%s: %s", path, pmem_errormsg());
	if (!is_pmem)
		errx(1, "%s: no persistent memory for libpmem", path);
	return memory;
}

static void serve(void)
{
	struct rpma_conn_req *request;
	struct rpma_ep *listener;

	must(rpma_ep_listen(peer, pair_server, PORT, &listener), "listen");
	pair_meet();
	must(rpma_ep_next_conn_req(listener, NULL, &request), "next request");
	must(rpma_conn_req_connect(&request, NULL, &conn), "connect");
	must(rpma_ep_shutdown(&listener), "shutdown");
}

static void call(void)
{
	struct rpma_conn_req *request;

	pair_meet();
	must(rpma_conn_req_new(peer, pair_server, PORT, NULL, &request),
	     "request");
	must(rpma_conn_req_connect(&request, NULL, &conn), "connect");
}

static void link_start(void)
{
	struct ibv_context *device;
	enum rpma_conn_event event;

	must(rpma_utils_get_ibv_context(pair_own, RPMA_UTIL_IBV_CONTEXT_LOCAL,
					&device),
	     "device");
	must(rpma_peer_new(device, &peer), "peer");
	if (pair_rank)
		call();
	else
		serve();
	must(rpma_conn_next_event(conn, &event), "event");
	if (event != RPMA_CONN_ESTABLISHED)
		errx(1, "%s", rpma_utils_conn_event_2str(event));
}

static void link_progress(void)
{
}

static void wait_for(int op, const char *what)
{
	struct rpma_cq *queue;
	struct ibv_wc wc;
	int ret;

	must(rpma_conn_get_cq(conn, &queue), "queue");
	do
		ret = rpma_cq_get_wc(queue, 1, &wc, NULL);
	while (ret == RPMA_E_NO_COMPLETION);
	must(ret, what);
	if (wc.status != IBV_WC_SUCCESS || (int)wc.wr_id != op)
		errx(1, "rank %d: %s: %s", pair_rank, what,
		     ibv_wc_status_str(wc.status));
}

static struct rpma_mr_remote *remote(const struct window *window)
{
	struct rpma_mr_remote *mr;

	must(rpma_mr_remote_from_descriptor(window->key, window->key_bytes,
					    &mr),
	     "descriptor");
	return mr;
}

static void link_put(const void *from, size_t length,
		     const struct window *window, size_t at)
{
	struct rpma_mr_remote *to = remote(window);
	struct rpma_mr_local *mr;

	must(rpma_mr_reg(peer, (void *)from, length, RPMA_MR_USAGE_WRITE_SRC,
			 &mr),
	     "register");
	must(rpma_write(conn, to, at, mr, 0, length, RPMA_F_COMPLETION_ON_ERROR,
			NULL),
	     "write");
	must(rpma_flush(conn, to, at, length, RPMA_FLUSH_TYPE_VISIBILITY,
			RPMA_F_COMPLETION_ALWAYS, (void *)1),
	     "flush");
	wait_for(1, "flush");
	must(rpma_mr_dereg(&mr), "deregister");
	must(rpma_mr_remote_delete(&to), "remote");
}

static void link_get(void *into, size_t length, const struct window *window,
		     size_t at)
{
	struct rpma_mr_remote *from = remote(window);
	struct rpma_mr_local *mr;

	must(rpma_mr_reg(peer, into, length, RPMA_MR_USAGE_READ_DST, &mr),
	     "register");
	must(rpma_read(conn, mr, 0, from, at, length, RPMA_F_COMPLETION_ALWAYS,
		       (void *)2),
	     "read");
	wait_for(2, "read");
	must(rpma_mr_dereg(&mr), "deregister");
	must(rpma_mr_remote_delete(&from), "remote");
}

static void link_end(void)
{
	pair_meet();
	must(rpma_conn_disconnect(conn), "disconnect");
	must(rpma_conn_delete(&conn), "delete");
	must(rpma_peer_delete(&peer), "delete");
}

/*
 * Flushing to persistence would be a flag more, which soft RoCE refuses for the guests' memory: it is
 * "legacy" for the kernel.
 */
static void window_open(void *addr, size_t length, struct window *window)
{
	must(rpma_mr_reg(peer, addr, length,
			 RPMA_MR_USAGE_WRITE_DST | RPMA_MR_USAGE_READ_SRC |
				 RPMA_MR_USAGE_FLUSH_TYPE_VISIBILITY,
			 &window_mr),
	     "register");
	must(rpma_mr_get_descriptor_size(window_mr, &window->key_bytes),
	     "descriptor");
	if (window->key_bytes > sizeof(window->key))
		errx(1, "a descriptor of %zu bytes", window->key_bytes);
	must(rpma_mr_get_descriptor(window_mr, window->key), "descriptor");
}

static void window_close(void)
{
	must(rpma_mr_dereg(&window_mr), "deregister");
}

int main(int argc, char **argv)
{
	objects = argc > 1 && !strcmp(argv[1], "-o");
	return pair_main(argv, 1 + objects);
}
