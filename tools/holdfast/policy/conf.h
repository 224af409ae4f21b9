/* SPDX-License-Identifier: GPL-2.0 */
/* The policy that is kept: holdfast-policy.conf(5). */
#ifndef HOLDFAST_POLICY_CONF_H
#define HOLDFAST_POLICY_CONF_H

#include "rules.h"

#define POLICY_CONF "/etc/holdfast/policy.conf"

/*
 * Read the file. All that is wrong with it is said, by line. 0, or the exit status;
 * @may_miss: there may be no such file. End the rules in either case.
 */
int conf_read(const char *path, bool may_miss, struct rules *rules);

/*
 * Put a rule into the file, in the place of the one that the filesystem has. @where is
 * where it is mounted, for the reader, or NULL. 0, or the exit status after a message
 * with the file unchanged.
 */
int conf_save(const char *path, const struct rule *rule, const char *where);

/* Take it out. */
int conf_drop(const char *path, const unsigned char uuid[UUID_SIZE]);

/* The caps that are given. */
int conf_save_caps(const char *path, const struct caps *caps);

#endif
