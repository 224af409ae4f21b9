// SPDX-License-Identifier: GPL-2.0
/* Where processes have pinned bytes of a lease, see pinned.h. */
#include <errno.h>
#include <stdlib.h>

#include "pinned.h"
#include "process.h"

static int add(struct pinned *pinned, const struct hf_pins_entry *entry)
{
	struct hf_pins_entry *list =
		reallocarray(pinned->list, pinned->count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list[pinned->count++] = *entry;
	pinned->list = list;
	return 0;
}

/* Cuts off what is not in [@start, @end) of the file. False if nothing is left. */
static bool narrow(struct hf_pins_entry *entry, uint64_t start, uint64_t end)
{
	uint64_t last = entry->offset + entry->length;

	if (start < entry->offset)
		start = entry->offset;
	if (end > last)
		end = last;
	if (start >= end)
		return false;
	entry->address += start - entry->offset;
	entry->offset = start;
	entry->length = end - start;
	return true;
}

static int compare_leases(const void *a, const void *b)
{
	const struct demand *one = a, *other = b;

	return (one->lease > other->lease) - (one->lease < other->lease);
}

int pinned_read_demands(struct pinned *to, const struct demand *demands,
			size_t count)
{
	struct pinned found = { 0 };
	struct hf_pins_entry entry;
	struct hf_pins *pins;
	int ret = hf_pins_open(NULL, &pins);

	if (ret)
		return ret;
	while ((ret = hf_pins_next(pins, &entry)) == 1) {
		const struct demand key = { .lease = entry.lease };
		const struct demand *demand = bsearch(
			&key, demands, count, sizeof(key), compare_leases);

		if (!demand || !entry.pid ||
		    !narrow(&entry, demand->start, demand->end))
			continue;
		ret = add(&found, &entry);
		if (ret)
			break;
	}
	hf_pins_close(pins);
	if (ret)
		pinned_free(&found);
	else
		*to = found;
	return ret;
}

int pinned_read(struct pinned *to, uint64_t lease)
{
	const struct demand all = { .lease = lease, .end = UINT64_MAX };

	return pinned_read_demands(to, &all, 1);
}

void pinned_free(struct pinned *pinned)
{
	free(pinned->list);
	*pinned = (struct pinned){ 0 };
}

/* Of a change: rounded out as HOLDFAST_CHANGE_ALIGN says. */
static void round_out(uint64_t offset, uint64_t length, struct demand *demand)
{
	const uint64_t mask = HOLDFAST_CHANGE_ALIGN - 1;

	demand->start = offset & ~mask;
	demand->end = UINT64_MAX;
	if (length <= UINT64_MAX - offset &&
	    offset + length <= UINT64_MAX - mask)
		demand->end = (offset + length + mask) & ~mask;
}

void pinned_narrow(struct pinned *pinned, uint64_t offset, uint64_t length)
{
	struct demand demand;
	size_t left = 0;

	round_out(offset, length, &demand);
	for (size_t i = 0; i < pinned->count; i++) {
		if (narrow(&pinned->list[i], demand.start, demand.end))
			pinned->list[left++] = pinned->list[i];
	}
	pinned->count = left;
}

/*
 * XFS also moves blocks beside what these changes take, at most a unit of copy on
 * write, which is no longer than HOLDFAST_CHANGE_ALIGN.
 */
static bool reaches_beside(unsigned int op)
{
	return op == HOLDFAST_OP_REFLINK || op == HOLDFAST_OP_DEDUPE ||
	       op == HOLDFAST_OP_EXCHANGE || op == HOLDFAST_OP_COLLAPSE ||
	       op == HOLDFAST_OP_INSERT;
}

struct demand demand_of(const struct hf_report_entry *lease)
{
	const uint64_t unit = HOLDFAST_CHANGE_ALIGN;
	struct demand demand = { .lease = lease->id, .end = UINT64_MAX };
	uint64_t start = lease->change_offset, length = lease->change_length;

	/* A lease that was released, revoked or closed loses all of them. */
	if (lease->state != HOLDFAST_BREAKING || !lease->has_change)
		return demand;
	if (reaches_beside(lease->op)) {
		uint64_t before = start < unit ? start : unit;

		start -= before;
		length += length < UINT64_MAX - before - unit ? before + unit
							      : 0;
	}
	round_out(start, length, &demand);
	return demand;
}

bool pinned_is_first(const struct pinned *pinned, size_t at)
{
	const struct hf_pins_entry *list = pinned->list;

	for (size_t i = 0; i < at; i++)
		if (list[i].pid == list[at].pid &&
		    list[i].start_ns == list[at].start_ns)
			return false;
	return true;
}

static bool meets(const struct hf_pins_entry *pin,
		  const struct process *process, unsigned int consumer,
		  uint64_t start, uint64_t length)
{
	return pin->pid == process->pid && pin->consumer == consumer &&
	       start < pin->address + pin->length &&
	       (length > pin->address || start > pin->address - length);
}

const struct hf_pins_entry *pinned_find(const struct pinned *pinned,
					const struct process *process,
					unsigned int consumer, uint64_t start,
					uint64_t length)
{
	for (size_t i = 0; i < pinned->count; i++)
		if (meets(&pinned->list[i], process, consumer, start, length))
			return &pinned->list[i];
	return NULL;
}

bool pinned_meet(const struct pinned *pinned, const struct process *process,
		 unsigned int consumer, uint64_t start, uint64_t length)
{
	return pinned_find(pinned, process, consumer, start, length);
}

bool pinned_for(const struct pinned *pinned, const struct process *process,
		unsigned int consumer)
{
	return pinned_meet(pinned, process, consumer, 0, UINT64_MAX);
}

size_t pinned_count(const struct pinned *pinned, unsigned int consumer)
{
	size_t count = 0;

	for (size_t i = 0; i < pinned->count; i++)
		count += pinned->list[i].consumer == consumer;
	return count;
}
