// SPDX-License-Identifier: GPL-2.0
/* The report's parser, on reports of every kind of damage. */
#include <errno.h>
#include <unistd.h>

#include "../tap.h"
#include "report-parse.h"

#define HEADER                                                              \
	"id kind state backing pid uid comm major minor ino offset length " \
	"pinned age_ms break_ms deadline_ms op change_pid change_comm "     \
	"change_offset change_length pinners origin absorbed media_errors " \
	"path\n"

static const char *const good[] = {
	"7",	 "breakable", "active", "dax",	"812",	     "1000", "dd",
	"259",	 "0",	      "131",	"4096", "8192",	     "4096", "185000",
	"45000", "-",	      "-",	"-",	"-",	     "-",    "-",
	"812",	 "implicit",  "3",	"2",	"/mnt/data",
};

/* The library's own way of reading, from a text. */
static int parse(struct hf_parser *parser, const char *header, const char *text,
		 size_t length, struct hf_report_entry *entry, char room[4096])
{
	char line[4096];
	int ret;

	memset(parser, 0, sizeof(*parser));
	strcpy(line, header);
	ret = hf_parse_header(parser, line, strlen(line));
	if (ret)
		return ret;
	memcpy(room, text, length + 1);
	return hf_parse_entry(parser, room, length, entry);
}

static struct hf_parser parser;
static struct hf_report_entry entry;
static char room[4096];

static int parse_line(const char *header, const char *text)
{
	hf_parser_end(&parser);
	memset(&entry, 0xa5, sizeof(entry));
	return parse(&parser, header, text, strlen(text), &entry, room);
}

/* A good line with one field, or more, set otherwise. */
static char *line_with(enum hf_column column, const char *value)
{
	static char line[2048];

	line[0] = '\0';
	for (int i = 0; i < HF_COLUMN_COUNT; i++) {
		strcat(line, i ? " " : "");
		strcat(line, i == (int)column ? value : good[i]);
	}
	return strcat(line, "\n");
}

static void accept(enum hf_column column, const char *value)
{
	if (!tap_is(parse_line(HEADER, line_with(column, value)), 0,
		    "column %d may be \"%.30s\"", column, value))
		tap_diag("%s", parser.fields.why);
}

static void refuse(enum hf_column column, const char *value)
{
	static struct hf_report_entry untouched;

	memset(&untouched, 0xa5, sizeof(untouched));
	tap_is(parse_line(HEADER, line_with(column, value)), -EPROTO,
	       "column %d may not be \"%.30s\"", column, value);
	tap_ok(*parser.fields.why && !memcmp(&entry, &untouched, sizeof(entry)),
	       "... with a reason, and no entry");
}

static void test_plain(void)
{
	tap_is(parse_line(HEADER, line_with(HF_COLUMN_COUNT, "")), 0,
	       "a line is read");
	tap_is(entry.id, 7, "id");
	tap_is(entry.kind, HOLDFAST_BREAKABLE, "kind");
	tap_is(entry.state, HOLDFAST_ACTIVE, "state");
	tap_is_str(entry.backing, "dax", "backing");
	tap_is(entry.pid, 812, "pid");
	tap_is(entry.uid, 1000, "uid");
	tap_is_str(entry.comm, "dd", "comm");
	tap_is(entry.major, 259, "major");
	tap_is(entry.minor, 0, "minor");
	tap_is(entry.ino, 131, "ino");
	tap_is(entry.offset, 4096, "offset");
	tap_is(entry.length, 8192, "length");
	tap_is(entry.pinned, 4096, "pinned");
	tap_is(entry.age_ms, 185000, "age_ms");
	tap_is(entry.break_ms, 45000, "break_ms");
	tap_ok(!entry.has_deadline && !entry.has_change, "no change");
	tap_is(entry.pinner_count, 1, "one pinner");
	tap_is(entry.pinners[0], 812, "... which is the holder");
	tap_is(entry.origin, HOLDFAST_IMPLICIT, "origin");
	tap_is(entry.absorbed, 3, "absorbed");
	tap_is(entry.media_errors, 2, "media_errors");
	tap_is_str(entry.path, "/mnt/data", "path");
}

