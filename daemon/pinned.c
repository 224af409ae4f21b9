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

int pinned_read(struct pinned *to, uint64_t lease)
{
	struct pinned found = { 0 };
	struct hf_pins_entry entry;
	struct hf_pins *pins;
	int ret = hf_pins_open(NULL, &pins);

	if (ret)
		return ret;
	while ((ret = hf_pins_next(pins, &entry)) == 1) {
		if (entry.lease != lease || !entry.pid)
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

void pinned_free(struct pinned *pinned)
{
	free(pinned->list);
	*pinned = (struct pinned){ 0 };
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

void pinned_narrow(struct pinned *pinned, uint64_t offset, uint64_t length)
{
	const uint64_t mask = HOLDFAST_CHANGE_ALIGN - 1;
	uint64_t start = offset & ~mask, end = UINT64_MAX;
	size_t left = 0;

	if (length <= UINT64_MAX - offset && offset + length <= end - mask)
		end = (offset + length + mask) & ~mask;
	for (size_t i = 0; i < pinned->count; i++) {
		if (narrow(&pinned->list[i], start, end))
			pinned->list[left++] = pinned->list[i];
	}
	pinned->count = left;
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

bool pinned_meet(const struct pinned *pinned, const struct process *process,
		 unsigned int consumer, uint64_t start, uint64_t length)
{
	for (size_t i = 0; i < pinned->count; i++)
		if (meets(&pinned->list[i], process, consumer, start, length))
			return true;
	return false;
}

bool pinned_for(const struct pinned *pinned, const struct process *process,
		unsigned int consumer)
{
	return pinned_meet(pinned, process, consumer, 0, UINT64_MAX);
}
