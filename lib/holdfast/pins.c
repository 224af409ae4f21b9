// SPDX-License-Identifier: LGPL-2.1-or-later
/* The list of pins: HOLDFAST_PINS, see <linux/holdfast.h>. */
#include <errno.h>
#include <stdlib.h>

#include "error.h"
#include "fields.h"
#include "lines.h"
#include "names.h"
#include "internal/visibility.h"

enum column {
	LEASE,
	CONSUMER,
	PID,
	USER,
	START_NS,
	ADDRESS,
	OFFSET,
	LENGTH,
	RUNS,
	COLUMNS
};

static const char *const column_names[COLUMNS] = {
	[LEASE] = "lease",   [CONSUMER] = "consumer", [PID] = "pid",
	[USER] = "uid",	     [START_NS] = "start_ns", [ADDRESS] = "address",
	[OFFSET] = "offset", [LENGTH] = "length",     [RUNS] = "runs",
};

static const struct hf_columns columns = {
	.names = column_names,
	.count = COLUMNS,
	.optional = UINT32_C(1) << CONSUMER | UINT32_C(1) << RUNS,
};

struct hf_pins {
	struct hf_lines lines;
	struct hf_fields fields;
};

static int fail(const struct hf_pins *pins, int err)
{
	return hf_lines_fail(&pins->lines, pins->fields.why, err);
}

static int begin(struct hf_pins *pins, const char *path)
{
	ssize_t length = hf_lines_open(&pins->lines, path);

	if (!length)
		length = hf_lines_next(&pins->lines);
	if (length < 0)
		return length;
	pins->fields.columns = &columns;
	return hf_fields_header(&pins->fields, pins->lines.line, length);
}

static int parse(struct hf_fields *fields, char *line, size_t length,
		 struct hf_pins_entry *entry)
{
	struct hf_pins_entry new = { 0 };
	uint64_t uid = 0;
	const struct {
		enum column column;
		uint64_t max;
		uint64_t *value;
	} numbers[] = {
		{ LEASE, UINT64_MAX, &new.lease },
		{ USER, UINT32_MAX, &uid },
		{ START_NS, UINT64_MAX, &new.start_ns },
		{ OFFSET, UINT64_MAX, &new.offset },
		{ LENGTH, UINT64_MAX, &new.length },
		{ RUNS, UINT64_MAX, &new.runs },
	};
	char *values[COLUMNS];
	int ret = hf_fields_split(fields, line, length, values);

	for (size_t i = 0; !ret && i < sizeof(numbers) / sizeof(*numbers); i++)
		ret = hf_field_number(fields, values, numbers[i].column,
				      numbers[i].max, numbers[i].value);
	if (!ret)
		ret = hf_field_pid(fields, values, PID, &new.pid);
	if (!ret)
		ret = hf_field_hex(fields, values, ADDRESS, &new.address);
	/* A program that shows the range adds the two. */
	if (!ret && (new.length > UINT64_MAX - new.offset ||
		     new.length > UINT64_MAX - new.address))
		ret = hf_field_bad(fields, LENGTH, values[LENGTH]);
	if (ret)
		return ret;
	new.uid = uid;
	if (values[CONSUMER])
		new.consumer = hf_consumer_value(values[CONSUMER]);
	*entry = new;
	return 0;
}

HF_EXPORT int hf_pins_open(const char *path, struct hf_pins **pins)
{
	struct hf_pins *new = calloc(1, sizeof(*new));
	int ret;

	if (!new) {
		struct hf_pins none = { .lines.path = HOLDFAST_PINS };

		return fail(&none, ENOMEM);
	}
	ret = begin(new, path ? path : HOLDFAST_PINS);
	if (ret) {
		ret = fail(new, -ret);
		hf_pins_close(new);
		return ret;
	}
	*pins = new;
	return 0;
}

HF_EXPORT int hf_pins_next(struct hf_pins *pins, struct hf_pins_entry *entry)
{
	ssize_t length = hf_lines_next(&pins->lines);
	int ret;

	if (!length)
		return 0;
	pins->fields.why[0] = '\0';
	ret = length < 0
		      ? (int)length
		      : parse(&pins->fields, pins->lines.line, length, entry);
	return ret ? fail(pins, -ret) : 1;
}

HF_EXPORT void hf_pins_close(struct hf_pins *pins)
{
	if (!pins)
		return;
	hf_lines_end(&pins->lines);
	free(pins);
}
