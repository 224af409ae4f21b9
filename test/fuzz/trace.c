// SPDX-License-Identifier: GPL-2.0
/* Lines of the kernel's trace, as holdfast trace shows them. */
#include "json.h"
#include "trace-line.h"

static char *shown(const char *text, bool json)
{
	struct trace_line line;
	char *copy = strdup(text), *out = NULL;
	size_t length;
	FILE *to = open_memstream(&out, &length);

	must(copy && to);
	if (!trace_line_parse(copy, &line))
		trace_line_print_other(to, text, json);
	else if (json)
		trace_line_print_json(to, &line, line.time_us);
	else
		trace_line_print(to, &line, line.time_us);
	fclose(to);
	free(copy);
	/* One line, whatever is in it. */
	must(length && strchr(out, '\n') == out + length - 1);
	return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = as_text(data, size), *out;

	text[strcspn(text, "\n")] = '\0';
	out = shown(text, true);
	must(is_json(out));
	free(out);
	out = shown(text, false);
	for (const char *c = out; *c; c++)
		must(*c != '\033');
	free(out);
	free(text);
	return 0;
}
