/* SPDX-License-Identifier: GPL-2.0 */
#ifndef HOLDFAST_UTF8_H
#define HOLDFAST_UTF8_H

#include <stddef.h>
#include <stdio.h>

/*
 * A copy of @text that is UTF-8 throughout, to be freed: each byte that is not
 * part of a character becomes U+FFFD. NULL when there is no memory. A file
 * may have any name, a command's name is cut at 15 bytes, and JSON takes
 * neither.
 */
char *utf8_repair(const char *text);

/* How many bytes the character at @text has, or 0: utf8_tame() would replace it. */
size_t utf8_showable(const char *text);

/*
 * Makes @text harmless, in place: what is no character, what a terminal would obey
 * (control characters, also those from U+0080 to U+009F), and what turns the
 * direction of text around (U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069,
 * U+061C) becomes "?". All text that others have chosen goes through this before
 * it is shown, in the tool and in the log.
 */
void utf8_tame(char *text);

/* Print what utf8_tame() makes of @text. */
void print_text(FILE *to, const char *text);

#endif
