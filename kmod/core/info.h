/* SPDX-License-Identifier: GPL-2.0 */
/* What holders hear of a change: see info.c. */
#ifndef HF_CORE_INFO_H
#define HF_CORE_INFO_H

#include "core/types.h"

#define HF_EVENT_MIN_SIZE offsetofend(struct holdfast_event, comm)

void hf_change_info_get(struct hf_change_info *to,
			const struct hf_change_info *from);
void hf_change_info_put(struct hf_change_info *info);
void hf_event_fill(struct holdfast_event *out, const struct hf_event *event);

#endif
