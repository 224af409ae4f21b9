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

/* Some processes and users; without any, all. */
struct people {
	pid_t *pids;
	size_t pid_count;
	uid_t *uids;
	size_t uid_count;
};

/* Those that match one of the filters; without any, all. And of the people. */
struct selection {
	struct filter *filters;
	size_t count;
	struct people people;
};

/*
 * Files, mount points and block devices. 0, or the exit status when one is
 * none of these. End it in either case.
 */
int select_paths(struct selection *selection, char **paths, size_t count);
void selection_end(struct selection *selection);

/*
 * Add those of @list, separated by commas: processes by number, users by name or
 * number. 0, or the exit status after a message.
 */
int people_add_pids(struct people *people, const char *list);
int people_add_users(struct people *people, const char *list);
void people_end(struct people *people);

/* Whether the user is one of them, and one of the processes. */
bool is_one_of(const struct people *people, uid_t uid, const pid_t *pids,
	       size_t count);

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
