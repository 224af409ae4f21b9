// SPDX-License-Identifier: GPL-2.0
/* What holdfast(1) makes of words and numbers. */
#include <inttypes.h>

#include "../../tools/holdfast/event.h"
#include "../../tools/holdfast/revocation.h"
#include "size.h"
#include "../../tools/holdfast/suggest.h"
#include "../../tools/holdfast/trace-line.h"
#include "utf8.h"
#include "../tap.h"

static void test_size_parse(void)
{
	static const struct {
		const char *text;
		uint64_t size;
	} good[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "4096B", 4096 },
		{ "4K", 4096 },
		{ "4k", 4096 },
		{ "4KiB", 4096 },
		{ "2M", 2 << 20 },
		{ "1G", 1 << 30 },
		{ "3T", UINT64_C(3) << 40 },
		{ "15E", UINT64_C(15) << 60 },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = {
		"",	"K",
		"-1",	"+1",
		" 1",	"1 ",
		"1KB",	"4x",
		"1.5G", "16E",
		"4iB",	"1KK",
		"0x10", "18446744073709551616",
	};
	uint64_t size;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		tap_ok(size_parse(good[i].text, &size) && size == good[i].size,
		       "\"%s\" is %" PRIu64, good[i].text, good[i].size);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		tap_ok(!size_parse(bad[i], &size), "\"%s\" is no size", bad[i]);
}

static void test_seconds_parse(void)
{
	static const char *const bad[] = { "",	    "0",   "0.0001", "-1",
					   "inf",   "nan", "1e3",    "5000000",
					   "1.2.3", ".",   "10s" };
	uint32_t ms;

	tap_ok(seconds_parse("45", &ms) && ms == 45000, "45 s");
	tap_ok(seconds_parse("0.25", &ms) && ms == 250, "0.25 s");
	tap_ok(seconds_parse(".001", &ms) && ms == 1, "1 ms");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		tap_ok(!seconds_parse(bad[i], &ms), "\"%s\" is no time",
		       bad[i]);
}

static void test_texts(void)
{
	static const struct {
		uint64_t size;
		const char *text;
	} sizes[] = {
		{ 0, "0B" },
		{ 1023, "1023B" },
		{ 1024, "1K" },
		{ 1536, "1.5K" },
		{ 4096, "4K" },
		{ (1 << 20) - 1, "1023K" },
		{ 1 << 20, "1M" },
		{ (100 << 20) + (512 << 10), "100M" },
		{ UINT64_C(5) << 39, "2.5T" },
		{ UINT64_MAX, "15.9E" },
	};
	char size[SIZE_ROOM];
	char range[RANGE_ROOM];

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		tap_is_str(size_text(size, sizes[i].size, false), sizes[i].text,
			   "%" PRIu64 " bytes", sizes[i].size);
	tap_is_str(size_text(size, UINT64_MAX, true), "18446744073709551615",
		   "exact");
	tap_is_str(range_text(range, 0, 4096, false), "0-4K", "a range");
	tap_is_str(range_text(range, 4096, UINT64_MAX, false), "4K-end",
		   "to the end");
	tap_is_str(range_text(range, UINT64_MAX - 1, 1, true),
		   "18446744073709551614-18446744073709551615", "the longest");
	tap_is_str(age_text(size, 999), "0s", "an age of no second");
	tap_is_str(age_text(size, 59999), "59s", "seconds");
	tap_is_str(age_text(size, 185000), "3m05s", "minutes");
	tap_is_str(age_text(size, 3600000), "1h00m", "an hour");
	tap_is_str(age_text(size, 90000000), "1d01h", "a day and an hour");
	tap_is_str(age_text(size, UINT64_MAX), "213503982334d14h", "eternity");
}

