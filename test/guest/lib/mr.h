/* SPDX-License-Identifier: GPL-2.0 */
/* What tests of libholdfast-verbs share. */
#ifndef HOLDFAST_TEST_MR_H
#define HOLDFAST_TEST_MR_H

#include "holdfast_verbs.h"
#include "rdma.h"

static inline struct hf_context *
context_open(struct rdma *rdma, const struct hf_context_attr *attr)
{
	struct hf_context *context;

	if (hf_open_context(rdma->context, attr, &context))
		tap_bail("hf_open_context: %s", hf_verbs_error());
	return context;
}

static inline struct hf_mr *mr_make(struct rdma *rdma, int fd, uint64_t offset,
				    uint64_t length,
				    const struct hf_mr_attr *attr)
{
	struct hf_mr *mr;

	if (hf_reg_mr(rdma->pd, fd, offset, length, RDMA_ACCESS, attr, &mr))
		tap_bail("hf_reg_mr: %s", hf_verbs_error());
	return mr;
}

static inline struct hf_mr_info mr_query(struct hf_mr *mr)
{
	struct hf_mr_info info;

	if (hf_query_mr(mr, &info))
		tap_bail("hf_query_mr: %s", hf_verbs_error());
	return info;
}

/* The next event; type 0 when there is none within @timeout_ms. */
static inline struct hf_async_event mr_event(struct hf_context *context,
					     int timeout_ms)
{
	struct hf_async_event event = { 0 };
	int ret = hf_get_async_event(context, &event, timeout_ms);

	if (ret && ret != -ETIMEDOUT)
		tap_bail("hf_get_async_event: %s", hf_verbs_error());
	hf_ack_async_event(&event);
	return event;
}

/* After an error completion: the next write connects again. */
static inline void rdma_disconnect(struct rdma *rdma)
{
	ibv_destroy_qp(rdma->qp);
	ibv_destroy_cq(rdma->cq);
	rdma->qp = NULL;
	rdma->cq = NULL;
}

/* RDMA-write with these keys: enum ibv_wc_status, or -1. */
static inline int mr_write(struct rdma *rdma, const struct hf_mr_info *info,
			   size_t offset, const void *from, size_t length)
{
	struct ibv_mr target = { .addr = info->addr, .rkey = info->rkey };

	return rdma_write(rdma, &target, offset, from, length);
}

/* One test: what was written by RDMA is in the file. */
static inline void mr_works(struct rdma *rdma, struct hf_mr *mr, int fd,
			    uint64_t file_offset, const char *text)
{
	static unsigned int seed = 100;
	struct hf_mr_info info = mr_query(mr);
	static char sent[8192], got[sizeof(sent)];
	size_t offset = info.length - sizeof(sent);
	int status;

	pattern_fill(sent, sizeof(sent), ++seed);
	status = mr_write(rdma, &info, offset, sent, sizeof(sent));
	if (!tap_ok(status == IBV_WC_SUCCESS &&
			    pread(fd, got, sizeof(got), file_offset + offset) ==
				    sizeof(got) &&
			    !memcmp(sent, got, sizeof(got)),
		    "%s", text))
		tap_diag("  status %d", status);
}

#endif
