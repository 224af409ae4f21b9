// SPDX-License-Identifier: GPL-2.0
/* The fdinfo of an io_uring, read by holdfastd: names of others' files are in it. */
#include <errno.h>
#include <time.h>

#include "fuzz.h"
#include "uring.h"

static unsigned int looked;

static int look(unsigned int index, uint64_t addr, uint64_t length, void *arg)
{
	must(arg == &looked);
	looked++;
	/* Uses them, for who watches uses of what was never set. */
	return index == 77 && addr == length ? -ENOENT : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct process process = { .pid = 1, .pidfd = -1 };
	int ret;

	file_give(data, size);
	looked = 0;
	ret = uring_each_buffer(&process, 0, look, &looked);
	must(ret == 0 || ret == -EBUSY || ret == -ENOMEM || ret == -ENOENT);
	/* Each buffer has a line. */
	must(looked <= size);
	file_given = false;
	return 0;
}
