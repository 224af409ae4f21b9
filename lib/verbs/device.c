// SPDX-License-Identifier: LGPL-2.1-or-later
/* Calls into the device, with verbs' ways to fail translated. */
#include <errno.h>

#include "internal.h"
#include "internal/uverbs.h"

/* RXE_VENDOR_ID of the kernel's drivers/infiniband/sw/rxe. */
#define SOFT_ROCE 0xffffff

/* NULL with errno set. */
struct ibv_mr *hf_register(struct hf_mr *mr, size_t length)
{
	int access = mr->access;

	if (mr->backing == HF_BACKING_ODP)
		access |= IBV_ACCESS_ON_DEMAND;
	if (mr->attr.flags & HF_MR_IOVA)
		return ibv_reg_mr_iova(mr->pd, mr->addr, length, mr->iova,
				       access);
	return ibv_reg_mr(mr->pd, mr->addr, length, access);
}

enum hf_registration hf_registration_of(const struct hf_context *context,
					const struct ibv_mr *ibv, uint64_t iova)
{
	struct uverbs_mr found;
	int err;

	if (context->driver < 0)
		return HF_REGISTERED;
	err = uverbs_mr_query(ibv->context->cmd_fd, context->driver,
			      ibv->handle, &found);
	if (err == -ENOENT)
		return HF_NOT_REGISTERED;
	if (err)
		return HF_REGISTERED;
	if (uverbs_mr_is_placeholder(&found))
		return HF_PLACEHOLDER;
	return found.lkey == ibv->lkey && found.rkey == ibv->rkey &&
			       found.length == ibv->length && found.iova == iova
		       ? HF_REGISTERED
		       : HF_NOT_REGISTERED;
}

/*
 * Returns 0, or -errno with the registration as it was. A placeholder of the agent
 * is deregistered as the registration would have been. Where the number is another
 * object's, or nobody's, what the provider kept of the registration stays behind: only
 * ibv_dereg_mr() could free that, and would deregister what has the number now.
 */
int hf_deregister(const struct hf_context *context, struct ibv_mr *ibv,
		  uint64_t iova)
{
	int err;

	if (hf_registration_of(context, ibv, iova) == HF_NOT_REGISTERED)
		return 0;
	err = ibv_dereg_mr(ibv);
	if (err == ENOENT || err == EIO)
		return 0;
	/* Soft RoCE's word for memory windows: the handle was valid. */
	return err == EINVAL ? -EBUSY : -err;
}

/*
 * Soft RoCE of Linux 7.2 pages on demand, but puts all bytes of a packet at the
 * beginning of their page: __rxe_odp_mr_copy() leaves out the offset. Right are
 * only packets that begin with a page.
 */
static bool misplaces_bytes(const struct ibv_device_attr_ex *attr)
{
	return attr->orig_attr.vendor_id == SOFT_ROCE;
}

bool hf_odp_can(struct ibv_context *device, int access, bool insisted)
{
	uint32_t needed = IBV_ODP_SUPPORT_SEND | IBV_ODP_SUPPORT_RECV;
	struct ibv_device_attr_ex attr;

	if (ibv_query_device_ex(device, NULL, &attr) ||
	    !(attr.odp_caps.general_caps & IBV_ODP_SUPPORT) ||
	    (!insisted && misplaces_bytes(&attr)))
		return false;
	if (access & IBV_ACCESS_REMOTE_WRITE)
		needed |= IBV_ODP_SUPPORT_WRITE;
	if (access & IBV_ACCESS_REMOTE_READ)
		needed |= IBV_ODP_SUPPORT_READ;
	if (access & IBV_ACCESS_REMOTE_ATOMIC)
		needed |= IBV_ODP_SUPPORT_ATOMIC;
	return (attr.odp_caps.per_transport_caps.rc_odp_caps & needed) ==
	       needed;
}
