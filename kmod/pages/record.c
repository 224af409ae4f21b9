// SPDX-License-Identifier: GPL-2.0
/*
 * Records of pins: which process pinned which bytes of a lease, for what.
 *
 * A record is made when the pages are pinned, and dropped when none of them is
 * held. Drivers pin a large region in many calls: those that one system
 * call makes, and that follow each other in memory and in the file, make one record.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include "core/consumer.h"
#include "core/counts.h"
#include "core/file.h"
#include "core/hook.h"
#include "core/lease.h"
#include "core/left.h"
#include "core/limit.h"
#include "core/names.h"
#include "pages/record.h"
#include "pages/reserved.h"
#include "pages/runs.h"

/* @pin: in @lease no more, or never; its target is still there. */
void hf_pin_free(struct hf_lease *lease, struct hf_pin *pin)
{
	hf_uncharge(lease->file->inode->i_sb, pin->charged);
	hf_runs_free(&pin->runs);
	hf_counts_free(&pin->counts);
	mmdrop(pin->pinner.mm);
	put_pid(pin->tgid);
	kfree(pin);
}

/* Called with runs_sem held exclusively, and file->lock. */
void hf_pin_enter(struct hf_lease *lease, struct hf_pin *pin)
{
	lockdep_assert_held_write(&lease->runs_sem);
	lockdep_assert_held(&lease->file->lock);
	interval_tree_insert(&pin->range, &lease->pins);
	lease->nr_pins++;
	lease->making += !pin->made;
}

/* Called as hf_pin_enter(). */
void hf_pin_leave(struct hf_lease *lease, struct hf_pin *pin)
{
	lockdep_assert_held_write(&lease->runs_sem);
	lockdep_assert_held(&lease->file->lock);
	interval_tree_remove(&pin->range, &lease->pins);
	RB_CLEAR_NODE(&pin->range.rb);
	lease->nr_pins--;
	lease->making -= !pin->made;
}

/* The record ends at page @last. Called as hf_pin_enter(). */
static void hf_pin_resize(struct hf_lease *lease, struct hf_pin *pin,
			  pgoff_t last)
{
	hf_pin_leave(lease, pin);
	pin->range.last = last;
	hf_pin_enter(lease, pin);
}

/**
 * hf_pin_make - the pages of a record are pinned
 * @lease: has the record; its runs_sem is held exclusively, and file->lock
 * @pin: the record, not stale
 * @nr: how many pages, from its first one on
 * @runs: the pages; empty on return
 */
void hf_pin_make(struct hf_lease *lease, struct hf_pin *pin, unsigned long nr,
		 struct hf_runs *runs)
{
	hf_pin_leave(lease, pin);
	pin->range.last = pin->range.start + nr - 1;
	hf_counts_begin(&pin->counts, pin->range.start, nr);
	pin->made = true;
	swap(pin->runs, *runs);
	hf_pin_enter(lease, pin);
}

/**
 * hf_pin_join - the pages of a new record become part of another one
 * @lease: has the other one; its runs_sem is held exclusively, and file->lock
 * @to: the other one, see hf_pin_takes()
 * @pin: the new one, not stale
 * @span: its pages, which are pinned
 * @runs: the same
 */
void hf_pin_join(struct hf_lease *lease, struct hf_pin *to, struct hf_pin *pin,
		 const struct hf_span *span, const struct hf_runs *runs)
{
	hf_counts_pass(&to->counts, &pin->counts);
	if (span->index <= to->range.last) {
		hf_counts_add(&to->counts, span->index, span->nr);
		return;
	}
	hf_counts_begin(&to->counts, span->index, span->nr);
	hf_pin_resize(lease, to, to->range.last + span->nr);
	hf_runs_append(&to->runs, runs);
	to->charged += span->nr;
	pin->charged -= span->nr;
}

/* Whether the current system call has made or taken up a record, of the same mapping. */
static bool hf_pin_is_open(const struct hf_pin *pin, const struct hf_span *span,
			   const struct hf_pinner *pinner)
{
	return READ_ONCE(pin->opener) == current &&
	       pin->pinner.mm == pinner->mm &&
	       pin->pinner.consumer == pinner->consumer &&
	       pin->address - (pin->range.start << PAGE_SHIFT) ==
		       span->addr - (span->index << PAGE_SHIFT);
}

