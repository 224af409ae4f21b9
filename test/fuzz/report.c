// SPDX-License-Identifier: GPL-2.0
/* The report of leases, read by the library and shown by holdfast ls. */
#include <errno.h>

#include "holdfast.h"
#include "json.h"
#include "table.h"

/* The library has said that it is right: then so is each part of it. */
static void check(const struct hf_report_entry *entry)
{
	must(*hf_kind_name(entry->kind) && *hf_state_name(entry->state));
	must(entry->offset + entry->length >= entry->offset);
	must(entry->pid >= 0 && entry->change_pid >= 0);
	must(!entry->has_change || entry->change_length == UINT64_MAX ||
	     entry->change_offset + entry->change_length >=
		     entry->change_offset);
	must(!entry->pinner_count == !entry->pinners);
	for (size_t i = 0; i < entry->pinner_count; i++)
		must(entry->pinners[i] >= 0);
	must(!entry->path || memchr(entry->path, '\0', 1 << 20));
}

static void print(struct table *table)
{
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	must(to);
	must(grid_print(table->lines, to) == 0);
	fclose(to);
	must(!table->view.json || is_json(text));
	free(text);
}

static void read_report(bool json)
{
	struct hf_report_entry entry, untouched;
	struct table table = { .view.json = json };
	struct hf_report *report;
	int ret;

	if (hf_report_open(NULL, &report)) {
		must(*hf_error());
		return;
	}
	must(table_make(&table) == 0);
	do {
		memset(&entry, 0xa5, sizeof(entry));
		untouched = entry;
		ret = hf_report_next(report, &entry);
		if (ret == 1) {
			check(&entry);
			must(table_add(&entry, &table) == 0);
		} else {
			must(!memcmp(&entry, &untouched, sizeof(entry)));
		}
	} while (ret == 1 || ret == -EPROTO);
	must(ret == 0);
	print(&table);
	table_end(&table);
	hf_report_close(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	file_give(data, size);
	read_report(false);
	read_report(true);
	file_given = false;
	return 0;
}
