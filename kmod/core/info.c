// SPDX-License-Identifier: GPL-2.0
/*
 * What holders and administrators hear of a change.
 */
#include <linux/pid.h>
#include "core/info.h"

void hf_change_info_get(struct hf_change_info *to,
			const struct hf_change_info *from)
{
	*to = *from;
	get_pid(to->tgid);
}

void hf_change_info_put(struct hf_change_info *info)
{
	put_pid(info->tgid);
	info->tgid = NULL;
}

/* An event as its reader sees it, except for its members about the lease. */
void hf_event_fill(struct holdfast_event *out, const struct hf_event *event)
{
	out->type = event->type;
	out->seq = event->seq;
	out->op = event->change.op;
	out->pid = pid_vnr(event->change.tgid);
	out->offset = event->change.offset;
	out->length = event->change.length;
	out->deadline_ns = ktime_to_ns(event->deadline);
	out->time_ns = ktime_to_ns(event->time);
	memcpy(out->comm, event->change.comm, sizeof(out->comm));
}