/* Whether pages that are pinned next go on where a record ends. */
static bool hf_pin_goes_on(const struct hf_pin *pin, const struct hf_span *span,
			   const struct hf_pinner *pinner)
{
	return pin->range.last + 1 == span->index &&
	       hf_pin_is_open(pin, span, pinner);
}

/**
 * hf_registration_goes_on - whether pages are the rest of a registration
 * @file: the leased file
 * @span: the pages
 * @pinner: the current process, and for what
 *
 * The driver pins a large region in several calls. A change can come between two of
 * them, and wait for the pins of the first.
 */
bool hf_registration_goes_on(struct hf_file *file, const struct hf_span *span,
			     const struct hf_pinner *pinner)
{
	pgoff_t before = span->index - 1;
	struct hf_lease *lease;
	struct hf_pin *pin;
	bool found = false;

	if (!span->index)
		return false;
	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, before, before) {
		hf_for_each_pin(pin, lease, before, before)
			found |= pin->made && hf_pin_goes_on(pin, span, pinner);
	}
	spin_unlock(&file->lock);
	return found;
}

/* Whether a record has these pages already; @anywhere: also at other addresses. */
static bool hf_pin_has(const struct hf_pin *pin, const struct hf_span *span,
		       const struct hf_pinner *pinner, bool anywhere)
{
	return pin->pinner.mm == pinner->mm &&
	       pin->pinner.consumer == pinner->consumer &&
	       pin->range.start <= span->index &&
	       pin->range.last >= span->index + span->nr - 1 &&
	       (anywhere || pin->address - (pin->range.start << PAGE_SHIFT) ==
				    span->addr - (span->index << PAGE_SHIFT));
}

/* Whether a record may be able to: see hf_pin_takes(). */
bool hf_pin_may_take(const struct hf_pin *to, const struct hf_span *span,
		     const struct hf_pinner *pinner, bool anywhere)
{
	return hf_pin_has(to, span, pinner, anywhere) ||
	       hf_pin_goes_on(to, span, pinner);
}

/**
 * hf_pin_takes - whether a record can have pages that have just been pinned
 * @to: the record; runs_sem of its lease is held exclusively
 * @span: the pages
 * @pinner: the process and consumer that pinned them
 * @runs: the pages
 * @anywhere: also where it has them at another address: see HF_PINS_OF_PAGE
 *
 * They go on where it ends, or are some of its own. Return true: there is room.
 */
bool hf_pin_takes(struct hf_pin *to, const struct hf_span *span,
		  const struct hf_pinner *pinner, const struct hf_runs *runs,
		  bool anywhere)
{
	if (!to->made)
		return false;
	if (hf_pin_has(to, span, pinner, anywhere))
		return hf_runs_have(&to->runs, runs);
	return hf_pin_goes_on(to, span, pinner) &&
	       !hf_runs_reserve_more(&to->runs, runs->nr + 1);
}

/* The end of the system call in which a record was made. */
struct hf_seal {
	struct callback_head work;
	struct hf_lease *lease;	  /* with a reference */
	const struct hf_pin *pin; /* to compare: it may be gone */
	pgoff_t index;		  /* where it begins */
};

static void hf_seal_work(struct callback_head *work)
{
	struct hf_seal *seal = container_of(work, struct hf_seal, work);
	struct hf_lease *lease = seal->lease;
	struct hf_pin *pin;

	spin_lock(&lease->file->lock);
	hf_for_each_pin(pin, lease, seal->index, seal->index) {
		if (pin == seal->pin)
			pin->opener = NULL;
	}
	spin_unlock(&lease->file->lock);
	hf_lease_put(lease);
	kfree(seal);
	hf_hooks_leave();
}

/*
 * What the current system call pins next can go on with the record, which has pins
 * that it has just made; without memory it makes another. A registration of its own
 * is another system call, and lets go by itself.
 */