static void test_suggest(void)
{
	static const char *const names[] = { "lease", "ls" };

	tap_is_str(suggest("lss", names, 2), "ls", "lss");
	tap_is_str(suggest("l", names, 2), "ls", "l");
	tap_is_str(suggest("laese", names, 2), "lease", "laese");
	tap_is_str(suggest("leases", names, 2), "lease", "leases");
	tap_is_str(suggest("xy", names, 2), NULL, "xy is like none");
	tap_is_str(suggest("", names, 2), NULL, "nor is nothing");
	tap_is_str(suggest("a-word-that-is-longer-than-any-command-name", names,
			   2),
		   NULL, "nor is a long word");
}

static void test_event(void)
{
	struct holdfast_event event = {
		.type = HOLDFAST_EVENT_BREAK,
		.op = HOLDFAST_OP_TRUNCATE,
		.pid = 812,
		.offset = 4096,
		.length = UINT64_MAX,
		.comm = "a\033bcdefghijklmn",
	};
	struct holdfast_query query = {
		.id = 3,
		.kind = HOLDFAST_EXCLUSIVE,
		.length = 8192,
		.break_ms = 1500,
	};
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		tap_bail("no memory");
	event.comm[HOLDFAST_COMM_LEN - 1] = 'o'; /* no NUL at all */
	print_acquired(stream, &query);
	print_event(stream, &event);
	event.type = HOLDFAST_EVENT_CHANGED;
	event.length = 8192;
	print_event(stream, &event);
	print_lost(stream, 2);
	fclose(stream);
	tap_is_str(text,
		   "acquired lease 3: exclusive, bytes 0-8192, break time "
		   "1.500s\n"
		   "break: truncate of bytes 4096-end by a?bcdefghijklmno "
		   "(812), fence in 0.000s\n"
		   "changed: truncate of bytes 4096-12288 by a?bcdefghijklmno "
		   "(812)\n"
		   "lost: 2 events\n",
		   "the lines of events");
	free(text);
}

