/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HOLDFAST_NAMES_H
#define HOLDFAST_NAMES_H

/* The value that has this name, -1 when none has. */
int hf_kind_value(const char *name);
int hf_state_value(const char *name);
int hf_op_value(const char *name);

#endif
