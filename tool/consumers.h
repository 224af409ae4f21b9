/* SPDX-License-Identifier: GPL-2.0 */
/* What has the memory of leases registered, and where to find it. */
#ifndef HOLDFAST_CONSUMERS_H
#define HOLDFAST_CONSUMERS_H

#include <stdbool.h>

#include "holdfast.h"

struct libscols_table;

/* To be printed by libsmartcols. */
struct consumers {
	struct libscols_table *lines;
	bool json;
	bool exact; /* sizes in bytes */
};

/* Both 0 or a negative errno value; consumers_add() is a lease_fn of select.h. */
int consumers_make(struct consumers *consumers);
int consumers_add(const struct hf_report_entry *entry, void *consumers);

void consumers_end(struct consumers *consumers);

#endif
