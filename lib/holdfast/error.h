/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef HOLDFAST_ERROR_H
#define HOLDFAST_ERROR_H

#include "explain.h"

/*
 * A call has failed: complete the facts, with what the system knows of the
 * file, and keep the explanation for hf_error(). Returns -facts->err and
 * leaves errno alone, so that it can end any function.
 */
int hf_fail(struct hf_facts *facts);

#endif
