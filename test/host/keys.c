// SPDX-License-Identifier: GPL-2.0
/* libholdfast-verbs: the table of keys, where a registration reserves its room before it is made. */
#include <stdlib.h>

#include "../../lib/verbs/internal.h"
#include "../tap.h"

#define MANY 100

static void reserve_many(struct hf_keys *keys)
{
	int failed = 0;

	for (int i = 0; i < MANY; i++)
		failed += hf_keys_reserve(keys) != 0;
	tap_is(failed, 0, "%d registrations reserve room", MANY);
}

/* As many threads do at once: each reserves, and then registers without the lock. */
static void test_reserve(void)
{
	static struct hf_mr mrs[MANY];
	struct hf_keys keys = { 0 };
	bool enough;
	int found = 0;

	reserve_many(&keys);
	enough = keys.room >= 2 * MANY;
	tap_ok(enough, "each has room of its own");
	for (int i = MANY; enough && i--;) {
		mrs[i].lkey = 2 * i + 1;
		mrs[i].rkey = 2 * i + 2;
		hf_keys_add(&keys, &mrs[i]);
	}
	for (int i = 0; i < MANY; i++) {
		const struct hf_key_entry *entry =
			hf_keys_find(&keys, 2 * i + 2);

		found += entry && entry->mr == &mrs[i];
	}
	tap_is(found, MANY, "each is found by its key");
	free(keys.entries);
}

/* A registration that failed. */
static void test_unreserve(void)
{
	struct hf_keys keys = { 0 };
	size_t room;

	reserve_many(&keys);
	for (int i = 0; i < MANY; i++)
		hf_keys_unreserve(&keys);
	room = keys.room;
	reserve_many(&keys);
	tap_is(keys.room, room, "room that was given back is used again");
	free(keys.entries);
}

int main(void)
{
	test_reserve();
	test_unreserve();
	return tap_done();
}
