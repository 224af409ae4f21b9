// SPDX-License-Identifier: GPL-2.0
/* What a block may hold. */
#include <stdio.h>

#include "oracle.h"

void oracle_prepare(struct slot *slot)
{
	uint32_t count = slot->write_count;

	for (uint32_t pos = 0; pos < BLOCKS; pos++)
		slot->by_pos[pos] = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct write *write = &slot->writes[i];

		/* Whoever began this one was killed before it was written. */
		if (write->mark == MARK_ZERO)
			continue;
		write->next = slot->by_pos[write->pos];
		slot->by_pos[write->pos] = i + 1;
	}
}

#define for_each_write(write, slot, pos)        \
	for (uint32_t n_ = (slot)->by_pos[pos]; \
	     n_ && ((write) = &(slot)->writes[n_ - 1]); n_ = (write)->next)

/* It takes the block that was here away, or gives it another meaning. */
static bool change_concerns(const struct change *change, uint32_t pos)
{
	switch (change->op) {
	case OP_TRUNCATE:
	case OP_COLLAPSE:
	case OP_INSERT:
		return pos >= change->first;
	case OP_PUNCH:
	case OP_ZERO:
	case OP_REFLINK:
	case OP_CLONE:
	case OP_DEDUPE:
	case OP_EXCHANGE:
		return pos >= change->first &&
		       pos < change->first + change->count;
	default:
		return false;
	}
}

/* Its registration is gone when the change takes effect. */
static bool must_be_before(const struct slot *slot, const struct write *write,
			   const struct change *change)
{
	if (write->end && write->end < change->begin)
		return true;
	return write->registration != NO_REGISTRATION &&
	       change->outcome == CHANGED &&
	       change_concerns(change, write->pos) &&
	       slot->registrations[write->registration].had < change->begin;
}

static bool must_be_after(const struct write *write,
			  const struct change *change)
{
	return write->begin > change->end;
}

static bool may_be_in(const struct slot *slot, const struct write *write,
		      uint32_t stage)
{
	if (stage && must_be_before(slot, write, &slot->changes[stage]))
		return false;
	return stage == slot->change_count ||
	       !must_be_after(write, &slot->changes[stage + 1]);
}

static bool must_be_in(const struct slot *slot, const struct write *write,
		       uint32_t stage)
{
	if (!write->landed ||
	    (stage && !must_be_after(write, &slot->changes[stage])))
		return false;
	return stage == slot->change_count ||
	       must_be_before(slot, write, &slot->changes[stage + 1]);
}

/* Which block it put here; none of the file's: NOWHERE. */
#define NOWHERE UINT32_MAX

static uint32_t change_source(const struct change *change, uint32_t pos)
{
	if (change->op == OP_CLONE || !change_concerns(change, pos))
		return pos;
	if (change->op == OP_COLLAPSE)
		return pos + change->count;
	if (change->op == OP_INSERT && pos >= change->first + change->count)
		return pos - change->count;
	return NOWHERE;
}

/* All of it is then the donor's: a dedupe found the same there. */
static bool change_is_donors(const struct change *change)
{
	return change->op == OP_REFLINK || change->op == OP_EXCHANGE ||
	       change->op == OP_DEDUPE;
}

/* What the change left at @pos, before anything was written to it. */
static bool change_allows(const struct slot *slot, uint32_t stage, uint32_t pos,
			  uint64_t mark)
{
	const struct change *change = &slot->changes[stage];
	uint32_t from;

	if (change->outcome != CHANGED &&
	    oracle_allows(slot, stage - 1, pos, mark))
		return true;
	if (change->outcome == UNCHANGED)
		return false;
	if (change_is_donors(change) && change_concerns(change, pos))
		return mark == MARK(FILE_DONOR,
				    change->donor + pos - change->first + 1);
	from = change_source(change, pos);
	/* Behind the end there is nothing, and zeros where it is moved here. */
	if (from >= change->before || from >= BLOCKS)
		return mark == MARK_ZERO;
	return oracle_allows(slot, stage - 1, from, mark);
}

/* Another write to the block, in the same stage, came after it. */
static bool is_overwritten(const struct slot *slot, const struct write *write,
			   uint32_t stage)
{
	const struct write *other;

	if (!write->end)
		return false;
	for_each_write(other, slot, write->pos)
	{
		if (other->begin > write->end && must_be_in(slot, other, stage))
			return true;
	}
	return false;
}

bool oracle_allows(const struct slot *slot, uint32_t stage, uint32_t pos,
		   uint64_t mark)
{
	const struct write *write;
	bool inherited = true;

	for_each_write(write, slot, pos)
	{
		if (!may_be_in(slot, write, stage))
			continue;
		/* What was under way when its process died may be half done. */
		if (mark == MARK_TORN && !write->landed)
			return true;
		if (write->mark == mark && !is_overwritten(slot, write, stage))
			return true;
	}
	for_each_write(write, slot, pos)
	{
		if (must_be_in(slot, write, stage))
			inherited = false;
	}
	if (!inherited)
		return false;
	if (!stage)
		return mark ==
		       (pos < slot->first_blocks ? slot->base[pos] : MARK_ZERO);
	return change_allows(slot, stage, pos, mark);
}

static void writes_explain(const struct slot *slot, uint32_t pos, uint64_t zero)
{
	const struct write *write;

	for_each_write(write, slot, pos)
	{
		uint32_t r = write->registration;

		problem("  write %llx to %u, %slanded, %lld to %lld us, registered %lld us",
			(unsigned long long)write->mark, pos,
			write->landed ? "" : "not ",
			(long long)(write->begin - zero) / 1000,
			write->end ? (long long)(write->end - zero) / 1000 : -1,
			r == NO_REGISTRATION
				? -1
				: (long long)(slot->registrations[r].had -
					      zero) /
					  1000);
	}
}

void oracle_explain(const struct slot *slot, uint32_t pos, uint64_t mark)
{
	uint64_t zero = slot->changes[1].begin;

	problem("%s: block %u holds %llx", slot->path, pos,
		(unsigned long long)mark);
	writes_explain(slot, pos, zero);
	for (uint32_t i = slot->change_count; i; i--) {
		const struct change *change = &slot->changes[i];
		uint32_t from = change_source(change, pos);

		problem("  %u: %s at %u, %u blocks, outcome %u, length %u to %u, %lld to %lld us",
			i, op_name(change->op), change->first, change->count,
			change->outcome, change->before, change->after,
			(long long)(change->begin - zero) / 1000,
			(long long)(change->end - zero) / 1000);
		if (from >= BLOCKS)
			return;
		if (from != pos)
			writes_explain(slot, from, zero);
		pos = from;
	}
	problem("  began as block %u with %llx", pos,
		(unsigned long long)slot->base[pos]);
}
