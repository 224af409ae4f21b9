/* SPDX-License-Identifier: GPL-2.0 */
/* Whether a text is JSON (RFC 8259), UTF-8 included. */
#ifndef HOLDFAST_FUZZ_JSON_H
#define HOLDFAST_FUZZ_JSON_H

#include <ctype.h>

#include "fuzz.h"

static const char *json_space(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* Behind the character that begins at @at, or NULL when it is none. */
static const char *json_utf8(const char *at)
{
	const unsigned char *c = (const unsigned char *)at;
	unsigned int more = *c < 0x80		       ? 0
			    : *c >= 0xc2 && *c <= 0xdf ? 1
			    : *c >= 0xe0 && *c <= 0xef ? 2
			    : *c >= 0xf0 && *c <= 0xf4 ? 3
						       : 4;

	if (*c < ' ' || more == 4)
		return NULL;
	for (unsigned int i = 1; i <= more; i++)
		if ((c[i] & 0xc0) != 0x80)
			return NULL;
	return at + more + 1;
}

static const char *json_string(const char *at)
{
	if (*at++ != '"')
		return NULL;
	while (at && *at != '"') {
		if (*at != '\\') {
			at = json_utf8(at);
		} else if (at[1] == 'u') {
			for (int i = 2; i < 6; i++)
				if (!isxdigit((unsigned char)at[i]))
					return NULL;
			at += 6;
		} else if (at[1] && strchr("\"\\/bfnrt", at[1])) {
			at += 2;
		} else {
			return NULL;
		}
	}
	return at ? at + 1 : NULL;
}

static const char *json_number(const char *at)
{
	size_t digits;

	if (*at == '-')
		at++;
	digits = strspn(at, "0123456789");
	if (!digits || (*at == '0' && digits > 1))
		return NULL;
	at += digits;
	if (*at != '.')
		return at;
	digits = strspn(++at, "0123456789");
	return digits ? at + digits : NULL;
}

static const char *json_value(const char *at);

/* "{...}" and "[...]"; nobody nests more than a few. */
static const char *json_many(const char *at, char end, bool named)
{
	at = json_space(at + 1);
	if (*at == end)
		return at + 1;
	while (true) {
		if (named) {
			at = json_string(json_space(at));
			if (!at || *(at = json_space(at)) != ':')
				return NULL;
			at++;
		}
		at = json_value(at);
		if (!at)
			return NULL;
		at = json_space(at);
		if (*at == end)
			return at + 1;
		if (*at++ != ',')
			return NULL;
	}
}

static const char *json_value(const char *at)
{
	static const char *const words[] = { "true", "false", "null" };

	at = json_space(at);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strncmp(at, words[i], strlen(words[i])))
			return at + strlen(words[i]);
	switch (*at) {
	case '{':
		return json_many(at, '}', true);
	case '[':
		return json_many(at, ']', false);
	case '"':
		return json_string(at);
	default:
		return json_number(at);
	}
}

static inline bool is_json(const char *text)
{
	const char *end = json_value(text);

	return end && !*json_space(end);
}

#endif