static void test_utf8(void)
{
	static const struct {
		const char *text;
		const char *want;
	} texts[] = {
		{ "", "" },
		{ "plain \n", "plain \n" },
		{ "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80",
		  "\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "a\xff!", "a\xef\xbf\xbd!" },
		{ "cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" },
		{ "\xf4\x90\x80\x80",
		  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xbf", "\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char *repaired = utf8_repair(texts[i].text);

		tap_is_str(repaired, texts[i].want, "UTF-8, text %zu", i);
		free(repaired);
	}
}

static char *trace_text(const char *input, bool json)
{
	struct trace_line line;
	char room[512];
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (!stream)
		tap_bail("no memory");
	setenv("TZ", "UTC", 1);
	snprintf(room, sizeof(room), "%s", input);
	if (!trace_line_parse(room, &line))
		trace_line_print_other(stream, room, json);
	else if (json)
		trace_line_print_json(stream, &line, line.time_us);
	else
		trace_line_print(stream, &line, line.time_us);
	fclose(stream);
	return text;
}

static void test_trace(void)
{
	static const struct {
		const char *input;
		const char *text;
		const char *json;
	} lines[] = {
		{ "            hold-812     [001] .....   120.000045: "
		  "holdfast_acquire: lease=4 dev=259:0 holder=812",
		  "00:02:00.000045 acquire  lease=4 dev=259:0 holder=812 in "
		  "hold (812)\n",
		  "{ \"time\": 120.000045, \"trace\": \"acquire\", "
		  "\"task\": 812, \"task_comm\": \"hold\", \"lease\": 4, "
		  "\"dev\": \"259:0\", \"holder\": 812 }\n" },
		{ " a-b holder=1: x-7       [000] d.h.1     0.000001: "
		  "holdfast_break: lease=4 length=-1 comm=a holder=\"3 "
		  "holder=812",
		  "00:00:00.000001 break    lease=4 length=-1 comm=a "
		  "holder=\"3 holder=812 in a-b holder=1: x (7)\n",
		  "{ \"time\": 0.000001, \"trace\": \"break\", \"task\": 7, "
		  "\"task_comm\": \"a-b holder=1: x\", \"lease\": 4, "
		  "\"length\": -1, \"comm\": \"a holder=\\\"3\", "
		  "\"holder\": 812 }\n" },
		{ "CPU:0 [LOST 12 EVENTS]", "CPU:0 [LOST 12 EVENTS]\n",
		  "{ \"trace\": \"other\", \"text\": "
		  "\"CPU:0 [LOST 12 EVENTS]\" }\n" },
		{ "", "\n", "{ \"trace\": \"other\", \"text\": \"\" }\n" },
		{ "            hold-812     [001] .....   120.000045: "
		  "sched_switch: x",
		  NULL, NULL },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char *text = trace_text(lines[i].input, false);
		char *json = trace_text(lines[i].input, true);

		if (lines[i].text) {
			tap_is_str(text, lines[i].text, "trace, line %zu", i);
			tap_is_str(json, lines[i].json, "as JSON");
		} else {
			tap_ok(strstr(json, "other"), "no event of ours");
		}
		free(text);
		free(json);
	}
}

static void test_revocation(void)
{
	static const uint64_t ids[] = { 7, 3, 9, 3, 8, 1, 9, 2, 100, 50 };
	static const uint64_t sorted[] = { 1, 2, 3, 7, 8, 9, 50, 100 };
	struct hf_report_entry entry = {
		.id = 8, .path = "/mnt/a\nb", .comm = "x\033", .pid = 812
	};
	struct revocation revocation = { 0 };
	unsigned int ms = 0;
	bool same = true;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		revocation_add_id(&revocation, ids[i]);
	tap_is(revocation.count, 8, "each lease once");
	for (size_t i = 0; i < revocation.count; i++)
		same = same && revocation.targets[i].id == sorted[i];
	tap_ok(same, "by number");
	revocation_add(&entry, &revocation);
	tap_is(revocation.left, 8, "no more when the report has it, too");
	tap_is_str(revocation.targets[4].what, "/mnt/a?b, x? (812)",
		   "but what it is");
	for (uint64_t id = 1000; id > 900; id--)
		revocation_add_id(&revocation, id);
	tap_is(revocation.count, 108, "a hundred more");
	revocation_end(&revocation);
	tap_ok(grace_parse("0", &ms) && ms == 1, "no grace");
	tap_ok(grace_parse("2.5", &ms) && ms == 2500, "some");
	tap_ok(!grace_parse("-1", &ms), "less than none");
}

static void test_tame(void)
{
	static const struct {
		const char *text;
		const char *want;
	} lines[] = {
		{ "caf\xc3\xa9 \xe2\x82\xac", "caf\xc3\xa9 \xe2\x82\xac" },
		{ "\xc2\x9b"
		  "31m \x9b"
		  "31m \033[31m",
		  "?31m ?31m ?[31m" }, /* a character, a mark */
		{ "a\xe2\x80\xae"
		  "b\xe2\x81\xa6"
		  "c\xd8\x9c",
		  "a?b?c?" },
		{ "cut \xe2\x80", "cut ??" },
		{ "two\nlines\x7f", "two?lines?" },
		{ "\xc2\xa0\xf0\x9f\x98\x80", "\xc2\xa0\xf0\x9f\x98\x80" },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char room[64], *printed = NULL;
		size_t size;
		FILE *to = open_memstream(&printed, &size);

		if (!to)
			tap_bail("no memory");
		strcpy(room, lines[i].text);
		utf8_tame(room);
		tap_is_str(room, lines[i].want, "a log line is tame: %s", room);
		print_text(to, lines[i].text);
		fclose(to);
		tap_is_str(printed, room, "... and what the tool prints, too");
		free(printed);
	}
}

int main(void)
{
	test_trace();
	test_revocation();
	test_utf8();
	test_size_parse();
	test_seconds_parse();
	test_texts();
	test_suggest();
	test_event();
	test_tame();
	return tap_done();
}
