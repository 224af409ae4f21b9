// SPDX-License-Identifier: GPL-2.0
/*
 * Records of pins: which process pinned which bytes of a lease, for what.
 *
 * A record is made when the pages are pinned, and dropped when none of them is
 * held any more. Drivers pin a large region in many calls: those that one system
 * call makes, and that follow each other in memory and in the file, make one record.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include "holdfast.h"
#include "hooks/hook.h"

/* A record of the current process; NULL: no memory. */
struct hf_pin *hf_pin_new(const struct hf_span *span,
			  const struct hf_pinner *pinner)
{
	struct hf_pin *pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);

	if (!pin)
		return NULL;
	INIT_LIST_HEAD(&pin->node);
	pin->pinner = *pinner;
	mmgrab(pin->pinner.mm);
	pin->tgid = get_pid(task_tgid(current));
	pin->uid = current_uid();
	pin->euid = current_euid();
	pin->start_time = current->group_leader->start_boottime;
	pin->address = span->addr;
	pin->first = span->index;
	pin->last = span->index + span->nr - 1;
	pin->next = pin->first;
	pin->count = span->nr;
	return pin;
}

void hf_pin_free(struct hf_pin *pin)
{
	if (!pin)
		return;
	mmdrop(pin->pinner.mm);
	put_pid(pin->tgid);
	kfree(pin);
}

/* The end of the system call in which a record was made. */
struct hf_seal {
	struct callback_head work;
	struct hf_lease *lease;	  /* with a reference */
	const struct hf_pin *pin; /* to compare: it may be gone */
};

static void hf_seal_work(struct callback_head *work)
{
	struct hf_seal *seal = container_of(work, struct hf_seal, work);
	struct hf_lease *lease = seal->lease;
	struct hf_pin *pin;

	spin_lock(&lease->file->lock);
	list_for_each_entry(pin, &lease->pins, node) {
		if (pin == seal->pin)
			pin->opener = NULL;
	}
	spin_unlock(&lease->file->lock);
	hf_lease_put(lease);
	kfree(seal);
	hf_hooks_leave();
}

/*
 * What the current system call pins next can go on with the record; without
 * memory it makes another. A registration of its own is another system call, and
 * lets go by itself.
 */
void hf_pin_open(struct hf_lease *lease, struct hf_pin *pin)
{
	struct hf_seal *seal;

	if (current->flags & PF_KTHREAD)
		return;
	seal = kmalloc(sizeof(*seal), GFP_KERNEL);
	if (!seal)
		return;
	seal->lease = lease;
	seal->pin = pin;
	kref_get(&lease->kref);
	hf_hooks_stay();
	init_task_work(&seal->work, hf_seal_work);
	spin_lock(&lease->file->lock);
	pin->opener = current;
	spin_unlock(&lease->file->lock);
	if (task_work_add(current, &seal->work, TWA_RESUME))
		hf_seal_work(&seal->work);
}

/* Whether pages that are pinned next go on where a record ends. */
bool hf_pin_goes_on(const struct hf_pin *pin, const struct hf_span *span,
		    const struct hf_pinner *pinner)
{
	return READ_ONCE(pin->opener) == current &&
	       pin->pinner.mm == pinner->mm &&
	       pin->pinner.consumer == pinner->consumer &&
	       pin->last + 1 == span->index &&
	       pin->address + ((pin->last - pin->first + 1) << PAGE_SHIFT) ==
		       span->addr;
}

/* Whether a record has these pages, at these addresses, already. */
bool hf_pin_has(const struct hf_pin *pin, const struct hf_span *span,
		const struct hf_pinner *pinner)
{
	return pin->pinner.mm == pinner->mm &&
	       pin->pinner.consumer == pinner->consumer &&
	       pin->first <= span->index &&
	       pin->last >= span->index + span->nr - 1 &&
	       pin->address - (pin->first << PAGE_SHIFT) ==
		       span->addr - (span->index << PAGE_SHIFT);
}

/*
 * Adds the pages to a record; false: to none. Called with runs_sem and file->lock
 * held.
 */
static bool hf_pin_merge(struct hf_lease *lease, const struct hf_span *span,
			 const struct hf_pinner *pinner)
{
	struct hf_pin *pin;

	list_for_each_entry(pin, &lease->pins, node) {
		if (!hf_pin_has(pin, span, pinner)) {
			if (!hf_pin_goes_on(pin, span, pinner))
				continue;
			pin->last += span->nr;
		}
		pin->count += span->nr;
		return true;
	}
	return false;
}

/*
 * Drops the records that nobody holds a page of. Called with runs_sem held
 * exclusively.
 */
