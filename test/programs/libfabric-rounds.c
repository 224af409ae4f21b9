// SPDX-License-Identifier: GPL-2.0
/*
 * libfabric-rounds SECONDS FILE FILE: pair.h by libfabric's RMA (verbs;ofi_rxm). The windows are registered by
 * the program, and what is written from and read into by the provider, which has a cache for both.
 * link: -l:libfabric.so.1
 */
#define _GNU_SOURCE
#include <rdma/fabric.h>
#include <rdma/fi_cm.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_endpoint.h>
#include <rdma/fi_errno.h>
#include <rdma/fi_rma.h>

#include "pair.h"

#define NAME_BYTES 128

static struct fid_domain *domain;
static struct fid_ep *endpoint;
static struct fid_cq *queue;
static struct fid_mr *window_mr;
static fi_addr_t other;

static void must(int ret, const char *what)
{
	if (ret < 0)
		errx(1, "rank %d: %s: %s", pair_rank, what, fi_strerror(-ret));
}

static void *memory_map(const char *path, size_t *size)
{
	return file_map(path, size);
}

static struct fi_info *choose(void)
{
	struct fi_info *hints = fi_allocinfo(), *info;

	hints->caps = FI_MSG | FI_RMA;
	hints->mode = FI_CONTEXT;
	hints->ep_attr->type = FI_EP_RDM;
	/* Without FI_MR_LOCAL: the provider registers what is sent from. */
	hints->domain_attr->mr_mode = FI_MR_VIRT_ADDR | FI_MR_ALLOCATED |
				      FI_MR_PROV_KEY;
	hints->fabric_attr->prov_name = strdup("verbs;ofi_rxm");
	must(fi_getinfo(FI_VERSION(1, 18), pair_own, NULL, FI_SOURCE, hints,
			&info),
	     "fi_getinfo");
	fi_freeinfo(hints);
	return info;
}

static void open_all(struct fi_info *info, struct fid_av **av)
{
	struct fi_av_attr av_attr = { .type = FI_AV_MAP };
	struct fi_cq_attr cq_attr = { .format = FI_CQ_FORMAT_CONTEXT };
	struct fid_fabric *fabric;

	must(fi_fabric(info->fabric_attr, &fabric, NULL), "fi_fabric");
	must(fi_domain(fabric, info, &domain, NULL), "fi_domain");
	must(fi_av_open(domain, &av_attr, av, NULL), "fi_av_open");
	must(fi_cq_open(domain, &cq_attr, &queue, NULL), "fi_cq_open");
	must(fi_endpoint(domain, info, &endpoint, NULL), "fi_endpoint");
	must(fi_ep_bind(endpoint, &(*av)->fid, 0), "fi_ep_bind");
	must(fi_ep_bind(endpoint, &queue->fid, FI_TRANSMIT | FI_RECV),
	     "fi_ep_bind");
	must(fi_enable(endpoint), "fi_enable");
}

static void link_start(void)
{
	char name[NAME_BYTES] = { 0 }, theirs[NAME_BYTES];
	size_t length = sizeof(name);
	struct fid_av *av;

	open_all(choose(), &av);
	must(fi_getname(&endpoint->fid, name, &length), "fi_getname");
	pair_send(name, sizeof(name));
	pair_receive(theirs, sizeof(theirs));
	if (fi_av_insert(av, theirs, 1, &other, 0, NULL) != 1)
		errx(1, "fi_av_insert");
}

/* 1: something is done. */
static int poll_queue(void)
{
	struct fi_cq_entry entry;
	struct fi_cq_err_entry error = { 0 };
	ssize_t ret = fi_cq_read(queue, &entry, 1);

	if (ret == -FI_EAVAIL) {
		fi_cq_readerr(queue, &error, 0);
		errx(1, "rank %d: a transfer failed: %s", pair_rank,
		     fi_strerror(error.err));
	}
	if (ret != -FI_EAGAIN)
		must(ret, "fi_cq_read");
	return ret == 1;
}

static void link_progress(void)
{
	if (queue)
		poll_queue();
}

static void finish(ssize_t ret, const char *what)
{
	must(ret, what);
	while (!poll_queue())
		;
}

static uint64_t key_of(const struct window *window)
{
	uint64_t key;

	memcpy(&key, window->key, sizeof(key));
	return key;
}

static void link_put(const void *from, size_t length,
		     const struct window *window, size_t at)
{
	struct fi_context context;
	ssize_t ret;

	do {
		link_progress();
		ret = fi_write(endpoint, from, length, NULL, other,
			       window->addr + at, key_of(window), &context);
	} while (ret == -FI_EAGAIN);
	finish(ret, "fi_write");
}

static void link_get(void *into, size_t length, const struct window *window,
		     size_t at)
{
	struct fi_context context;
	ssize_t ret;

	do {
		link_progress();
		ret = fi_read(endpoint, into, length, NULL, other,
			      window->addr + at, key_of(window), &context);
	} while (ret == -FI_EAGAIN);
	finish(ret, "fi_read");
}

static void link_end(void)
{
	pair_meet();
	must(fi_close(&endpoint->fid), "fi_close");
}

static void window_open(void *addr, size_t length, struct window *window)
{
	uint64_t key;

	must(fi_mr_reg(domain, addr, length, FI_REMOTE_WRITE | FI_REMOTE_READ,
		       0, 0, 0, &window_mr, NULL),
	     "fi_mr_reg");
	key = fi_mr_key(window_mr);
	window->addr = (uintptr_t)addr;
	window->key_bytes = sizeof(key);
	memcpy(window->key, &key, sizeof(key));
}

static void window_close(void)
{
	must(fi_close(&window_mr->fid), "fi_close");
}

int main(int argc, char **argv)
{
	(void)argc;
	return pair_main(argv, 1);
}
