// SPDX-License-Identifier: GPL-2.0
/* holdfast-watch(1): the table of leases, live. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rates.h"
#include "select.h"
#include "signals.h"
#include "size.h"
#include "table.h"
#include "terminal.h"
#include "tool.h"
#include "utf8.h"

struct watching {
	struct selection selection;
	const char *report;
	uint32_t interval_ms;
	bool once;
	bool screen; /* frames fill the terminal's, keys count */
	int signals;
	struct rates rates; /* of the last frame */
};

/**
 * struct frame - what is to be shown at one time
 * @table: the leases
 * @changes: a stream: a line for each change that waits
 * @change_text: what was written to it
 * @errors: a stream: a line for each lease whose memory has failed
 * @error_text: what was written to it
 * @leases: how many there are
 * @waiting: how many of them a change has met
 * @pinned: bytes of all
 */
struct frame {
	struct table table;
	FILE *changes;
	char *change_text;
	size_t change_size;
	FILE *errors;
	char *error_text;
	size_t error_size;
	size_t leases;
	size_t waiting;
	uint64_t pinned;
};

/* "lease 3 of app (812) on /mnt/data" */
static void add_lease(FILE *to, const struct hf_report_entry *entry)
{
	fprintf(to, "lease %" PRIu64 " of ", entry->id);
	print_text(to, entry->comm ? entry->comm : "?");
	fprintf(to, " (%d) on ", entry->pid);
	print_text(to, entry->path ? entry->path : "?");
	fputc('\n', to);
}

static void add_change(struct frame *frame, const struct hf_report_entry *entry)
{
	char range[RANGE_ROOM];
	int64_t ms = entry->deadline_ms;

	frame->waiting++;
	if (entry->has_deadline)
		fprintf(frame->changes, "%s%.1fs: ", ms < 0 ? "+" : "",
			(ms < 0 ? -ms : ms) / 1000.0);
	fprintf(frame->changes, "%s of bytes %s by ", hf_op_name(entry->op),
		range_text(range, entry->change_offset, entry->change_length,
			   false));
	print_text(frame->changes,
		   entry->change_comm ? entry->change_comm : "?");
	fprintf(frame->changes, " (%d) meets ", entry->change_pid);
	add_lease(frame->changes, entry);
}

static int add(const struct hf_report_entry *entry, void *arg)
{
	struct frame *frame = arg;

	frame->leases++;
	frame->pinned += entry->pinned;
	if (entry->has_change)
		add_change(frame, entry);
	if (entry->media_errors) {
		fprintf(frame->errors, "%" PRIu64 " in ", entry->media_errors);
		add_lease(frame->errors, entry);
	}
	return table_add(entry, &frame->table);
}

static void print_frame(FILE *to, struct frame *frame, char *table,
			struct watching *watching)
{
	char size[SIZE_ROOM];
	char hms[16] = "";
	time_t now = time(NULL);
	struct tm local;

	if (localtime_r(&now, &local))
		strftime(hms, sizeof(hms), "%H:%M:%S", &local);
	fprintf(to, "%s  %zu lease%s, %s pinned, %zu met by a change\n", hms,
		frame->leases, frame->leases == 1 ? "" : "s",
		size_text(size, frame->pinned, false), frame->waiting);
	/* A saved report has no counters; nor has a module of before. */
	if (!watching->report)
		rates_print(to, &watching->rates);
	if (frame->waiting)
		fprintf(to, "\nTime to the fence:\n%s", frame->change_text);
	if (*frame->error_text)
		fprintf(to, "\nMedia errors:\n%s", frame->error_text);
	if (*table)
		fprintf(to, "\n%s", table);
}

static int fill(struct frame *frame, struct watching *watching, char **text)
{
	char *table = NULL;
	size_t size;
	FILE *to;
	int status;

	frame->changes =
		open_memstream(&frame->change_text, &frame->change_size);
	frame->errors = open_memstream(&frame->error_text, &frame->error_size);
	if (!frame->changes || !frame->errors)
		return failed("no memory");
	status = table_make(&frame->table);
	if (status)
		return status;
	status = each_lease(watching->report, &watching->selection, add, frame);
	if (status)
		return status;
	to = open_memstream(text, &size);
	if (!to || fflush(frame->changes) || fflush(frame->errors) ||
	    scols_print_table_to_string(frame->table.lines, &table)) {
		status = failed("no memory");
	} else {
		print_frame(to, frame, table ? table : "", watching);
	}
	free(table);
	if (to)
		fclose(to);
	return status;
}

