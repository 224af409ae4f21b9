// SPDX-License-Identifier: GPL-2.0
/* Leases as lsof -F prints open files, see lsof.h. */
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "lsof.h"
#include "process.h"
#include "utf8.h"

/* What stands for the number of a descriptor, as "mem" does there for a mapping. */
#define HELD   "lease"
#define PINNED "pin"

struct lsof_use {
	pid_t pid;
	uid_t uid;
	const char *how;
	dev_t device;
	uint64_t ino;
	uint64_t offset;
	uint64_t length;
	char *path; /* NULL: not known */
};

static int add(struct lsof *lsof, const struct hf_report_entry *entry,
	       const struct lsof_use *use)
{
	struct lsof_use *uses;

	if (!is_one_of(&lsof->pins->people, use->uid, &use->pid, 1))
		return 0;
	uses = reallocarray(lsof->uses, lsof->count + 1, sizeof(*uses));
	if (!uses)
		return -ENOMEM;
	lsof->uses = uses;
	uses[lsof->count] = *use;
	uses[lsof->count].device = makedev(entry->major, entry->minor);
	uses[lsof->count].ino = entry->ino;
	uses[lsof->count].path = entry->path ? strdup(entry->path) : NULL;
	if (entry->path && !uses[lsof->count].path)
		return -ENOMEM;
	lsof->count++;
	return 0;
}

/* Whether a process has the lease open; an implicit one has no descriptor. */
static bool is_held(const struct hf_report_entry *entry)
{
	return entry->state != HOLDFAST_ZOMBIE &&
	       entry->origin != HOLDFAST_IMPLICIT && entry->pid;
}

int lsof_add(const struct hf_report_entry *entry, void *arg)
{
	const struct lsof_use holder = {
		.pid = entry->pid,
		.uid = entry->uid,
		.how = HELD,
		.offset = entry->offset,
		.length = entry->length,
	};
	struct lsof *lsof = arg;
	int ret = is_held(entry) ? add(lsof, entry, &holder) : 0;

	for (size_t i = 0; !ret && i < lsof->pins->count; i++) {
		const struct hf_pins_entry *pin = &lsof->pins->entries[i];
		const struct lsof_use use = {
			.pid = pin->pid,
			.uid = pin->uid,
			.how = PINNED,
			.offset = pin->offset,
			.length = pin->length,
		};

		if (pin->lease == entry->id && pin->pid)
			ret = add(lsof, entry, &use);
	}
	return ret;
}

static int compare(const void *a, const void *b)
{
	const struct lsof_use *one = a, *other = b;

	return (one->pid > other->pid) - (one->pid < other->pid);
}

static void field(FILE *to, char name, const char *text)
{
	fputc(name, to);
	print_text(to, text);
	fputc('\n', to);
}

static void print_process(const struct lsof_use *use, FILE *to)
{
	const struct passwd *user = getpwuid(use->uid);
	char name[PROCESS_NAME_ROOM];

	fprintf(to, "p%d\n", use->pid);
	field(to, 'c', process_name(name, use->pid));
	fprintf(to, "u%u\n", use->uid);
	if (user)
		field(to, 'L', user->pw_name);
}

static void print_file(const struct lsof_use *use, FILE *to)
{
	fprintf(to,
		"f%s\ntREG\nD0x%" PRIx64 "\ns%" PRIu64 "\no0t%" PRIu64
		"\ni%" PRIu64 "\n",
		use->how, (uint64_t)use->device, use->length, use->offset,
		use->ino);
	if (use->path)
		field(to, 'n', use->path);
}

void lsof_print(struct lsof *lsof, FILE *to)
{
	qsort(lsof->uses, lsof->count, sizeof(*lsof->uses), compare);
	for (size_t i = 0; i < lsof->count; i++) {
		if (!i || lsof->uses[i].pid != lsof->uses[i - 1].pid)
			print_process(&lsof->uses[i], to);
		print_file(&lsof->uses[i], to);
	}
}

void lsof_end(struct lsof *lsof)
{
	for (size_t i = 0; i < lsof->count; i++)
		free(lsof->uses[i].path);
	free(lsof->uses);
}
