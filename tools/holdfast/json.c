// SPDX-License-Identifier: GPL-2.0
/* JSON, see json.h. */
#include <errno.h>
#include <stdlib.h>

#include "json.h"
#include "utf8.h"

struct json_object *json_text(const char *text)
{
	char *repaired = text ? utf8_repair(text) : NULL;
	struct json_object *string = NULL;

	if (repaired)
		string = json_object_new_string(repaired);
	free(repaired);
	return string;
}

int json_add(struct json_object *object, const char *name,
	     struct json_object *value, bool none)
{
	if (!value && !none)
		return -ENOMEM;
	if (!json_object_object_add(object, name, value))
		return 0;
	json_object_put(value);
	return -ENOMEM;
}

/*
 * json-c escapes what JSON asks for. DEL and U+0080 to U+009F need no escape there, but a
 * terminal obeys them; they occur in strings only.
 */
int json_print(FILE *to, struct json_object *object)
{
	const unsigned char *s =
		(const unsigned char *)json_object_to_json_string_ext(
			object, JSON_C_TO_STRING_SPACED |
					JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!s)
		return -ENOMEM;
	for (; *s; s++) {
		if (*s == 0x7f)
			fputs("\\u007f", to);
		else if (*s == 0xc2 && s[1] < 0xa0)
			fprintf(to, "\\u%04x", *++s);
		else
			fputc(*s, to);
	}
	return 0;
}