static int show(struct watching *watching)
{
	struct frame frame = { 0 };
	char *text = NULL;
	int status = fill(&frame, watching, &text);

	if (!status && watching->screen)
		terminal_show(text);
	else if (!status)
		puts(text);
	fflush(stdout);
	free(text);
	if (frame.changes)
		fclose(frame.changes);
	free(frame.change_text);
	if (frame.errors)
		fclose(frame.errors);
	free(frame.error_text);
	table_end(&frame.table);
	if (status && watching->screen) {
		/* What was said went with the screen. */
		terminal_leave();
		failed("%s", hf_error());
	}
	return status;
}

/* As the shell's job control does it, with the screen restored in the meantime. */
static void stop(void)
{
	terminal_leave();
	raise(SIGSTOP);
	terminal_enter();
}

/* False when it was the last one. */
static bool read_signal(const struct watching *watching)
{
	switch (signals_next(watching->signals)) {
	case SIGTSTP:
		stop();
		return true;
	case SIGWINCH:
	case 0:
		return true;
	default:
		return false;
	}
}

static bool read_key(void)
{
	char key;

	return read(STDIN_FILENO, &key, 1) == 1 && key != 'q' && key != 'Q';
}

static int watch(struct watching *watching)
{
	struct pollfd fds[] = {
		{ .fd = watching->signals, .events = POLLIN },
		{ .fd = watching->screen ? STDIN_FILENO : -1,
		  .events = POLLIN },
	};

	for (;;) {
		int status = show(watching);

		if (status || ferror(stdout))
			return status;
		if (poll(fds, 2, watching->interval_ms) < 0)
			return failed("poll: %s", strerror(errno));
		if ((fds[0].revents && !read_signal(watching)) ||
		    (fds[1].revents && !read_key()))
			return 0;
	}
}

static int run(struct watching *watching, char **paths, size_t count)
{
	static const int on_screen[] = { SIGHUP,  SIGINT,   SIGTERM,
					 SIGTSTP, SIGWINCH, 0 };
	int status = select_paths(&watching->selection, paths, count);

	if (status)
		return status;
	if (watching->once)
		return show(watching);
	watching->screen = terminal_usable();
	watching->signals = signals_open(
		watching->screen ? on_screen : ending_signals, NULL);
	if (watching->signals < 0)
		return EXIT_FAILED;
	if (watching->screen)
		terminal_enter();
	status = watch(watching);
	terminal_leave();
	return status;
}

static void usage(void)
{
	puts("usage: holdfast watch [OPTION...] [PATH...]\n"
	     "Show leases, as 'holdfast ls' does, and the changes that wait "
	     "for them, again\n"
	     "and again; q ends it. Without a terminal one frame follows the "
	     "other.\n\n"
	     "  -i, --interval S   seconds between frames (1)\n"
	     "      --once         one frame\n"
	     "      --report FILE  read FILE, a saved copy of\n"
	     "                     " HOLDFAST_REPORT "\n"
	     "  -h, --help");
}

int cmd_watch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "interval", required_argument, NULL, 'i' },
		{ "once", no_argument, NULL, '1' },
		{ "report", required_argument, NULL, 'r' },
		{ 0 },
	};
	struct watching watching = { .interval_ms = 1000 };
	int option, status;

	while ((option = getopt_long(argc, argv, ":hi:", options, NULL)) >= 0) {
		switch (option) {
		case 'i':
			if (!seconds_parse(optarg, &watching.interval_ms) ||
			    watching.interval_ms > INT32_MAX)
				return bad_usage("watch", "%s: not a time",
						 optarg);
			break;
		case '1':
			watching.once = true;
			break;
		case 'r':
			watching.report = optarg;
			break;
		case 'h':
			usage();
			return 0;
		default:
			return bad_option("watch", option, argv);
		}
	}
	status = run(&watching, argv + optind, argc - optind);
	selection_end(&watching.selection);
	return status;
}
