/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HOLDFAST_NAMES_H
#define HOLDFAST_NAMES_H

/* The value that has this name, -1 when none has. */
int hf_kind_value(const char *name);
int hf_state_value(const char *name);
int hf_op_value(const char *name);

/* The same, where a newer module may have a name that is not known: 0. */
unsigned int hf_origin_value(const char *name);
unsigned int hf_consumer_value(const char *name);

#endif
