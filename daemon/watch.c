// SPDX-License-Identifier: GPL-2.0
/* Breaks that are under way, see watch.h. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fence.h"
#include "log.h"
#include "size.h"
#include "tool.h"
#include "watch.h"

/* How soon to look again after acting. */
#define AGAIN_MS  500
/* And to see whether a worker has ended. */
#define REAP_MS	  50
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
	int64_t began_ms;    /* CLOCK_MONOTONIC, as the following */
	int64_t deadline_ms; /* when the kernel fences */
	int64_t act_ms;	     /* when we do */
	int64_t revoked_ms;  /* when we did, 0: have not */
	bool warned;
	bool seen;    /* in this round */
	pid_t worker; /* who acts, 0: nobody does */
};

/* Exit statuses of a worker. */
enum outcome {
	NOTHING,
	REVOKED,
	WARNED,
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

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
	int64_t margin = entry->deadline_ms / 2;

	if (margin < 0)
		margin = 0;
	if (margin > watches->margin_ms)
		margin = watches->margin_ms;
	watch->deadline_ms = now + entry->deadline_ms;
	watch->act_ms = watch->deadline_ms - margin;
	watch->revoked_ms = 0;
	watch->warned = false;
	/* A revocation has a time of its own. */
	watch->began_ms = now;
	if (entry->op != HOLDFAST_OP_REVOKE &&
	    entry->deadline_ms < (int64_t)entry->break_ms)
		watch->began_ms -= entry->break_ms - entry->deadline_ms;
	change_text(watch->change, entry);
}

static void announce(const struct watch *watch,
		     const struct hf_report_entry *entry, int64_t now)
{
	char room[LEASE_ROOM];
	char *holders = holders_text(entry);
	int64_t left = watch->act_ms - now;

	say(LOG_INFO, "%s: %s waits for %s; its time is over in %.1f s",
	    lease_text(room, entry), watch->change, holders ? holders : "?",
	    left > 0 ? left / 1e3 : 0.0);
	free(holders);
}

static struct watch *add(struct watches *watches,
			 const struct hf_report_entry *entry, int64_t now)
{
	struct watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->lease = entry->id;
	watch->next = watches->list;
	watches->list = watch;
	plan(watches, watch, entry, now);
	announce(watch, entry, now);
	return watch;
}

static void warn(const struct watch *watch, const struct hf_report_entry *entry,
		 const struct fenced *fenced, int64_t now)
{
	char room[LEASE_ROOM], size[SIZE_ROOM];
	char *holders = holders_text(entry);
	int64_t left = watch->deadline_ms - now;

	say(LOG_WARNING,
	    "%s: %s are still pinned, by %s: left to the kernel, which kills %s in %.1f s",
	    lease_text(room, entry), size_text(size, entry->pinned, false),
	    *fenced->reasons ? fenced->reasons
			     : "nothing that can be recognised from outside",
	    holders ? holders : "?", left > 0 ? left / 1e3 : 0.0);
	free(holders);
}

static enum outcome work(const struct watch *watch,
			 const struct hf_report_entry *entry, int64_t now)
{
	char room[LEASE_ROOM];
	struct fenced fenced;
	int err = fence_lease(entry, &fenced);

	if (err) {
		say(LOG_ERR, "%s: %s", lease_text(room, entry), strerror(-err));
		return NOTHING;
	}
	if (fenced.revoked) {
		say(LOG_NOTICE,
		    "%s: fenced: %s has waited %.1f s, %.1f s are left to the deadline",
		    lease_text(room, entry), watch->change,
		    (now - watch->began_ms) / 1e3,
		    (watch->deadline_ms - now) / 1e3);
		return REVOKED;
	}
	if (watch->warned || now - watch->revoked_ms < SETTLE_MS)
		return NOTHING;
	warn(watch, entry, &fenced, now);
	return WARNED;
}

/* False while a worker is at work. */
static bool reap(struct watch *watch, int64_t now)
{
	int status;

	if (!watch->worker)
		return true;
	if (waitpid(watch->worker, &status, WNOHANG) == 0)
		return false;
	watch->worker = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == REVOKED)
		watch->revoked_ms = now;
	if (WIFEXITED(status) && WEXITSTATUS(status) == WARNED)
		watch->warned = true;
	return true;
}

/*
 * In a process of its own: a ring or a device of a holder may keep whoever
 * calls it waiting, and must not keep other leases' holders from being fenced.
 */
static void act(struct watch *watch, const struct hf_report_entry *entry,
		int64_t now)
{
	if (!reap(watch, now))
		return;
	watch->worker = fork();
	if (!watch->worker)
		_exit(work(watch, entry, now));
	if (watch->worker < 0) {
		say(LOG_ERR, "fork: %s", strerror(errno));
		watch->worker = 0;
	}
}

static int handle(struct watches *watches, const struct hf_report_entry *entry,
		  int64_t *next)
{
	int64_t now = now_ms(), again;
	struct watch *watch = find(watches, entry->id);

	if (!watch)
		watch = add(watches, entry, now);
	/* Another break of the same lease, or it was revoked meanwhile. */
	else if (llabs(now + entry->deadline_ms - watch->deadline_ms) > SAME_MS)
		plan(watches, watch, entry, now);
	if (!watch)
		return -ENOMEM;
	watch->seen = true;
	again = watch->act_ms;
	if (now >= watch->act_ms) {
		act(watch, entry, now);
		again = now + AGAIN_MS;
	}
	if (again < *next)
		*next = again;
	return 0;
}

static void over(const struct watch *watch, int64_t now)
{
	int64_t left = watch->deadline_ms - now;

	if (watch->revoked_ms)
		say(LOG_NOTICE,
		    "lease %" PRIu64
		    ": %s need not wait any more, %.1f s %s the deadline",
		    watch->lease, watch->change, llabs(left) / 1e3,
		    left > 0 ? "before" : "after");
}

/* What was not seen is over, but for the workers. */
static void sweep(struct watches *watches, int64_t *next)
{
	struct watch **at = &watches->list;
	int64_t now = now_ms();

	while (*at) {
		struct watch *watch = *at;
		bool seen = watch->seen;

		watch->seen = false;
		if (!seen && reap(watch, now)) {
			over(watch, now);
			*at = watch->next;
			free(watch);
			continue;
		}
		if (!seen && now + REAP_MS < *next)
			*next = now + REAP_MS;
		at = &watch->next;
	}
}

int watches_round(struct watches *watches, int *next_ms)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	int64_t next = INT64_MAX, wait;
	int ret = hf_report_open(NULL, &report);

	if (ret) {
		say(LOG_ERR, "%s", hf_error());
		return ret;
	}
	while ((ret = hf_report_next(report, &entry))) {
		if (ret == -EPROTO) {
			say(LOG_WARNING, "%s", hf_error());
			continue;
		}
		if (ret < 0) {
			say(LOG_ERR, "%s", hf_error());
			break;
		}
		/* A change does not wait for what is not pinned. */
		if (!entry.has_deadline || !entry.pinned)
			continue;
		ret = handle(watches, &entry, &next);
		if (ret) {
			say(LOG_ERR, "%s", strerror(-ret));
			break;
		}
	}
	hf_report_close(report);
	if (ret)
		return ret;
	sweep(watches, &next);
	wait = next - now_ms();
	if (next == INT64_MAX)
		*next_ms = -1;
	else
		*next_ms = wait < 0 ? 0 : wait > INT_MAX ? INT_MAX : wait;
	return 0;
}

void watches_free(struct watches *watches)
{
	while (watches->list) {
		struct watch *watch = watches->list;

		watches->list = watch->next;
		free(watch);
	}
}
