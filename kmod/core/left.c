// SPDX-License-Identifier: GPL-2.0
/*
 * Whose pins are left, for the fence.
 *
 * A process can end what another one pinned, if it was passed the consumer's file.
 * If it has pins of the same pages itself, these are taken off first (pages/unpinned.c). So
 * a record can have pins that have ended, for as long as another has lost as many
 * that have not. Other facts decide which of the two holds them.
 */
#include "core/counts.h"
#include "core/left.h"

/*
 * Whether a process has no registration left, also where its record says otherwise.
 * Regions and buffers are counted for the address space that made them, whichever
 * process ends them; a buffer not always in full, so only where there is a doubt.
 */
static bool hf_pin_has_ended(const struct hf_pin *pin)
{
	return pin->doubt &&
	       (pin->pinner.consumer == HOLDFAST_CONSUMER_MR ||
		pin->pinner.consumer == HOLDFAST_CONSUMER_BUFFER) &&
	       !atomic64_read(&pin->pinner.mm->pinned_vm);
}

/* Whether a record has pins of pages of a range. Called with file->lock held. */
bool hf_pin_counts(const struct hf_pin *pin, pgoff_t first, pgoff_t last)
{
	pgoff_t index = max(first, pin->range.start);

	return hf_counts_next(&pin->counts, &index, min(last, pin->range.last));
}

/* Whether what was taken off @pin was another's, which has ended. */
static bool hf_pin_was_spared(struct hf_file *file, const struct hf_pin *pin)
{
	struct hf_lease *lease;
	struct hf_pin *other;

	hf_for_each_overlap(lease, file, pin->range.start, pin->range.last) {
		hf_for_each_pin(other, lease, pin->range.start,
				pin->range.last) {
			if (other->pinner.mm != pin->pinner.mm &&
			    other->pinner.consumer == pin->pinner.consumer &&
			    hf_pin_counts(other, pin->range.start,
					  pin->range.last) &&
			    hf_pin_has_ended(other))
				return true;
		}
	}
	return false;
}

/*
 * Whether the process of a record has pins left in a range, by what is known. Called with
 * file->lock held.
 */
static bool hf_pin_is_left(struct hf_lease *lease, const struct hf_pin *pin,
			   pgoff_t first, pgoff_t last)
{
	lockdep_assert_held(&lease->file->lock);
	if (hf_pin_has_ended(pin))
		return false;
	return hf_pin_counts(pin, first, last) ||
	       (pin->maybe && hf_pin_was_spared(lease->file, pin));
}

/* The same, for a moment. */
bool hf_pin_is_left_now(struct hf_lease *lease, const struct hf_pin *pin,
			pgoff_t first, pgoff_t last)
{
	bool left;

	spin_lock(&lease->file->lock);
	left = hf_pin_is_left(lease, pin, first, last);
	spin_unlock(&lease->file->lock);
	return left;
}

/* Whether a process has pins left in a range. Called with file->lock held. */
bool hf_mm_has_pins(struct hf_lease *lease, const struct mm_struct *mm,
		    pgoff_t first, pgoff_t last)
{
	struct hf_pin *pin;

	lockdep_assert_held(&lease->file->lock);
	hf_for_each_pin(pin, lease, first, last) {
		if (pin->pinner.mm == mm &&
		    hf_pin_is_left(lease, pin, first, last))
			return true;
	}
	return false;
}