/* A report that was saved before there was this column, or by a newer module. */
static void test_origin(void)
{
	const char *old = "id kind state backing pid uid comm major minor ino "
			  "offset length pinned age_ms break_ms deadline_ms op "
			  "change_pid change_comm change_offset change_length "
			  "pinners path\n";

	tap_is(parse_line(old, "7 breakable active dax 8 0 dd 259 0 131 0 4096 "
			       "0 1 1 - - - - - - - /f\n"),
	       0, "a report without origins is read");
	tap_is(entry.origin, HOLDFAST_ORIGIN_UNKNOWN, "... which are unknown");
	tap_is(entry.media_errors, 0, "... nor are there media errors");
	tap_is_str(entry.path, "/f", "... with the rest");
	tap_is(entry.absorbed, 0, "... and nothing absorbed");
	accept(HF_COLUMN_ORIGIN, "explicit");
	tap_is(entry.origin, HOLDFAST_EXPLICIT, "... and is what it says");
	refuse(HF_COLUMN_ABSORBED, "many");
	accept(HF_COLUMN_ORIGIN, "inherited");
	tap_is(entry.origin, HOLDFAST_ORIGIN_UNKNOWN, "... but is not known");
}

static void test_change(void)
{
	const char *line = "8 exclusive breaking dax - 0 - 259 0 131 0 4096 "
			   "4096 1 45000 -3000 punch 99 fallocate 4096 8192 "
			   "1,22,333 - 0 0 -\n";

	tap_is(parse_line(HEADER, line), 0, "a line with a change is read");
	tap_is(entry.pid, 0, "a pid that is not visible is 0");
	tap_ok(!entry.comm && !entry.path, "text that is none is NULL");
	tap_ok(entry.has_deadline, "there is a deadline");
	tap_is(entry.deadline_ms, -3000, "... that has passed");
	tap_ok(entry.has_change, "there is a change");
	tap_is(entry.op, HOLDFAST_OP_PUNCH, "op");
	tap_is(entry.change_pid, 99, "change_pid");
	tap_is_str(entry.change_comm, "fallocate", "change_comm");
	tap_is(entry.change_offset, 4096, "change_offset");
	tap_is(entry.change_length, 8192, "change_length");
	tap_is(entry.pinner_count, 3, "three pinners");
	tap_is(entry.pinners[2], 333, "... the last of which is 333");

	line = "8 breakable breaking dax 1 0 a 259 0 131 0 4096 4096 1 45000 "
	       "9 truncate - - 4096 - - - 0 0 /f\n";
	tap_is(parse_line(HEADER, line), 0, "a change to the end is read");
	tap_ok(entry.change_length == UINT64_MAX, "... as the longest");
	tap_is(entry.change_pid, 0, "... by a task that is not visible");
	tap_is(entry.pinner_count, 0, "... of a lease that nobody pins");
}

static void test_numbers(void)
{
	accept(HF_COLUMN_ID, "18446744073709551615");
	tap_ok(entry.id == UINT64_MAX, "the largest number fits");
	refuse(HF_COLUMN_ID, "18446744073709551616");
	refuse(HF_COLUMN_ID, "99999999999999999999999999999999");
	refuse(HF_COLUMN_ID, "");
	refuse(HF_COLUMN_ID, "-");
	refuse(HF_COLUMN_ID, "-1");
	refuse(HF_COLUMN_ID, "+1");
	refuse(HF_COLUMN_ID, "0x10");
	refuse(HF_COLUMN_ID, "1.5");
	refuse(HF_COLUMN_ID, "1\t");
	refuse(HF_COLUMN_ID, "\xff");
	accept(HF_COLUMN_UID, "4294967295");
	refuse(HF_COLUMN_UID, "4294967296");
	refuse(HF_COLUMN_MAJOR, "4294967296");
	refuse(HF_COLUMN_MINOR, "4294967296");
	accept(HF_COLUMN_PID, "2147483647");
	refuse(HF_COLUMN_PID, "2147483648");
	refuse(HF_COLUMN_PID, "--");
	accept(HF_COLUMN_LENGTH, "18446744073709547519");
	refuse(HF_COLUMN_LENGTH, "18446744073709547520");
	accept(HF_COLUMN_DEADLINE_MS, "9223372036854775807");
	accept(HF_COLUMN_DEADLINE_MS, "-9223372036854775807");
	refuse(HF_COLUMN_DEADLINE_MS, "9223372036854775808");
	refuse(HF_COLUMN_DEADLINE_MS, "--1");
	refuse(HF_COLUMN_DEADLINE_MS, "");
	refuse(HF_COLUMN_OFFSET, "-");
	refuse(HF_COLUMN_INO, "x");
	refuse(HF_COLUMN_PINNED, "4K");
	refuse(HF_COLUMN_AGE_MS, "-5");
	refuse(HF_COLUMN_BREAK_MS, "soon");
}

