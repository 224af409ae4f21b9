// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names of the ABI's enumerations, and back. One table each, so that the
 * report's words cannot differ from those we print.
 */
#include <string.h>

#include "holdfast.h"
#include "names.h"
#include "visibility.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static const char *const kinds[] = {
	[HOLDFAST_BREAKABLE] = "breakable",
	[HOLDFAST_EXCLUSIVE] = "exclusive",
	[HOLDFAST_REWRITING] = "rewriting",
};

static const char *const states[] = {
	[HOLDFAST_UNBOUND] = "unbound",	  [HOLDFAST_ACTIVE] = "active",
	[HOLDFAST_BREAKING] = "breaking", [HOLDFAST_RELEASING] = "releasing",
	[HOLDFAST_ZOMBIE] = "zombie",	  [HOLDFAST_RELEASED] = "released",
};

static const char *const ops[] = {
	[HOLDFAST_OP_UNKNOWN] = "unknown",
	[HOLDFAST_OP_TRUNCATE] = "truncate",
	[HOLDFAST_OP_PUNCH] = "punch",
	[HOLDFAST_OP_COLLAPSE] = "collapse",
	[HOLDFAST_OP_INSERT] = "insert",
	[HOLDFAST_OP_ZERO] = "zero",
	[HOLDFAST_OP_UNSHARE] = "unshare",
	[HOLDFAST_OP_REFLINK] = "reflink",
	[HOLDFAST_OP_DEDUPE] = "dedupe",
	[HOLDFAST_OP_REVOKE] = "revoke",
	[HOLDFAST_OP_EXCHANGE] = "exchange",
};

static const char *const origins[] = {
	[HOLDFAST_ORIGIN_UNKNOWN] = "unknown",
	[HOLDFAST_EXPLICIT] = "explicit",
	[HOLDFAST_IMPLICIT] = "implicit",
};

static const char *const consumers[] = {
	[HOLDFAST_CONSUMER_UNKNOWN] = "unknown",
	[HOLDFAST_CONSUMER_MR] = "mr",
	[HOLDFAST_CONSUMER_BUFFER] = "buffer",
	[HOLDFAST_CONSUMER_VFIO] = "vfio",
	[HOLDFAST_CONSUMER_UMEM] = "umem",
};

static const char *const events[] = {
	[HOLDFAST_EVENT_BREAK] = "break",
	[HOLDFAST_EVENT_CHANGED] = "changed",
	[HOLDFAST_EVENT_FENCED] = "fenced",
	[HOLDFAST_EVENT_DECOHERENCE] = "decoherence",
	[HOLDFAST_EVENT_ABSORBED] = "absorbed",
	[HOLDFAST_EVENT_MEDIA_ERROR] = "media-error",
};

static const char *name_of(const char *const *names, size_t count,
			   unsigned int value)
{
	return value < count && names[value] ? names[value] : "unknown";
}

static int value_of(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (names[i] && !strcmp(names[i], name))
			return i;
	return -1;
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

int hf_kind_value(const char *name)
{
	return value_of(kinds, ARRAY_SIZE(kinds), name);
}

int hf_state_value(const char *name)
{
	return value_of(states, ARRAY_SIZE(states), name);
}

int hf_op_value(const char *name)
{
	return value_of(ops, ARRAY_SIZE(ops), name);
}

unsigned int hf_origin_value(const char *name)
{
	int value = value_of(origins, ARRAY_SIZE(origins), name);

	return value < 0 ? HOLDFAST_ORIGIN_UNKNOWN : value;
}

unsigned int hf_consumer_value(const char *name)
{
	int value = value_of(consumers, ARRAY_SIZE(consumers), name);

	return value < 0 ? HOLDFAST_CONSUMER_UNKNOWN : value;
}
