// SPDX-License-Identifier: GPL-2.0
/* Each value has a name, each name leads back, and nothing else does. */
#include <limits.h>

#include "../tap.h"
#include "holdfast.h"
#include "names.h"

static void round_trip(const char *what, unsigned int first, unsigned int last,
		       const char *(*name)(unsigned int),
		       unsigned int (*value)(const char *),
		       unsigned int unknown)
{
	for (unsigned int i = first; i <= last; i++)
		tap_is(value(name(i)), i, "%s %u is \"%s\"", what, i, name(i));
	tap_is_str(name(last + 1), "unknown", "%s %u has no name", what,
		   last + 1);
	tap_is_str(name(UINT_MAX), "unknown", "nor has the largest");
	tap_is(value("-"), unknown, "no %s is called \"-\"", what);
	tap_is_str(name(unknown), "unknown", "... so that its name is none");
}

int main(void)
{
	round_trip("kind", HOLDFAST_BREAKABLE, HOLDFAST_REWRITING, hf_kind_name,
		   hf_kind_value, HF_KIND_UNKNOWN);
	round_trip("state", HOLDFAST_UNBOUND, HOLDFAST_RELEASED, hf_state_name,
		   hf_state_value, HF_STATE_UNKNOWN);
	round_trip("op", HOLDFAST_OP_UNKNOWN, HOLDFAST_OP_EXCHANGE, hf_op_name,
		   hf_op_value, HOLDFAST_OP_UNKNOWN);
	for (unsigned int i = 0; i <= HOLDFAST_IMPLICIT; i++)
		tap_is(hf_origin_value(hf_origin_name(i)), i,
		       "origin %u is \"%s\"", i, hf_origin_name(i));
	for (unsigned int i = 0; i <= HOLDFAST_CONSUMER_UMEM; i++)
		tap_is(hf_consumer_value(hf_consumer_name(i)), i,
		       "consumer %u is \"%s\"", i, hf_consumer_name(i));
	tap_is(hf_origin_value("inherited"), HOLDFAST_ORIGIN_UNKNOWN,
	       "another origin is not known");
	tap_is(hf_consumer_value("gpu"), HOLDFAST_CONSUMER_UNKNOWN,
	       "nor is another consumer");
	tap_is_str(hf_origin_name(UINT_MAX), "unknown", "no such origin");
	tap_is_str(hf_consumer_name(UINT_MAX), "unknown", "no such consumer");
	tap_is_str(hf_kind_name(0), "unknown", "kind 0 has no name");
	tap_is_str(hf_event_name(HOLDFAST_EVENT_BREAK), "break", "break");
	tap_is_str(hf_event_name(HOLDFAST_EVENT_CHANGED), "changed", "changed");
	tap_is_str(hf_event_name(HOLDFAST_EVENT_FENCED), "fenced", "fenced");
	tap_is_str(hf_event_name(HOLDFAST_EVENT_DECOHERENCE), "decoherence",
		   "decoherence");
	tap_is_str(hf_event_name(HOLDFAST_EVENT_ABSORBED), "absorbed",
		   "absorbed");
	tap_is_str(hf_event_name(HOLDFAST_EVENT_MEDIA_ERROR), "media-error",
		   "media-error");
	tap_is_str(hf_event_name(0), "unknown", "event 0 has no name");
	tap_is_str(hf_event_name(7), "unknown", "nor has event 7");
	return tap_done();
}
