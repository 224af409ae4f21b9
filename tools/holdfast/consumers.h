/* SPDX-License-Identifier: GPL-2.0 */
/* What has the memory of leases registered, and where to find it. */
#ifndef HOLDFAST_CONSUMERS_H
#define HOLDFAST_CONSUMERS_H

#include "grid.h"
#include "holdfast.h"
#include "select.h"

/* To be printed by grid_print(); of the @people. */
struct consumers {
	struct libscols_table *lines;
	struct grid_view view;
	struct people people;
};

/*
 * 0, or the exit status after a message; 0 or a negative errno value: that is a
 * lease_fn of select.h.
 */
int consumers_make(struct consumers *consumers);
int consumers_add(const struct hf_report_entry *entry, void *consumers);

void consumers_end(struct consumers *consumers);

#endif
