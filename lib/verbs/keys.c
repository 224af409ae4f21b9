// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From a key to its region. Keys of the past stay for a while, as completions
 * with errors come late; of those only the youngest HF_RETIRED_KEYS are kept.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Its lkey and its rkey */
#define KEYS_OF_MR 2

/* The first entry whose key is not less. */
static size_t first_of(const struct hf_keys *keys, uint32_t key)
{
	size_t low = 0, high = keys->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (keys->entries[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void remove_at(struct hf_keys *keys, size_t at)
{
	if (keys->entries[at].retired)
		keys->retired--;
	keys->count--;
	memmove(&keys->entries[at], &keys->entries[at + 1],
		(keys->count - at) * sizeof(keys->entries[0]));
}

/*
 * Room for the two keys of a registration, so that adding them cannot fail. The caller
 * may unlock the context before it adds: other threads reserve for themselves.
 */
int hf_keys_reserve(struct hf_keys *keys)
{
	size_t needed = keys->count + keys->reserved + KEYS_OF_MR;
	size_t room = keys->room ? keys->room * 2 : 64;
	struct hf_key_entry *entries;

	if (needed > keys->room) {
		entries = reallocarray(keys->entries, room, sizeof(*entries));
		if (!entries)
			return -ENOMEM;
		keys->entries = entries;
		keys->room = room;
	}
	keys->reserved += KEYS_OF_MR;
	return 0;
}

void hf_keys_unreserve(struct hf_keys *keys)
{
	keys->reserved -= KEYS_OF_MR;
}

static void add(struct hf_keys *keys, struct hf_mr *mr, uint32_t key)
{
	size_t at = first_of(keys, key);

	memmove(&keys->entries[at + 1], &keys->entries[at],
		(keys->count - at) * sizeof(keys->entries[0]));
	keys->count++;
	keys->entries[at] = (struct hf_key_entry){
		.key = key,
		.generation = mr->generation,
		.number = ++keys->number,
		.mr = mr,
	};
}

void hf_keys_add(struct hf_keys *keys, struct hf_mr *mr)
{
	hf_keys_unreserve(keys);
	add(keys, mr, mr->lkey);
	/* Without remote access some devices say 0, others the same. */
	if (mr->rkey && mr->rkey != mr->lkey)
		add(keys, mr, mr->rkey);
}

static void remove_oldest_retired(struct hf_keys *keys)
{
	size_t oldest = keys->count;

	for (size_t i = 0; i < keys->count; i++)
		if (keys->entries[i].retired &&
		    (oldest == keys->count ||
		     keys->entries[i].number < keys->entries[oldest].number))
			oldest = i;
	remove_at(keys, oldest);
}

static void retire(struct hf_keys *keys, const struct hf_mr *mr, uint32_t key)
{
	for (size_t i = first_of(keys, key);
	     i < keys->count && keys->entries[i].key == key; i++) {
		struct hf_key_entry *entry = &keys->entries[i];

		if (entry->mr != mr || entry->retired)
			continue;
		entry->retired = true;
		entry->number = ++keys->number;
		keys->retired++;
	}
}

void hf_keys_retire(struct hf_keys *keys, struct hf_mr *mr)
{
	retire(keys, mr, mr->lkey);
	retire(keys, mr, mr->rkey);
	while (keys->retired > HF_RETIRED_KEYS)
		remove_oldest_retired(keys);
}

void hf_keys_forget_mr(struct hf_keys *keys, const struct hf_mr *mr)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->entries[i].mr == mr)
			keys->entries[i].mr = NULL;
}

const struct hf_key_entry *hf_keys_find(const struct hf_keys *keys,
					uint32_t key)
{
	const struct hf_key_entry *best = NULL;

	for (size_t i = first_of(keys, key);
	     i < keys->count && keys->entries[i].key == key; i++) {
		const struct hf_key_entry *entry = &keys->entries[i];

		if (!entry->retired)
			return entry;
		if (!best || entry->number > best->number)
			best = entry;
	}
	return best;
}
