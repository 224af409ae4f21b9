// SPDX-License-Identifier: GPL-2.0
/* holdfast-ls(1): a table of the leases, or JSON. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "holdfast.h"
#include "size.h"
#include "tool.h"
#include "utf8.h"

/* Which leases to show: those of a file, or of a filesystem when !@ino. */
struct filter {
	unsigned int major;
	unsigned int minor;
	uint64_t ino;
};

struct listing {
	struct libscols_table *table;
	struct filter *filters;
	size_t filter_count;
	bool json;
	bool exact;
};

/*
 * A cell's text: a string that lasts until the next call, or malloc()ed in
 * *@owned; NULL is none.
 */
struct cell {
	char room[RANGE_ROOM];
	char *owned;
	bool exact;
};

typedef const char *cell_fn(struct cell *cell,
			    const struct hf_report_entry *entry);

static const char *number(struct cell *cell, uint64_t value)
{
	return size_text(cell->room, value, true);
}

static const char *pid(struct cell *cell, pid_t pid)
{
	return pid ? number(cell, pid) : NULL;
}

static const char *cell_id(struct cell *cell, const struct hf_report_entry *e)
{
	return number(cell, e->id);
}

static const char *cell_pid(struct cell *cell, const struct hf_report_entry *e)
{
	return pid(cell, e->pid);
}

static const char *cell_command(struct cell *cell,
				const struct hf_report_entry *e)
{
	(void)cell;
	return e->comm;
}

static const char *cell_uid(struct cell *cell, const struct hf_report_entry *e)
{
	return number(cell, e->uid);
}

static const char *cell_user(struct cell *cell, const struct hf_report_entry *e)
{
	const struct passwd *user = getpwuid(e->uid);

	return user ? user->pw_name : cell_uid(cell, e);
}

static const char *cell_kind(struct cell *cell, const struct hf_report_entry *e)
{
	(void)cell;
	return hf_kind_name(e->kind);
}

static const char *cell_state(struct cell *cell,
			      const struct hf_report_entry *e)
{
	(void)cell;
	return hf_state_name(e->state);
}

static const char *cell_range(struct cell *cell,
			      const struct hf_report_entry *e)
{
	return range_text(cell->room, e->offset, e->length, cell->exact);
}

static const char *cell_size(struct cell *cell, const struct hf_report_entry *e)
{
	return size_text(cell->room, e->length, cell->exact);
}

static const char *cell_pinned(struct cell *cell,
			       const struct hf_report_entry *e)
{
	return size_text(cell->room, e->pinned, cell->exact);
}

static const char *cell_age(struct cell *cell, const struct hf_report_entry *e)
{
	return age_text(cell->room, e->age_ms);
}

static const char *cell_change(struct cell *cell,
			       const struct hf_report_entry *e)
{
	const char *comm = e->change_comm ? e->change_comm : "?";
	char left[SIZE_ROOM];
	int64_t ms = e->deadline_ms;
	int length;

	if (!e->has_change)
		return NULL;
	age_text(left, ms < 0 ? -(uint64_t)ms : (uint64_t)ms);
	if (e->has_deadline)
		length = asprintf(&cell->owned, "%s by %s (%d), %s %s",
				  hf_op_name(e->op), comm, e->change_pid, left,
				  ms < 0 ? "over" : "left");
	else
		length = asprintf(&cell->owned, "%s by %s (%d)",
				  hf_op_name(e->op), comm, e->change_pid);
	if (length < 0)
		cell->owned = NULL;
	return cell->owned;
}

static const char *cell_backing(struct cell *cell,
				const struct hf_report_entry *e)
{
	(void)cell;
	return e->backing;
}

static const char *cell_offset(struct cell *cell,
			       const struct hf_report_entry *e)
{
	return number(cell, e->offset);
}

static const char *cell_length(struct cell *cell,
			       const struct hf_report_entry *e)
{
	return number(cell, e->length);
}

static const char *cell_age_ms(struct cell *cell,
			       const struct hf_report_entry *e)
{
	return number(cell, e->age_ms);
}

static const char *cell_break_ms(struct cell *cell,
				 const struct hf_report_entry *e)
{
	return number(cell, e->break_ms);
}

static const char *cell_deadline_ms(struct cell *cell,
				    const struct hf_report_entry *e)
{
	if (!e->has_deadline)
		return NULL;
	snprintf(cell->room, sizeof(cell->room), "%" PRId64, e->deadline_ms);
	return cell->room;
}

static const char *cell_op(struct cell *cell, const struct hf_report_entry *e)
{
	(void)cell;
	return e->has_change ? hf_op_name(e->op) : NULL;
}

static const char *cell_change_pid(struct cell *cell,
				   const struct hf_report_entry *e)
{
	return pid(cell, e->change_pid);
}

static const char *cell_change_command(struct cell *cell,
				       const struct hf_report_entry *e)
{
	(void)cell;
	return e->change_comm;
}

static const char *cell_change_offset(struct cell *cell,
				      const struct hf_report_entry *e)
{
	return e->has_change ? number(cell, e->change_offset) : NULL;
}

