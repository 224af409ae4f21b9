/* SPDX-License-Identifier: GPL-2.0 */
/* The policy that is in force: the module's. */
#ifndef HOLDFAST_POLICY_MODULE_H
#define HOLDFAST_POLICY_MODULE_H

#include "rules.h"

/* Read it, caps and all. 0, or the exit status after a message; end it in either case. */
int module_read(struct rules *rules);

/* The message of each is hf_error()'s. 0 or a negative errno value. */
int module_allow(const struct rule *rule);
int module_forbid(const unsigned char uuid[UUID_SIZE]);

/* Those that are given. 0, or the exit status after a message. */
int module_set_caps(const struct caps *caps);

#endif
