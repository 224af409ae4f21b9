// SPDX-License-Identifier: GPL-2.0
/* /proc/self/maps, read by the verbs library: first an address and a length. */
#include "fuzz.h"
#include "internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uintptr_t start = take(&data, &size, sizeof(start));
	size_t length = take(&data, &size, sizeof(length));
	struct hf_area area;

	/* Whoever asks has looked that it is a range. */
	if (!length || start + length < start)
		return 0;
	file_give(data, size);
	must(hf_area_look((void *)start, length, &area) == 0);
	file_given = false;
	must(!area.file || area.path);
	free(area.path);
	return 0;
}
