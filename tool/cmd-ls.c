// SPDX-License-Identifier: GPL-2.0
/* holdfast-ls(1): a table of the leases, or JSON. */
#include <getopt.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumers.h"
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

	if (!listing->table.json)
		add_hint(listing->hints, entry);
	return table_add(entry, &listing->table);
}

static void usage(void)
{
	puts("usage: holdfast ls [OPTION...] [PATH...]\n"
	     "List leases: your own and those on your files, or as root all "
	     "there are; or only\n"
	     "those on each PATH, a file, mount point or block device.\n\n"
	     "  -b, --bytes        sizes and ranges in bytes\n"
	     "  -c, --consumers    what has their memory registered (root)\n"
	     "  -p, --pins         who pins what of them\n"
	     "  -J, --json         all there is to know, as JSON\n"
	     "      --report FILE  read FILE, a saved copy of\n"
	     "                     " HOLDFAST_REPORT "\n"
	     "  -h, --help");
}

static int list(struct listing *listing, const char *report, char **paths,
		size_t count)
{
	int status = select_paths(&listing->selection, paths, count);

	if (status)
		return status;
	listing->hints =
		open_memstream(&listing->hint_text, &listing->hint_size);
	if (!listing->hints || table_make(&listing->table))
		return failed("no memory");
	/* What could be read is shown, whatever could not. */
	status = each_lease(report, &listing->selection, add, listing);
	if (scols_print_table(listing->table.lines) || fflush(listing->hints))
		return failed("no memory");
	fflush(stdout);
	fputs(listing->hint_text, stderr);
	return status;
}

static int list_consumers(struct consumers *consumers, char **paths,
			  size_t count)
{
	struct selection selection = { 0 };
	int status = select_paths(&selection, paths, count);

	if (!status && geteuid())
		status = failed(
			"to look into other processes it has to be root");
	if (!status && consumers_make(consumers))
		status = failed("no memory");
	if (!status) {
		status = each_lease(NULL, &selection, consumers_add, consumers);
		if (scols_print_table(consumers->lines))
			status = failed("no memory");
	}
	consumers_end(consumers);
	selection_end(&selection);
	return status;
}

static int list_pins(struct pins *pins, char **paths, size_t count)
{
	struct selection selection = { 0 };
	int status = select_paths(&selection, paths, count);

	if (!status && pins_make(pins))
		status = failed("no memory");
	if (!status)
		status = pins_read(pins);
	if (!status) {
		status = each_lease(NULL, &selection, pins_add, pins);
		if (scols_print_table(pins->lines))
			status = failed("no memory");
	}
	pins_end(pins);
	selection_end(&selection);
	return status;
}

static void end(struct listing *listing)
{
	if (listing->hints)
		fclose(listing->hints);
	free(listing->hint_text);
	table_end(&listing->table);
	selection_end(&listing->selection);
}

int cmd_ls(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bytes", no_argument, NULL, 'b' },
		{ "consumers", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'J' },
		{ "pins", no_argument, NULL, 'p' },
		{ "report", required_argument, NULL, 'r' },
		{ 0 },
	};
	struct consumers consumers = { 0 };
	struct listing listing = { 0 };
	struct pins pins = { 0 };
	bool want_consumers = false, want_pins = false;
	const char *report = NULL;
	int option, status;

	while ((option = getopt_long(argc, argv, ":bchJp", options, NULL)) >=
	       0) {
		switch (option) {
		case 'b':
			listing.table.exact = true;
			break;
		case 'c':
			want_consumers = true;
			break;
		case 'J':
			listing.table.json = true;
			break;
		case 'p':
			want_pins = true;
			break;
		case 'r':
			report = optarg;
			break;
		case 'h':
			usage();
			return 0;
		default:
			return bad_option("ls", option, argv);
		}
	}
	consumers.json = pins.json = listing.table.json;
	consumers.exact = pins.exact = listing.table.exact;
	if (want_consumers && report)
		return bad_usage("ls", "--consumers looks at this machine, "
				       "not at a report");
	if (want_pins && (report || want_consumers))
		return bad_usage("ls", "--pins goes with neither --report nor "
				       "--consumers");
	if (want_pins)
		return list_pins(&pins, argv + optind, argc - optind);
	if (want_consumers)
		return list_consumers(&consumers, argv + optind, argc - optind);
	status = list(&listing, report, argv + optind, argc - optind);
	end(&listing);
	return status;
}
