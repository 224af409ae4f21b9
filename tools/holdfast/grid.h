/* SPDX-License-Identifier: GPL-2.0 */
/* A table of lines of text by libsmartcols, or JSON of the same by json-c. */
#ifndef HOLDFAST_GRID_H
#define HOLDFAST_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct libscols_table;

/* Where a column is shown when nobody has chosen. */
#define GRID_TABLE 1
#define GRID_JSON  2
/* To the right, as numbers are. */
#define GRID_RIGHT 4

/*
 * A column; its name in JSON is @name in lower case. The text of a
 * SCOLS_JSON_ARRAY_NUMBER is numbers, separated by commas.
 */
struct grid_column {
	const char *name;
	int type; /* SCOLS_JSON_NUMBER and its kin */
	int where;
};

/**
 * struct grid_view - how the user wants to see it
 * @json: as JSON
 * @exact: sizes in bytes
 * @no_headings: without the line of names
 * @output: names of columns, separated by commas; NULL: the usual ones
 */
struct grid_view {
	bool json;
	bool exact;
	bool no_headings;
	const char *output;
};

/*
 * Where lines can be added. 0, or the exit status after a message. @name is that
 * of the list in JSON.
 */
int grid_open(const char *name, const struct grid_view *view,
	      const struct grid_column *columns, size_t count,
	      struct libscols_table **lines);

/* The same without choice; NULL: no memory. */
struct libscols_table *grid_make(const char *name, bool json,
				 const struct grid_column *columns,
				 size_t count);

/* Which of @columns is the one at @place in this output; @count: there is none. */
size_t grid_column_at(struct libscols_table *lines,
		      const struct grid_column *columns, size_t count,
		      size_t place);

/*
 * Add a line of @count texts, NULL for none, of which those are shown that have
 * a place in this output. 0 or a negative errno value.
 */
int grid_add(struct libscols_table *lines, bool json,
	     const struct grid_column *columns, size_t count,
	     const char *const *texts);

/* Print all of it. 0 or a negative errno value. */
int grid_print(struct libscols_table *lines, FILE *to);

#endif
