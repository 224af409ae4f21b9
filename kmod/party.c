// SPDX-License-Identifier: GPL-2.0
/*
 * Parties to a lease: the processes whose long-term pins it covers. The process
 * that acquired the lease is one, and others join. A party is an address space.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "holdfast.h"

struct hf_party {
	struct list_head node; /* hf_file.parties */
	struct hf_lease *lease;
	struct mm_struct *mm; /* grabbed, to compare */
};

/* Called with file->lock held. */
static bool hf_party_exists(const struct hf_lease *lease,
			    const struct mm_struct *mm)
{
	const struct hf_party *party;

	list_for_each_entry(party, &lease->file->parties, node) {
		if (party->lease == lease && party->mm == mm)
			return true;
	}
	return false;
}

/* Moves to @gone those whose process is no more. Called with file->lock held. */
static void hf_parties_forget(struct hf_file *file, struct list_head *gone)
{
	struct hf_party *party, *next;

	list_for_each_entry_safe(party, next, &file->parties, node) {
		if (!atomic_read(&party->mm->mm_users))
			list_move(&party->node, gone);
	}
}

static void hf_parties_free(struct list_head *parties)
{
	struct hf_party *party, *next;

	list_for_each_entry_safe(party, next, parties, node) {
		mmdrop(party->mm);
		kfree(party);
	}
}

/**
 * hf_party_add - the current process becomes a party
 * @lease: its file is set
 *
 * Return: 0, -ENOMEM, or -EBADFD when the lease has ended.
 */
int hf_party_add(struct hf_lease *lease)
{
	struct hf_file *file = lease->file;
	struct hf_party *party;
	LIST_HEAD(gone);
	int err = 0;

	party = kmalloc(sizeof(*party), GFP_KERNEL_ACCOUNT);
	if (!party)
		return -ENOMEM;
	party->lease = lease;
	party->mm = current->mm;
	spin_lock(&file->lock);
	hf_parties_forget(file, &gone);
	if (!lease->target) {
		err = -EBADFD;
	} else if (!hf_party_exists(lease, party->mm)) {
		mmgrab(party->mm);
		list_add_tail(&party->node, &file->parties);
		party = NULL;
	}
	spin_unlock(&file->lock);
	kfree(party);
	hf_parties_free(&gone);
	return err;
}

/* The lease ends: nobody is a party to it any longer. */
void hf_parties_end(struct hf_lease *lease)
{
	struct hf_party *party, *next;
	LIST_HEAD(gone);

	spin_lock(&lease->file->lock);
	list_for_each_entry_safe(party, next, &lease->file->parties, node) {
		if (party->lease == lease)
			list_move(&party->node, &gone);
	}
	spin_unlock(&lease->file->lock);
	hf_parties_free(&gone);
}

/* Whether the lease covers a page, also one that it would get back. */
static bool hf_lease_covers(const struct hf_lease *lease, pgoff_t index)
{
	if (index < lease->range.start || index > lease->asked_last)
		return false;
	switch (lease->state) {
	case HOLDFAST_ACTIVE:
	case HOLDFAST_BREAKING:
	case HOLDFAST_BROKEN:
		return lease->target;
	default:
		return false;
	}
}

/**
 * hf_party_lease - an explicit lease that covers the beginning of a span
 * @span: of a file
 * @mm: has to be a party
 *
 * Return: the lease with a reference, or NULL.
 */
struct hf_lease *hf_party_lease(const struct hf_span *span,
				const struct mm_struct *mm)
{
	struct hf_file *file = hf_file_find(file_inode(span->file));
	struct hf_lease *lease = NULL;
	struct hf_party *party;

	if (!file)
		return NULL;
	spin_lock(&file->lock);
	list_for_each_entry(party, &file->parties, node) {
		if (party->mm == mm &&
		    hf_lease_covers(party->lease, span->index)) {
			lease = party->lease;
			kref_get(&lease->kref);
			break;
		}
	}
	spin_unlock(&file->lock);
	hf_file_put(file);
	return lease;
}

/**
 * hf_party_pin - pin pages of an explicit lease
 * @lease: covers the beginning of the span
 * @span: a mapping of the leased file
 * @pinner: a party to the lease
 * @flags: of the call
 * @pages: room for span->nr pages
 *
 * A lease that a change is breaking, or has broken, is had again first. Waits,
 * killably.
 *
 * Return: how many pages are pinned, up to the end of the lease; -ESTALE when
 * the mapping is not there any longer; or -errno.
 */
long hf_party_pin(struct hf_lease *lease, const struct hf_span *span,
		  const struct hf_pinner *pinner, unsigned int flags,
		  struct page **pages)
{
	struct hf_span part = *span;
	long ret;
	int err;

	do {
		err = hf_lease_restore(lease, TASK_KILLABLE, false);
		if (err)
			return err == -EBADFD ? -EOPNOTSUPP : err;
		part.nr = min(span->nr, lease->range.last - span->index + 1);
		if (span->index > lease->range.last)
			return -EFAULT;
		ret = hf_span_pin(pinner->mm, &part, flags, pages);
		if (ret <= 0)
			return ret;
		part.nr = ret;
		err = hf_pin_add(lease, &part, pinner);
		if (err)
			unpin_user_pages(pages, ret);
	} while (err == -EAGAIN);
	return err ?: ret;
}
