// SPDX-License-Identifier: GPL-2.0
/*
 * What a rewriting lease absorbs.
 *
 * A change that takes blocks of such a lease succeeds, and leaves them where they
 * are, as if the device had written the whole range again right after it. So a
 * change is narrowed before it begins: a punch or a zeroing to the parts beside the
 * leases, a truncation to what is behind them. The edges of these leases are those
 * to which changes are rounded, so what is left of a change does not meet them.
 */
#include "core/counters.h"
#include "core/event.h"
#include "change/absorb.h"

static bool hf_absorbs(const struct hf_lease *lease)
{
	return lease->kind == HOLDFAST_REWRITING &&
	       (lease->state == HOLDFAST_ACTIVE ||
		lease->state == HOLDFAST_BREAKING);
}

static u64 hf_lease_end(const struct hf_lease *lease)
{
	return hf_lease_offset(lease) + (hf_lease_pages(lease) << PAGE_SHIFT);
}

/* What can leave a part of its range as it is. */
static bool hf_change_absorbable(const struct hf_change *change)
{
	switch (change->info.op) {
	case HOLDFAST_OP_TRUNCATE:
	case HOLDFAST_OP_PUNCH:
	case HOLDFAST_OP_ZERO:
		return !change->nothing;
	default:
		return false;
	}
}

/* Whether a change has still to be narrowed. Called with file->lock held. */
bool hf_change_is_absorbed(struct hf_file *file, const struct hf_change *change)
{
	struct hf_lease *lease;

	lockdep_assert_held(&file->lock);
	if (!hf_change_absorbable(change))
		return false;
	hf_for_each_overlap(lease, file, change->first, change->last) {
		if (hf_absorbs(lease))
			return true;
	}
	return false;
}

/**
 * hf_absorb_size - where a truncation stops
 * @file: the file; its inode's i_rwsem is held
 * @size: what was asked for
 *
 * No pin is behind the end of the file, so a lease that begins there absorbs nothing.
 *
 * Return: @size, the end of a rewriting lease, or the size that the file has.
 */
u64 hf_absorb_size(struct hf_file *file, u64 size)
{
	u64 now = i_size_read(file->inode), stop = size;
	struct hf_lease *lease;

	if (size >= now)
		return size;
	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, size >> PAGE_SHIFT,
			    (now - 1) >> PAGE_SHIFT) {
		if (hf_absorbs(lease))
			stop = max(stop, hf_lease_end(lease));
	}
	spin_unlock(&file->lock);
	return min(stop, now);
}

/**
 * hf_absorb_next - the first part of a range that a rewriting lease absorbs
 * @file: the file
 * @from: in and out: where the range, and the part, begins
 * @to: in and out: where they end
 *
 * Return: false: there is none.
 */
bool hf_absorb_next(struct hf_file *file, u64 *from, u64 *to)
{
	struct hf_lease *lease, *first = NULL;

	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, *from >> PAGE_SHIFT,
			    (*to - 1) >> PAGE_SHIFT) {
		if (hf_absorbs(lease)) {
			first = lease;
			break;
		}
	}
	if (first) {
		*from = max(*from, hf_lease_offset(first));
		*to = min(*to, hf_lease_end(first));
	}
	spin_unlock(&file->lock);
	return first;
}

/**
 * hf_absorbed - tell of a change that has been narrowed, and has succeeded
 * @file: the file
 * @op: what it did
 * @offset: where it was to begin
 * @length: of how many bytes; ~0: to the end
 * @end: the last byte that it could take, plus one
 */
void hf_absorbed(struct hf_file *file, enum holdfast_op op, u64 offset,
		 u64 length, u64 end)
{
	struct hf_change_info info = {
		.op = op,
		.offset = offset,
		.length = length,
		.tgid = task_tgid(current),
	};
	struct hf_lease *lease;

	hf_count(file, HF_COUNT_ABSORBED);
	get_task_comm(info.comm, current);
	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, offset >> PAGE_SHIFT,
			    (end - 1) >> PAGE_SHIFT) {
		if (!hf_absorbs(lease))
			continue;
		lease->absorbed++;
		hf_event_tell(lease, HOLDFAST_EVENT_ABSORBED, ktime_get(),
			      &info, 0);
	}
	spin_unlock(&file->lock);
}
