// SPDX-License-Identifier: GPL-2.0
/*
 * Changes that wait outside of their system call.
 *
 * A truncation reaches Holdfast with the write access of the filesystem held
 * (sb_start_write()), and often with more that its callers hold. A freeze of the
 * filesystem waits for that, and the holder of a lease for the end of the freeze.
 * So the wait happens when the call has been given up and nothing is held: the
 * wrapper returns -ERESTARTSYS, a task work waits on the way to user space, and the
 * kernel restarts the call as after a signal that has no handler. A signal with a
 * handler ends the wait as it ends any.
 *
 * The change stays in its file's list from its first call to its last, so no lease
 * of the range is taken in between.
 */
#include <linux/file.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include "core/consumer.h"
#include "core/file.h"
#include "core/hook.h"
#include "change/change.h"
#include "change/restart.h"
#include "change/settle.h"

/* How soon a call that nothing waits for any longer has to be back. */
#define HF_RESTART_TIME (2 * HZ)

struct hf_restart {
	struct list_head node; /* hf_restarts */
	bool waited;	       /* hf_restarts_lock: nobody's, to be claimed */
	struct pid *pid;       /* of its task, with a reference */
	struct callback_head work;
	struct delayed_work expire;
	struct hf_file *file; /* with a reference */
	struct file *target;  /* keeps inode and mount while it waits */
	struct hf_change change;
};

static DEFINE_SPINLOCK(hf_restarts_lock);
static LIST_HEAD(hf_restarts);

struct hf_change *hf_restart_change(struct hf_restart *restart)
{
	return &restart->change;
}

/* Makes it the caller's own; false: somebody else was faster. */
static bool hf_restart_take(struct hf_restart *restart)
{
	bool taken;

	spin_lock(&hf_restarts_lock);
	taken = restart->waited;
	restart->waited = false;
	spin_unlock(&hf_restarts_lock);
	return taken;
}

/* The call does not come back: there was a signal. */
static void hf_restart_expire(struct work_struct *work)
{
	struct hf_restart *restart =
		container_of(to_delayed_work(work), struct hf_restart, expire);

	if (hf_restart_take(restart))
		hf_restart_end(restart, -ERESTARTSYS);
}

/* On the way to user space, or to the end of the task. */
static void hf_restart_work(struct callback_head *work)
{
	struct hf_restart *restart =
		container_of(work, struct hf_restart, work);
	int err = -ERESTARTSYS;

	if (!(current->flags & PF_EXITING))
		err = hf_change_settle(restart->file, &restart->change);
	/* The call says so when it is back. */
	if (err == -EDEADLK)
		err = 0;
	/* With a signal the call may not come back. */
	if (!err && signal_pending(current))
		err = -ERESTARTSYS;
	if (err) {
		hf_restart_end(restart, err);
		return;
	}
	/* Until it is claimed, no other change of the task is taken for it. */
	hf_change_set_task(restart->file, &restart->change, NULL);
	spin_lock(&hf_restarts_lock);
	restart->waited = true;
	queue_delayed_work(hf_wq, &restart->expire, HF_RESTART_TIME);
	spin_unlock(&hf_restarts_lock);
}

/* The change of the current task that has waited for the same, or NULL. */
static struct hf_restart *hf_restart_claim(struct hf_file *file,
					   const struct hf_change *change)
{
	struct hf_restart *restart, *found = NULL;

	spin_lock(&hf_restarts_lock);
	list_for_each_entry(restart, &hf_restarts, node) {
		if (restart->waited && restart->file == file &&
		    restart->pid == task_pid(current) &&
		    restart->change.info.op == change->info.op &&
		    restart->change.info.offset == change->info.offset &&
		    restart->change.info.length == change->info.length) {
			restart->waited = false;
			found = restart;
			break;
		}
	}
	spin_unlock(&hf_restarts_lock);
	if (found) {
		cancel_delayed_work_sync(&found->expire);
		fput(found->target);
		found->target = NULL;
		hf_change_set_task(file, &found->change, current);
	}
	return found;
}

/**
 * hf_restart_begin - begin a change, or go on with it after its wait
 * @file: the file it changes
 * @change: from hf_change_init(), copied; see hf_change_begin()
 *
 * Return: to be ended with hf_restart_end(), or ERR_PTR(-ETXTBSY).
 */
struct hf_restart *hf_restart_begin(struct hf_file *file,
				    const struct hf_change *change)
{
	struct hf_restart *restart = hf_restart_claim(file, change);
	int err;

	if (restart)
		return restart;
	restart = kzalloc(sizeof(*restart), GFP_NOFS | __GFP_NOFAIL);
	restart->change = *change;
	err = hf_change_begin(file, &restart->change);
	if (err) {
		kfree(restart);
		return ERR_PTR(err);
	}
	refcount_inc(&file->ref);
	restart->file = file;
	restart->pid = get_pid(task_pid(current));
	init_task_work(&restart->work, hf_restart_work);
	INIT_DELAYED_WORK(&restart->expire, hf_restart_expire);
	hf_hooks_stay();
	spin_lock(&hf_restarts_lock);
	list_add(&restart->node, &hf_restarts);
	spin_unlock(&hf_restarts_lock);
	return restart;
}

/* @ret: what the call returned, as for hf_change_end(). */
void hf_restart_end(struct hf_restart *restart, long ret)
{
	spin_lock(&hf_restarts_lock);
	list_del(&restart->node);
	spin_unlock(&hf_restarts_lock);
	hf_change_end(restart->file, &restart->change, ret);
	if (restart->target)
		fput(restart->target);
	hf_file_put(restart->file);
	put_pid(restart->pid);
	kfree(restart);
	hf_hooks_leave();
}

/* The file of a lease that the change waits for, with a reference; or NULL. */
static struct file *hf_restart_target(struct hf_restart *restart)
{
	struct hf_change *change = &restart->change;
	struct hf_file *file = restart->file;
	struct file *target = NULL;
	struct hf_lease *lease;

	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, change->first, change->last) {
		if (lease->target) {
			target = get_file(lease->target);
			break;
		}
	}
	spin_unlock(&file->lock);
	return target;
}

/*
 * A task that comes back to user space by the system call that it is in. Workers
 * of io_uring do not, and a core dump is no system call.
 */
static bool hf_restart_is_possible(void)
{
	return !(current->flags &
		 (PF_KTHREAD | PF_IO_WORKER | PF_EXITING | PF_DUMPCORE));
}

/**
 * hf_restart_wait - have the change wait outside of the call
 * @restart: its change has been found not to be clear
 * @caller: of notify_change(): do_truncate() restarts well. A filesystem that is
 *	stacked on another may have changed its own file by then.
 *
 * Return: true: the call has to return -ERESTARTSYS now; @restart is not the
 * caller's any longer. False: it cannot be restarted.
 */
bool hf_restart_wait(struct hf_restart *restart, unsigned long caller)
{
	if (!hf_restart_is_possible() || !hf_caller_is_do_truncate(caller))
		return false;
	restart->target = hf_restart_target(restart);
	/* The lease has just ended, or it had no time yet to say so. */
	if (!restart->target)
		return false;
	if (!task_work_add(current, &restart->work, TWA_SIGNAL))
		return true;
	fput(restart->target);
	restart->target = NULL;
	return false;
}
