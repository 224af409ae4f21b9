/* SPDX-License-Identifier: GPL-2.0 */
/* The module's parameters, for tests that change them. */
#ifndef HOLDFAST_TEST_PARAMETER_H
#define HOLDFAST_TEST_PARAMETER_H

#include "common.h"

#define PARAMETERS "/sys/module/holdfast/parameters/"

static inline unsigned int parameter_get(const char *name)
{
	char path[128];
	unsigned int value;
	FILE *file;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%u", &value) != 1)
		tap_bail("%s: %s", path, strerror(errno));
	fclose(file);
	return value;
}

static inline void parameter_set(const char *name, unsigned int value)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	file = fopen(path, "w");
	if (!file || fprintf(file, "%u", value) < 0 || fclose(file))
		tap_bail("%s: %s", path, strerror(errno));
}

#endif
