// SPDX-License-Identifier: GPL-2.0
/*
 * An errno value is documented for a call in three places, and they agree: the ABI
 * header says which values an ioctl returns, the manual page says what they mean
 * for a program, and the library explains them. libholdfast.7 has those that
 * every call can return. The values of registrations are in hf_acquire.3.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>

#include "../tap.h"
#include "explain.h"

#define LAST_ERRNO    134
#define REGISTRATIONS ".Ss Errors of registrations"

struct values {
	bool has[LAST_ERRNO];
};

/* Enters each word of @text that is the name of an errno value. */
static void enter_names(struct values *values, const char *text)
{
	char name[32];
	size_t length;

	for (; *text; text += length) {
		length = 1;
		while (isalnum(text[0]) &&
		       (isalnum(text[length]) || text[length] == '_'))
			length++;
		if (*text != 'E' || length >= sizeof(name))
			continue;
		snprintf(name, length + 1, "%s", text);
		for (int err = 1; err < LAST_ERRNO; err++)
			if (strerrorname_np(err) &&
			    !strcmp(strerrorname_np(err), name))
				values->has[err] = true;
	}
}

static FILE *open_or_bail(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		tap_bail("%s: %s", path, strerror(errno));
	return file;
}

/* The items of the first list of a section, whose line is @heading. */
static void enter_page(struct values *values, const char *path,
		       const char *heading)
{
	FILE *file = open_or_bail(path);
	bool inside = false;
	char line[512];

	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, heading))
			inside = true;
		else if (inside && !strcmp(line, ".El"))
			break;
		else if (inside && !strncmp(line, ".It Bq Er ", 10))
			enter_names(values, line + 10);
	}
	fclose(file);
}

/* What the comment of struct holdfast_acquire says of pins, before "Return". */
static void enter_header_pins(struct values *values)
{
	FILE *file = open_or_bail("include/uapi/linux/holdfast.h");
	bool inside = false;
	char line[512];

	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, " * A pin allocates", 18))
			inside = true;
		if (!inside)
			continue;
		if (!strncmp(line, " * Return ", 10))
			break;
		enter_names(values, line);
	}
	fclose(file);
}

/* What the comment of a structure says from "Return" on. */
static void enter_header(struct values *values, const char *name)
{
	FILE *file = open_or_bail("include/uapi/linux/holdfast.h");
	bool inside = false, returns = false;
	char line[512], begin[64];

	snprintf(begin, sizeof(begin), " * struct holdfast_%s - ", name);
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, begin, strlen(begin)))
			inside = true;
		if (!inside)
			continue;
		if (!strncmp(line, " */", 3))
			break;
		if (!strncmp(line, " * Return ", 10)) {
			returns = true;
			enter_names(values, line + 10);
		} else if (returns && line[3] == 'E') {
			line[strcspn(line, "\t\n")] = '\0';
			enter_names(values, line + 3);
		}
	}
	fclose(file);
}

/* The values for which the library says more than strerror(3) does. */
static void enter_explained(struct values *values, enum hf_call call)
{
	struct hf_facts facts = {
		.call = call,
		.fd = 7,
		.path = call == HF_CALL_REPORT ? HOLDFAST_REPORT : "/mnt/f",
		.length = 4096,
		.page_size = 4096,
		.access = O_RDWR,
		.has_stat = true,
		.mode = S_IFREG | 0600,
		.dax = true,
		.fs_magic = XFS_SUPER_MAGIC,
	};
	char line[512];

	for (int err = 1; err < LAST_ERRNO; err++) {
		facts.err = err;
		facts.why = err == EPROTO ? "no such column" : NULL;
		hf_explain(&facts, line, sizeof(line));
		if (!strstr(line, strerror(err)))
			values->has[err] = true;
	}
}

/* Each value of @from is one of @in, or of @also. */
static void expect(const struct values *from, const struct values *in,
		   const struct values *also, const char *call,
		   const char *text)
{
	for (int err = 1; err < LAST_ERRNO; err++)
		if (from->has[err])
			tap_ok(in->has[err] || (also && also->has[err]),
			       "%s: %s %s", call, strerrorname_np(err), text);
}

struct call {
	const char *name;
	const char *ioctl; /* NULL: there is none */
	const char *pages[3];
	const char *library; /* values that only the library returns */
	bool shared; /* its explanations are also of other calls' values */
	enum hf_call explain[3];
	size_t explain_count;
};

#define EXPLAIN(...)                \
	.explain = { __VA_ARGS__ }, \
	.explain_count =            \
		sizeof((enum hf_call[]){ __VA_ARGS__ }) / sizeof(enum hf_call)

