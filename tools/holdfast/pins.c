// SPDX-License-Identifier: GPL-2.0
/* The records of pins, see pins.h. */
#include <errno.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grid.h"
#include "pins.h"
#include "process.h"
#include "size.h"
#include "tool.h"

enum column {
	LEASE,
	PID,
	COMMAND,
	USER_ID,
	USER,
	CONSUMER,
	ADDRESS,
	RANGE,
	OFFSET,
	LENGTH,
	SIZE,
	FILE_NAME,
	COLUMNS
};

static const struct grid_column columns[COLUMNS] = {
	[LEASE] = { "LEASE", SCOLS_JSON_NUMBER, GRID_TABLE | GRID_JSON },
	[PID] = { "PID", SCOLS_JSON_NUMBER, GRID_TABLE | GRID_JSON },
	[COMMAND] = { "COMMAND", SCOLS_JSON_STRING, GRID_TABLE | GRID_JSON },
	[USER_ID] = { "UID", SCOLS_JSON_NUMBER, GRID_JSON },
	[USER] = { "USER", SCOLS_JSON_STRING, GRID_TABLE | GRID_JSON },
	[CONSUMER] = { "CONSUMER", SCOLS_JSON_STRING, GRID_TABLE | GRID_JSON },
	[ADDRESS] = { "ADDRESS", SCOLS_JSON_STRING, GRID_TABLE | GRID_JSON },
	[RANGE] = { "RANGE", SCOLS_JSON_STRING, GRID_TABLE },
	[OFFSET] = { "OFFSET", SCOLS_JSON_NUMBER, GRID_JSON },
	[LENGTH] = { "LENGTH", SCOLS_JSON_NUMBER, GRID_JSON },
	[SIZE] = { "SIZE", SCOLS_JSON_NUMBER, GRID_TABLE },
	[FILE_NAME] = { "FILE", SCOLS_JSON_STRING, GRID_TABLE | GRID_JSON },
};

int pins_make(struct pins *pins)
{
	return grid_open("pins", &pins->view, columns, COLUMNS, &pins->lines);
}

static int keep(struct pins *pins, const struct hf_pins_entry *entry)
{
	struct hf_pins_entry *entries =
		reallocarray(pins->entries, pins->count + 1, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	pins->entries = entries;
	entries[pins->count++] = *entry;
	return 0;
}

/* A line that cannot be read must not hide the others. */
int pins_read(struct pins *pins)
{
	struct hf_pins_entry entry;
	struct hf_pins *report;
	int status = 0;
	int ret;

	if (hf_pins_open(NULL, &report))
		return failed("%s", hf_error());
	while ((ret = hf_pins_next(report, &entry))) {
		if (ret == -EPROTO) {
			status = failed("%s", hf_error());
			continue;
		}
		if (ret < 0 || keep(pins, &entry)) {
			status = failed("%s",
					ret < 0 ? hf_error() : "no memory");
			break;
		}
	}
	hf_pins_close(report);
	return status;
}

static int add_line(struct pins *pins, const struct hf_pins_entry *pin,
		    const char *path)
{
	char lease[SIZE_ROOM], pid[SIZE_ROOM], uid[SIZE_ROOM], at[SIZE_ROOM],
		offset[SIZE_ROOM], length[SIZE_ROOM], size[SIZE_ROOM],
		range[RANGE_ROOM], name[PROCESS_NAME_ROOM];
	const struct passwd *user = getpwuid(pin->uid);
	bool exact = pins->view.exact || pins->view.json;
	const char *texts[COLUMNS] = {
		[LEASE] = size_text(lease, pin->lease, true),
		[USER_ID] = size_text(uid, pin->uid, true),
		[USER] = user ? user->pw_name : uid,
		[CONSUMER] = hf_consumer_name(pin->consumer),
		[ADDRESS] = at,
		[RANGE] = range_text(range, pin->offset, pin->length, exact),
		[OFFSET] = size_text(offset, pin->offset, true),
		[LENGTH] = size_text(length, pin->length, true),
		[SIZE] = size_text(size, pin->length, exact),
		[FILE_NAME] = path,
	};

	snprintf(at, sizeof(at), "%#" PRIx64, pin->address);
	if (pin->pid)
		texts[PID] = size_text(pid, pin->pid, true);
	if (pin->pid && process_started_at(pin->pid, pin->start_ns))
		texts[COMMAND] = process_name(name, pin->pid);
	return grid_add(pins->lines, pins->view.json, columns, COLUMNS, texts);
}

int pins_add(const struct hf_report_entry *entry, void *arg)
{
	struct pins *pins = arg;
	int ret = 0;

	for (size_t i = 0; !ret && i < pins->count; i++)
		if (pins->entries[i].lease == entry->id &&
		    is_one_of(&pins->people, pins->entries[i].uid,
			      &pins->entries[i].pid, 1))
			ret = add_line(pins, &pins->entries[i], entry->path);
	return ret;
}

void pins_end(struct pins *pins)
{
	scols_unref_table(pins->lines);
	free(pins->entries);
}
