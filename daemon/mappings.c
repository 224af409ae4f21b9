// SPDX-License-Identifier: GPL-2.0
/* Where leases are mapped, see mappings.h. */
#include <errno.h>
#include <inttypes.h>
#include <linux/holdfast.h>
#include <stdio.h>
#include <stdlib.h>

#include "mappings.h"

static int add(struct mappings *mappings, const struct mapping *mapping)
{
	struct mapping *list = reallocarray(mappings->list, mappings->count + 1,
					    sizeof(*list));

	if (!list)
		return -ENOMEM;
	list[mappings->count++] = *mapping;
	mappings->list = list;
	return 0;
}

int mappings_read(struct mappings *to, uint64_t lease)
{
	FILE *file = fopen(HOLDFAST_MAPPINGS, "re");
	struct mappings found = { 0 };
	struct mapping mapping;
	char line[128];
	int err = 0;

	if (!file)
		return -errno;
	while (!err && fgets(line, sizeof(line), file)) {
		/* The first line names these columns. */
		if (sscanf(line, "%" SCNu64 " %d %" SCNx64 " %" SCNx64,
			   &mapping.lease, &mapping.pid, &mapping.start,
			   &mapping.end) != 4)
			continue;
		if (mapping.lease == lease && mapping.pid)
			err = add(&found, &mapping);
	}
	if (!err && ferror(file))
		err = -EIO;
	fclose(file);
	if (err)
		mappings_free(&found);
	else
		*to = found;
	return err;
}

void mappings_free(struct mappings *mappings)
{
	free(mappings->list);
	*mappings = (struct mappings){ 0 };
}

bool mappings_meet(const struct mappings *mappings, pid_t pid, uint64_t start,
		   uint64_t length)
{
	for (size_t i = 0; i < mappings->count; i++) {
		const struct mapping *mapping = &mappings->list[i];

		if (mapping->pid == pid && start < mapping->end &&
		    (length > mapping->start ||
		     start > mapping->start - length))
			return true;
	}
	return false;
}