static void test_words(void)
{
	static const char *const states[] = { "active", "breaking", "released",
					      "releasing", "zombie" };
	static const char *const kinds[] = { "breakable", "exclusive" };
	static const char *const unknown[] = { "frozen", "Active", "", "-" };

	for (size_t i = 0; i < 5; i++) {
		accept(HF_COLUMN_STATE, states[i]);
		tap_is_str(hf_state_name(entry.state), states[i],
			   "... and is what it says");
	}
	for (size_t i = 0; i < 2; i++) {
		accept(HF_COLUMN_KIND, kinds[i]);
		tap_is_str(hf_kind_name(entry.kind), kinds[i],
			   "... and is what it says");
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		accept(HF_COLUMN_STATE, unknown[i]);
		tap_is_str(hf_state_name(entry.state), "unknown",
			   "... but is not known");
		accept(HF_COLUMN_KIND, unknown[i]);
		tap_is_str(hf_kind_name(entry.kind), "unknown",
			   "... but is not known");
		tap_is_str(entry.path, "/mnt/data", "... with the rest");
	}
	accept(HF_COLUMN_BACKING, "cxl");
	tap_is_str(entry.backing, "cxl", "... and is shown as it is");
	accept(HF_COLUMN_OP, "rename");
	tap_ok(entry.has_change, "a change that is not known is one");
	tap_is_str(hf_op_name(entry.op), "unknown", "... without a name");
	tap_ok(!entry.change_offset && entry.change_length == UINT64_MAX,
	       "... of the whole file, as it has no range");
}

/* A module that reports no more than which files whose processes have leased. */
static void test_few_columns(void)
{
	const char *few = "id pid uid major minor ino offset length pinned "
			  "age_ms break_ms\n";
	char without[sizeof(HEADER)];
	int missing = 0;

	tap_is(parse_line(few, "7 8 1000 259 0 131 0 4096 0 1 1\n"), 0,
	       "a report with few columns is read");
	tap_is(entry.pid, 8, "... with its holder");
	tap_is_str(hf_kind_name(entry.kind), "unknown", "kind");
	tap_is_str(hf_state_name(entry.state), "unknown", "state");
	tap_is_str(hf_origin_name(entry.origin), "unknown", "origin");
	tap_ok(!entry.backing && !entry.comm && !entry.path, "no texts");
	tap_ok(!entry.has_change && !entry.has_deadline, "no change");
	tap_is(entry.pinner_count, 0, "no pinners");
	for (const char *name = few; (name = strchr(name, ' ')); name++) {
		snprintf(without, sizeof(without), "%.*s%s", (int)(name - few),
			 few, strpbrk(name + 1, " \n"));
		missing += parse_line(without, "") == -EPROTO;
	}
	tap_is(missing, 10, "but none of these may be missing");
}

static void test_text(void)
{
	accept(HF_COLUMN_PATH, "/a\\040b\\011\\012\\134c");
	tap_is_str(entry.path, "/a b\t\n\\c", "escapes are taken off");
	accept(HF_COLUMN_PATH, "/\\303\\274\xc3\xbc");
	tap_is_str(entry.path, "/\xc3\xbc\xc3\xbc", "bytes above 127 pass");
	accept(HF_COLUMN_COMM, "\\055");
	tap_is_str(entry.comm, "-", "an escaped dash is a dash");
	accept(HF_COLUMN_COMM, "");
	tap_is_str(entry.comm, "", "a process may have no name");
	refuse(HF_COLUMN_PATH, "/a\\");
	refuse(HF_COLUMN_PATH, "/a\\0");
	refuse(HF_COLUMN_PATH, "/a\\04");
	refuse(HF_COLUMN_PATH, "/a\\000b");
	refuse(HF_COLUMN_PATH, "/a\\400b");
	refuse(HF_COLUMN_PATH, "/a\\089");
	refuse(HF_COLUMN_PATH, "/a\\n");
	refuse(HF_COLUMN_COMM, "\\x41");
}

static void test_pinners(void)
{
	char list[1500] = "1";

	accept(HF_COLUMN_PINNERS, "-");
	tap_is(entry.pinner_count, 0, "no pinners");
	for (int i = 0; i < 700; i++)
		strcat(list, ",2");
	accept(HF_COLUMN_PINNERS, list);
	tap_is(entry.pinner_count, 701, "many pinners");
	refuse(HF_COLUMN_PINNERS, ",");
	refuse(HF_COLUMN_PINNERS, "1,");
	refuse(HF_COLUMN_PINNERS, ",1");
	refuse(HF_COLUMN_PINNERS, "1,,2");
	refuse(HF_COLUMN_PINNERS, "1,-");
	refuse(HF_COLUMN_PINNERS, "1,2147483648");
	refuse(HF_COLUMN_PINNERS, "");
}

