/* SPDX-License-Identifier: GPL-2.0 */
/* A table of lines of text, or of JSON, by libsmartcols. */
#ifndef HOLDFAST_GRID_H
#define HOLDFAST_GRID_H

#include <stdbool.h>
#include <stddef.h>

struct libscols_line;
struct libscols_table;

/* Where a column is shown. */
#define GRID_TABLE 1
#define GRID_JSON  2

/* A column; its name in JSON is @name in lower case. */
struct grid_column {
	const char *name;
	int type; /* SCOLS_JSON_NUMBER and its kin */
	int where;
};

/* NULL: no memory. @name is that of the list in JSON. */
struct libscols_table *grid_make(const char *name, bool json,
				 const struct grid_column *columns,
				 size_t count);

/*
 * Add a line of @count texts, NULL for none, of which those are shown that have
 * a place in this output. 0 or a negative errno value.
 */
int grid_add(struct libscols_table *lines, bool json,
	     const struct grid_column *columns, size_t count,
	     const char *const *texts);

#endif
