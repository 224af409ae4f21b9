/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sentences for the calls about implicit leases: see explain.h. */
#ifndef HOLDFAST_EXPLAIN_IMPLICIT_H
#define HOLDFAST_EXPLAIN_IMPLICIT_H

#include "facts.h"

/* Why the call failed; NULL: its errno value says all there is to say. */
const char *hf_explain_implicit(const struct hf_facts *facts);

/* EBUSY of a call that has to hook functions of the kernel. */
const char *hf_explain_hooks(void);

#endif