static const struct call calls[] = {
	{ "hf_acquire, hf_acquire_mapped",
	  "acquire",
	  { "hf_acquire", "hf_acquire_mapped" },
	  "EBADFD",
	  EXPLAIN(HF_CALL_ACQUIRE, HF_CALL_MAPPING) },
	{ "hf_locate",
	  "locate",
	  { "hf_acquire_mapped" },
	  "EACCES",
	  .shared = true,
	  EXPLAIN(HF_CALL_MAPPING) },
	{ "hf_release",
	  "release",
	  { "hf_release" },
	  "EBADF",
	  EXPLAIN(HF_CALL_RELEASE) },
	{ "hf_query",
	  "query",
	  { "hf_query" },
	  "EBADF",
	  .shared = true,
	  EXPLAIN(HF_CALL_QUERY) },
	{ "hf_revoke", "revoke", { "hf_revoke" }, "", EXPLAIN(HF_CALL_REVOKE) },
	{ "hf_allow", "allow", { "hf_allow" }, "", EXPLAIN(HF_CALL_ALLOW) },
	{ "hf_join",
	  "join",
	  { "hf_join" },
	  "EBADF",
	  .shared = true,
	  EXPLAIN(HF_CALL_JOIN) },
	{ "hf_watch_own, hf_watch_filesystem",
	  "watch",
	  { "hf_watch_own" },
	  "",
	  .shared = true,
	  EXPLAIN(HF_CALL_WATCH) },
	{ "hf_policy_allow, hf_policy_forbid",
	  "policy",
	  { "hf_policy_allow" },
	  "",
	  EXPLAIN(HF_CALL_POLICY_ALLOW, HF_CALL_POLICY_FORBID) },
	{ "hf_wait", NULL, { "hf_wait" }, "", EXPLAIN(HF_CALL_WAIT) },
	{ "hf_await_changes",
	  NULL,
	  { "hf_await_changes", "hf_acquire" },
	  "",
	  EXPLAIN(HF_CALL_AWAIT, HF_CALL_ACQUIRE) },
	{ "hf_report_open, hf_pins_open",
	  NULL,
	  { "hf_report_open", "hf_pins_open" },
	  "",
	  EXPLAIN(HF_CALL_REPORT) },
	{ "hf_vfio_map",
	  NULL,
	  { "hf_vfio_map", "hf_await_changes" },
	  "",
	  EXPLAIN(HF_CALL_VFIO, HF_CALL_AWAIT) },
};

static void test_call(const struct call *call, const struct values *every)
{
	struct values header = { 0 }, page = { 0 }, explained = { 0 };
	struct values own = { 0 };
	char path[64];

	for (const char *const *name = call->pages; *name; name++) {
		snprintf(path, sizeof(path), "man/%s.3", *name);
		enter_page(&page, path, ".Sh ERRORS");
	}
	for (size_t i = 0; i < call->explain_count; i++)
		enter_explained(&explained, call->explain[i]);
	tap_ok(memchr(page.has, true, sizeof(page.has)), "%s: a page",
	       call->name);

	expect(&page, &explained, every, call->name,
	       "of the manual page is explained");
	if (!call->ioctl)
		return;
	enter_header(&header, call->ioctl);
	enter_names(&own, call->library);
	expect(&header, &page, every, call->name,
	       "of the ABI header is in the manual page");
	expect(&header, &explained, every, call->name,
	       "of the ABI header is explained");
	for (int err = 1; err < LAST_ERRNO; err++)
		own.has[err] |= every->has[err];
	expect(&page, &header, &own, call->name,
	       "of the manual page is in the ABI header");
	enter_page(&page, "man/hf_acquire.3", REGISTRATIONS);
	if (!call->shared)
		expect(&explained, &page, every, call->name,
		       "that the library explains is in the manual page");
}

static void test_registrations(void)
{
	struct values header = { 0 }, page = { 0 }, explained = { 0 };

	enter_header_pins(&header);
	enter_page(&page, "man/hf_acquire.3", REGISTRATIONS);
	for (int err = 1; err < LAST_ERRNO; err++)
		explained.has[err] =
			strcmp(hf_registration_error(err),
			       strerrordesc_np(err) ?: "unknown error");
	/* A signal ends a wait of hf_acquire(), whose texts these are, too. */
	explained.has[EINTR] = false;
	expect(&header, &page, NULL, "registration",
	       "of the ABI header is in the manual page");
	expect(&page, &header, NULL, "registration",
	       "of the manual page is in the ABI header");
	expect(&page, &explained, NULL, "registration",
	       "of the manual page is explained");
	expect(&explained, &page, NULL, "registration",
	       "that the library explains is in the manual page");
}

int main(void)
{
	struct values every = { 0 }, device = { 0 }, none = { 0 };
	size_t count = sizeof(calls) / sizeof(calls[0]);

	enter_page(&every, "man/libholdfast.7", ".Ss Errors");
	enter_explained(&device, HF_CALL_DEVICE);
	expect(&device, &every, NULL, "open of the device",
	       "is in libholdfast.7");
	for (size_t i = 0; i < count; i++)
		test_call(&calls[i], &every);

	test_registrations();

	/* It can fail. */
	enter_header(&none, "event");
	tap_ok(!memchr(none.has, true, sizeof(none.has)),
	       "a structure that is no ioctl's has no values");
	return tap_done();
}
