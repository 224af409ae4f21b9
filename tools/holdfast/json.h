/* SPDX-License-Identifier: GPL-2.0 */
/* JSON as the subcommands print it, by json-c: doc/holdfast.schema.json has its form. */
#ifndef HOLDFAST_JSON_H
#define HOLDFAST_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

/*
 * A string: bytes that are no UTF-8 become U+FFFD. @text NULL is null. Also NULL when
 * there is no memory, which json_add() reports.
 */
struct json_object *json_text(const char *text);

/*
 * Gives @object a member, and @value to it. 0 or -ENOMEM; null is right only where
 * @none.
 */
int json_add(struct json_object *object, const char *name,
	     struct json_object *value, bool none);

/*
 * Prints it in one line, without a newline. 0, or -ENOMEM. A terminal that shows the
 * line obeys none of it.
 */
int json_print(FILE *to, struct json_object *object);

#endif
