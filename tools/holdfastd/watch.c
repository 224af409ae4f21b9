// SPDX-License-Identifier: GPL-2.0
/* Breaks that are under way, see watch.h. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal/clock.h"
#include "fence.h"
#include "log.h"
#include "internal/margin.h"
#include "process.h"
#include "size.h"
#include "watch.h"

/* io_uring of Linux 6.1 lets a buffer go within a second. */
#define SETTLE_MS 2000
/* Two readings of one deadline differ by less. */
#define SAME_MS	  100

#define CHANGE_ROOM 96
#define LEASE_ROOM  512

struct watch {
	struct watch *next;
	uint64_t lease;
	char change[CHANGE_ROOM];
	char *file;
	char *text; /* "lease 7 (/mnt/pmem/file, bytes 0-4M)" */
	struct demand demand;
	uint64_t pinned;
	int64_t began_ms;    /* CLOCK_MONOTONIC, as the following */
	int64_t deadline_ms; /* when the kernel fences */
	int64_t act_ms;	     /* when we do */
	int64_t revoked_ms;  /* when we did, 0: have not */
	bool warned;
	bool seen; /* in this round */
	bool due;  /* in this round, it is time to act */
};

/* "truncate by dd (99)" */
static void change_text(char room[CHANGE_ROOM],
			const struct hf_report_entry *entry)
{
	snprintf(room, CHANGE_ROOM, "%s by %s (%d)", hf_op_name(entry->op),
		 entry->change_comm ? entry->change_comm : "?",
		 entry->change_pid);
}

/* "lease 7 (/mnt/pmem/file, bytes 0-4M)" */
static const char *lease_text(char room[LEASE_ROOM],
			      const struct hf_report_entry *entry)
{
	char range[RANGE_ROOM];

	snprintf(room, LEASE_ROOM, "lease %" PRIu64 " (%s, bytes %s)",
		 entry->id, entry->path ? entry->path : "?",
		 range_text(range, entry->offset, entry->length, false));
	return room;
}

/* "process 512 (server), process 513 (server)"; malloced, NULL: no memory */
static char *holders_text(const struct hf_report_entry *entry)
{
	char name[PROCESS_NAME_ROOM];
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	if (!to)
		return NULL;
	for (size_t i = 0; i < entry->pinner_count; i++)
		fprintf(to, "%sprocess %d (%s)", i ? ", " : "",
			entry->pinners[i],
			process_name(name, entry->pinners[i]));
	if (!entry->pinner_count)
		fputs("no process that is known", to);
	fclose(to);
	return text;
}

static struct watch *find(struct watches *watches, uint64_t lease)
{
	struct watch *watch = watches->list;

	while (watch && watch->lease != lease)
		watch = watch->next;
	return watch;
}

/*
 * When to act: by the margin before the deadline, but the holder has half of
 * its time at least.
 */
static void plan(struct watches *watches, struct watch *watch,
		 const struct hf_report_entry *entry, int64_t now)
{
	uint64_t left = entry->deadline_ms > 0 ? entry->deadline_ms : 0;

	watch->deadline_ms = now + entry->deadline_ms;
	watch->act_ms = watch->deadline_ms -
			(int64_t)hf_agent_margin_ms(left, watches->margin_ms);
	watch->revoked_ms = 0;
	watch->warned = false;
	/* A revocation has a time of its own. */
	watch->began_ms = now;
	if (entry->op != HOLDFAST_OP_REVOKE &&
	    entry->deadline_ms < (int64_t)entry->break_ms)
		watch->began_ms -= entry->break_ms - entry->deadline_ms;
	change_text(watch->change, entry);
}

static struct about about_watch(const struct watch *watch, const char *id)
{
	return (struct about){ .lease = watch->lease,
			       .file = watch->file,
			       .message_id = id };
}

static void announce(const struct watch *watch,
		     const struct hf_report_entry *entry, int64_t now)
{
	const struct about about = about_watch(watch, MESSAGE_BREAK);
	char *holders = holders_text(entry);
	int64_t left = watch->act_ms - now;

	say_about(LOG_INFO, &about,
		  "%s: %s waits for %s; its time is over in %.1f s",
		  watch->text, watch->change, holders ? holders : "?",
		  left > 0 ? left / 1e3 : 0.0);
	free(holders);
}

static void watch_free(struct watch *watch)
{
	free(watch->file);
	free(watch->text);
	free(watch);
}

static struct watch *add(struct watches *watches,
			 const struct hf_report_entry *entry, int64_t now)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	char room[LEASE_ROOM];

	if (!watch)
		return NULL;
	watch->text = strdup(lease_text(room, entry));
	watch->file = strdup(entry->path ? entry->path : "?");
	if (!watch->text || !watch->file) {
		watch_free(watch);
		return NULL;
	}
	watch->lease = entry->id;
	watch->next = watches->list;
	watches->list = watch;
	plan(watches, watch, entry, now);
	announce(watch, entry, now);
	return watch;
}

/* --- in a worker */

static void warn(const struct watch *watch, const struct fence_job *job,
		 const struct fenced *fenced, int64_t now)
{
	struct about about = about_watch(watch, MESSAGE_LEFT);
	char size[SIZE_ROOM], name[PROCESS_NAME_ROOM];
	int64_t left = watch->deadline_ms - now;

	about.pid = job->pid;
	say_about(
		LOG_WARNING, &about,
		"%s: %s are still pinned, by %s: left to the kernel, which kills process %d (%s) in %.1f s",
		watch->text, size_text(size, watch->pinned, false),
		*fenced->reasons
			? fenced->reasons
			: "nothing that can be recognised from outside",
		job->pid, process_name(name, job->pid),
		left > 0 ? left / 1e3 : 0.0);
}

