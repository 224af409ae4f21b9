// SPDX-License-Identifier: LGPL-2.1-or-later
/* RDMA FLUSH and ATOMIC WRITE, where libibverbs has them: see placement.h. */
#include <errno.h>

#include "placement.h"

#ifdef HAVE_IBV_PLACEMENT

#include <rdma/ib_user_verbs.h>

unsigned int hf_placement_of(struct ibv_context *device)
{
	struct ibv_device_attr_ex attr;
	unsigned int can = 0;

	if (ibv_query_device_ex(device, NULL, &attr))
		return 0;
	if (attr.device_cap_flags_ex & IB_UVERBS_DEVICE_FLUSH_PERSISTENT)
		can |= HF_PLACEMENT_FLUSH;
	if (attr.device_cap_flags_ex & IB_UVERBS_DEVICE_ATOMIC_WRITE)
		can |= HF_PLACEMENT_ATOMIC_WRITE;
	return can;
}

int hf_placement_access(void)
{
	return IBV_ACCESS_FLUSH_PERSISTENT;
}

static int create_extended(struct rdma_cm_id *id, struct ibv_pd *pd,
			   const struct ibv_qp_init_attr *init,
			   unsigned int can)
{
	struct ibv_qp_init_attr_ex extended = {
		.qp_context = init->qp_context,
		.send_cq = init->send_cq,
		.recv_cq = init->recv_cq,
		.cap = init->cap,
		.qp_type = init->qp_type,
		.comp_mask = IBV_QP_INIT_ATTR_PD |
			     IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.pd = pd,
	};

	if (can & HF_PLACEMENT_FLUSH)
		extended.send_ops_flags |= IBV_QP_EX_WITH_FLUSH;
	if (can & HF_PLACEMENT_ATOMIC_WRITE)
		extended.send_ops_flags |= IBV_QP_EX_WITH_ATOMIC_WRITE;
	return rdma_create_qp_ex(id, &extended) ? -errno : 0;
}

static struct ibv_qp_ex *begin(struct ibv_qp *qp, uint64_t wr_id)
{
	struct ibv_qp_ex *extended = ibv_qp_to_qp_ex(qp);

	ibv_wr_start(extended);
	extended->wr_id = wr_id;
	extended->wr_flags = IBV_SEND_SIGNALED;
	return extended;
}

int hf_placement_flush(struct ibv_qp *qp, uint64_t wr_id, uint32_t rkey,
		       uint64_t address, uint64_t length)
{
	struct ibv_qp_ex *extended = begin(qp, wr_id);

	ibv_wr_flush(extended, rkey, address, length, IBV_FLUSH_PERSISTENT,
		     IBV_FLUSH_RANGE);
	return ibv_wr_complete(extended);
}

int hf_placement_atomic_write(struct ibv_qp *qp, uint64_t wr_id, uint32_t rkey,
			      uint64_t address, uint64_t value)
{
	struct ibv_qp_ex *extended = begin(qp, wr_id);

	ibv_wr_atomic_write(extended, rkey, address, &value);
	return ibv_wr_complete(extended);
}

#else

unsigned int hf_placement_of(struct ibv_context *device)
{
	(void)device;
	return 0;
}

int hf_placement_access(void)
{
	return 0;
}

static int create_extended(struct rdma_cm_id *id, struct ibv_pd *pd,
			   const struct ibv_qp_init_attr *init,
			   unsigned int can)
{
	(void)id, (void)pd, (void)init, (void)can;
	return -EOPNOTSUPP;
}

int hf_placement_flush(struct ibv_qp *qp, uint64_t wr_id, uint32_t rkey,
		       uint64_t address, uint64_t length)
{
	(void)qp, (void)wr_id, (void)rkey, (void)address, (void)length;
	return EOPNOTSUPP;
}

int hf_placement_atomic_write(struct ibv_qp *qp, uint64_t wr_id, uint32_t rkey,
			      uint64_t address, uint64_t value)
{
	(void)qp, (void)wr_id, (void)rkey, (void)address, (void)value;
	return EOPNOTSUPP;
}

#endif

int hf_placement_create_qp(struct rdma_cm_id *id, struct ibv_pd *pd,
			   const struct ibv_qp_init_attr *init,
			   unsigned int *can)
{
	struct ibv_qp_init_attr plain = *init;

	*can = hf_placement_of(id->verbs);
	if (*can && !create_extended(id, pd, init, *can))
		return 0;
	/* The device can, and its driver of libibverbs does not know it. */
	*can = 0;
	return rdma_create_qp(id, pd, &plain) ? -errno : 0;
}
