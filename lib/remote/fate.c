// SPDX-License-Identifier: LGPL-2.1-or-later
/* What becomes of an operation: see fate.h. */
#include <errno.h>

#include "fate.h"

int hf_fate_is_refusal(enum ibv_wc_status status)
{
	return status == IBV_WC_REM_ACCESS_ERR ||
	       status == IBV_WC_REM_INV_REQ_ERR;
}

/* ATOMIC WRITE is none of these: it writes the same whatever was there. */
static int is_atomic(enum hf_remote_op op)
{
	return op == HF_REMOTE_COMPARE_SWAP || op == HF_REMOTE_FETCH_ADD;
}

int hf_fate(enum hf_remote_op op, enum ibv_wc_status status,
	    unsigned int refused)
{
	switch (status) {
	case IBV_WC_SUCCESS:
		return 0;
	case IBV_WC_LOC_LEN_ERR:
	case IBV_WC_LOC_PROT_ERR:
	case IBV_WC_LOC_ACCESS_ERR:
	case IBV_WC_LOC_QP_OP_ERR:
		/* The caller's memory: it would fail again. */
		return -EFAULT;
	default:
		break;
	}
	if (hf_fate_is_refusal(status))
		return refused < HF_FATE_REFUSALS ? HF_FATE_REPEAT : -EREMOTEIO;
	if (refused >= HF_FATE_REFUSALS)
		return -EFAULT;
	return is_atomic(op) ? -ENOTRECOVERABLE : HF_FATE_REPEAT;
}
