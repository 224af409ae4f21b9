// SPDX-License-Identifier: GPL-2.0
/*
 * A table of lines of text, see grid.h. The lines are those of libsmartcols for both
 * outputs: its own JSON makes [null] of an empty list.
 */
#include <ctype.h>
#include <errno.h>
#include <libsmartcols/libsmartcols.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "grid.h"
#include "json.h"
#include "tool.h"
#include "utf8.h"

#define NAME_ROOM 32

static int add_column(struct libscols_table *lines,
		      const struct grid_column *column)
{
	bool right = column->type == SCOLS_JSON_NUMBER ||
		     column->where & GRID_RIGHT;
	struct libscols_column *cl = scols_table_new_column(
		lines, column->name, 0, right ? SCOLS_FL_RIGHT : 0);

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
		if (columns[i].where & (json ? GRID_JSON : GRID_TABLE))
			ret = add_column(lines, &columns[i]);
	if (ret) {
		scols_unref_table(lines);
		return NULL;
	}
	return lines;
}

static size_t find(const struct grid_column *columns, size_t count,
		   const char *name)
{
	size_t i = 0;

	while (i < count && strcasecmp(columns[i].name, name))
		i++;
	return i;
}

static int no_column(const struct grid_column *columns, size_t count,
		     const char *name)
{
	char *names = NULL;
	size_t size;
	FILE *to = open_memstream(&names, &size);

	for (size_t i = 0; to && i < count; i++)
		fprintf(to, " %s", columns[i].name);
	if (to)
		fclose(to);
	failed("%s: no such column; there are%s", name, names ? names : "");
	free(names);
	return EXIT_USAGE;
}

/* Those of @list, in its order, in place of the usual ones. */
static int choose(struct libscols_table *lines,
		  const struct grid_column *columns, size_t count,
		  const char *list)
{
	char *copy = strdup(list), *rest = copy;
	int status = copy ? 0 : failed("no memory");

	if (copy)
		scols_table_remove_columns(lines);
	for (char *name; !status && (name = strsep(&rest, ","));) {
		size_t i = find(columns, count, name);

		if (i == count)
			status = no_column(columns, count, name);
		else if (add_column(lines, &columns[i]))
			status = failed("no memory");
	}
	free(copy);
	return status;
}

int grid_open(const char *name, const struct grid_view *view,
	      const struct grid_column *columns, size_t count,
	      struct libscols_table **lines)
{
	int status = 0;

	*lines = grid_make(name, view->json, columns, count);
	if (!*lines)
		return failed("no memory");
	scols_table_enable_noheadings(*lines, view->no_headings);
	if (view->output)
		status = choose(*lines, columns, count, view->output);
	return status;
}

static const char *column_name(struct libscols_column *cl)
{
	return scols_cell_get_data(scols_column_get_header(cl));
}

size_t grid_column_at(struct libscols_table *lines,
		      const struct grid_column *columns, size_t count,
		      size_t place)
{
	struct libscols_column *cl = scols_table_get_column(lines, place);

	return cl ? find(columns, count, column_name(cl)) : count;
}

/* libsmartcols makes control characters harmless, but not what turns text around. */
static int set_cell(struct libscols_line *line, size_t place, bool json,
		    const char *text)
{
	char *copy;
	int ret;

	if (json && !text)
		return 0;
	copy = strdup(text ? text : "-");
	if (!copy)
		return -ENOMEM;
	if (!json)
		utf8_tame(copy);
	ret = scols_line_refer_data(line, place, copy);
	if (ret)
		free(copy);
	return ret;
}

int grid_add(struct libscols_table *lines, bool json,
	     const struct grid_column *columns, size_t count,
	     const char *const *texts)
{
	struct libscols_line *line = scols_table_new_line(lines, NULL);
	int ret = line ? 0 : -ENOMEM;
	size_t i;

	for (size_t place = 0; !ret; place++) {
		i = grid_column_at(lines, columns, count, place);
		if (i == count)
			break;
		ret = set_cell(line, place, json, texts[i]);
	}
	return ret;
}

static struct json_object *number(const char *text)
{
	if (*text == '-')
		return json_object_new_int64(strtoll(text, NULL, 10));
	return json_object_new_uint64(strtoull(text, NULL, 10));
}

static struct json_object *numbers(const char *text)
{
	struct json_object *array = json_object_new_array();

	while (array && text && *text) {
		struct json_object *one = number(text);

		if (!one || json_object_array_add(array, one)) {
			json_object_put(one);
			json_object_put(array);
			return NULL;
		}
		text += strcspn(text, ",");
		text += *text == ',';
	}
	return array;
}

static int add_member(struct json_object *object, struct libscols_line *line,
		      struct libscols_column *cl)
{
	const char *text =
		scols_cell_get_data(scols_line_get_column_cell(line, cl));
	struct json_object *value = NULL;
	char name[NAME_ROOM] = "";

	for (size_t i = 0; i < NAME_ROOM - 1 && column_name(cl)[i]; i++)
		name[i] = tolower((unsigned char)column_name(cl)[i]);
	switch (scols_column_get_json_type(cl)) {
	case SCOLS_JSON_ARRAY_NUMBER:
		return json_add(object, name, numbers(text), false);
	case SCOLS_JSON_NUMBER:
		value = text ? number(text) : NULL;
		break;
	default:
		value = json_text(text);
	}
	return json_add(object, name, value, !text);
}

/* Each line by itself: all of them at once would be large. */
static int print_object(struct libscols_table *lines,
			struct libscols_line *line, FILE *to)
{
	struct json_object *object = json_object_new_object();
	struct libscols_column *cl;
	int ret = object ? 0 : -ENOMEM;

	for (size_t i = 0; !ret && (cl = scols_table_get_column(lines, i)); i++)
		ret = add_member(object, line, cl);
	if (!ret)
		ret = json_print(to, object);
	json_object_put(object);
	return ret;
}

static int print_json(struct libscols_table *lines, FILE *to)
{
	struct libscols_iter *iter = scols_new_iter(SCOLS_ITER_FORWARD);
	struct libscols_line *line;
	bool first = true;
	int ret = iter ? 0 : -ENOMEM;

	fprintf(to, "{\"%s\": [", scols_table_get_name(lines));
	while (!ret && !scols_table_next_line(lines, iter, &line)) {
		fputs(first ? "\n" : ",\n", to);
		ret = print_object(lines, line, to);
		first = false;
	}
	fputs("\n]}\n", to);
	scols_free_iter(iter);
	return ret;
}

int grid_print(struct libscols_table *lines, FILE *to)
{
	if (scols_table_is_json(lines))
		return print_json(lines, to);
	scols_table_set_stream(lines, to);
	return scols_print_table(lines);
}
