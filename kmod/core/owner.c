// SPDX-License-Identifier: GPL-2.0
/*
 * Whose pins a lease may have: for the fence, which kills by address space.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "core/left.h"
#include "core/owner.h"

static void hf_owner_free(struct hf_owner *owner)
{
	mmdrop(owner->mm);
	put_cred(owner->cred);
	put_pid(owner->tgid);
	kfree(owner);
}

/*
 * Moves to @gone the owners that are no more and have left no pins. Called with
 * file->lock held.
 */
static void hf_owners_forget(struct hf_lease *lease, struct list_head *gone)
{
	struct hf_owner *owner, *next;

	list_for_each_entry_safe(owner, next, &lease->owners, node) {
		if (!atomic_read(&owner->mm->mm_users) &&
		    !hf_mm_has_pins(lease, owner->mm, 0, ULONG_MAX))
			list_move(&owner->node, gone);
	}
}

/* Whether there is such an owner. */
static bool hf_owner_is_known(struct hf_lease *lease,
			      const struct mm_struct *mm,
			      enum hf_owner_role role)
{
	struct hf_owner *owner;
	bool known = false;

	spin_lock(&lease->file->lock);
	list_for_each_entry(owner, &lease->owners, node)
		known |= owner->mm == mm && owner->role <= role;
	spin_unlock(&lease->file->lock);
	return known;
}

/**
 * hf_owner_add - remember for the fence whose pins a lease may have
 * @lease: bound
 * @mm: the address space: not the process, which may share it or leave it by
 *	execve()
 * @tgid: the process, for the report
 * @role: why it may hold pins
 *
 * Return: 0 or -ENOMEM.
 */
int hf_owner_add(struct hf_lease *lease, struct mm_struct *mm, struct pid *tgid,
		 enum hf_owner_role role)
{
	struct hf_owner *owner, *next, *new;
	bool known = false;
	LIST_HEAD(gone);

	/* Each part of a registration comes by here. */
	if (hf_owner_is_known(lease, mm, role))
		return 0;
	new = kmalloc(sizeof(*new), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	mmgrab(mm);
	new->mm = mm;
	new->tgid = get_pid(tgid);
	new->role = role;
	new->cred = get_current_cred();
	spin_lock(&lease->file->lock);
	/* One that comes during a round of the fence is for the next one. */
	new->round = lease->fence_round;
	hf_owners_forget(lease, &gone);
	list_for_each_entry(owner, &lease->owners, node) {
		if (owner->mm == mm) {
			known = true;
			if (owner->role == HF_SHARES && role != HF_SHARES)
				swap(owner->cred, new->cred);
			owner->role = min(owner->role, role);
		}
	}
	list_add_tail(&new->node, known ? &gone : &lease->owners);
	spin_unlock(&lease->file->lock);
	list_for_each_entry_safe(owner, next, &gone, node)
		hf_owner_free(owner);
	return 0;
}

void hf_owners_free(struct hf_lease *lease)
{
	struct hf_owner *owner, *next;

	list_for_each_entry_safe(owner, next, &lease->owners, node)
		hf_owner_free(owner);
}
