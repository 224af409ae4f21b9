/* SPDX-License-Identifier: GPL-2.0 */
/* A round of the agent's work: it reads the report, and gives workers what is due. */
#ifndef HOLDFAST_ROUND_H
#define HOLDFAST_ROUND_H

struct watches;

/*
 * *@next_ms: in how many milliseconds the next break is due, -1 for none. Where memory is
 * short it tries again soon. 0, or a negative errno value with the reason logged.
 */
int watches_round(struct watches *watches, int *next_ms);

#endif
