// SPDX-License-Identifier: GPL-2.0
/* Sizes, times and names that people and programs give to the tools. */
#include "fuzz.h"
#include "revocation.h"
#include "size.h"
#include "utf8.h"

static void numbers(const char *text)
{
	char room[SIZE_ROOM], range[RANGE_ROOM];
	uint64_t size, again;
	unsigned int grace;
	uint32_t ms;

	if (size_parse(text, &size)) {
		/* What is shown can be given again. */
		must(size_parse(size_text(room, size, true), &again));
		must(again == size);
		size_text(room, size, false);
		age_text(room, size);
		range_text(range, size, size, true);
		range_text(range, size, UINT64_MAX, false);
	}
	if (seconds_parse(text, &ms))
		must(ms);
	if (grace_parse(text, &grace))
		must(grace);
}

static void names(const char *text)
{
	char *repaired = utf8_repair(text), *again, *out = NULL;
	size_t length;
	FILE *to = open_memstream(&out, &length);

	must(repaired && to);
	again = utf8_repair(repaired);
	must(again && !strcmp(again, repaired));
	print_text(to, text);
	fclose(to);
	for (size_t i = 0; i < length; i++)
		must((unsigned char)out[i] >= ' ' && out[i] != 127);
	free(out);
	free(again);
	free(repaired);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = as_text(data, size);

	numbers(text);
	names(text);
	free(text);
	return 0;
}
