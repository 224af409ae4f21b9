// SPDX-License-Identifier: GPL-2.0
/* The columns of leases, see table.h. */
#include <errno.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "size.h"
#include "table.h"
#include "utf8.h"

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

static const char *cell_origin(struct cell *cell,
			       const struct hf_report_entry *e)
{
	(void)cell;
	if (e->origin == HOLDFAST_ORIGIN_UNKNOWN)
		return NULL;
	return hf_origin_name(e->origin);
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

	if (!e->has_change && e->absorbed) {
		snprintf(cell->room, sizeof(cell->room), "%" PRIu64 " absorbed",
			 e->absorbed);
		return cell->room;
	}
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
static const char *cell_pinners(struct cell *cell,
				const struct hf_report_entry *e)
{
	size_t room;
	FILE *stream = open_memstream(&cell->owned, &room);

	if (!stream)
		return NULL;
	for (size_t i = 0; i < e->pinner_count; i++)
		fprintf(stream, "%s%d", i ? "\n" : "", e->pinners[i]);
	fclose(stream);
	return cell->owned;
}

static const char *cell_media_errors(struct cell *cell,
				     const struct hf_report_entry *e)
{
	return number(cell, e->media_errors);
}

static const char *cell_device(struct cell *cell,
			       const struct hf_report_entry *e)
{
	snprintf(cell->room, sizeof(cell->room), "%u:%u", e->major, e->minor);
	return cell->room;
}

static const char *cell_absorbed(struct cell *cell,
				 const struct hf_report_entry *e)
{
	return number(cell, e->absorbed);
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
	{ "ORIGIN", cell_origin, TABLE | JSON, SCOLS_JSON_STRING },
	{ "STATE", cell_state, TABLE | JSON, SCOLS_JSON_STRING },
	{ "BACKING", cell_backing, TABLE | JSON, SCOLS_JSON_STRING },
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
	{ "ABSORBED", cell_absorbed, JSON, SCOLS_JSON_NUMBER },
	{ "MEDIA_ERRORS", cell_media_errors, JSON, SCOLS_JSON_NUMBER },
	{ "PINNERS", cell_pinners, JSON, SCOLS_JSON_ARRAY_NUMBER },
	{ "DEVICE", cell_device, JSON, SCOLS_JSON_STRING },
	{ "INODE", cell_inode, JSON, SCOLS_JSON_NUMBER },
	{ "FILE", cell_file, TABLE | JSON, SCOLS_JSON_STRING },
};

#define COLUMNS (sizeof(columns) / sizeof(columns[0]))

static bool shown(const struct table *table, const struct column *column)
{
	return column->where & (table->json ? JSON : TABLE);
}

static int add_column(struct table *table, const struct column *column)
{
	bool right = column->json_type == SCOLS_JSON_NUMBER;
	bool lines = column->json_type == SCOLS_JSON_ARRAY_NUMBER;
	struct libscols_column *cl = scols_table_new_column(
		table->lines, column->name, 0,
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

int table_make(struct table *table)
{
	int ret = 0;

	setlocale(LC_CTYPE, ""); /* which characters of a name can be shown */
	scols_init_debug(0);
	table->lines = scols_new_table();
	if (!table->lines)
		return -ENOMEM;
	scols_table_enable_json(table->lines, table->json);
	if (table->json)
		ret = scols_table_set_name(table->lines, "leases");
	for (size_t i = 0; !ret && i < COLUMNS; i++)
		if (shown(table, &columns[i]))
			ret = add_column(table, &columns[i]);
	return ret;
}

static int set_cell(struct table *table, struct libscols_line *line,
		    size_t place, const char *text)
{
	char *repaired;
	int ret;

	if (!table->json)
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

int table_add(const struct hf_report_entry *entry, void *to)
{
	struct table *table = to;
	struct libscols_line *line = scols_table_new_line(table->lines, NULL);
	size_t place = 0;
	int ret = line ? 0 : -ENOMEM;

	for (size_t i = 0; !ret && i < COLUMNS; i++) {
		/* Programs read JSON, and do their own rounding. */
		struct cell cell = { .exact = table->exact || table->json };

		if (!shown(table, &columns[i]))
			continue;
		ret = set_cell(table, line, place++,
			       columns[i].text(&cell, entry));
		free(cell.owned);
	}
	return ret;
}

void table_end(struct table *table)
{
	scols_unref_table(table->lines);
	table->lines = NULL;
}
