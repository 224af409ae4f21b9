// SPDX-License-Identifier: GPL-2.0
/* holdfast-ls(1): a table of the leases, or JSON; their pins and consumers. */
#include <getopt.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "consumers.h"
#include "grid.h"
#include "lsof.h"
#include "pins.h"
#include "select.h"
#include "table.h"
#include "tool.h"

struct listing {
	struct table table;
	struct selection selection;
	FILE *hints; /* what to do about leases that stay for their pins alone */
	char *hint_text;
	size_t hint_size;
};

static void add_hint(FILE *to, const struct hf_report_entry *entry)
{
	bool zombie = entry->state == HOLDFAST_ZOMBIE;

	if (!zombie && entry->state != HOLDFAST_RELEASING)
		return;
	fprintf(to, "holdfast: lease %" PRIu64 " %s, and ", entry->id,
		zombie ? "is a zombie: no process has it open"
		       : "has been ended");
	if (!entry->pinner_count)
		fputs("the process that registered its memory has ended", to);
	else
		fprintf(to, "its memory stays registered by process%s",
			entry->pinner_count > 1 ? "es" : "");
	for (size_t i = 0; i < entry->pinner_count; i++)
		fprintf(to, "%s %d", i ? "," : "", entry->pinners[i]);
	if (!entry->has_change)
		fprintf(to, "; to end that: holdfast revoke %" PRIu64,
			entry->id);
	fputc('\n', to);
}

static int add(const struct hf_report_entry *entry, void *arg)
{
	struct listing *listing = arg;

	if (!listing->table.view.json)
		add_hint(listing->hints, entry);
	return table_add(entry, &listing->table);
}

static void usage(void)
{
	puts("usage: holdfast ls [OPTION...] [PATH...]\n"
	     "List leases: your own and those on your files, or as root all "
	     "there are; or only\n"
	     "those on each PATH, a file, mount point or block device.\n\n"
	     "  -b, --bytes         sizes and ranges in bytes\n"
	     "  -c, --consumers     what has their memory registered (root)\n"
	     "  -p, --pins          who pins what of them\n"
	     "      --lsof          who holds or pins what, as lsof -F prints "
	     "it\n"
	     "  -J, --json          all there is to know, as JSON\n"
	     "  -n, --noheadings    no line of names\n"
	     "  -o, --output LIST   only these columns: names, separated by "
	     "commas\n"
	     "      --pid LIST      only of these processes, separated by "
	     "commas\n"
	     "  -u, --user LIST     only of these users, names or numbers\n"
	     "      --report FILE   read FILE, a saved copy of\n"
	     "                      " HOLDFAST_REPORT "\n"
	     "  -h, --help");
}

/* What is listed. */
enum what {
	LEASES,
	CONSUMERS,
	PINS,
	LSOF
};

struct request {
	enum what what;
	struct grid_view view;
	struct people people; /* whose */
	const char *report;
	char **paths;
	size_t path_count;
};

static int print_lines(struct libscols_table *lines)
{
	return grid_print(lines, stdout) ? failed("no memory") : 0;
}

static int print_leases(struct listing *listing, const struct request *request)
{
	int status = table_make(&listing->table);

	if (status)
		return status;
	listing->hints =
		open_memstream(&listing->hint_text, &listing->hint_size);
	if (!listing->hints)
		return failed("no memory");
	/* What could be read is shown, whatever could not. */
	status = each_lease(request->report, &listing->selection, add, listing);
	if (fflush(listing->hints))
		return failed("no memory");
	status = print_lines(listing->table.lines) ?: status;
	fflush(stdout);
	fputs(listing->hint_text, stderr);
	return status;
}

static int list_leases(struct request *request, struct selection *selection)
{
	struct listing listing = {
		.table.view = request->view,
		.selection = *selection,
	};
	int status;

	/* The holder is one of them, or who pins its bytes. */
	listing.selection.people = request->people;
	status = print_leases(&listing, request);
	if (listing.hints)
		fclose(listing.hints);
	free(listing.hint_text);
	table_end(&listing.table);
	return status;
}

