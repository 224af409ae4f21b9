// SPDX-License-Identifier: GPL-2.0
/* Leases of the report, by what they are on: see select.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "place.h"
#include "select.h"
#include "tool.h"

static int make_filter(struct filter *filter, const char *path)
{
	struct statx stx;

	if (place_of(path, 0, STATX_BASIC_STATS, &stx))
		return failed("%s: %s", path, strerror(errno));
	filter->major = stx.stx_dev_major;
	filter->minor = stx.stx_dev_minor;
	filter->ino = stx.stx_ino;
	if (S_ISBLK(stx.stx_mode)) {
		filter->major = stx.stx_rdev_major;
		filter->minor = stx.stx_rdev_minor;
		filter->ino = 0;
	} else if (S_ISDIR(stx.stx_mode)) {
		if (!(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
			return failed("%s: a directory, but not a mount point",
				      path);
		filter->ino = 0;
	}
	return 0;
}

int select_paths(struct selection *selection, char **paths, size_t count)
{
	int status = 0;

	if (!count)
		return 0;
	selection->filters = calloc(count, sizeof(*selection->filters));
	if (!selection->filters)
		return failed("no memory");
	selection->count = count;
	for (size_t i = 0; !status && i < count; i++)
		status = make_filter(&selection->filters[i], paths[i]);
	return status;
}

void selection_end(struct selection *selection)
{
	free(selection->filters);
	selection->filters = NULL;
	selection->count = 0;
}

bool filter_matches(const struct filter *filter,
		    const struct hf_report_entry *entry)
{
	return filter->major == entry->major && filter->minor == entry->minor &&
	       (!filter->ino || filter->ino == entry->ino);
}

bool selected(const struct selection *selection,
	      const struct hf_report_entry *entry)
{
	for (size_t i = 0; i < selection->count; i++)
		if (filter_matches(&selection->filters[i], entry))
			return true;
	return !selection->count;
}

/* A line that cannot be read must not hide the others. */
int each_lease(const char *path, const struct selection *selection,
	       lease_fn *fn, void *arg)
{
	struct hf_report *report;
	struct hf_report_entry entry;
	int status = 0;
	int ret;

	if (hf_report_open(path, &report))
		return failed("%s", hf_error());
	while ((ret = hf_report_next(report, &entry))) {
		if (ret < 0) {
			status = failed("%s", hf_error());
			if (ret == -EPROTO)
				continue;
			break;
		}
		if (selected(selection, &entry) && fn(&entry, arg)) {
			status = failed("no memory");
			break;
		}
	}
	hf_report_close(report);
	return status;
}
