// SPDX-License-Identifier: GPL-2.0
/*
 * Whose pins are left, for the fence.
 *
 * A process can end what another one pinned, if it was passed the consumer's file.
 * If it has pins of the same pages itself, these are taken off first (pages/record.c). So
 * a record can have pins that have ended, for as long as another has lost as many
 * that have not. Other facts decide which of the two holds them.
 */
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
			    other->counts.all && hf_pin_has_ended(other))
				return true;
		}
	}
	return false;
}

/**
 * hf_pin_is_left - whether the process of a record has pins left, by what is known
 * @lease: its file->lock is held
 * @pin: one of its records
 */
bool hf_pin_is_left(struct hf_lease *lease, const struct hf_pin *pin)
{
	lockdep_assert_held(&lease->file->lock);
	if (hf_pin_has_ended(pin))
		return false;
	return pin->counts.all ||
	       (pin->maybe && hf_pin_was_spared(lease->file, pin));
}

/* The same, for a moment. */
bool hf_pin_is_left_now(struct hf_lease *lease, const struct hf_pin *pin)
{
	bool left;

	spin_lock(&lease->file->lock);
	left = hf_pin_is_left(lease, pin);
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
		if (pin->pinner.mm == mm && hf_pin_is_left(lease, pin))
			return true;
	}
	return false;
}