static void hf_pins_prune(struct hf_lease *lease)
{
	struct hf_pin *pin, *next;

	list_for_each_entry_safe(pin, next, &lease->pins, node) {
		/* With an implicit lease its record goes. */
		if (pin == lease->pin ||
		    (READ_ONCE(pin->count) && hf_lease_has_pages(lease) &&
		     hf_runs_busy_page(&lease->runs, pin->first, pin->last,
				       NULL)))
			continue;
		spin_lock(&lease->file->lock);
		list_del(&pin->node);
		spin_unlock(&lease->file->lock);
		hf_pin_free(pin);
	}
}

/**
 * hf_pin_add - record pins of an explicit lease
 * @lease: the lease
 * @span: the pages, which are pinned
 * @pinner: the process
 *
 * Return: 0, -ENOMEM, or -EAGAIN when a change has broken the lease in the
 * meantime: then the pages are to be unpinned.
 */
int hf_pin_add(struct hf_lease *lease, const struct hf_span *span,
	       const struct hf_pinner *pinner)
{
	struct hf_pin *pin, *added = NULL;
	int err;

	err = hf_mapper_add(lease, pinner->mm, task_tgid(current), HF_PINS,
			    GFP_KERNEL_ACCOUNT);
	if (err)
		return err;
	pin = hf_pin_new(span, pinner);
	if (!pin)
		return -ENOMEM;
	down_write(&lease->runs_sem);
	hf_pins_prune(lease);
	/* A change that comes later finds the pages busy. */
	spin_lock(&lease->file->lock);
	if (lease->state != HOLDFAST_ACTIVE ||
	    span->index < lease->range.start ||
	    span->index + span->nr - 1 > lease->range.last) {
		err = -EAGAIN;
	} else if (!hf_pin_merge(lease, span, pinner)) {
		list_add_tail(&pin->node, &lease->pins);
		added = pin;
	}
	spin_unlock(&lease->file->lock);
	if (added)
		hf_pin_open(lease, added);
	up_write(&lease->runs_sem);
	if (!added)
		hf_pin_free(pin);
	return err;
}

/* Nobody but the caller may know the lease, or its file's lock is for those. */
void hf_pins_free(struct hf_lease *lease)
{
	struct hf_pin *pin, *next;
	LIST_HEAD(gone);

	if (!lease->file)
		return;
	spin_lock(&lease->file->lock);
	list_splice_init(&lease->pins, &gone);
	lease->pin = NULL;
	spin_unlock(&lease->file->lock);
	list_for_each_entry_safe(pin, next, &gone, node)
		hf_pin_free(pin);
}

/* Whether a process has pins. Called with file->lock held. */
bool hf_mm_has_pins(const struct hf_lease *lease, const struct mm_struct *mm)
{
	const struct hf_pin *pin;

	lockdep_assert_held(&lease->file->lock);
	list_for_each_entry(pin, &lease->pins, node) {
		if (pin->pinner.mm == mm && pin->count)
			return true;
	}
	return false;
}

/* Whether anybody has. */
bool hf_lease_has_pins(const struct hf_lease *lease)
{
	const struct hf_pin *pin;
	bool has = false;

	spin_lock(&lease->file->lock);
	list_for_each_entry(pin, &lease->pins, node)
		has |= pin->count;
	spin_unlock(&lease->file->lock);
	return has;
}

/* Takes pins off a record of the range: how many. Called with file->lock held. */
static u64 hf_pin_end(struct hf_lease *lease, struct hf_pin *pin,
		      const struct hf_unpinned *unpinned, u64 pins)
{
	pgoff_t first = max(pin->first, unpinned->first);
	pgoff_t last = min(pin->last, unpinned->last);

	pins = min3(pins, pin->count, (u64)(last - first + 1));
	pin->count -= pins;
	pin->next = last == pin->last ? pin->first : last + 1;
	/* What it owed, it has given. */
	if (!pin->count)
		lease->owed = 0;
	return pins;
}

/*
 * Takes pins off records of a process: with @in_turn only where the record's turn
 * is, as a driver lets go of a registration from its beginning. How many are left.
 * Called with file->lock held.
 */
static u64 hf_pins_end_of(struct hf_file *file, struct hf_unpinned *unpinned,
			  u64 pins, struct pid *tgid, bool in_turn)
{
	struct hf_lease *lease;
	struct hf_pin *pin;

	hf_for_each_overlap(lease, file, unpinned->first, unpinned->last) {
		list_for_each_entry(pin, &lease->pins, node) {
			if (!pins)
				return 0;
			if (pin->tgid != tgid || !pin->count ||
			    pin->pinner.consumer != unpinned->consumer ||
			    pin->first > unpinned->last ||
			    pin->last < unpinned->first ||
			    (in_turn && pin->next != unpinned->first))
				continue;
			pins -= hf_pin_end(lease, pin, unpinned, pins);
		}
	}
	return pins;
}

/*
 * The process that has such pins of the range, if it is the only one. One that is
 * gone comes first: its files were passed on. Called with file->lock held.
 */
