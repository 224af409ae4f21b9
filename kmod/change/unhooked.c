// SPDX-License-Identifier: GPL-2.0
/*
 * Changes whose end no wrapper sees: of entries that Holdfast stands before only
 * in part (hooks/exchange.c), or not at all. They are taken to last until their task
 * is back in user space.
 *
 * One that is found only when the filesystem asks for busy pages entered its system
 * call before the file had leases, and the leases were acquired while it waited for
 * i_rwsem. It must not wait there: a holder that is in read(2) or write(2), behind
 * it, could neither answer nor be killed. So it gives up its system call as for a
 * signal, waits on the way to user space, and the kernel restarts the call.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include "core/file.h"
#include "core/hook.h"
#include "change/change.h"
#include "change/settle.h"
#include "change/unhooked.h"

static DEFINE_SPINLOCK(hf_unhooked_lock);
static LIST_HEAD(hf_unhooked_list);

struct hf_unhooked {
	struct list_head node; /* hf_unhooked_list */
	struct callback_head work;
	struct hf_file *file;
	struct hf_change change;
	long ret; /* of what came of it, where that is known */
	bool until_passed;
	bool retreats; /* waits when its system call has been given up */
};

static void hf_unhooked_end(struct hf_unhooked *stray)
{
	spin_lock(&hf_unhooked_lock);
	list_del(&stray->node);
	spin_unlock(&hf_unhooked_lock);
	hf_change_end(stray->file, &stray->change, stray->ret);
	hf_file_put(stray->file);
	kfree(stray);
	hf_hooks_leave();
}

static void hf_unhooked_work(struct callback_head *work)
{
	struct hf_unhooked *stray =
		container_of(work, struct hf_unhooked, work);

	/* A signal that comes in the meantime is handled next. */
	if (stray->retreats && !(current->flags & PF_EXITING))
		hf_change_settle(stray->file, &stray->change);
	hf_unhooked_end(stray);
}

/**
 * hf_unhooked_begin - begin a change of the current task that ends by itself
 * @file: the file it changes
 * @change: from hf_change_init(), copied; see hf_change_begin()
 *
 * A task that is never back in user space (a kernel thread, one that exits) ends
 * it in hf_unhooked_passed(): from there the filesystem's lock is enough.
 *
 * Return: the change, or ERR_PTR(-ETXTBSY).
 */
struct hf_change *hf_unhooked_begin(struct hf_file *file,
				    const struct hf_change *change)
{
	struct hf_unhooked *stray =
		kzalloc(sizeof(*stray), GFP_NOFS | __GFP_NOFAIL);
	int err;

	stray->change = *change;
	err = hf_change_begin(file, &stray->change);
	if (err) {
		kfree(stray);
		return ERR_PTR(err);
	}
	refcount_inc(&file->ref);
	stray->file = file;
	stray->change.unhooked = true;
	hf_hooks_stay();
	spin_lock(&hf_unhooked_lock);
	list_add(&stray->node, &hf_unhooked_list);
	spin_unlock(&hf_unhooked_lock);
	init_task_work(&stray->work, hf_unhooked_work);
	if ((current->flags & PF_KTHREAD) ||
	    task_work_add(current, &stray->work, TWA_RESUME))
		stray->until_passed = true;
	return &stray->change;
}

/**
 * hf_unhooked_here - the change of the current task
 * @file: the file that is being changed
 *
 * Begun at its entry; or an unknown one of the whole file. The filesystem has
 * its locks by now, so this does not fail.
 */
struct hf_change *hf_unhooked_here(struct hf_file *file)
{
	struct hf_change *change = hf_change_current(file), unknown;

	if (change)
		return change;
	hf_change_init(&unknown, HOLDFAST_OP_UNKNOWN, 0, ~0ULL);
	return hf_unhooked_begin(file, &unknown);
}

/*
 * The current task's were given up before they changed anything, also those of
 * other files: @ret, as for hf_change_end().
 */
void hf_unhooked_failed(long ret)
{
	struct hf_unhooked *stray;

	spin_lock(&hf_unhooked_lock);
	list_for_each_entry(stray, &hf_unhooked_list, node) {
		if (stray->change.task == current)
			stray->ret = ret;
	}
	spin_unlock(&hf_unhooked_lock);
}

/* The filesystem goes on, or has failed: what has no other end ends here. */
void hf_unhooked_passed(struct hf_change *change)
{
	struct hf_unhooked *stray =
		container_of(change, struct hf_unhooked, change);

	if (change->unhooked && stray->until_passed)
		hf_unhooked_end(stray);
}

/**
 * hf_unhooked_retreat - give the system call up, where the filesystem would wait
 * @change: from hf_unhooked_here(); a page of its range is busy
 *
 * Interruptible waits of the current task end with -ERESTARTSYS from here on, until
 * it is back in user space, like those of a task that has a signal. A worker of
 * io_uring is never there. Called with the inode's invalidate_lock held exclusively.
 */
void hf_unhooked_retreat(struct hf_change *change)
{
	struct hf_unhooked *stray =
		container_of(change, struct hf_unhooked, change);

	if (!change->unhooked || stray->until_passed || change->unstoppable ||
	    change->info.op != HOLDFAST_OP_UNKNOWN ||
	    current->flags & (PF_IO_WORKER | PF_DUMPCORE))
		return;
	/* The page may be idle before the filesystem looks: @ret stays unknown. */
	stray->retreats = true;
	hf_change_set_waits(stray->file, change);
	set_thread_flag(TIF_NOTIFY_SIGNAL);
}
