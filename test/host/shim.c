// SPDX-License-Identifier: GPL-2.0
/*
 * What the shim keeps of a program's memory regions, and what it is told, without a
 * kernel that has leases.
 */
#include <infiniband/verbs.h>
#include <stdlib.h>

#include "../../preload/run.h"
#include "../../preload/shim.h"
#include "../tap.h"

#define BASE  0x10000000UL
#define PAGE  4096UL
#define COUNT 10000

static unsigned int count(uintptr_t addr, size_t length)
{
	struct tracked_mr *tracked = NULL;
	unsigned int met = 0;

	while ((tracked = table_next_mr(tracked, addr, length)))
		met++;
	return met;
}

static struct ibv_context context;
static struct ibv_pd pd;

static void test_few(void)
{
	struct ibv_mr first = { .context = &context,
				.pd = &pd,
				.addr = (void *)BASE,
				.length = 4 * PAGE };
	struct ibv_mr second = { .context = &context,
				 .pd = &pd,
				 .addr = (void *)(BASE + 4 * PAGE),
				 .length = 4 * PAGE };

	tap_is(count(0, SIZE_MAX), 0, "no region to begin with");
	table_add_mr(&first);
	table_add_mr(&first);
	table_add_mr(&second);
	tap_is(count(0, SIZE_MAX), 2, "each region once");
	tap_is(count(BASE + PAGE, 1), 1, "a byte meets one");
	tap_is(count(BASE + 3 * PAGE, 2 * PAGE), 2, "a range can meet both");
	tap_is(count(BASE + 8 * PAGE, PAGE), 0, "what is behind meets none");
	tap_is(count(BASE - PAGE, PAGE), 0, "and what is before");
	first.handle = 7;
	table_find_mr(&first)->taken = true;
	table_add_mr(&first);
	tap_ok(table_find_mr(&first)->handle == 7 &&
		       !table_find_mr(&first)->taken,
	       "another region in the same place is another one");
	tap_is(count(0, SIZE_MAX), 2, "... instead of the first");
	table_drop_mr(table_find_mr(&first));
	tap_ok(!table_find_mr(&first) && table_find_mr(&second),
	       "one can go alone");
	table_drop_all();
	tap_is(count(0, SIZE_MAX), 0, "all can go");
}

static void test_many(void)
{
	struct ibv_mr *mrs = calloc(COUNT, sizeof(*mrs));
	int found = 0;

	for (size_t i = 0; mrs && i < COUNT; i++) {
		mrs[i].context = &context;
		mrs[i].pd = &pd;
		mrs[i].addr = (void *)(BASE + i * PAGE);
		mrs[i].length = PAGE;
		table_add_mr(&mrs[i]);
	}
	tap_is(count(BASE, COUNT * PAGE), COUNT, "as many as there are");
	for (size_t i = 0; mrs && i < COUNT; i++) {
		struct tracked_mr *tracked = table_find_mr(&mrs[i]);

		found += tracked && tracked->mr == &mrs[i];
	}
	tap_is(found, COUNT, "each can be found");
	table_drop_all();
	free(mrs);
}

int main(void)
{
	setenv(RUN_VARIABLE, "grace=1500,verbose=1", 1);
	tap_is(settings()->grace_ms, 1500, "the grace that holdfast run sets");
	tap_ok(settings()->verbose, "and that it is verbose");
	test_few();
	test_many();
	return tap_done();
}
