// SPDX-License-Identifier: GPL-2.0
/* Where leases are mapped, read by holdfastd: first a process and a range. */
#include "fuzz.h"
#include "mappings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	pid_t pid = take(&data, &size, sizeof(pid));
	uint64_t start = take(&data, &size, sizeof(start));
	uint64_t length = take(&data, &size, sizeof(length));
	struct mappings mappings;

	file_give(data, size);
	must(mappings_read(&mappings, 7) == 0);
	file_given = false;
	for (size_t i = 0; i < mappings.count; i++)
		must(mappings.list[i].lease == 7 && mappings.list[i].pid);
	if (mappings_meet(&mappings, pid, start, length))
		must(mappings.count);
	mappings_free(&mappings);
	return 0;
}