void hf_pin_open(struct hf_lease *lease, struct hf_pin *pin)
{
	struct hf_seal *seal;

	if (current->flags & PF_KTHREAD || READ_ONCE(pin->opener) == current)
		return;
	seal = kmalloc(sizeof(*seal), GFP_KERNEL);
	if (!seal)
		return;
	seal->lease = lease;
	seal->pin = pin;
	seal->index = pin->range.start;
	kref_get(&lease->kref);
	hf_hooks_stay();
	init_task_work(&seal->work, hf_seal_work);
	spin_lock(&lease->file->lock);
	pin->opener = current;
	spin_unlock(&lease->file->lock);
	if (task_work_add(current, &seal->work, TWA_RESUME))
		hf_seal_work(&seal->work);
}

/* Whether a record can go: it is left as it was before. May sleep. */
static bool hf_pin_is_over(const struct hf_lease *lease, struct hf_pin *pin)
{
	/* With an implicit lease its record goes. */
	return pin != lease->pin && pin->made &&
	       !hf_runs_busy_page(&pin->runs, 0, ULONG_MAX, NULL) &&
	       !hf_reserved_restore(&pin->runs);
}

/*
 * Drops the records that nobody holds a page of. Called with runs_sem held
 * exclusively.
 */
static void hf_pins_drop(struct hf_lease *lease)
{
	struct rb_node *node, *next;
	struct hf_pin *pin;

	lockdep_assert_held_write(&lease->runs_sem);
	WRITE_ONCE(lease->ended, 0);
	for (node = rb_first_cached(&lease->pins); node; node = next) {
		next = rb_next(node);
		pin = rb_entry(node, struct hf_pin, range.rb);
		if (!hf_pin_is_over(lease, pin))
			continue;
		spin_lock(&lease->file->lock);
		hf_pin_leave(lease, pin);
		spin_unlock(&lease->file->lock);
		hf_pin_free(lease, pin);
	}
	lease->prune_at = 2 * lease->nr_pins + 1;
}

/* The same; an implicit lease without pins ends, by its reaper. */
static void hf_pins_drop_idle(struct hf_lease *lease)
{
	if (lease->implicit) {
		spin_lock(&lease->file->lock);
		hf_lease_reap_now(lease);
		spin_unlock(&lease->file->lock);
		return;
	}
	down_write(&lease->runs_sem);
	hf_pins_drop(lease);
	up_write(&lease->runs_sem);
}

/* The same, of all leases of a filesystem. */
static void hf_pins_drop_all(const struct super_block *sb)
{
	struct hf_lease *lease;
	struct file *target;
	unsigned long id;

	for (id = 0; (lease = hf_lease_next(&id)); id++) {
		target = hf_lease_target(lease);
		if (target && file_inode(target)->i_sb == sb)
			hf_pins_drop_idle(lease);
		if (target)
			fput(target);
		hf_lease_put(lease);
		cond_resched();
	}
	/* Reapers never wait for a pin. */
	flush_workqueue(hf_wq);
}

/*
 * The same, where there can be such records: not every unpin is seen, see
 * hooks/unpin.c. Called with runs_sem held exclusively.
 */
void hf_pins_prune(struct hf_lease *lease)
{
	if (READ_ONCE(lease->ended) > lease->nr_pins / 2 ||
	    lease->nr_pins >= lease->prune_at)
		hf_pins_drop(lease);
}

/* What is idle, and only not dropped yet, does not count. */
static int hf_pin_charge(const struct super_block *sb, u64 pages)
{
	int err = hf_charge(sb, pages);

	if (err != -EDQUOT)
		return err;
	hf_pins_drop_all(sb);
	return hf_charge(sb, pages);
}

/**
 * hf_pin_new - a record of the current process, of pages to be pinned
 * @span: the pages
 * @pinner: the process, and for what
 *
 * Return: the record, in no lease, or ERR_PTR(-ENOMEM), or ERR_PTR(-EDQUOT): see
 * hf_charge().
 */
