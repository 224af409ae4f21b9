/* SPDX-License-Identifier: GPL-2.0 */
/* The records of pins: holdfast ls --pins. */
#ifndef HOLDFAST_TOOL_PINS_H
#define HOLDFAST_TOOL_PINS_H

#include "grid.h"
#include "holdfast.h"
#include "select.h"

/**
 * struct pins - pins that are to be printed
 * @lines: for the printing functions of libsmartcols
 * @entries: what the module has recorded
 * @count: how many there are
 * @view: how
 * @people: whose
 */
struct pins {
	struct libscols_table *lines;
	struct hf_pins_entry *entries;
	size_t count;
	struct grid_view view;
	struct people people;
};

/* 0, or the exit status after a message. End it in either case. */
int pins_make(struct pins *pins);

/* Reads HOLDFAST_PINS: 0, or the exit status when not all could be read. */
int pins_read(struct pins *pins);

/* A lease_fn of select.h: adds a line for each record of the lease. */
int pins_add(const struct hf_report_entry *entry, void *pins);

void pins_end(struct pins *pins);

#endif
