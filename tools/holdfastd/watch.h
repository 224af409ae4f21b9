/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Breaks that are under way, and when to act on them. All of it is from the
 * report; what is remembered here is for the log, and not missed when lost.
 */
#ifndef HOLDFAST_WATCH_H
#define HOLDFAST_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics.h"

struct demand;
struct fence_job;
struct hf_report_entry;
struct watch;

/* What came of a job; exit status of a worker. */
enum outcome {
	OUTCOME_NOTHING,
	OUTCOME_REVOKED,
	OUTCOME_WARNED,
};

/* Breaks by lease, what was asked for on the command line, and what came of it. */
struct watches {
	struct watch *list;
	uint32_t margin_ms;
	struct agent_counts counts;
};

/* So soon what is due is looked at again. */
#define WATCH_AGAIN_MS 500

/*
 * A change waits for a lease, by the report. *@next_ms becomes the time of the next look
 * at it, by CLOCK_MONOTONIC, if that is sooner. 0 or -ENOMEM.
 */
int watches_see(struct watches *watches, const struct hf_report_entry *entry,
		int64_t *next_ms);

/* Breaks that were not seen since the last call are over, except where @at_work is true. */
void watches_sweep(struct watches *watches, bool (*at_work)(uint64_t lease));

/*
 * Of the leases that are due: *@out is malloced, sorted by lease, with @count members. 0 or
 * -ENOMEM.
 */
int watches_due(struct watches *watches, struct demand **out, size_t *count);

/* In a worker: does the job, and logs what came of it. */
enum outcome watches_work(struct watches *watches, const struct fence_job *job);

/* In the agent: it was done. */
void watches_worked(struct watches *watches, const struct fence_job *job,
		    enum outcome outcome);

void watches_free(struct watches *watches);

#endif
