// SPDX-License-Identifier: GPL-2.0
/*
 * Two files at a time. XFS asks for busy pages of the second one with the first
 * one's invalidate_lock held, so it does not wait there: it lets go of both and
 * begins again, for ever, without a look at signals. (Leases that were there when
 * it was called have been waited for by then, see hooks/remap.c and hooks/exchange.c; others
 * were acquired while it waited for the files' i_rwsem.) So what is busy of the
 * second is what it has to wait for, as one may, when it comes back to the first;
 * or rather what hf_unhooked_retreat() has it wait for outside.
 */
#include "change/pair.h"

static DEFINE_SPINLOCK(hf_pairs_lock);
static LIST_HEAD(hf_pairs); /* changes whose task was told of a busy page */

/* What the task of @change was told: NULL is that no page is busy. */
void hf_pair_told(struct hf_change *change, struct page *page)
{
	spin_lock(&hf_pairs_lock);
	change->busy = page;
	if (!page)
		list_del_init(&change->second_node);
	else if (list_empty(&change->second_node))
		list_add(&change->second_node, &hf_pairs);
	spin_unlock(&hf_pairs_lock);
}

/**
 * hf_pair_page - what the current task has to wait for first
 * @mapping: of the file that it asks for
 *
 * Return: the page of another file that it was told of last, or NULL.
 */
struct page *hf_pair_page(const struct address_space *mapping)
{
	struct page *page = NULL;
	struct hf_change *change;

	/* It is the only one to add and remove its own. */
	if (list_empty_careful(&hf_pairs))
		return NULL;
	spin_lock(&hf_pairs_lock);
	list_for_each_entry(change, &hf_pairs, second_node) {
		if (change->task == current && change->mapping != mapping) {
			page = change->busy;
			break;
		}
	}
	spin_unlock(&hf_pairs_lock);
	return page && hf_page_busy(page) ? page : NULL;
}
