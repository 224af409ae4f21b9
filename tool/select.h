/* SPDX-License-Identifier: GPL-2.0 */
/* Which leases a command is about. */
#ifndef HOLDFAST_SELECT_H
#define HOLDFAST_SELECT_H

#include "holdfast.h"

/* Those of a file, or of a filesystem when !@ino. */
struct filter {
	unsigned int major;
	unsigned int minor;
	uint64_t ino;
};

/* Those that match one of the filters; without any, all. */
struct selection {
	struct filter *filters;
	size_t count;
};

/*
 * Files, mount points and block devices. 0, or the exit status when one is
 * none of these. End it in either case.
 */
int select_paths(struct selection *selection, char **paths, size_t count);
void selection_end(struct selection *selection);

bool filter_matches(const struct filter *filter,
		    const struct hf_report_entry *entry);
bool selected(const struct selection *selection,
	      const struct hf_report_entry *entry);

/* Anything but 0 is "no memory", and ends each_lease(). */
typedef int lease_fn(const struct hf_report_entry *entry, void *arg);

/*
 * Call @fn for each selected lease of a report, NULL is HOLDFAST_REPORT. 0,
 * or the exit status when not all could be read.
 */
int each_lease(const char *report, const struct selection *selection,
	       lease_fn *fn, void *arg);

#endif
