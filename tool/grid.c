// SPDX-License-Identifier: GPL-2.0
/* A table of lines of text, see grid.h. */
#include <ctype.h>
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdlib.h>

#include "grid.h"
#include "utf8.h"

#define NAME_ROOM 32

static bool shown(const struct grid_column *column, bool json)
{
	return column->where & (json ? GRID_JSON : GRID_TABLE);
}

static int add_column(struct libscols_table *lines, bool json,
		      const struct grid_column *column)
{
	bool right = column->type == SCOLS_JSON_NUMBER;
	struct libscols_column *cl;
	char name[NAME_ROOM];
	size_t i = 0;

	for (; column->name[i] && i < NAME_ROOM - 1; i++)
		name[i] = json ? tolower((unsigned char)column->name[i])
			       : column->name[i];
	name[i] = '\0';
	cl = scols_table_new_column(lines, name, 0, right ? SCOLS_FL_RIGHT : 0);
	return cl ? scols_column_set_json_type(cl, column->type) : -ENOMEM;
}

struct libscols_table *grid_make(const char *name, bool json,
				 const struct grid_column *columns,
				 size_t count)
{
	struct libscols_table *lines;
	int ret;

	setlocale(LC_CTYPE, ""); /* which characters of a name can be shown */
	scols_init_debug(0);
	lines = scols_new_table();
	if (!lines)
		return NULL;
	scols_table_enable_json(lines, json);
	ret = scols_table_set_name(lines, name);
	for (size_t i = 0; !ret && i < count; i++)
		if (shown(&columns[i], json))
			ret = add_column(lines, json, &columns[i]);
	if (ret) {
		scols_unref_table(lines);
		return NULL;
	}
	return lines;
}

static int set_cell(struct libscols_line *line, size_t place, bool json,
		    const char *text)
{
	char *repaired;
	int ret;

	if (!json)
		return scols_line_set_data(line, place, text ? text : "-");
	if (!text)
		return 0;
	repaired = utf8_repair(text);
	if (!repaired)
		return -ENOMEM;
	ret = scols_line_refer_data(line, place, repaired);
	if (ret)
		free(repaired);
	return ret;
}

int grid_add(struct libscols_table *lines, bool json,
	     const struct grid_column *columns, size_t count,
	     const char *const *texts)
{
	struct libscols_line *line = scols_table_new_line(lines, NULL);
	size_t place = 0;
	int ret = line ? 0 : -ENOMEM;

	for (size_t i = 0; !ret && i < count; i++)
		if (shown(&columns[i], json))
			ret = set_cell(line, place++, json, texts[i]);
	return ret;
}
