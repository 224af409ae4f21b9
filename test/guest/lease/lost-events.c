// SPDX-License-Identifier: GPL-2.0
/* Events that nobody reads push out the oldest, and are counted. */
#define _GNU_SOURCE
#include "common.h"

#define PATH   PMEM "lost-events"
#define LENGTH (2 * MIB)
#define ROUNDS 40

int main(void)
{
	int fd = file_make(PATH, LENGTH);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	struct holdfast_event events[64];
	uint32_t lost;
	uint64_t seq;
	bool whole = true;
	ssize_t n;

	tap_is(lease_query(lease).events_lost, 0, "nothing is lost");
	for (int i = 0; i < ROUNDS; i++) {
		if (change_make("punch", PATH, 0, 4096, NULL, SOON))
			tap_bail("round %d: the change failed", i);
	}
	lost = lease_query(lease).events_lost;
	tap_ok(lost > 0 && lost < 2 * ROUNDS, "of %d events %u are lost",
	       2 * ROUNDS, lost);
	n = read(lease, events, sizeof(events)) / (ssize_t)sizeof(events[0]);
	tap_is(lost + n, 2 * ROUNDS, "%zd are there: that is all", n);
	tap_is(events[0].seq, lost + 1, "the gap is in the numbers");
	for (ssize_t i = 1; i < n; i++)
		whole = whole && events[i].seq == events[i - 1].seq + 1;
	tap_ok(whole, "the newest are whole");
	tap_is(events[n - 1].type, HOLDFAST_EVENT_CHANGED,
	       "the last one is the last");

	seq = events[n - 1].seq;
	tap_is(change_make("punch", PATH, 0, 4096, NULL, SOON), 0, "one more");
	tap_ok(event_next(lease, events, AT_ONCE) && events[0].seq == seq + 1,
	       "no gap for who reads in time");
	tap_is(lease_query(lease).events_lost, lost, "and no more are lost");
	close(lease);
	close(fd);
	unlink(PATH);
	return tap_done();
}
