/* SPDX-License-Identifier: GPL-2.0 */
/* Where processes have pinned bytes of a lease: HOLDFAST_PINS. */
#ifndef HOLDFAST_PINNED_H
#define HOLDFAST_PINNED_H

#include <stdbool.h>

#include "holdfast.h"

struct process;

struct pinned {
	struct hf_pins_entry *list;
	size_t count;
};

/**
 * struct demand - bytes of a lease that are to be let go of
 * @lease: its number
 * @start: @end: of the file
 */
struct demand {
	uint64_t lease;
	uint64_t start;
	uint64_t end;
};

/* What a change of the file, or the end of the lease, wants. */
struct demand demand_of(const struct hf_report_entry *lease);

/*
 * Reads the records of leases, as far as they are of the bytes that are wanted, and
 * the process is visible; @demands are sorted by lease. 0, or a negative errno value
 * with *@to unchanged.
 */
int pinned_read_demands(struct pinned *to, const struct demand *demands,
			size_t count);

/*
 * Reads the records of one lease whose process is visible. 0, or a negative errno
 * value with *@to unchanged.
 */
int pinned_read(struct pinned *to, uint64_t lease);
void pinned_free(struct pinned *pinned);

/*
 * Leaves the bytes that a change of the file waits for: those in its range, as
 * HOLDFAST_CHANGE_ALIGN rounds it out. @length UINT64_MAX is to any end.
 */
void pinned_narrow(struct pinned *pinned, uint64_t offset, uint64_t length);

/*
 * Whether a consumer of this kind in @process has pinned a byte of a range of its
 * address space.
 */
bool pinned_meet(const struct pinned *pinned, const struct process *process,
		 unsigned int consumer, uint64_t start, uint64_t length);

/* The record that is met, or NULL. */
const struct hf_pins_entry *pinned_find(const struct pinned *pinned,
					const struct process *process,
					unsigned int consumer, uint64_t start,
					uint64_t length);

/* How many records are for this kind of consumer. */
size_t pinned_count(const struct pinned *pinned, unsigned int consumer);

/* Whether no record before this one is of the same process. */
bool pinned_is_first(const struct pinned *pinned, size_t at);

/* Whether @process has pins for this kind of consumer. */
bool pinned_for(const struct pinned *pinned, const struct process *process,
		unsigned int consumer);

#endif