static const char *cell_change_length(struct cell *cell,
				      const struct hf_report_entry *e)
{
	if (!e->has_change || e->change_length == UINT64_MAX)
		return NULL;
	return number(cell, e->change_length);
}

/* libsmartcols makes an array of the lines of a cell. */
static const char *cell_mappers(struct cell *cell,
				const struct hf_report_entry *e)
{
	size_t room;
	FILE *stream = open_memstream(&cell->owned, &room);

	if (!stream)
		return NULL;
	for (size_t i = 0; i < e->mapper_count; i++)
		fprintf(stream, "%s%d", i ? "\n" : "", e->mappers[i]);
	fclose(stream);
	return cell->owned;
}

static const char *cell_device(struct cell *cell,
			       const struct hf_report_entry *e)
{
	snprintf(cell->room, sizeof(cell->room), "%u:%u", e->major, e->minor);
	return cell->room;
}

static const char *cell_inode(struct cell *cell,
			      const struct hf_report_entry *e)
{
	return number(cell, e->ino);
}

static const char *cell_file(struct cell *cell, const struct hf_report_entry *e)
{
	(void)cell;
	return e->path;
}

/* Which output has a column. The table's names are JSON's in capitals. */
#define TABLE 1
#define JSON  2

static const struct column {
	const char *name;
	cell_fn *text;
	int where;
	int json_type;
} columns[] = {
	{ "ID", cell_id, TABLE | JSON, SCOLS_JSON_NUMBER },
	{ "PID", cell_pid, TABLE | JSON, SCOLS_JSON_NUMBER },
	{ "COMMAND", cell_command, TABLE | JSON, SCOLS_JSON_STRING },
	{ "UID", cell_uid, JSON, SCOLS_JSON_NUMBER },
	{ "USER", cell_user, TABLE | JSON, SCOLS_JSON_STRING },
	{ "KIND", cell_kind, TABLE | JSON, SCOLS_JSON_STRING },
	{ "STATE", cell_state, TABLE | JSON, SCOLS_JSON_STRING },
	{ "BACKING", cell_backing, JSON, SCOLS_JSON_STRING },
	{ "RANGE", cell_range, TABLE, SCOLS_JSON_STRING },
	{ "OFFSET", cell_offset, JSON, SCOLS_JSON_NUMBER },
	{ "LENGTH", cell_length, JSON, SCOLS_JSON_NUMBER },
	{ "SIZE", cell_size, TABLE, SCOLS_JSON_NUMBER },
	{ "PINNED", cell_pinned, TABLE | JSON, SCOLS_JSON_NUMBER },
	{ "AGE", cell_age, TABLE, SCOLS_JSON_NUMBER },
	{ "AGE_MS", cell_age_ms, JSON, SCOLS_JSON_NUMBER },
	{ "BREAK_MS", cell_break_ms, JSON, SCOLS_JSON_NUMBER },
	{ "DEADLINE_MS", cell_deadline_ms, JSON, SCOLS_JSON_NUMBER },
	{ "CHANGE", cell_change, TABLE, SCOLS_JSON_STRING },
	{ "OP", cell_op, JSON, SCOLS_JSON_STRING },
	{ "CHANGE_PID", cell_change_pid, JSON, SCOLS_JSON_NUMBER },
	{ "CHANGE_COMMAND", cell_change_command, JSON, SCOLS_JSON_STRING },
	{ "CHANGE_OFFSET", cell_change_offset, JSON, SCOLS_JSON_NUMBER },
	{ "CHANGE_LENGTH", cell_change_length, JSON, SCOLS_JSON_NUMBER },
	{ "MAPPERS", cell_mappers, JSON, SCOLS_JSON_ARRAY_NUMBER },
	{ "DEVICE", cell_device, JSON, SCOLS_JSON_STRING },
	{ "INODE", cell_inode, JSON, SCOLS_JSON_NUMBER },
	{ "FILE", cell_file, TABLE | JSON, SCOLS_JSON_STRING },
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static bool shown(const struct listing *listing, const struct column *column)
{
	return column->where & (listing->json ? JSON : TABLE);
}

static int add_column(struct listing *listing, const struct column *column)
{
	bool right = column->json_type == SCOLS_JSON_NUMBER;
	bool lines = column->json_type == SCOLS_JSON_ARRAY_NUMBER;
	struct libscols_column *cl = scols_table_new_column(
		listing->table, column->name, 0,
		(right ? SCOLS_FL_RIGHT : 0) | (lines ? SCOLS_FL_WRAP : 0));

	if (!cl)
		return -ENOMEM;
	if (lines) {
		scols_column_set_safechars(cl, "\n");
		scols_column_set_wrapfunc(cl, scols_wrapnl_chunksize,
					  scols_wrapnl_nextchunk, NULL);
	}
	return scols_column_set_json_type(cl, column->json_type);
}

static int make_table(struct listing *listing)
{
	int ret = 0;

	setlocale(LC_CTYPE, ""); /* which characters of a name can be shown */
	scols_init_debug(0);
	listing->table = scols_new_table();
	if (!listing->table)
		return -ENOMEM;
	scols_table_enable_json(listing->table, listing->json);
	if (listing->json)
		ret = scols_table_set_name(listing->table, "leases");
	for (size_t i = 0; !ret && i < COLUMNS; i++)
		if (shown(listing, &columns[i]))
			ret = add_column(listing, &columns[i]);
	return ret;
}

static bool wanted(const struct listing *listing,
		   const struct hf_report_entry *entry)
{
	if (!listing->filter_count)
		return true;
	for (size_t i = 0; i < listing->filter_count; i++) {
		const struct filter *filter = &listing->filters[i];

		if (filter->major == entry->major &&
		    filter->minor == entry->minor &&
		    (!filter->ino || filter->ino == entry->ino))
			return true;
	}
	return false;
}

static int set_cell(struct listing *listing, struct libscols_line *line,
		    size_t place, const char *text)
{
	char *repaired;
	int ret;

	if (!listing->json)
		return scols_line_set_data(line, place, text ? text : "-");
	if (!text)
		return scols_line_set_data(line, place, NULL);
	repaired = utf8_repair(text);
	if (!repaired)
		return -ENOMEM;
	ret = scols_line_refer_data(line, place, repaired);
	if (ret)
		free(repaired);
	return ret;
}

static int add_line(struct listing *listing,
		    const struct hf_report_entry *entry)
{
	struct libscols_line *line = scols_table_new_line(listing->table, NULL);
	size_t place = 0;
	int ret = line ? 0 : -ENOMEM;

	for (size_t i = 0; !ret && i < COLUMNS; i++) {
		/* Programs read JSON, and do their own rounding. */
		struct cell cell = { .exact = listing->exact || listing->json };

		if (!shown(listing, &columns[i]))
			continue;
		ret = set_cell(listing, line, place++,
			       columns[i].text(&cell, entry));
		free(cell.owned);
	}
	return ret;
}

/* A line that can not be read must not hide the others. */
static int read_report(struct listing *listing, const char *path)
{
	struct hf_report *report;
	struct hf_report_entry entry;
	int status = 0;
	int ret;

	if (hf_report_open(path, &report))
		return failed("%s", hf_error());
	while ((ret = hf_report_next(report, &entry))) {
		if (ret < 0) {
			status = failed("%s", hf_error());
			if (ret == -EPROTO)
				continue;
			break;
		}
		if (wanted(listing, &entry) && add_line(listing, &entry)) {
			status = failed("no memory");
			break;
		}
	}
	hf_report_close(report);
	return status;
}

static int make_filter(struct filter *filter, const char *path)
{
	struct statx stx;

	if (statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &stx))
		return failed("%s: %s", path, strerror(errno));
	filter->major = stx.stx_dev_major;
	filter->minor = stx.stx_dev_minor;
	filter->ino = stx.stx_ino;
	if (S_ISBLK(stx.stx_mode)) {
		filter->major = stx.stx_rdev_major;
		filter->minor = stx.stx_rdev_minor;
		filter->ino = 0;
	} else if (S_ISDIR(stx.stx_mode)) {
		if (!(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
			return failed("%s: a directory, but not a mount point",
				      path);
		filter->ino = 0;
	}
	return 0;
}

static int make_filters(struct listing *listing, char **paths, size_t count)
{
	int status = 0;

	if (!count)
		return 0;
	listing->filters = calloc(count, sizeof(*listing->filters));
	if (!listing->filters)
		return failed("no memory");
	listing->filter_count = count;
	for (size_t i = 0; !status && i < count; i++)
		status = make_filter(&listing->filters[i], paths[i]);
	return status;
}

static void usage(void)
{
	puts("usage: holdfast ls [OPTION...] [PATH...]\n"
	     "List leases: all of your own, or as root all there are; or only "
	     "those on\n"
	     "each PATH, a file, mount point or block device.\n\n"
	     "  -b, --bytes        sizes and ranges in bytes\n"
	     "  -J, --json         all there is to know, as JSON\n"
	     "      --report FILE  read FILE, a saved copy of\n"
	     "                     " HOLDFAST_REPORT "\n"
	     "  -h, --help");
}

static int list(struct listing *listing, const char *report, char **paths,
		size_t count)
{
	int status = make_filters(listing, paths, count);

	if (!status && make_table(listing))
		status = failed("no memory");
	if (status)
		return status;
	/* What could be read is shown, whatever could not. */
	status = read_report(listing, report);
	if (scols_print_table(listing->table))
		return failed("no memory");
	return status;
}

int cmd_ls(int argc, char **argv)
{
	static const struct option options[] = {
		{ "bytes", no_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'J' },
		{ "report", required_argument, NULL, 'r' },
		{ 0 },
	};
	struct listing listing = { 0 };
	const char *report = NULL;
	int option, status;

	while ((option = getopt_long(argc, argv, ":bhJ", options, NULL)) >= 0) {
		switch (option) {
		case 'b':
			listing.exact = true;
			break;
		case 'J':
			listing.json = true;
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
	status = list(&listing, report, argv + optind, argc - optind);
	scols_unref_table(listing.table);
	free(listing.filters);
	return status;
}
