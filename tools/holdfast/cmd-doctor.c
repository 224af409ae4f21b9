// SPDX-License-Identifier: GPL-2.0
/* holdfast-doctor(1): what keeps leases from working here. */
#include <getopt.h>
#include <libsmartcols/libsmartcols.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "doctor/checks.h"
#include "grid.h"
#include "tool.h"
#include "utf8.h"

/* Exit statuses beside those of tool.h. */
#define EXIT_WARNING 3
#define EXIT_PROBLEM 4

enum column {
	CHECK,
	SEVERITY,
	WHAT,
	WHY,
	MEND,
	COLUMNS
};

static const struct grid_column columns[COLUMNS] = {
	[CHECK] = { "CHECK", SCOLS_JSON_STRING, GRID_JSON },
	[SEVERITY] = { "SEVERITY", SCOLS_JSON_STRING, GRID_JSON },
	[WHAT] = { "WHAT", SCOLS_JSON_STRING, GRID_JSON },
	[WHY] = { "WHY", SCOLS_JSON_STRING, GRID_JSON },
	[MEND] = { "MEND", SCOLS_JSON_STRING, GRID_JSON },
};

static int add_json(struct libscols_table *lines, const struct finding *finding)
{
	const char *texts[COLUMNS] = {
		[CHECK] = finding->check,
		[WHAT] = finding->what,
		[WHY] = finding->why,
		[MEND] = finding->mend,
		[SEVERITY] = severity_name(finding->severity),
	};

	return grid_add(lines, true, columns, COLUMNS, texts);
}

static int show_json(const struct doctor *doctor)
{
	struct libscols_table *lines =
		grid_make("findings", true, columns, COLUMNS);
	int ret = lines ? 0 : -1;

	for (const struct finding *finding = doctor->findings; !ret && finding;
	     finding = finding->next)
		ret = add_json(lines, finding);
	if (!ret)
		ret = grid_print(lines, stdout);
	scols_unref_table(lines);
	return ret ? failed("no memory") : 0;
}

static void show_line(const char *head, const char *tail)
{
	printf("%18s: ", head);
	print_text(stdout, tail);
	putchar('\n');
}

static void show_finding(const struct finding *finding)
{
	printf("%-8s%-11s ", severity_name(finding->severity), finding->check);
	print_text(stdout, finding->what);
	putchar('\n');
	if (finding->why)
		show_line("why", finding->why);
	if (finding->mend)
		show_line("mend", finding->mend);
}

static void show(const struct doctor *doctor, bool all)
{
	size_t count[SEVERITIES] = { 0 };

	for (const struct finding *finding = doctor->findings; finding;
	     finding = finding->next) {
		count[finding->severity]++;
		if (all || finding->severity != GOOD)
			show_finding(finding);
	}
	printf("%zu ok, %zu note%s, %zu warning%s, %zu problem%s\n",
	       count[GOOD], count[NOTE], count[NOTE] == 1 ? "" : "s",
	       count[WARNING], count[WARNING] == 1 ? "" : "s", count[PROBLEM],
	       count[PROBLEM] == 1 ? "" : "s");
}

static int status_of(const struct doctor *doctor)
{
	switch (doctor_worst(doctor)) {
	case PROBLEM:
		return EXIT_PROBLEM;
	case WARNING:
		return EXIT_WARNING;
	default:
		return 0;
	}
}

static int examine(struct doctor *doctor, bool json, bool all)
{
	int status = 0;

	doctor_begin(doctor);
	doctor_examine(doctor);
	if (json)
		status = show_json(doctor);
	else
		show(doctor, all);
	if (!status && doctor->no_memory)
		status = failed("no memory: findings are missing");
	if (!status)
		status = status_of(doctor);
	doctor_end(doctor);
	return status;
}

static void usage(void)
{
	puts("usage: holdfast doctor [OPTION...] [FILE...]\n"
	     "Examine this machine, and FILEs, for what keeps leases from "
	     "working or makes them\n"
	     "slow; say why it matters and which command mends it. Exit status: "
	     "0, or 3 with a\n"
	     "warning, or 4 with a problem.\n\n"
	     "  -q, --quiet  leave out what is as it should be\n"
	     "  -J, --json   print JSON\n"
	     "  -h, --help");
}

int cmd_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'J' },
		{ "quiet", no_argument, NULL, 'q' },
		{ 0 },
	};
	bool json = false, all = true;
	struct doctor doctor = { 0 };
	int option;

	while ((option = getopt_long(argc, argv, ":hJq", options, NULL)) >= 0) {
		switch (option) {
		case 'J':
			json = true;
			break;
		case 'q':
			all = false;
			break;
		case 'h':
			usage();
			return 0;
		default:
			return bad_option("doctor", option, argv);
		}
	}
	doctor.paths = argv + optind;
	doctor.path_count = argc - optind;
	return examine(&doctor, json, all);
}