static enum outcome report_revoked(struct watches *watches,
				   const struct fence_job *job, int64_t now)
{
	for (size_t i = 0; i < job->demand_count; i++) {
		const struct watch *watch =
			find(watches, job->demands[i].lease);
		struct about about;

		if (!watch)
			continue;
		about = about_watch(watch, MESSAGE_REVOKED);
		about.pid = job->pid;
		say_about(
			LOG_NOTICE, &about,
			"%s: fenced: %s has waited %.1f s, %.1f s are left to the deadline",
			watch->text, watch->change,
			(now - watch->began_ms) / 1e3,
			(watch->deadline_ms - now) / 1e3);
	}
	return OUTCOME_REVOKED;
}

static enum outcome report_left(struct watches *watches,
				const struct fence_job *job,
				const struct fenced *fenced, int64_t now)
{
	enum outcome outcome = OUTCOME_NOTHING;

	for (size_t i = 0; i < job->demand_count; i++) {
		const struct watch *watch =
			find(watches, job->demands[i].lease);

		if (!watch || watch->warned ||
		    now - watch->revoked_ms < SETTLE_MS)
			continue;
		warn(watch, job, fenced, now);
		outcome = OUTCOME_WARNED;
	}
	return outcome;
}

enum outcome watches_work(struct watches *watches, const struct fence_job *job)
{
	int64_t now = hf_clock_ms();
	struct fenced fenced;
	int err = fence_process(job, &fenced);

	if (err) {
		say(LOG_ERR, "process %d: %s", job->pid, strerror(-err));
		return OUTCOME_NOTHING;
	}
	if (fenced.revoked)
		return report_revoked(watches, job, now);
	return report_left(watches, job, &fenced, now);
}

/* --- */

void watches_worked(struct watches *watches, const struct fence_job *job,
		    enum outcome outcome)
{
	int64_t now = hf_clock_ms();

	watches->counts.revoked += outcome == OUTCOME_REVOKED;
	watches->counts.left += outcome == OUTCOME_WARNED;
	for (size_t i = 0; i < job->demand_count; i++) {
		struct watch *watch = find(watches, job->demands[i].lease);

		if (watch && outcome == OUTCOME_REVOKED)
			watch->revoked_ms = now;
		if (watch && outcome == OUTCOME_WARNED)
			watch->warned = true;
	}
}

/*
 * The deadline of one demand comes nearer at most: what is later, by more than two
 * readings differ, is another change's.
 */
static bool is_new(const struct watch *watch, int64_t deadline_ms)
{
	return deadline_ms > watch->deadline_ms + SAME_MS ||
	       deadline_ms < watch->deadline_ms - SAME_MS;
}

int watches_see(struct watches *watches, const struct hf_report_entry *entry,
		int64_t *next_ms)
{
	int64_t now = hf_clock_ms(), again;
	struct watch *watch = find(watches, entry->id);

	if (!watch)
		watch = add(watches, entry, now);
	else if (is_new(watch, now + entry->deadline_ms))
		plan(watches, watch, entry, now);
	if (!watch)
		return -ENOMEM;
	watch->seen = true;
	watch->demand = demand_of(entry);
	watch->pinned = entry->pinned;
	watch->due = now >= watch->act_ms;
	again = watch->due ? now + WATCH_AGAIN_MS : watch->act_ms;
	if (again < *next_ms)
		*next_ms = again;
	return 0;
}

static void over(const struct watch *watch, int64_t now)
{
	int64_t left = watch->deadline_ms - now;

	const struct about about = about_watch(watch, MESSAGE_OVER);

	if (watch->revoked_ms)
		say_about(LOG_NOTICE, &about,
			  "lease %" PRIu64
			  ": %s no longer waits, %.1f s %s the deadline",
			  watch->lease, watch->change, llabs(left) / 1e3,
			  left > 0 ? "before" : "after");
}

void watches_sweep(struct watches *watches, bool (*at_work)(uint64_t lease))
{
	struct watch **at = &watches->list;
	int64_t now = hf_clock_ms();

	while (*at) {
		struct watch *watch = *at;

		if (!watch->seen && !at_work(watch->lease)) {
			over(watch, now);
			*at = watch->next;
			watch_free(watch);
			continue;
		}
		watch->seen = false;
		at = &watch->next;
	}
}

static int compare_demands(const void *a, const void *b)
{
	const struct demand *one = a, *other = b;

	return (one->lease > other->lease) - (one->lease < other->lease);
}

int watches_due(struct watches *watches, struct demand **out, size_t *count)
{
	struct demand *demands;
	size_t n = 0;

	for (struct watch *watch = watches->list; watch; watch = watch->next)
		n += watch->due;
	demands = calloc(n + 1, sizeof(*demands));
	if (!demands)
		return -ENOMEM;
	n = 0;
	for (struct watch *watch = watches->list; watch; watch = watch->next) {
		if (watch->due)
			demands[n++] = watch->demand;
		watch->due = false;
	}
	qsort(demands, n, sizeof(*demands), compare_demands);
	*out = demands;
	*count = n;
	return 0;
}

void watches_free(struct watches *watches)
{
	while (watches->list) {
		struct watch *watch = watches->list;

		watches->list = watch->next;
		watch_free(watch);
	}
}