struct hf_pin *hf_pin_new(const struct hf_span *span,
			  const struct hf_pinner *pinner)
{
	struct hf_pin *pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	int err;

	if (!pin)
		return ERR_PTR(-ENOMEM);
	err = hf_counts_init(&pin->counts)
		      ?: hf_pin_charge(file_inode(span->file)->i_sb, span->nr);
	if (err) {
		hf_counts_free(&pin->counts);
		kfree(pin);
		return ERR_PTR(err);
	}
	pin->charged = span->nr;
	RB_CLEAR_NODE(&pin->range.rb);
	pin->pinner = *pinner;
	mmgrab(pin->pinner.mm);
	pin->tgid = get_pid(task_tgid(current));
	pin->uid = current_uid();
	pin->euid = current_euid();
	pin->start_time = current->group_leader->start_boottime;
	pin->address = span->addr;
	pin->range.start = span->index;
	pin->range.last = span->index + span->nr - 1;
	pin->next = pin->range.start;
	return pin;
}

/*
 * The lease ends: nothing is pinned. Its target is still there. A task that makes
 * a record finds it stale, and frees it.
 */
void hf_pins_free(struct hf_lease *lease)
{
	struct rb_node *node;
	struct hf_pin *pin;

	down_write(&lease->runs_sem);
	spin_lock(&lease->file->lock);
	lease->pin = NULL;
	while ((node = rb_first_cached(&lease->pins))) {
		pin = rb_entry(node, struct hf_pin, range.rb);
		hf_pin_leave(lease, pin);
		if (!pin->made) {
			pin->stale = true;
			continue;
		}
		spin_unlock(&lease->file->lock);
		hf_pin_free(lease, pin);
		spin_lock(&lease->file->lock);
	}
	spin_unlock(&lease->file->lock);
	up_write(&lease->runs_sem);
}

/* Whether there are pins in a range. Called with file->lock held. */
bool hf_pins_made(struct hf_lease *lease, pgoff_t first, pgoff_t last)
{
	struct hf_pin *pin;

	lockdep_assert_held(&lease->file->lock);
	hf_for_each_pin(pin, lease, first, last) {
		if (pin->made && hf_pin_counts(pin, first, last))
			return true;
	}
	return false;
}

/*
 * Pages change, or may. Records of them in the making, except @but, start again.
 * Called with file->lock held.
 */
void hf_pins_stale(struct hf_lease *lease, pgoff_t first, pgoff_t last,
		   const struct hf_pin *but)
{
	struct hf_pin *pin;

	lockdep_assert_held(&lease->file->lock);
	hf_intact_cut(&lease->intact, first, last);
	if (!lease->making)
		return;
	hf_for_each_pin(pin, lease, first, last)
		pin->stale |= !pin->made && pin != but;
}

/* An address tells how a process is laid out: not to other users. */
static bool hf_may_see_address(const struct hf_pin *pin,
			       const struct file *report)
{
	return (uid_eq(pin->uid, report->f_cred->uid) &&
		uid_eq(pin->euid, report->f_cred->euid)) ||
	       file_ns_capable(report, &init_user_ns, CAP_SYS_ADMIN);
}

static void hf_pin_show(struct seq_file *m, const struct hf_lease *lease,
			const struct hf_pin *pin, struct pid_namespace *ns)
{
	seq_printf(m, "%llu %s %d %u %llu %llx %llu %llu %u\n", lease->id,
		   hf_consumer_name(pin->pinner.consumer),
		   pid_nr_ns(pin->tgid, ns),
		   from_kuid_munged(seq_user_ns(m), pin->uid), pin->start_time,
		   hf_may_see_address(pin, m->file) ? (u64)pin->address : 0,
		   (u64)pin->range.start << PAGE_SHIFT,
		   (u64)(pin->range.last - pin->range.start + 1) << PAGE_SHIFT,
		   pin->runs.nr);
}

/* The records of a lease, a line each: see the ABI header. */
void hf_pins_show(struct seq_file *m, struct hf_lease *lease,
		  struct pid_namespace *ns)
{
	struct hf_pin *pin;

	down_read(&lease->runs_sem);
	hf_for_each_pin(pin, lease, 0, ULONG_MAX) {
		if (pin->made && hf_pin_is_left_now(lease, pin, 0, ULONG_MAX) &&
		    hf_runs_busy_page(&pin->runs, 0, ULONG_MAX, NULL))
			hf_pin_show(m, lease, pin, ns);
	}
	up_read(&lease->runs_sem);
}
