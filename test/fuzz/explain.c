// SPDX-License-Identifier: GPL-2.0
/* Why a call failed, in words: of any facts, in any room. */
#include "explain.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_facts facts = {
		.call = take(&data, &size, 1) % (HF_CALL_REPORT + 1),
		.err = take(&data, &size, 1),
		.access = (int)take(&data, &size, 1) - 1,
		.has_stat = take(&data, &size, 1) & 1,
		.dax = take(&data, &size, 1) & 1,
		.page_size = 4096,
		.mode = take(&data, &size, 4),
		.fs_magic = take(&data, &size, 4),
		.fd = take(&data, &size, 4),
		.lease = take(&data, &size, 8),
		.line = take(&data, &size, 8),
		.offset = take(&data, &size, 8),
		.length = take(&data, &size, 8),
		.attr = { .kind = take(&data, &size, 4),
			  .break_ms = take(&data, &size, 4),
			  .flags = take(&data, &size, 4) },
		.timeout_ms = take(&data, &size, 4),
		.size = take(&data, &size, 8),
		.owner = take(&data, &size, 4),
		.fsuid = take(&data, &size, 4),
	};
	size_t room = 1 + take(&data, &size, 2) % 1024;
	bool named = take(&data, &size, 1) & 1;
	char *text = as_text(data, size), *line = malloc(room);

	must(line);
	facts.path = named ? text : NULL;
	facts.why = named ? NULL : text;
	hf_explain(&facts, line, room);
	must(memchr(line, '\0', room));
	free(line);
	free(text);
	return 0;
}
