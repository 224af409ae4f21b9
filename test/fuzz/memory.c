// SPDX-License-Identifier: GPL-2.0
/* What reads files does so without memory, too: one allocation after the other. */
#include <errno.h>

#include "fuzz.h"
#include "holdfast.h"
#include "pinned.h"
#include "uring.h"

/* Each returns -ENOMEM, or what it would have without a failure. */

static int read_report(void)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	int ret = hf_report_open(NULL, &report), next;

	if (ret)
		return ret;
	/* The next line can be read although one could not. */
	while ((next = hf_report_next(report, &entry)))
		if (next == -ENOMEM)
			ret = next;
	hf_report_close(report);
	return ret;
}

static int read_pins(void)
{
	struct pinned pinned;
	int ret = pinned_read(&pinned, 7);

	if (!ret)
		pinned_free(&pinned);
	return ret;
}

static int look(unsigned int index, uint64_t addr, uint64_t length, void *arg)
{
	(void)index;
	(void)addr;
	(void)length;
	(void)arg;
	return 0;
}

static int read_ring(void)
{
	const struct process process = { .pid = 1, .pidfd = -1 };

	return uring_each_buffer(&process, 0, look, NULL);
}

static void fail_each(int (*read)(void))
{
	int want = read(), ret;

	for (unsigned int nth = 1; nth < 40; nth++) {
		has_failed = false;
		fail_nth = nth;
		ret = read();
		fail_nth = 0;
		must(ret == (has_failed ? -ENOMEM : want));
		if (!has_failed)
			break;
	}
	has_failed = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	file_give(data, size);
	fail_each(read_report);
	fail_each(read_pins);
	fail_each(read_ring);
	file_given = false;
	return 0;
}
