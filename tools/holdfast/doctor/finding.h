/* SPDX-License-Identifier: GPL-2.0 */
/* What the checks of holdfast-doctor(1) have found. */
#ifndef HOLDFAST_DOCTOR_FINDING_H
#define HOLDFAST_DOCTOR_FINDING_H

#include <stdbool.h>
#include <stddef.h>

/* In the order of their weight. */
enum severity {
	GOOD,	 /* as it should be */
	NOTE,	 /* to know, or to gain by */
	WARNING, /* something will fail, or be slow */
	PROBLEM, /* leases do not work here */
	SEVERITIES
};

/**
 * struct finding - one thing that a check has found
 * @next: the finding after it, or NULL
 * @check: the name of the check
 * @severity: its weight
 * @what: what was found
 * @why: why it matters, or NULL for GOOD
 * @mend: the command that mends it, or NULL
 */
struct finding {
	struct finding *next;
	const char *check;
	enum severity severity;
	char *what;
	const char *why;
	char *mend;
};

/**
 * struct doctor - all findings, and what was asked for
 * @findings: in the order of the checks
 * @last: where the next finding goes
 * @check: the name of the check that runs
 * @paths: files to examine
 * @path_count: how many
 * @no_memory: a finding is missing
 */
struct doctor {
	struct finding *findings;
	struct finding **last;
	const char *check;
	char **paths;
	size_t path_count;
	bool no_memory;
};

void doctor_begin(struct doctor *doctor);
void doctor_end(struct doctor *doctor);

/* The weight of the worst finding. */
enum severity doctor_worst(const struct doctor *doctor);

/* "ok", "note", "warning", "problem" */
const char *severity_name(enum severity severity);

/* Everything is as it should be. */
__attribute__((format(printf, 2, 3))) void found_good(struct doctor *doctor,
						      const char *fmt, ...);

/**
 * found - add a finding
 * @doctor: the findings
 * @severity: its weight
 * @why: why it matters, a constant
 * @mend: the command that mends it, by command_text(), or NULL; this call frees it
 * @fmt: what was found
 */
__attribute__((format(printf, 5, 6))) void found(struct doctor *doctor,
						 enum severity severity,
						 const char *why, char *mend,
						 const char *fmt, ...);

/* Malloced; NULL: no memory, and then the finding has no command. */
__attribute__((format(printf, 1, 2))) char *command_text(const char *fmt, ...);

#endif
