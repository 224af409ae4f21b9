/* SPDX-License-Identifier: GPL-2.0 */
/* Names of the numbers of the ABI: see names.c. */
#ifndef HF_CORE_NAMES_H
#define HF_CORE_NAMES_H

#include "core/types.h"

const char *hf_kind_name(enum holdfast_kind kind);
const char *hf_state_name(enum holdfast_state state);
const char *hf_op_name(enum holdfast_op op);
const char *hf_consumer_name(enum holdfast_consumer consumer);

#endif
