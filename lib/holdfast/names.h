/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HOLDFAST_NAMES_H
#define HOLDFAST_NAMES_H

/*
 * The value that has this name. A name of a newer module has none: then it is
 * HF_KIND_UNKNOWN, HF_STATE_UNKNOWN, HOLDFAST_OP_UNKNOWN and so on.
 */
unsigned int hf_kind_value(const char *name);
unsigned int hf_state_value(const char *name);
unsigned int hf_op_value(const char *name);
unsigned int hf_origin_value(const char *name);
unsigned int hf_consumer_value(const char *name);

#endif
