// SPDX-License-Identifier: GPL-2.0
/* The list of pins, read by the library. */
#include <errno.h>

#include "fuzz.h"
#include "holdfast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_pins_entry entry, untouched;
	struct hf_pins *pins;
	int ret;

	file_give(data, size);
	if (hf_pins_open(NULL, &pins)) {
		must(*hf_error());
		file_given = false;
		return 0;
	}
	do {
		memset(&entry, 0xa5, sizeof(entry));
		untouched = entry;
		ret = hf_pins_next(pins, &entry);
		if (ret == 1) {
			must(entry.pid >= 0);
			must(entry.offset + entry.length >= entry.offset);
			must(entry.address + entry.length >= entry.address);
			must(hf_consumer_name(entry.consumer));
		} else {
			must(!memcmp(&entry, &untouched, sizeof(entry)));
		}
	} while (ret == 1 || ret == -EPROTO);
	must(ret == 0);
	hf_pins_close(pins);
	file_given = false;
	return 0;
}
