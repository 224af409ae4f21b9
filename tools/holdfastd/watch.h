/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Breaks that are under way, and when to act on them. All of it is from the
 * report; what is remembered here is for the log, and not missed when lost.
 */
#ifndef HOLDFAST_WATCH_H
#define HOLDFAST_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics.h"

struct fence_job;
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

/*
 * Reads the report, acts where it is time to, and sets *@next_ms: in how many
 * milliseconds the next break is due, -1 for none. Where memory is short it tries
 * again soon. 0, or a negative errno value with the reason logged.
 */
int watches_round(struct watches *watches, int *next_ms);

/* In a worker: does the job, and logs what came of it. */
enum outcome watches_work(struct watches *watches, const struct fence_job *job);

/* In the agent: it was done. */
void watches_worked(struct watches *watches, const struct fence_job *job,
		    enum outcome outcome);

void watches_free(struct watches *watches);

#endif
