/* SPDX-License-Identifier: GPL-2.0 */
/* Leases as a table, or as JSON. */
#ifndef HOLDFAST_TABLE_H
#define HOLDFAST_TABLE_H

#include "holdfast.h"

struct libscols_table;

/**
 * struct table - leases that are to be printed
 * @lines: for the printing functions of libsmartcols
 * @json: everything there is to know, as JSON
 * @exact: sizes in bytes
 */
struct table {
	struct libscols_table *lines;
	bool json;
	bool exact;
};

/* Both 0 or a negative errno value; table_add() is a lease_fn of select.h. */
int table_make(struct table *table);
int table_add(const struct hf_report_entry *entry, void *table);

void table_end(struct table *table);

#endif
