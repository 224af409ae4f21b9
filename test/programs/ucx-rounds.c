// SPDX-License-Identifier: GPL-2.0
/*
 * ucx-rounds SECONDS FILE FILE: pair.h by UCX (ucp). The windows are memory that the program has mapped
 * (ucp_mem_map), what is written from and read into is registered by UCX's own cache.
 * link: -l:libucp.so.0 -l:libucs.so.0
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <ucp/api/ucp.h>

#include "pair.h"

#define PORT 7205

static ucp_context_h context;
static ucp_worker_h worker;
static ucp_ep_h endpoint;
static ucp_mem_h window_memory;
static ucp_conn_request_h caller;

static void must(ucs_status_t status, const char *what)
{
	if (status != UCS_OK)
		errx(1, "rank %d: %s: %s", pair_rank, what,
		     ucs_status_string(status));
}

static void *memory_map(const char *path, size_t *size)
{
	return file_map(path, size);
}

static void link_progress(void)
{
	if (worker)
		ucp_worker_progress(worker);
}

static void finish(ucs_status_ptr_t request, const char *what)
{
	ucs_status_t status = UCS_PTR_STATUS(request);

	if (UCS_PTR_IS_PTR(request)) {
		do {
			ucp_worker_progress(worker);
			status = ucp_request_check_status(request);
		} while (status == UCS_INPROGRESS);
		ucp_request_free(request);
	}
	must(status, what);
}

static void called(ucp_conn_request_h request, void *arg)
{
	(void)arg;
	caller = request;
}

static void connect_by(ucp_ep_params_t *params)
{
	params->field_mask |= UCP_EP_PARAM_FIELD_ERR_HANDLING_MODE;
	params->err_mode = UCP_ERR_HANDLING_MODE_PEER;
	must(ucp_ep_create(worker, params, &endpoint), "endpoint");
}

static void serve(const struct sockaddr_in *address)
{
	ucp_listener_params_t params = {
		.field_mask = UCP_LISTENER_PARAM_FIELD_SOCK_ADDR |
			      UCP_LISTENER_PARAM_FIELD_CONN_HANDLER,
		.sockaddr = { (const struct sockaddr *)address,
			      sizeof(*address) },
		.conn_handler = { .cb = called },
	};
	ucp_ep_params_t ep_params = {
		.field_mask = UCP_EP_PARAM_FIELD_CONN_REQUEST,
	};
	ucp_listener_h listener;

	must(ucp_listener_create(worker, &params, &listener), "listener");
	pair_meet();
	while (!caller)
		ucp_worker_progress(worker);
	ep_params.conn_request = caller;
	connect_by(&ep_params);
}

static void call(const struct sockaddr_in *address)
{
	ucp_ep_params_t params = {
		.field_mask = UCP_EP_PARAM_FIELD_SOCK_ADDR |
			      UCP_EP_PARAM_FIELD_FLAGS,
		.flags = UCP_EP_PARAMS_FLAGS_CLIENT_SERVER,
		.sockaddr = { (const struct sockaddr *)address,
			      sizeof(*address) },
	};

	pair_meet();
	connect_by(&params);
}

static void flush(const char *what)
{
	const ucp_request_param_t param = { 0 };

	finish(ucp_ep_flush_nbx(endpoint, &param), what);
}

static void link_start(void)
{
	const ucp_params_t params = {
		.field_mask = UCP_PARAM_FIELD_FEATURES,
		.features = UCP_FEATURE_RMA,
	};
	const ucp_worker_params_t worker_params = { 0 };
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(PORT),
		.sin_addr.s_addr = inet_addr(pair_server),
	};

	must(ucp_init(&params, NULL, &context), "init");
	must(ucp_worker_create(context, &worker_params, &worker), "worker");
	if (pair_rank)
		call(&address);
	else
		serve(&address);
	flush("connect");
}

static ucp_rkey_h key_of(const struct window *window)
{
	ucp_rkey_h key;

	must(ucp_ep_rkey_unpack(endpoint, window->key, &key), "rkey");
	return key;
}

static void link_put(const void *from, size_t length,
		     const struct window *window, size_t at)
{
	const ucp_request_param_t param = { 0 };
	ucp_rkey_h key = key_of(window);

	finish(ucp_put_nbx(endpoint, from, length, window->addr + at, key,
			   &param),
	       "put");
	flush("flush");
	ucp_rkey_destroy(key);
}

static void link_get(void *into, size_t length, const struct window *window,
		     size_t at)
{
	const ucp_request_param_t param = { 0 };
	ucp_rkey_h key = key_of(window);

	finish(ucp_get_nbx(endpoint, into, length, window->addr + at, key,
			   &param),
	       "get");
	ucp_rkey_destroy(key);
}

static void link_end(void)
{
	const ucp_request_param_t param = { 0 };

	pair_meet();
	finish(ucp_ep_close_nbx(endpoint, &param), "close");
	ucp_worker_destroy(worker);
	ucp_cleanup(context);
}

static void window_open(void *addr, size_t length, struct window *window)
{
	const ucp_mem_map_params_t params = {
		.field_mask = UCP_MEM_MAP_PARAM_FIELD_ADDRESS |
			      UCP_MEM_MAP_PARAM_FIELD_LENGTH,
		.address = addr,
		.length = length,
	};
	void *key;

	must(ucp_mem_map(context, &params, &window_memory), "ucp_mem_map");
	must(ucp_rkey_pack(context, window_memory, &key, &window->key_bytes),
	     "rkey");
	if (window->key_bytes > sizeof(window->key))
		errx(1, "a key of %zu bytes", window->key_bytes);
	memcpy(window->key, key, window->key_bytes);
	ucp_rkey_buffer_release(key);
	window->addr = (uintptr_t)addr;
}

static void window_close(void)
{
	must(ucp_mem_unmap(context, window_memory), "ucp_mem_unmap");
}

int main(int argc, char **argv)
{
	(void)argc;
	return pair_main(argv, 1);
}