static void test_shape(void)
{
	static const char zero[] = "7 breakable\0active\n";
	char line[2048];
	char more[sizeof(HEADER) + 64];
	size_t length;
	int bad = 0;

	tap_is(parse_line(HEADER, "\n"), -EPROTO, "an empty line");
	tap_is(parse_line(HEADER, ""), -EPROTO, "no line");
	tap_is(parse(&parser, HEADER, zero, sizeof(zero) - 1, &entry, room),
	       -EPROTO, "a zero byte in a line");
	strcpy(line, line_with(HF_COLUMN_COUNT, ""));
	for (length = strlen(line); length--;) {
		line[length] = '\0';
		bad += parse_line(HEADER, line) != -EPROTO;
	}
	tap_is(bad, 0, "a line cut anywhere is refused");

	strcpy(line, line_with(HF_COLUMN_COUNT, ""));
	for (char *space = line; (space = strchr(space, ' ')); space++) {
		*space = '\n';
		bad += parse_line(HEADER, line) != -EPROTO;
		*space = ' ';
	}
	tap_is(bad, 0, "a line that lacks fields is refused");
	line[strlen(line) - 1] = '\0';
	strcat(line, " more\n");
	tap_is(parse_line(HEADER, line), -EPROTO, "a field too many");

	/* A newer module's columns, at both ends. */
	snprintf(more, sizeof(more), "cgroup %.*s node\n",
		 (int)strlen(HEADER) - 1, HEADER);
	snprintf(line, sizeof(line), "/user.slice %s",
		 line_with(HF_COLUMN_COUNT, ""));
	line[strlen(line) - 1] = '\0';
	strcat(line, " 0\n");
	tap_is(parse_line(more, line), 0, "unknown columns are skipped");
	tap_is_str(entry.path, "/mnt/data", "... and those known are found");
}

static void test_header(void)
{
	char header[sizeof(HEADER) + 64] = HEADER;
	int bad = 0;

	tap_is(parse_line("", ""), -EPROTO, "no header");
	tap_is(parse_line("\n", ""), -EPROTO, "an empty header");
	tap_is(parse_line("root:x:0:0\n", ""), -EPROTO, "another file");
	for (size_t length = strlen(header); length--;) {
		header[length] = '\0';
		bad += parse_line(header, "") != -EPROTO;
	}
	tap_is(bad, 0, "a header cut anywhere is refused");
	snprintf(header, sizeof(header), "id %s", HEADER);
	tap_is(parse_line(header, ""), -EPROTO, "a column twice");
	snprintf(header, sizeof(header), " %s", HEADER);
	tap_is(parse_line(header, ""), -EPROTO, "a column without a name");
}

/* What the parser does not see: files. */
static void test_file(void)
{
	char path[] = "/tmp/holdfast-report-XXXXXX";
	struct hf_report *report = NULL;
	int fd = mkstemp(path);

	if (fd < 0)
		tap_bail("%s: %s", path, strerror(errno));
	tap_is(hf_report_open(path, &report), -EPROTO, "an empty file");
	tap_ok(!report, "... opens no report");
	dprintf(fd, "%s%s", HEADER, line_with(HF_COLUMN_ID, "1"));
	dprintf(fd, "broken\n%s", line_with(HF_COLUMN_ID, "2"));
	tap_is(hf_report_open(path, &report), 0, "a report is opened");
	tap_is(hf_report_next(report, &entry), 1, "a lease");
	tap_is(entry.id, 1, "... the first");
	tap_is(hf_report_next(report, &entry), -EPROTO, "a broken line");
	tap_ok(strstr(hf_error(), path) && strstr(hf_error(), "line 3"),
	       "... that the message finds: %s", hf_error());
	tap_is(hf_report_next(report, &entry), 1, "a lease behind it");
	tap_is(entry.id, 2, "... the second");
	tap_is(hf_report_next(report, &entry), 0, "the end");
	tap_is(hf_report_next(report, &entry), 0, "the end again");
	hf_report_close(report);
	hf_report_close(NULL);
	close(fd);
	unlink(path);
	tap_is(hf_report_open(path, &report), -ENOENT, "no file");
	tap_ok(strstr(hf_error(), path), "... named: %s", hf_error());
	tap_is(hf_report_open("/", &report), -EISDIR, "a folder");
}

int main(void)
{
	test_plain();
	test_origin();
	test_change();
	test_numbers();
	test_words();
	test_few_columns();
	test_text();
	test_pinners();
	test_shape();
	test_header();
	test_file();
	hf_parser_end(&parser);
	return tap_done();
}
