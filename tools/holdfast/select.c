// SPDX-License-Identifier: GPL-2.0
/* Leases of the report, by what they are on: see select.h. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
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
	people_end(&selection->people);
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

static int add_pid(struct people *people, const char *text)
{
	pid_t *pids = reallocarray(people->pids, people->pid_count + 1,
				   sizeof(*pids));
	char *end;
	long pid;

	if (!pids)
		return failed("no memory");
	people->pids = pids;
	errno = 0;
	pid = strtol(text, &end, 10);
	if (errno || *end || pid <= 0 || pid > INT32_MAX)
		return bad_usage("ls", "%s: not a process", text);
	pids[people->pid_count++] = pid;
	return 0;
}

static int add_user(struct people *people, const char *text)
{
	uid_t *uids = reallocarray(people->uids, people->uid_count + 1,
				   sizeof(*uids));
	const struct passwd *user = getpwnam(text);
	unsigned long uid;
	char *end;

	if (!uids)
		return failed("no memory");
	people->uids = uids;
	errno = 0;
	uid = user ? user->pw_uid : strtoul(text, &end, 10);
	if (!user && (errno || *end || !isdigit((unsigned char)*text) ||
		      uid > UINT32_MAX))
		return bad_usage("ls", "%s: no such user", text);
	uids[people->uid_count++] = uid;
	return 0;
}

static int add_each(struct people *people, const char *list,
		    int (*add)(struct people *people, const char *text))
{
	char *copy = strdup(list), *rest = copy;
	int status = copy ? 0 : failed("no memory");

	for (char *one; !status && (one = strsep(&rest, ","));)
		status = add(people, one);
	free(copy);
	return status;
}

int people_add_pids(struct people *people, const char *list)
{
	return add_each(people, list, add_pid);
}

int people_add_users(struct people *people, const char *list)
{
	return add_each(people, list, add_user);
}

void people_end(struct people *people)
{
	free(people->pids);
	free(people->uids);
	*people = (struct people){ 0 };
}

bool is_one_of(const struct people *people, uid_t uid, const pid_t *pids,
	       size_t count)
{
	bool user = !people->uid_count, process = !people->pid_count;

	for (size_t i = 0; i < people->uid_count; i++)
		user |= people->uids[i] == uid;
	for (size_t i = 0; i < people->pid_count; i++)
		for (size_t j = 0; j < count; j++)
			process |= people->pids[i] == pids[j];
	return user && process;
}

/* Its holder, or the processes that pin its bytes. */
static bool is_of(const struct people *people,
		  const struct hf_report_entry *entry)
{
	return is_one_of(people, entry->uid, &entry->pid, 1) ||
	       is_one_of(people, entry->uid, entry->pinners,
			 entry->pinner_count);
}

bool selected(const struct selection *selection,
	      const struct hf_report_entry *entry)
{
	if (!is_of(&selection->people, entry))
		return false;
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
