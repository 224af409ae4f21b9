// SPDX-License-Identifier: LGPL-2.1-or-later
/* The exporter's side of a pause: see pause.h. */
#include "pause.h"

static unsigned int suspend_if_free(struct hf_pause *pause)
{
	if (pause->state != HF_PAUSE_ASKED || !pause->still || pause->touching)
		return 0;
	pause->state = HF_PAUSE_STILL;
	pause->due_ns = 0;
	return HF_DO_SUSPEND;
}

unsigned int hf_pause_break(struct hf_pause *pause, uint64_t due_ns)
{
	if (pause->state == HF_PAUSE_ASKED && due_ns < pause->due_ns)
		pause->due_ns = due_ns;
	if (pause->state != HF_PAUSE_ACTIVE)
		return 0;
	pause->state = HF_PAUSE_ASKED;
	pause->due_ns = due_ns;
	pause->still = false;
	return HF_DO_TELL;
}

unsigned int hf_pause_still(struct hf_pause *pause, uint32_t generation)
{
	if (pause->state != HF_PAUSE_ASKED || generation != pause->generation)
		return 0;
	pause->still = true;
	return suspend_if_free(pause);
}

bool hf_pause_touch(struct hf_pause *pause)
{
	if (pause->state != HF_PAUSE_ACTIVE)
		return false;
	pause->touching++;
	return true;
}

unsigned int hf_pause_untouch(struct hf_pause *pause)
{
	pause->touching--;
	return suspend_if_free(pause);
}

unsigned int hf_pause_over(struct hf_pause *pause)
{
	if (pause->state != HF_PAUSE_STILL)
		return 0;
	pause->state = HF_PAUSE_RESTORING;
	return HF_DO_RESTORE;
}

unsigned int hf_pause_restored(struct hf_pause *pause, bool breaking)
{
	if (breaking) {
		pause->state = HF_PAUSE_STILL;
		return HF_DO_SUSPEND;
	}
	pause->state = HF_PAUSE_ACTIVE;
	pause->generation++;
	return HF_DO_TELL;
}

void hf_pause_not_yet(struct hf_pause *pause)
{
	pause->state = HF_PAUSE_STILL;
}

unsigned int hf_pause_gone(struct hf_pause *pause)
{
	if (pause->state == HF_PAUSE_GONE)
		return 0;
	pause->state = HF_PAUSE_GONE;
	pause->due_ns = 0;
	return HF_DO_TELL;
}

unsigned int hf_pause_due(const struct hf_pause *pause, uint64_t now_ns)
{
	return pause->state == HF_PAUSE_ASKED && now_ns >= pause->due_ns
		       ? HF_DO_DROP
		       : 0;
}
