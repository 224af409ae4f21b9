/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Trace events of the life of a lease: see holdfast-trace(1).
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM holdfast

#if !defined(HF_CORE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define HF_CORE_TRACE_H

#include <linux/holdfast_names.h>
#include <linux/tracepoint.h>
#include "core/types.h"

/* clang-format off */

#ifndef HF_SYMBOL
#define HF_SYMBOL(value, name) { value, name }
#endif

DECLARE_EVENT_CLASS(hf_lease,
	TP_PROTO(const struct hf_lease *lease),
	TP_ARGS(lease),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(dev_t, dev)
		__field(u64, ino)
		__field(u64, offset)
		__field(u64, length)
		__field(u32, kind)
		__field(pid_t, holder)
	),
	TP_fast_assign(
		__entry->id = lease->id;
		__entry->dev = lease->file->inode->i_sb->s_dev;
		__entry->ino = lease->file->inode->i_ino;
		__entry->offset = hf_lease_offset(lease);
		__entry->length = hf_lease_pages(lease) << PAGE_SHIFT;
		__entry->kind = lease->kind;
		__entry->holder = pid_nr(lease->tgid);
	),
	TP_printk("lease=%llu dev=%u:%u ino=%llu offset=%llu length=%llu kind=%s holder=%d",
		  __entry->id, MAJOR(__entry->dev), MINOR(__entry->dev),
		  __entry->ino, __entry->offset, __entry->length,
		  __print_symbolic(__entry->kind,
				   HOLDFAST_KIND_NAMES(HF_SYMBOL)),
		  __entry->holder)
);

DEFINE_EVENT(hf_lease, holdfast_acquire,
	TP_PROTO(const struct hf_lease *lease), TP_ARGS(lease));
DEFINE_EVENT(hf_lease, holdfast_release,
	TP_PROTO(const struct hf_lease *lease), TP_ARGS(lease));

/* A lease and the change that it meets. */
DECLARE_EVENT_CLASS(hf_change,
	TP_PROTO(const struct hf_lease *lease),
	TP_ARGS(lease),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, op)
		__field(u64, offset)
		__field(u64, length)
		__field(pid_t, pid)
		__array(char, comm, TASK_COMM_LEN)
		__field(pid_t, holder)
	),
	TP_fast_assign(
		__entry->id = lease->id;
		__entry->op = lease->change.op;
		__entry->offset = lease->change.offset;
		__entry->length = lease->change.length;
		__entry->pid = pid_nr(lease->change.tgid);
		memcpy(__entry->comm, lease->change.comm, TASK_COMM_LEN);
		__entry->holder = pid_nr(lease->tgid);
	),
	TP_printk("lease=%llu op=%s offset=%llu length=%lld pid=%d comm=%s holder=%d",
		  __entry->id,
		  __print_symbolic(__entry->op, HOLDFAST_OP_NAMES(HF_SYMBOL)),
		  __entry->offset, (s64)__entry->length, __entry->pid,
		  __entry->comm, __entry->holder)
);

DEFINE_EVENT(hf_change, holdfast_break,
	TP_PROTO(const struct hf_lease *lease), TP_ARGS(lease));
DEFINE_EVENT(hf_change, holdfast_changed,
	TP_PROTO(const struct hf_lease *lease), TP_ARGS(lease));
DEFINE_EVENT(hf_change, holdfast_fence,
	TP_PROTO(const struct hf_lease *lease), TP_ARGS(lease));

/* Memory of the range has failed. */
TRACE_EVENT(holdfast_media_error,
	TP_PROTO(const struct hf_lease *lease, u64 offset, u64 length),
	TP_ARGS(lease, offset, length),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, offset)
		__field(u64, length)
		__field(pid_t, holder)
	),
	TP_fast_assign(
		__entry->id = lease->id;
		__entry->offset = offset;
		__entry->length = length;
		__entry->holder = pid_nr(lease->tgid);
	),
	TP_printk("lease=%llu offset=%llu length=%llu holder=%d", __entry->id,
		  __entry->offset, __entry->length, __entry->holder)
);

/* The holder has read an event. */
TRACE_EVENT(holdfast_notice,
	TP_PROTO(u64 id, u64 seq, u32 type),
	TP_ARGS(id, seq, type),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u64, seq)
		__field(u32, type)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->seq = seq;
		__entry->type = type;
	),
	TP_printk("lease=%llu seq=%llu event=%s", __entry->id, __entry->seq,
		  __print_symbolic(__entry->type,
				   HOLDFAST_EVENT_NAMES(HF_SYMBOL)))
);

/* clang-format on */

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH core
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
