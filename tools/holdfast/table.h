/* SPDX-License-Identifier: GPL-2.0 */
/* Leases as a table, or as JSON. */
#ifndef HOLDFAST_TABLE_H
#define HOLDFAST_TABLE_H

#include "grid.h"
#include "holdfast.h"

/**
 * struct table - leases that are to be printed
 * @lines: for the printing functions of libsmartcols
 * @view: how; JSON has everything there is to know
 */
struct table {
	struct libscols_table *lines;
	struct grid_view view;
};

/*
 * 0, or the exit status after a message; 0 or a negative errno value: that is a
 * lease_fn of select.h.
 */
int table_make(struct table *table);
int table_add(const struct hf_report_entry *entry, void *table);

void table_end(struct table *table);

#endif
