// SPDX-License-Identifier: GPL-2.0
/* The columns of leases, see table.h. */
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "grid.h"
#include "size.h"
#include "table.h"

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

static const char *cell_pinners(struct cell *cell,
				const struct hf_report_entry *e)
{
	size_t room;
	FILE *stream;

	if (!e->pinner_count)
		return NULL;
	stream = open_memstream(&cell->owned, &room);
	if (!stream)
		return NULL;
	for (size_t i = 0; i < e->pinner_count; i++)
		fprintf(stream, "%s%d", i ? "," : "", e->pinners[i]);
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

enum column {
	COLUMN_ID,
	COLUMN_PID,
	COLUMN_COMMAND,
	COLUMN_UID,
	COLUMN_USER,
	COLUMN_KIND,
	COLUMN_ORIGIN,
	COLUMN_STATE,
	COLUMN_BACKING,
	COLUMN_RANGE,
	COLUMN_OFFSET,
	COLUMN_LENGTH,
	COLUMN_SIZE,
	COLUMN_PINNED,
	COLUMN_AGE,
	COLUMN_AGE_MS,
	COLUMN_BREAK_MS,
	COLUMN_DEADLINE_MS,
	COLUMN_CHANGE,
	COLUMN_OP,
	COLUMN_CHANGE_PID,
	COLUMN_CHANGE_COMMAND,
	COLUMN_CHANGE_OFFSET,
	COLUMN_CHANGE_LENGTH,
	COLUMN_ABSORBED,
	COLUMN_MEDIA_ERRORS,
	COLUMN_PINNERS,
	COLUMN_DEVICE,
	COLUMN_INODE,
	COLUMN_FILE,
	COLUMNS
};

/* Either output can be asked for all of them. */
#define BOTH (GRID_TABLE | GRID_JSON)

static const struct grid_column columns[COLUMNS] = {
	[COLUMN_ID] = { "ID", SCOLS_JSON_NUMBER, BOTH },
	[COLUMN_PID] = { "PID", SCOLS_JSON_NUMBER, BOTH },
	[COLUMN_COMMAND] = { "COMMAND", SCOLS_JSON_STRING, BOTH },
	[COLUMN_UID] = { "UID", SCOLS_JSON_NUMBER, GRID_JSON },
	[COLUMN_USER] = { "USER", SCOLS_JSON_STRING, BOTH },
	[COLUMN_KIND] = { "KIND", SCOLS_JSON_STRING, BOTH },
	[COLUMN_ORIGIN] = { "ORIGIN", SCOLS_JSON_STRING, BOTH },
	[COLUMN_STATE] = { "STATE", SCOLS_JSON_STRING, BOTH },
	[COLUMN_BACKING] = { "BACKING", SCOLS_JSON_STRING, BOTH },
	[COLUMN_RANGE] = { "RANGE", SCOLS_JSON_STRING, GRID_TABLE },
	[COLUMN_OFFSET] = { "OFFSET", SCOLS_JSON_NUMBER, GRID_JSON },
	[COLUMN_LENGTH] = { "LENGTH", SCOLS_JSON_NUMBER, GRID_JSON },
	[COLUMN_SIZE] = { "SIZE", SCOLS_JSON_NUMBER, GRID_TABLE },
	[COLUMN_PINNED] = { "PINNED", SCOLS_JSON_NUMBER, BOTH },
	[COLUMN_AGE] = { "AGE", SCOLS_JSON_STRING, GRID_TABLE | GRID_RIGHT },
	[COLUMN_AGE_MS] = { "AGE_MS", SCOLS_JSON_NUMBER, GRID_JSON },
	[COLUMN_BREAK_MS] = { "BREAK_MS", SCOLS_JSON_NUMBER, GRID_JSON },
	[COLUMN_DEADLINE_MS] = { "DEADLINE_MS", SCOLS_JSON_NUMBER, GRID_JSON },
	[COLUMN_CHANGE] = { "CHANGE", SCOLS_JSON_STRING, GRID_TABLE },
	[COLUMN_OP] = { "OP", SCOLS_JSON_STRING, GRID_JSON },
	[COLUMN_CHANGE_PID] = { "CHANGE_PID", SCOLS_JSON_NUMBER, GRID_JSON },
	[COLUMN_CHANGE_COMMAND] = { "CHANGE_COMMAND", SCOLS_JSON_STRING,
				    GRID_JSON },
	[COLUMN_CHANGE_OFFSET] = { "CHANGE_OFFSET", SCOLS_JSON_NUMBER,
				   GRID_JSON },
	[COLUMN_CHANGE_LENGTH] = { "CHANGE_LENGTH", SCOLS_JSON_NUMBER,
				   GRID_JSON },
	[COLUMN_ABSORBED] = { "ABSORBED", SCOLS_JSON_NUMBER, GRID_JSON },
	[COLUMN_MEDIA_ERRORS] = { "MEDIA_ERRORS", SCOLS_JSON_NUMBER,
				  GRID_JSON },
	[COLUMN_PINNERS] = { "PINNERS", SCOLS_JSON_ARRAY_NUMBER, GRID_JSON },
	[COLUMN_DEVICE] = { "DEVICE", SCOLS_JSON_STRING, GRID_JSON },
	[COLUMN_INODE] = { "INODE", SCOLS_JSON_NUMBER, GRID_JSON },
	[COLUMN_FILE] = { "FILE", SCOLS_JSON_STRING, BOTH },
};

static cell_fn *const cells[COLUMNS] = {
	[COLUMN_ID] = cell_id,
	[COLUMN_PID] = cell_pid,
	[COLUMN_COMMAND] = cell_command,
	[COLUMN_UID] = cell_uid,
	[COLUMN_USER] = cell_user,
	[COLUMN_KIND] = cell_kind,
	[COLUMN_ORIGIN] = cell_origin,
	[COLUMN_STATE] = cell_state,
	[COLUMN_BACKING] = cell_backing,
	[COLUMN_RANGE] = cell_range,
	[COLUMN_OFFSET] = cell_offset,
	[COLUMN_LENGTH] = cell_length,
	[COLUMN_SIZE] = cell_size,
	[COLUMN_PINNED] = cell_pinned,
	[COLUMN_AGE] = cell_age,
	[COLUMN_AGE_MS] = cell_age_ms,
	[COLUMN_BREAK_MS] = cell_break_ms,
	[COLUMN_DEADLINE_MS] = cell_deadline_ms,
	[COLUMN_CHANGE] = cell_change,
	[COLUMN_OP] = cell_op,
	[COLUMN_CHANGE_PID] = cell_change_pid,
	[COLUMN_CHANGE_COMMAND] = cell_change_command,
	[COLUMN_CHANGE_OFFSET] = cell_change_offset,
	[COLUMN_CHANGE_LENGTH] = cell_change_length,
	[COLUMN_ABSORBED] = cell_absorbed,
	[COLUMN_MEDIA_ERRORS] = cell_media_errors,
	[COLUMN_PINNERS] = cell_pinners,
	[COLUMN_DEVICE] = cell_device,
	[COLUMN_INODE] = cell_inode,
	[COLUMN_FILE] = cell_file,
};

int table_make(struct table *table)
{
	return grid_open("leases", &table->view, columns, COLUMNS,
			 &table->lines);
}

/* Only what is shown is made: some of it takes time. */
int table_add(const struct hf_report_entry *entry, void *to)
{
	struct table *table = to;
	const char *texts[COLUMNS] = { NULL };
	struct cell rooms[COLUMNS] = { 0 };
	size_t column;
	int ret;

	for (size_t place = 0;
	     (column = grid_column_at(table->lines, columns, COLUMNS, place)) <
	     COLUMNS;
	     place++) {
		/* Programs read JSON, and do their own rounding. */
		rooms[column].exact = table->view.exact || table->view.json;
		free(rooms[column].owned); /* a column may be shown twice */
		rooms[column].owned = NULL;
		texts[column] = cells[column](&rooms[column], entry);
	}
	ret = grid_add(table->lines, table->view.json, columns, COLUMNS, texts);
	for (size_t i = 0; i < COLUMNS; i++)
		free(rooms[i].owned);
	return ret;
}

void table_end(struct table *table)
{
	scols_unref_table(table->lines);
	table->lines = NULL;
}