static struct pid *hf_pins_only_owner(struct hf_file *file,
				      const struct hf_unpinned *unpinned)
{
	struct pid *gone = NULL, *living = NULL;
	struct hf_lease *lease;
	struct hf_pin *pin;
	bool several = false;

	hf_for_each_overlap(lease, file, unpinned->first, unpinned->last) {
		list_for_each_entry(pin, &lease->pins, node) {
			if (!pin->count || pin->first > unpinned->last ||
			    pin->last < unpinned->first ||
			    pin->pinner.consumer != unpinned->consumer)
				continue;
			if (!atomic_read(&pin->pinner.mm->mm_users)) {
				gone = pin->tgid;
				continue;
			}
			several |= living && living != pin->tgid;
			living = pin->tgid;
		}
	}
	return gone ?: several ? NULL : living;
}

/**
 * hf_pins_end - the current task lets go of pages
 * @unpinned: zero but for the caller; hf_pins_ended() afterwards
 * @page: the first one, which is still pinned
 * @nr: how many follow each other
 * @pins: how many pins of these end
 *
 * They are taken off the records of this process, or, if it has none (a worker
 * ends a ring, another process has the consumer's file, too), off those of the
 * process that is gone, or the only other one. Only for this kind of consumer:
 * those that read a page for a moment unpin it, too. Does not sleep.
 */
void hf_pins_end(struct hf_unpinned *unpinned, struct page *page,
		 unsigned long nr, unsigned long pins)
{
	struct address_space *mapping;
	struct hf_file *file;
	struct pid *other;
	u64 left;

	hf_pins_ended(unpinned);
	if (!hf_page_is_fsdax(page))
		return;
	/* Nothing but a lease's pins keeps the inode. */
	rcu_read_lock();
	file = hf_page_place(page, &mapping, &unpinned->first)
		       ? hf_file_find(mapping->host)
		       : NULL;
	rcu_read_unlock();
	if (!file)
		return;
	if (!unpinned->looked_up) {
		unpinned->lets_go = hf_caller_lets_go(unpinned->caller,
						      &unpinned->consumer);
		unpinned->looked_up = true;
	}
	if (!unpinned->lets_go) {
		hf_file_put(file);
		return;
	}
	unpinned->file = file;
	unpinned->last = unpinned->first + nr - 1;
	spin_lock(&file->lock);
	left = hf_pins_end_of(file, unpinned, pins, task_tgid(current), true);
	left = hf_pins_end_of(file, unpinned, left, task_tgid(current), false);
	/* Drivers without a name are not told apart, so not for those. */
	other = left && unpinned->consumer != HOLDFAST_CONSUMER_UNKNOWN
			? hf_pins_only_owner(file, unpinned)
			: NULL;
	if (other)
		hf_pins_end_of(file, unpinned, left, other, false);
	spin_unlock(&file->lock);
}

/* The pages are let go of: leases without pins can end. Does not sleep. */
void hf_pins_ended(struct hf_unpinned *unpinned)
{
	struct hf_file *file = unpinned->file;
	struct hf_lease *lease;
	bool deferred = false;

	if (!file)
		return;
	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, unpinned->first, unpinned->last) {
		if (lease->implicit && lease->pin && !lease->pin->count)
			hf_lease_reap_now(lease);
		/* A deferred change has nobody to see it. */
		if (lease->breaker && !hf_break_is_of_change(lease)) {
			lease->fence_at = ktime_get();
			deferred = true;
		}
	}
	if (deferred)
		hf_fence_schedule(file);
	spin_unlock(&file->lock);
	hf_file_put(file);
	unpinned->file = NULL;
}

/* An address tells how a process is laid out: not to other users. */
static bool hf_may_see_address(const struct hf_pin *pin,
			       const struct file *report)
{
	return (uid_eq(pin->uid, report->f_cred->uid) &&
		uid_eq(pin->euid, report->f_cred->euid)) ||
	       file_ns_capable(report, &init_user_ns, CAP_SYS_ADMIN);
}

/* The records of a lease, a line each: see the ABI header. */
void hf_pins_show(struct seq_file *m, struct hf_lease *lease,
		  struct pid_namespace *ns)
{
	struct hf_pin *pin;

	down_write(&lease->runs_sem);
	hf_pins_prune(lease);
	list_for_each_entry(pin, &lease->pins, node) {
		if (!READ_ONCE(pin->count))
			continue;
		seq_printf(m, "%llu %s %d %u %llu %llx %llu %llu %u\n",
			   lease->id, hf_consumer_name(pin->pinner.consumer),
			   pid_nr_ns(pin->tgid, ns),
			   from_kuid_munged(seq_user_ns(m), pin->uid),
			   pin->start_time,
			   hf_may_see_address(pin, m->file) ? (u64)pin->address
							    : 0,
			   (u64)pin->first << PAGE_SHIFT,
			   (u64)(pin->last - pin->first + 1) << PAGE_SHIFT,
			   lease->runs.nr);
	}
	up_write(&lease->runs_sem);
}
