/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The order of actions before the deadline of a break: first the program, then
 * libholdfast-verbs for it (HF_AUTOMATIC), then holdfastd(8), at last the kernel.
 */
#ifndef HOLDFAST_MARGIN_H
#define HOLDFAST_MARGIN_H

#include <stdint.h>

#define HF_AGENT_MARGIN_MS 5000

/* The agent: so long before the deadline, and never in the first half. */
static inline uint64_t hf_agent_margin_ms(uint64_t time_ms, uint64_t margin_ms)
{
	return margin_ms < time_ms / 2 ? margin_ms : time_ms / 2;
}

/* The library: before the agent, by a quarter of the agent's margin. */
static inline uint64_t hf_library_margin_ms(uint64_t time_ms)
{
	uint64_t agent = hf_agent_margin_ms(time_ms, HF_AGENT_MARGIN_MS);

	return agent + agent / 4;
}

#endif