static int list_consumers(struct request *request, struct selection *selection)
{
	struct consumers consumers = { .view = request->view,
				       .people = request->people };
	int status = consumers_make(&consumers);

	if (!status && geteuid())
		status = failed(
			"to look into other processes it has to be root");
	if (!status) {
		status = each_lease(NULL, selection, consumers_add, &consumers);
		status = print_lines(consumers.lines) ?: status;
	}
	consumers_end(&consumers);
	return status;
}

static int list_pins(struct request *request, struct selection *selection)
{
	struct pins pins = { .view = request->view, .people = request->people };
	int status = pins_make(&pins);

	if (!status)
		status = pins_read(&pins);
	if (!status) {
		status = each_lease(NULL, selection, pins_add, &pins);
		status = print_lines(pins.lines) ?: status;
	}
	pins_end(&pins);
	return status;
}

static int list_lsof(struct request *request, struct selection *selection)
{
	struct pins pins = { .people = request->people };
	struct lsof lsof = { .pins = &pins };
	int status = pins_read(&pins);

	if (!status) {
		status = each_lease(NULL, selection, lsof_add, &lsof);
		lsof_print(&lsof, stdout);
	}
	lsof_end(&lsof);
	pins_end(&pins);
	return status;
}

static int list(struct request *request)
{
	static int (*const list_of[])(struct request * request,
				      struct selection * selection) = {
		[LEASES] = list_leases,
		[CONSUMERS] = list_consumers,
		[PINS] = list_pins,
		[LSOF] = list_lsof,
	};
	struct selection selection = { 0 };
	int status;

	if (request->report && request->what != LEASES)
		return bad_usage("ls", "--report is of leases: not with "
				       "--consumers, --pins or --lsof");
	status = select_paths(&selection, request->paths, request->path_count);
	if (!status)
		status = list_of[request->what](request, &selection);
	selection_end(&selection);
	return status;
}

/* -1 to go on, or the exit status. */
static int parse(struct request *request, int argc, char **argv)
{
	static const struct option options[] = {
		{ "bytes", no_argument, NULL, 'b' },
		{ "consumers", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'J' },
		{ "lsof", no_argument, NULL, 'l' },
		{ "noheadings", no_argument, NULL, 'n' },
		{ "output", required_argument, NULL, 'o' },
		{ "pid", required_argument, NULL, 'P' },
		{ "pins", no_argument, NULL, 'p' },
		{ "report", required_argument, NULL, 'r' },
		{ "user", required_argument, NULL, 'u' },
		{ 0 },
	};
	enum what what = LEASES;
	int option, status = 0;

	while (!status && (option = getopt_long(argc, argv, ":bchJno:pu:",
						options, NULL)) >= 0) {
		switch (option) {
		case 'b':
			request->view.exact = true;
			break;
		case 'c':
			what = CONSUMERS;
			break;
		case 'J':
			request->view.json = true;
			break;
		case 'l':
			what = LSOF;
			break;
		case 'n':
			request->view.no_headings = true;
			break;
		case 'o':
			request->view.output = optarg;
			break;
		case 'P':
			status = people_add_pids(&request->people, optarg);
			break;
		case 'p':
			what = PINS;
			break;
		case 'r':
			request->report = optarg;
			break;
		case 'u':
			status = people_add_users(&request->people, optarg);
			break;
		case 'h':
			usage();
			return 0;
		default:
			return bad_option("ls", option, argv);
		}
		if (request->what != LEASES && request->what != what)
			return bad_usage("ls", "one of --consumers, --pins and "
					       "--lsof at a time");
		request->what = what;
	}
	if (status)
		return status;
	request->paths = argv + optind;
	request->path_count = argc - optind;
	return -1;
}

int cmd_ls(int argc, char **argv)
{
	struct request request = { 0 };
	int status = parse(&request, argc, argv);

	if (status < 0)
		status = list(&request);
	people_end(&request.people);
	return status;
}
