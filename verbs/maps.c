// SPDX-License-Identifier: LGPL-2.1-or-later
/* What is mapped at an address, from /proc/self/maps. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "internal.h"

struct line {
	uintptr_t start;
	uintptr_t end;
	bool writable;
	bool shared;
	struct hf_mapped mapped;
	char *path;
};

static bool parse(char *text, struct line *line)
{
	unsigned int device_major, device_minor;
	char modes[5];
	int path = 0;

	if (sscanf(text,
		   "%" SCNxPTR "-%" SCNxPTR " %4s %" SCNx64 " %x:%x %lu %n",
		   &line->start, &line->end, modes, &line->mapped.offset,
		   &device_major, &device_minor, &line->mapped.inode,
		   &path) < 7)
		return false;
	line->mapped.device = makedev(device_major, device_minor);
	line->writable = modes[1] == 'w';
	line->shared = modes[3] == 's';
	line->path = text + path;
	line->path[strcspn(line->path, "\n")] = '\0';
	return true;
}

/* The next piece of the area: does it go on as it began? */
static void add(struct hf_area *area, const struct line *line, uintptr_t first,
		uintptr_t addr)
{
	uint64_t offset = line->mapped.offset + (addr - line->start);

	if (!line->writable)
		area->writable = false;
	if (addr == first) {
		area->mapped = line->mapped;
		area->mapped.offset = offset;
		area->path = strdup(line->path);
		area->file = line->shared && line->mapped.inode && area->path;
	} else if (!line->shared ||
		   line->mapped.device != area->mapped.device ||
		   line->mapped.inode != area->mapped.inode ||
		   offset != area->mapped.offset + (addr - first)) {
		area->file = false;
	}
}

int hf_area_look(const void *start, size_t length, struct hf_area *area)
{
	uintptr_t first = (uintptr_t)start, at = first, end = first + length;
	FILE *maps = fopen("/proc/self/maps", "re");
	struct line line;
	char *text = NULL;
	size_t room = 0;

	if (!maps)
		return -errno;
	*area = (struct hf_area){ .writable = true };
	while (at < end && getline(&text, &room, maps) > 0) {
		if (!parse(text, &line) || line.end <= at)
			continue;
		if (line.start > at)
			break;
		add(area, &line, first, at);
		at = line.end;
	}
	area->whole = at >= end;
	free(text);
	fclose(maps);
	return 0;
}
