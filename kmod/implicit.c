// SPDX-License-Identifier: GPL-2.0
/*
 * Implicit leases: made by the long-term pin that needs one.
 *
 * Such a lease is in its file's tree, as being acquired, before a page is
 * pinned, so a change that begins later finds it; one that is under way is
 * waited for. Its pages are those that were pinned: it has them until a change
 * has taken them or they are idle, and ends with the last. A large region comes
 * in many calls: what goes on where a lease of the same process ends becomes
 * part of that lease, and what it has already is not recorded twice.
 *
 * A change breaks it like another lease, but waits only for pages of its own
 * range: the others stay pinned, and the lease's.
 */
#include <linux/file.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include "hooks/hook.h"
#include "trace.h"

/* What an implicit lease has until its pages are known. */
static int hf_implicit_bind(struct hf_lease *lease, const struct hf_span *span,
			    unsigned int break_ms)
{
	struct inode *inode = file_inode(span->file);
	int err;

	lease->implicit = true;
	lease->reaping = true;
	lease->kind = HOLDFAST_BREAKABLE;
	lease->backing = HF_DAX;
	lease->break_ms = break_ms;
	lease->range.start = span->index;
	lease->asked_last = span->index + span->nr - 1;
	lease->cred = get_current_cred();
	lease->may_kill = ns_capable_noaudit(&init_user_ns, CAP_KILL);
	lease->tgid = get_pid(task_tgid(current));
	get_task_comm(lease->comm, current);
	lease->acquired = ktime_get();
	lease->target = get_file(span->file);

	err = hf_charge(lease);
	if (err)
		goto put_target;
	err = hf_hooks_arm(span->file);
	if (err)
		goto uncharge;
	lease->file = hf_file_get(inode, false, hf_cow_unit(span->file));
	if (!IS_ERR(lease->file))
		return 0;

	err = PTR_ERR(lease->file);
	lease->file = NULL;
	hf_hooks_disarm(span->file);
uncharge:
	hf_uncharge(lease);
put_target:
	fput(lease->target);
	lease->target = NULL;
	return err;
}

/* Undoes hf_implicit_bind(): nobody but the caller knows the lease. */
static void hf_implicit_unbind(struct hf_lease *lease)
{
	hf_lease_leave(lease, HOLDFAST_RELEASED);
	hf_uncharge(lease);
	hf_runs_free(&lease->runs);
	hf_file_unbind(lease->file);
	hf_hooks_disarm(lease->target);
	fput(lease->target);
	lease->target = NULL;
}

/*
 * Blocks that a change of other blocks would move, or that are shared, become
 * the file's own: see hf_lease_find_pages(). After that every page of the span
 * has to be faulted in again.
 */
static int hf_implicit_prepare(struct hf_lease *lease)
{
	struct file *target = lease->target;
	int ret;

	if (!target->f_op->remap_file_range)
		return 0;
	ret = hf_drop_shared(lease, TASK_KILLABLE);
	if (ret < 0)
		return ret;
	ret = hf_lease_unshare(lease);
	if (!ret && HF_ENTRY_IS_FOLIO)
		ret = hf_drop_shared(lease, TASK_KILLABLE);
	if (ret)
		return ret < 0 ? ret : -EAGAIN;
	unmap_mapping_pages(target->f_mapping, lease->range.start,
			    hf_lease_pages(lease), false);
	return 0;
}

/* A change may look at the lease meanwhile. Frees what it had. */
static void hf_implicit_set_runs(struct hf_lease *lease, struct hf_runs *runs)
{
	down_write(&lease->runs_sem);
	swap(lease->runs, *runs);
	up_write(&lease->runs_sem);
	hf_runs_free(runs);
}

