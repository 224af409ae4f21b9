// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which regions changes want, see shim.h. A region that one wants is marked with the
 * time at which it is taken from the program. Until then caches of registrations are
 * told, and the program has time to deregister.
 *
 * What the kernel tells of a lease is matched by the address alone, and events can be
 * about a change that is over. So before anything is taken the kernel is asked for all
 * leases that break (a look, thread.c); a mark that a look does not confirm goes.
 */
#include <string.h>
#include <sys/mman.h>

#include "internal/clock.h"
#include "holdfast.h"
#include "shim.h"

/* How many regions caches are told of between two looks at the table */
#define TELL_AT_ONCE 256

/* How many looks there were. What follows is under the table's lock. */
static unsigned int looks;

/* The program has half of the break time at most. */
static int64_t take_time(const struct holdfast_event *event)
{
	int64_t now = hf_clock_ms(), grace = event->deadline_ns / 1000000 - now;

	grace = grace > 0 ? grace / 2 : 0;
	if (grace > settings()->grace_ms)
		grace = settings()->grace_ms;
	return now + grace;
}

/* An earlier time stays. True: no change has wanted it before. */
static bool mark(int64_t *take_ms, int64_t new_ms)
{
	bool first = !*take_ms;

	if (first || new_ms < *take_ms)
		*take_ms = new_ms;
	return first;
}

static void mark_region(struct tracked_mr *tracked, int64_t take_ms)
{
	if (!mark(&tracked->take_ms, take_ms))
		return;
	tracked->tell_ms = hf_clock_ms();
	tracked->tell_wait_ms = LOOK_MS;
}

void wants_made(struct tracked_mr *tracked, const struct making_mr *making)
{
	if (!making->take_ms || tracked->taken)
		return;
	mark_region(tracked, making->take_ms);
	tracked->look = making->look;
}

static bool is_of(const struct holdfast_event *event,
		  const struct making_mr *making)
{
	return making->addr < event->address + event->lease_length &&
	       event->address < making->addr + making->length;
}

/*
 * MPI libraries and their like stand before madvise(), which therefore is called
 * by its name, and deregister what they keep of the range. With an address in the
 * middle of a page the kernel itself only refuses: the program may have unmapped
 * the file, and have memory of its own there.
 */
static void tell_caches(uintptr_t addr, size_t length)
{
	madvise((char *)(addr | 1), length > 1 ? length - 1 : 1, MADV_DONTNEED);
}

void wants_break(const struct holdfast_event *event)
{
	int64_t take_ms = take_time(event);
	struct tracked_mr *tracked = NULL;
	struct making_mr *making;
	bool known = false, first = false;

	table_lock();
	while ((tracked = table_next_mr(tracked, event->address,
					event->lease_length))) {
		if (tracked->taken)
			continue;
		known = true;
		first |= !tracked->take_ms;
		mark_region(tracked, take_ms);
		tracked->look = looks;
	}
	for (making = table_making(); making; making = making->next) {
		if (!is_of(event, making))
			continue;
		known = true;
		first |= mark(&making->take_ms, take_ms);
		making->look = looks;
	}
	table_unlock();
	if (known && !first)
		return;
	/* The program is about to fail, and a log should say why. */
	if (event->op == HOLDFAST_OP_REVOKE)
		shim_say(
			"lease %llu, of %llu bytes at %#llx: revoked by process %u",
			(unsigned long long)event->lease,
			(unsigned long long)event->lease_length,
			(unsigned long long)event->address, event->pid);
	else if (settings()->verbose)
		shim_say("lease %llu: a change waits for %llu bytes at %#llx",
			 (unsigned long long)event->lease,
			 (unsigned long long)event->lease_length,
			 (unsigned long long)event->address);
	/* Of others than ibv_reg_mr() made, which wants_tell() does not know */
	if (!known)
		tell_caches(event->address, event->lease_length);
}

void wants_changed(const struct holdfast_event *event)
{
	struct tracked_mr *tracked = NULL;
	struct making_mr *making;

	table_lock();
	while ((tracked = table_next_mr(tracked, event->address,
					event->lease_length)))
		tracked->look = looks - 1;
	for (making = table_making(); making; making = making->next)
		if (is_of(event, making))
			making->look = looks - 1;
	table_unlock();
}

void wants_look(void)
{
	table_lock();
	looks++;
	table_unlock();
}

void wants_forget(void)
{
	struct tracked_mr *tracked = NULL;
	struct making_mr *making;

	table_lock();
	while ((tracked = table_next_mr(tracked, 0, SIZE_MAX)))
		if (tracked->look != looks)
			tracked->take_ms = 0;
	for (making = table_making(); making; making = making->next)
		if (making->look != looks)
			making->take_ms = 0;
	table_unlock();
}

int wants_next(int64_t now)
{
	struct tracked_mr *tracked = NULL;
	struct making_mr *making;
	int64_t next = -1;

	table_lock();
	for (making = table_making(); making; making = making->next)
		if (making->take_ms)
			next = LOOK_MS;
	while ((tracked = table_next_mr(tracked, 0, SIZE_MAX))) {
		/* What the program deregisters is its own, unless it fails. */
		int64_t left = tracked->leaving ? LOOK_MS
						: tracked->take_ms - now;

		if (tracked->take_ms && (next < 0 || left < next))
			next = left > 0 ? left : 0;
	}
	table_unlock();
	return next;
}

void wants_take(int64_t now)
{
	struct tracked_mr *tracked, *after;

	table_lock();
	tracked = table_next_mr(NULL, 0, SIZE_MAX);
	for (; tracked; tracked = after) {
		after = table_next_mr(tracked, 0, SIZE_MAX);
		if (tracked->take_ms && tracked->take_ms <= now &&
		    tracked->look == looks && !tracked->leaving)
			mr_take(tracked);
	}
	table_unlock();
}

unsigned int wants_hurry(int64_t until_ms)
{
	struct tracked_mr *tracked = NULL;
	unsigned int count = 0;

	table_lock();
	while ((tracked = table_next_mr(tracked, 0, SIZE_MAX))) {
		if (!tracked->take_ms || tracked->look != looks)
			continue;
		mark(&tracked->take_ms, until_ms);
		count++;
	}
	table_unlock();
	return count;
}

/*
 * A cache may not know a region yet when it is told: the kernel tells of it before
 * the registration returns. So it is told again, less and less often.
 */
void wants_tell(void)
{
	struct {
		uintptr_t addr;
		size_t length;
	} due[TELL_AT_ONCE];
	struct tracked_mr *tracked;
	int64_t now = hf_clock_ms();
	unsigned int count;

	do {
		count = 0;
		tracked = NULL;
		table_lock();
		while (count < TELL_AT_ONCE &&
		       (tracked = table_next_mr(tracked, 0, SIZE_MAX))) {
			if (!tracked->take_ms || tracked->leaving ||
			    tracked->tell_ms > now)
				continue;
			due[count].addr = tracked->addr;
			due[count++].length = tracked->length;
			tracked->tell_ms = now + tracked->tell_wait_ms;
			tracked->tell_wait_ms *= 2;
		}
		table_unlock();
		/* What stands before madvise() may call us. */
		for (unsigned int i = 0; i < count; i++)
			tell_caches(due[i].addr, due[i].length);
	} while (count == TELL_AT_ONCE);
}
