// SPDX-License-Identifier: GPL-2.0
/* Findings, see finding.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "finding.h"

void doctor_begin(struct doctor *doctor)
{
	doctor->last = &doctor->findings;
}

void doctor_end(struct doctor *doctor)
{
	while (doctor->findings) {
		struct finding *finding = doctor->findings;

		doctor->findings = finding->next;
		free(finding->what);
		free(finding->mend);
		free(finding);
	}
}

enum severity doctor_worst(const struct doctor *doctor)
{
	enum severity worst = GOOD;

	for (const struct finding *finding = doctor->findings; finding;
	     finding = finding->next)
		if (finding->severity > worst)
			worst = finding->severity;
	return worst;
}

const char *severity_name(enum severity severity)
{
	static const char *const names[SEVERITIES] = {
		[GOOD] = "ok",
		[NOTE] = "note",
		[WARNING] = "warning",
		[PROBLEM] = "problem",
	};

	return names[severity];
}

static void add(struct doctor *doctor, enum severity severity, const char *why,
		char *mend, const char *fmt, va_list args)
{
	struct finding *finding = calloc(1, sizeof(*finding));

	if (!finding || vasprintf(&finding->what, fmt, args) < 0) {
		free(finding);
		free(mend);
		doctor->no_memory = true;
		return;
	}
	finding->check = doctor->check;
	finding->severity = severity;
	finding->why = why;
	finding->mend = mend;
	*doctor->last = finding;
	doctor->last = &finding->next;
}

void found_good(struct doctor *doctor, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(doctor, GOOD, NULL, NULL, fmt, args);
	va_end(args);
}

void found(struct doctor *doctor, enum severity severity, const char *why,
	   char *mend, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(doctor, severity, why, mend, fmt, args);
	va_end(args);
}

char *command_text(const char *fmt, ...)
{
	va_list args;
	char *made;

	va_start(args, fmt);
	if (vasprintf(&made, fmt, args) < 0)
		made = NULL;
	va_end(args);
	return made;
}
