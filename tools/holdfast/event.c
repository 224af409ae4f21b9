// SPDX-License-Identifier: GPL-2.0
/* The life of a lease, see event.h. */
#include <inttypes.h>

#include "internal/clock.h"
#include "event.h"
#include "size.h"
#include "utf8.h"

void print_acquired(FILE *to, const struct holdfast_query *query)
{
	char range[RANGE_ROOM];

	fprintf(to,
		"acquired lease %" PRIu64
		": %s, bytes %s, break time %u.%03us\n",
		(uint64_t)query->id, hf_kind_name(query->kind),
		range_text(range, query->offset, query->length, true),
		query->break_ms / 1000, query->break_ms % 1000);
	fflush(to);
}

void print_event(FILE *to, const struct holdfast_event *event)
{
	char comm[HOLDFAST_COMM_LEN + 1];
	char range[RANGE_ROOM];

	range_text(range, event->offset, event->length, true);
	if (event->type == HOLDFAST_EVENT_MEDIA_ERROR) {
		fprintf(to, "%s: bytes %s\n", hf_event_name(event->type),
			range);
		fflush(to);
		return;
	}
	snprintf(comm, sizeof(comm), "%.*s", HOLDFAST_COMM_LEN, event->comm);
	utf8_tame(comm);
	fprintf(to, "%s: %s of bytes %s by %s (%" PRIu32 ")",
		hf_event_name(event->type), hf_op_name(event->op), range, comm,
		event->pid);
	if (event->type == HOLDFAST_EVENT_BREAK) {
		int64_t left = event->deadline_ns - hf_clock_ns();

		fprintf(to, ", fence in %.3fs", left > 0 ? left / 1e9 : 0.0);
	}
	fputc('\n', to);
	fflush(to);
}

void print_lost(FILE *to, uint64_t count)
{
	fprintf(to, "lost: %" PRIu64 " events\n", count);
	fflush(to);
}
