// SPDX-License-Identifier: GPL-2.0
/* Which consumers the agent takes: those of the bytes that a change waits for. */
#include <errno.h>
#include <unistd.h>

#include "pinned.h"
#include "process.h"
#include "../tap.h"

#define BASE  0x10000000UL
#define PAGE  4096UL
#define ALIGN (uint64_t) HOLDFAST_CHANGE_ALIGN

static const struct process five = { .pid = 5 }, six = { .pid = 6 };

static bool meet(const struct pinned *pinned, const struct process *process,
		 uint64_t start, uint64_t length)
{
	return pinned_meet(pinned, process, HOLDFAST_CONSUMER_MR, start,
			   length);
}

static void test_meet(void)
{
	struct hf_pins_entry list[] = {
		{ .pid = 5,
		  .consumer = HOLDFAST_CONSUMER_MR,
		  .address = BASE,
		  .length = PAGE },
		{ .pid = 6,
		  .consumer = HOLDFAST_CONSUMER_MR,
		  .address = PAGE,
		  .length = PAGE },
	};
	const struct pinned pinned = { list, 2 };

	tap_ok(meet(&pinned, &five, BASE, PAGE), "the range itself");
	tap_ok(meet(&pinned, &five, BASE - 1, 2), "its first byte");
	tap_ok(meet(&pinned, &five, BASE + PAGE - 1, 9), "its last byte");
	tap_ok(!meet(&pinned, &five, BASE - PAGE, PAGE), "before it");
	tap_ok(!meet(&pinned, &five, BASE + PAGE, PAGE), "behind it");
	tap_ok(meet(&pinned, &five, 0, UINT64_MAX), "all there is");
	tap_ok(!meet(&pinned, &five, UINT64_MAX, 1),
	       "an empty place of io_uring");
	tap_ok(!meet(&pinned, &six, BASE, PAGE), "another process");
	tap_ok(meet(&pinned, &six, 0, PAGE + 1), "near zero");
	tap_ok(!meet(&pinned, &six, 0, PAGE), "just before it");
	tap_ok(!pinned_meet(&pinned, &five, HOLDFAST_CONSUMER_BUFFER, BASE,
			    PAGE),
	       "another kind of consumer");
	tap_ok(pinned_for(&pinned, &five, HOLDFAST_CONSUMER_MR) &&
		       !pinned_for(&pinned, &five, HOLDFAST_CONSUMER_VFIO),
	       "the kinds that a process has");
}

/* The record of bytes 2 MiB to 8 MiB after a change of a range. */
static struct hf_pins_entry narrowed(uint64_t offset, uint64_t length)
{
	struct hf_pins_entry entry = { .address = BASE,
				       .offset = ALIGN,
				       .length = 3 * ALIGN };
	struct pinned pinned = { &entry, 1 };

	pinned_narrow(&pinned, offset, length);
	return pinned.count ? entry : (struct hf_pins_entry){ 0 };
}

static void is_narrowed(uint64_t offset, uint64_t length, uint64_t from,
			uint64_t left, const char *what)
{
	struct hf_pins_entry entry = narrowed(offset, length);

	tap_ok(entry.length == left &&
		       (!left || (entry.offset == from &&
				  entry.address == BASE + from - ALIGN)),
	       "%s", what);
}

static void test_narrow(void)
{
	struct hf_pins_entry list[] = {
		{ .pid = 5, .offset = 0, .length = ALIGN },
		{ .pid = 6, .offset = 4 * ALIGN, .length = ALIGN },
	};
	struct pinned two = { list, 2 };

	is_narrowed(0, UINT64_MAX, ALIGN, 3 * ALIGN, "the whole file");
	is_narrowed(0, ALIGN, 0, 0, "all before it");
	is_narrowed(4 * ALIGN, 1, 0, 0, "all behind it");
	is_narrowed(0, ALIGN + 1, ALIGN, ALIGN, "one byte of it: 2 MiB");
	is_narrowed(3 * ALIGN - 1, 2, 2 * ALIGN, 2 * ALIGN, "both sides");
	is_narrowed(3 * ALIGN + 5, UINT64_MAX, 3 * ALIGN, ALIGN, "a truncate");
	is_narrowed(3 * ALIGN, UINT64_MAX - 3 * ALIGN, 3 * ALIGN, ALIGN,
		    "to the largest offset");
	is_narrowed(3 * ALIGN, UINT64_MAX - 1, 3 * ALIGN, ALIGN, "beyond it");
	pinned_narrow(&two, 4 * ALIGN, PAGE);
	tap_ok(two.count == 1 && list[0].pid == 6, "the others are dropped");
}

static void test_first(void)
{
	struct hf_pins_entry list[] = { { .pid = 5, .start_ns = 1 },
					{ .pid = 5, .start_ns = 2 },
					{ .pid = 5, .start_ns = 1 } };
	const struct pinned pinned = { list, 3 };

	tap_ok(pinned_is_first(&pinned, 0) && pinned_is_first(&pinned, 1),
	       "two processes that had one pid");
	tap_ok(!pinned_is_first(&pinned, 2), "one of them again");
}

static void test_process(void)
{
	struct process process;
	uint64_t start = 0;
	FILE *file = fopen("/proc/self/stat", "r");

	if (!file || fscanf(file,
			    "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u "
			    "%*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			    "%*d %*d %lu",
			    &start) != 1)
		tap_bail("/proc/self/stat");
	fclose(file);
	start *= 1000000000 / sysconf(_SC_CLK_TCK);
	tap_is(process_open(&process, getpid(), start), 0, "a process");
	process_close(&process);
	tap_is(process_open(&process, getpid(), start + 1000000000), -ESRCH,
	       "another one with its pid");
}

int main(void)
{
	test_meet();
	test_narrow();
	test_first();
	test_process();
	return tap_done();
}