/* The runs of pages that have just been pinned. */
static int hf_implicit_collect(struct hf_lease *lease,
			       const struct hf_span *span, struct page **pages)
{
	struct address_space *mapping = lease->target->f_mapping;
	struct hf_runs runs = {};
	unsigned long i;
	int err = 0;

	for (i = 0; i < span->nr && !err; i++) {
		err = hf_runs_add(&runs, span->index + i, page_to_pfn(pages[i]),
				  1);
		hf_page_own(pages[i], mapping, span->index + i);
	}
	if (!err && HF_ENTRY_IS_FOLIO && !hf_folios_are_ours(&runs, mapping))
		err = -EUCLEAN;
	if (err)
		hf_runs_free(&runs);
	else
		hf_implicit_set_runs(lease, &runs);
	return err;
}

/* An implicit lease of the same process that the pages may become part of. */
static struct hf_lease *hf_implicit_find(struct hf_lease *lease,
					 const struct hf_span *span,
					 const struct hf_pinner *pinner)
{
	pgoff_t first = span->index ? span->index - 1 : 0;
	struct hf_file *file = lease->file;
	struct hf_lease *other, *found = NULL;

	spin_lock(&file->lock);
	hf_for_each_overlap(other, file, first, span->index) {
		if (other == lease || !other->implicit ||
		    other->state != HOLDFAST_ACTIVE ||
		    other->break_ms != lease->break_ms)
			continue;
		if (hf_pin_goes_on(other->pin, span, pinner) ||
		    hf_pin_has(other->pin, span, pinner)) {
			kref_get(&other->kref);
			found = other;
			break;
		}
	}
	spin_unlock(&file->lock);
	return found;
}

/*
 * The pages of @lease become part of @to; false: not any longer. Called with
 * to->runs_sem held exclusively.
 */
static bool hf_implicit_join(struct hf_lease *to, struct hf_lease *lease,
			     const struct hf_span *span,
			     const struct hf_pinner *pinner)
{
	bool same = hf_pin_has(to->pin, span, pinner) &&
		    hf_runs_have(&to->runs, &lease->runs);
	struct hf_file *file = to->file;
	bool joined = false;

	if (!same && (!hf_pin_goes_on(to->pin, span, pinner) ||
		      to->range.last + 1 != span->index ||
		      hf_runs_reserve_more(&to->runs, lease->runs.nr + 1)))
		return false;
	spin_lock(&file->lock);
	if (to->state == HOLDFAST_ACTIVE &&
	    lease->state == HOLDFAST_ACQUIRING) {
		if (!same) {
			hf_lease_out(to);
			to->range.last += span->nr;
			to->asked_last = to->range.last;
			interval_tree_insert(&to->range, &file->leases);
			hf_runs_append(&to->runs, &lease->runs);
			to->pin->last += span->nr;
			to->charged += lease->charged;
			lease->charged = 0;
		}
		to->pin->count += span->nr;
		joined = true;
	}
	spin_unlock(&file->lock);
	return joined;
}

/*
 * Whether the pages could be given to a lease that the process has. The charge
 * of @lease goes with them.
 */
static bool hf_implicit_merge(struct hf_lease *lease,
			      const struct hf_span *span,
			      const struct hf_pinner *pinner)
{
	struct hf_lease *to = hf_implicit_find(lease, span, pinner);
	bool joined;

	if (!to)
		return false;
	down_write(&to->runs_sem);
	joined = hf_implicit_join(to, lease, span, pinner);
	up_write(&to->runs_sem);
	hf_lease_put(to);
	return joined;
}

