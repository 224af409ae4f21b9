/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What becomes of an importer's operation when its queue pair reports, or breaks. */
#ifndef HOLDFAST_REMOTE_FATE_H
#define HOLDFAST_REMOTE_FATE_H

#include <infiniband/verbs.h>

#include "holdfast_remote.h"

/* It is repeated on the next connection. Done otherwise: 0, or a negative errno value. */
#define HF_FATE_REPEAT 1

/* An exporter that goes on refusing what it has given keys for is not waited for. */
#define HF_FATE_REFUSALS 3U

/**
 * hf_fate - what becomes of a posted operation
 * @op: what it is
 * @status: of its completion; IBV_WC_WR_FLUSH_ERR where there is none
 * @refused: how often the exporter's device has refused it, or it was what broke its
 *	queue pair, this time included
 *
 * An atomic operation is repeated only when the exporter's device has refused it: in
 * all other cases it may have been done.
 */
int hf_fate(enum hf_remote_op op, enum ibv_wc_status status,
	    unsigned int refused);

/* Whether the exporter's device has refused it. */
int hf_fate_is_refusal(enum ibv_wc_status status);

#endif
