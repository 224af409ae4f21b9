// SPDX-License-Identifier: GPL-2.0
/* Transparent huge pages: a setting that people look for, and that does not matter. */
#include "checks.h"
#include "sysfs.h"

void check_thp(struct doctor *doctor)
{
	char value[ATTR_ROOM];

	if (attr_read(value, "/sys/kernel/mm/transparent_hugepage/enabled"))
		found_good(
			doctor,
			"transparent huge pages are '%s': mappings of DAX files "
			"have 2 MiB pages with any setting",
			chosen_word(value));
}
