/* SPDX-License-Identifier: GPL-2.0 */
/* Leases in the form that lsof -F has for open files: holdfast ls --lsof. */
#ifndef HOLDFAST_LSOF_H
#define HOLDFAST_LSOF_H

#include <stdio.h>

#include "pins.h"

struct lsof_use;

/**
 * struct lsof - uses of leased files, by processes
 * @pins: what the module has recorded, and whose are wanted
 * @uses: what is to be printed
 * @count: how many there are
 */
struct lsof {
	const struct pins *pins;
	struct lsof_use *uses;
	size_t count;
};

/* A lease_fn of select.h: adds the holder of the lease, and who pins its bytes. */
int lsof_add(const struct hf_report_entry *entry, void *lsof);

/* Each process once, with the files that it uses below it. */
void lsof_print(struct lsof *lsof, FILE *to);

void lsof_end(struct lsof *lsof);

#endif