/* Pinned: it is a lease from here on, which ends when its pages are idle. */
static int hf_implicit_activate(struct hf_lease *lease,
				const struct hf_span *span,
				const struct hf_pinner *pinner)
{
	struct hf_file *file = lease->file;
	int err;

	lease->pin = hf_pin_new(span, pinner);
	if (!lease->pin)
		return -ENOMEM;
	spin_lock(&file->lock);
	list_add(&lease->pin->node, &lease->pins);
	spin_unlock(&file->lock);
	err = hf_mapper_add(lease, pinner->mm, task_tgid(current), HF_PINS,
			    GFP_KERNEL_ACCOUNT);
	if (!err)
		err = hf_lease_number(lease);
	if (err)
		return err;
	/* Nobody finds it by its number yet. */
	spin_lock(&file->lock);
	if (lease->state != HOLDFAST_ACQUIRING) {
		err = -EAGAIN;
	} else {
		/* Only what is pinned: a short pin leaves the rest alone. */
		hf_lease_out(lease);
		lease->range.last = span->index + span->nr - 1;
		interval_tree_insert(&lease->range, &file->leases);
		WRITE_ONCE(lease->state, HOLDFAST_ACTIVE);
	}
	spin_unlock(&file->lock);
	if (err) {
		hf_lease_unnumber(lease);
		return err;
	}
	hf_lease_publish(lease);
	trace_holdfast_acquire(lease);
	hf_pin_open(lease, lease->pin);
	hf_lease_reap(lease);
	return 0;
}

/* As far as the file reaches; false: not at all. */
static bool hf_implicit_limit(struct hf_lease *lease, struct hf_span *span)
{
	u64 size = i_size_read(file_inode(span->file));
	u64 pages = DIV_ROUND_UP_ULL(size, PAGE_SIZE);

	if (span->index >= pages)
		return false;
	span->nr = min_t(u64, span->nr, pages - span->index);
	lease->range.last = span->index + span->nr - 1;
	lease->asked_last = lease->range.last;
	return true;
}

/* One try, with the lease in the tree. -EAGAIN: a change came in between. */
static long hf_implicit_try(struct hf_lease *lease, const struct hf_span *span,
			    const struct hf_pinner *pinner, unsigned int flags,
			    struct page **pages, bool *merged)
{
	struct hf_span pinned = *span;
	long ret;
	int err;

	err = hf_implicit_prepare(lease);
	if (err)
		return err;
	ret = hf_span_pin(pinner->mm, span, flags, pages);
	if (ret <= 0)
		return ret;
	pinned.nr = ret;
	err = hf_implicit_collect(lease, &pinned, pages);
	if (!err) {
		*merged = hf_implicit_merge(lease, &pinned, pinner);
		if (!*merged)
			err = hf_implicit_activate(lease, &pinned, pinner);
	}
	if (!err)
		return ret;
	unpin_user_pages(pages, ret);
	hf_implicit_set_runs(lease, &(struct hf_runs){});
	hf_pins_free(lease);
	return err;
}

/**
 * hf_implicit_pin - pin pages under an implicit lease
 * @span: a mapping of a file, which the current process may have one of
 * @pinner: the process
 * @break_ms: break time of the lease
 * @flags: of the call
 * @pages: room for span->nr pages
 *
 * Waits, killably, for changes that are under way. The caller holds no lock.
 *
 * Return: how many pages are pinned; -ESTALE when the mapping is not there any
 * longer; or -errno.
 */
long hf_implicit_pin(const struct hf_span *span, const struct hf_pinner *pinner,
		     unsigned int break_ms, unsigned int flags,
		     struct page **pages)
{
	struct hf_span part = *span;
	struct hf_lease *lease;
	bool merged = false;
	long ret;

	if (hf_backing_of(span->file) != HF_DAX)
		return -EOPNOTSUPP;
	lease = hf_lease_new(NULL);
	if (!lease)
		return -ENOMEM;
	ret = hf_implicit_bind(lease, span, break_ms);
	if (ret)
		goto put;
	ret = hf_file_quiesce(lease->file);
	while (!ret) {
		ret = hf_implicit_limit(lease, &part)
			      ? hf_lease_enter_killable(lease)
			      : -EFAULT;
		if (ret)
			break;
		ret = hf_implicit_try(lease, &part, pinner, flags, pages,
				      &merged);
		if (ret > 0 && !merged)
			goto put;
		hf_lease_leave(lease, HOLDFAST_UNBOUND);
		if (ret != -EAGAIN || fatal_signal_pending(current))
			break;
		ret = 0;
	}
	hf_implicit_unbind(lease);
put:
	hf_lease_put(lease);
	return ret;
}
