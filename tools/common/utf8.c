// SPDX-License-Identifier: GPL-2.0
/* Text that must be UTF-8, see utf8.h. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

static const char replacement[] = "\xef\xbf\xbd";

/* Length of the character at @s, 0 when there is none (RFC 3629). */
static size_t character(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length;
	uint32_t value;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xf8 || s[0] < 0xc0)
		return 0;
	length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
	value = s[0] & (0x7f >> length);
	for (size_t i = 1; i < length; i++) {
		/* Also ends at the NUL. */
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (s[i] & 0x3f);
	}
	/* Written too long, a half of UTF-16, or more than there is. */
	if (value < least[length] || (value >= 0xd800 && value <= 0xdfff) ||
	    value > 0x10ffff)
		return 0;
	return length;
}

/* U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069 */
static bool turns_around(const unsigned char *s)
{
	if (s[0] == 0xd8)
		return s[1] == 0x9c;
	if (s[0] != 0xe2)
		return false;
	if (s[1] == 0x80)
		return s[2] == 0x8e || s[2] == 0x8f ||
		       (s[2] >= 0xaa && s[2] <= 0xae);
	return s[1] == 0x81 && s[2] >= 0xa6 && s[2] <= 0xa9;
}

/* How many bytes of @text can be shown as they are, up to a character; 0: none. */
size_t utf8_showable(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	if (s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0) ||
	    turns_around(s))
		return 0;
	return character(s);
}

char *utf8_repair(const char *text)
{
	size_t room = strlen(text) * strlen(replacement) + 1;
	char *copy = malloc(room);
	char *to = copy;

	if (!copy)
		return NULL;
	while (*text) {
		size_t length = character((const unsigned char *)text);

		if (length) {
			to = mempcpy(to, text, length);
			text += length;
		} else {
			to = mempcpy(to, replacement, strlen(replacement));
			text++;
		}
	}
	*to = '\0';
	return copy;
}

void utf8_tame(char *text)
{
	char *to = text;

	while (*text) {
		size_t shown = utf8_showable(text);
		size_t length = character((const unsigned char *)text);

		if (shown)
			to = memmove(to, text, shown) + shown;
		else
			*to++ = '?';
		text += length ? length : 1;
	}
	*to = '\0';
}

void print_text(FILE *to, const char *text)
{
	char *tame = strdup(text);

	if (!tame) {
		fputc('?', to);
		return;
	}
	utf8_tame(tame);
	fputs(tame, to);
	free(tame);
}
