// SPDX-License-Identifier: GPL-2.0
/* The list of pins, on lists of every kind of damage. */
#include <errno.h>
#include <unistd.h>

#include "../tap.h"
#include "holdfast.h"

#define HEADER "lease consumer pid uid start_ns address offset length runs\n"

static struct hf_pins_entry entry, untouched;

/* The first line of a list, read by the library. */
static int read_first(const char *header, const char *line)
{
	char path[] = "/tmp/holdfast-pins-XXXXXX";
	struct hf_pins *pins;
	int fd = mkstemp(path), ret;

	if (fd < 0)
		tap_bail("%s: %s", path, strerror(errno));
	dprintf(fd, "%s%s", header, line);
	close(fd);
	memset(&untouched, 0xa5, sizeof(untouched));
	entry = untouched;
	ret = hf_pins_open(path, &pins);
	unlink(path);
	if (ret)
		return ret;
	ret = hf_pins_next(pins, &entry);
	hf_pins_close(pins);
	return ret;
}

static void refuse(const char *line, const char *why)
{
	tap_is(read_first(HEADER, line), -EPROTO, "%s", why);
	tap_ok(!memcmp(&entry, &untouched, sizeof(entry)),
	       "... and no entry: %s", hf_error());
}

static void test_plain(void)
{
	tap_is(read_first(HEADER, "7 mr 812 1000 123456789012 7f2df2a00000 "
				  "4096 8192 2\n"),
	       1, "a line is read");
	tap_is(entry.lease, 7, "lease");
	tap_is(entry.consumer, HOLDFAST_CONSUMER_MR, "consumer");
	tap_is(entry.pid, 812, "pid");
	tap_is(entry.uid, 1000, "uid");
	tap_is(entry.start_ns, 123456789012, "start_ns");
	tap_is(entry.address, 0x7f2df2a00000, "address");
	tap_is(entry.offset, 4096, "offset");
	tap_is(entry.length, 8192, "length");
	tap_is(entry.runs, 2, "runs");
	tap_is(read_first(HEADER, ""), 0, "a list may be empty");
	tap_is(read_first("node lease consumer pid uid start_ns address offset "
			  "length runs cgroup\n",
			  "0 7 gpu - 0 1 0 0 4096 1 /\n"),
	       1, "columns and consumers of a newer module are no obstacle");
	tap_is(entry.consumer, HOLDFAST_CONSUMER_UNKNOWN, "... but unknown");
	tap_is(entry.pid, 0, "a process that is not visible is 0");
	tap_is(entry.length, 4096, "... and the rest is there");
	tap_is(read_first("lease pid uid start_ns address offset length\n",
			  "7 8 0 1 0 0 4096\n"),
	       1, "nor are columns that an older one does not have");
	tap_is(entry.consumer, HOLDFAST_CONSUMER_UNKNOWN, "... but unknown");
}

static void test_damage(void)
{
	tap_is(read_first("", ""), -EPROTO, "an empty file");
	tap_is(read_first("lease pid\n", ""), -EPROTO, "columns are missing");
	refuse("torn", "a torn line");
	refuse("7 mr 812 0 1 1f 0 4096\n", "a field too few");
	refuse("7 mr 812 0 1 1f 0 4096 1 1\n", "a field too many");
	refuse("x mr 812 0 1 1f 0 4096 1\n", "no number");
	refuse("7 mr 812 0 1 1F 0 4096 1\n", "no address");
	refuse("7 mr 812 0 1 0x1f 0 4096 1\n", "another form of address");
	refuse("7 mr 812 0 1 10000000000000000 0 4096 1\n",
	       "an address that does not fit");
	refuse("7 mr 812 4294967296 1 1f 0 4096 1\n", "no user");
	refuse("7 mr 2147483648 0 1 1f 0 4096 1\n", "no process");
	refuse("7 mr 812 0 1 1f 4096 18446744073709551615 1\n",
	       "a range beyond any file");
	refuse("7 mr 812 0 1 fffffffffffffff0 0 4096 1\n",
	       "a range beyond any address space");
}

static void test_file(void)
{
	struct hf_pins *pins = NULL;

	tap_is(hf_pins_open("/none", &pins), -ENOENT, "no file");
	tap_ok(!pins && strstr(hf_error(), "/none"), "... named: %s",
	       hf_error());
	hf_pins_close(NULL);
}

int main(void)
{
	test_plain();
	test_damage();
	test_file();
	return tap_done();
}
