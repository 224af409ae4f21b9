/* SPDX-License-Identifier: GPL-2.0 */
/* Where implicit leases are allowed, and to whom: a list by filesystem. */
#ifndef HOLDFAST_POLICY_RULES_H
#define HOLDFAST_POLICY_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "mounts.h"

/**
 * struct rule - implicit leases are allowed on a filesystem
 * @uuid: of the filesystem
 * @gid: to this group only; HF_ANY_GROUP: to everybody
 * @break_ms: their break time; 0: the default
 * @line: of the file that has the rule
 */
struct rule {
	unsigned char uuid[UUID_SIZE];
	gid_t gid;
	uint32_t break_ms;
	size_t line;
};

/**
 * struct caps - what no lease can exceed
 * @break_ms: the longest break time; valid with @has_break
 * @pinned: bytes of each filesystem, 0: all; valid with @has_pinned
 * @break_line: of the file that has it, as @pinned_line
 */
struct caps {
	bool has_break, has_pinned;
	uint32_t break_ms;
	uint64_t pinned;
	size_t break_line, pinned_line;
};

struct rules {
	struct rule *list;
	size_t count;
	struct caps caps;
};

/* The rule of a filesystem, or NULL. */
const struct rule *rules_find(const struct rules *rules,
			      const unsigned char uuid[UUID_SIZE]);

/* 0 or -ENOMEM. */
int rules_add(struct rules *rules, const struct rule *rule);

void rules_end(struct rules *rules);

/* A group by its name or number. */
bool group_parse(const char *text, gid_t *gid);

#endif
