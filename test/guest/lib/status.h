/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel counts for this process. */
#ifndef STATUS_H
#define STATUS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

/* Bytes, by the line of /proc/self/status that begins with @name. */
static inline size_t status_bytes(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	size_t kib = 0, len = strlen(name);
	bool found = false;
	char line[128];

	if (!file)
		tap_bail("status: %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, len))
			continue;
		kib = strtoul(line + len, NULL, 0);
		found = true;
	}
	fclose(file);
	if (!found)
		tap_bail("status: no line \"%s\"", name);
	return kib * 1024;
}

#endif
