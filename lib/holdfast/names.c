// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names of the ABI's enumerations, and back. The module has the same tables, so
 * that the report's words cannot differ from those we print.
 */
#include <linux/holdfast_names.h>
#include <string.h>

#include "holdfast.h"
#include "names.h"
#include "internal/visibility.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define BY_VALUE(value, name) [value] = name

static const char *const kinds[] = { HOLDFAST_KIND_NAMES(BY_VALUE) };
static const char *const states[] = { HOLDFAST_STATE_NAMES(BY_VALUE) };
static const char *const ops[] = { HOLDFAST_OP_NAMES(BY_VALUE) };
static const char *const origins[] = { HOLDFAST_ORIGIN_NAMES(BY_VALUE) };
static const char *const consumers[] = { HOLDFAST_CONSUMER_NAMES(BY_VALUE) };
static const char *const events[] = { HOLDFAST_EVENT_NAMES(BY_VALUE) };

static const char *name_of(const char *const *names, size_t count,
			   unsigned int value)
{
	return value < count && names[value] ? names[value] : "unknown";
}

/* A newer module has names that are not known here: then it is @unknown. */
static unsigned int value_of(const char *const *names, size_t count,
			     const char *name, unsigned int unknown)
{
	for (size_t i = 0; i < count; i++)
		if (names[i] && !strcmp(names[i], name))
			return i;
	return unknown;
}

HF_EXPORT const char *hf_kind_name(unsigned int kind)
{
	return name_of(kinds, ARRAY_SIZE(kinds), kind);
}

HF_EXPORT const char *hf_state_name(unsigned int state)
{
	return name_of(states, ARRAY_SIZE(states), state);
}

HF_EXPORT const char *hf_op_name(unsigned int op)
{
	return name_of(ops, ARRAY_SIZE(ops), op);
}

HF_EXPORT const char *hf_event_name(unsigned int type)
{
	return name_of(events, ARRAY_SIZE(events), type);
}

HF_EXPORT const char *hf_origin_name(unsigned int origin)
{
	return name_of(origins, ARRAY_SIZE(origins), origin);
}

HF_EXPORT const char *hf_consumer_name(unsigned int consumer)
{
	return name_of(consumers, ARRAY_SIZE(consumers), consumer);
}

unsigned int hf_kind_value(const char *name)
{
	return value_of(kinds, ARRAY_SIZE(kinds), name, HF_KIND_UNKNOWN);
}

unsigned int hf_state_value(const char *name)
{
	return value_of(states, ARRAY_SIZE(states), name, HF_STATE_UNKNOWN);
}

unsigned int hf_op_value(const char *name)
{
	return value_of(ops, ARRAY_SIZE(ops), name, HOLDFAST_OP_UNKNOWN);
}

unsigned int hf_origin_value(const char *name)
{
	return value_of(origins, ARRAY_SIZE(origins), name,
			HOLDFAST_ORIGIN_UNKNOWN);
}

unsigned int hf_consumer_value(const char *name)
{
	return value_of(consumers, ARRAY_SIZE(consumers), name,
			HOLDFAST_CONSUMER_UNKNOWN);
}
