// SPDX-License-Identifier: GPL-2.0
/* Rules of a policy, see rules.h. */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast.h"
#include "rules.h"
#include "size.h"

const struct rule *rules_find(const struct rules *rules,
			      const unsigned char uuid[UUID_SIZE])
{
	for (size_t i = 0; i < rules->count; i++)
		if (!memcmp(rules->list[i].uuid, uuid, UUID_SIZE))
			return &rules->list[i];
	return NULL;
}

int rules_add(struct rules *rules, const struct rule *rule)
{
	struct rule *list =
		reallocarray(rules->list, rules->count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list[rules->count++] = *rule;
	rules->list = list;
	return 0;
}

void rules_end(struct rules *rules)
{
	free(rules->list);
	*rules = (struct rules){ 0 };
}

bool group_parse(const char *text, gid_t *gid)
{
	const struct group *group = getgrnam(text);
	uint64_t number;

	if (group) {
		*gid = group->gr_gid;
		return true;
	}
	if (strspn(text, "0123456789") != strlen(text) ||
	    !size_parse(text, &number) || number >= HF_ANY_GROUP)
		return false;
	*gid = number;
	return true;
}
