// SPDX-License-Identifier: GPL-2.0
/*
 * The turn of a registration that a change has made begin again.
 *
 * A change marks the records in the making as stale, so a task that changes a file
 * without pause could keep another one from ever registering it. After the first time
 * the registration has its turn: changes of the range that come then let it pass
 * before they begin, while they hold no lock. It has the break time of its lease for
 * that, as changes wait for a lease at most. A truncation comes with i_rwsem held, and
 * lets nobody pass: where it takes pages away, there is nothing to register.
 */
#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include "change/turn.h"

/**
 * hf_turn_take - it is the turn of a registration
 * @turn: zero, or taken before; ends with hf_turn_end()
 * @lease: whose pages they are; the caller holds no lock
 * @span: the pages
 */
void hf_turn_take(struct hf_turn *turn, const struct hf_lease *lease,
		  const struct hf_span *span)
{
	struct hf_file *file = lease->file;

	if (turn->file)
		return;
	turn->file = file;
	turn->until = jiffies + msecs_to_jiffies(lease->break_ms);
	turn->first = span->index;
	turn->last = span->index + span->nr - 1;
	spin_lock(&file->lock);
	list_add_tail(&turn->node, &file->turns);
	spin_unlock(&file->lock);
}

/* Of a turn that was not taken, too. */
void hf_turn_end(struct hf_turn *turn)
{
	struct hf_file *file = turn->file;

	if (!file)
		return;
	spin_lock(&file->lock);
	list_del(&turn->node);
	spin_unlock(&file->lock);
	wake_up_all(&file->wait);
}

/* For how long a change lets others pass, in jiffies; 0: begin. */
static long hf_turns_left(struct hf_file *file, const struct hf_change *change)
{
	struct hf_turn *turn;
	long left = 0;

	spin_lock(&file->lock);
	list_for_each_entry(turn, &file->turns, node) {
		if (turn->first <= change->last && turn->last >= change->first)
			left = max(left, (long)(turn->until - jiffies));
	}
	spin_unlock(&file->lock);
	return left;
}

/**
 * hf_turns_await - let registrations pass whose turn it is
 * @file: the file; the caller holds no lock
 * @change: from hf_change_init(), not begun
 *
 * Kernel threads wait for nobody.
 *
 * Return: 0, or -ERESTARTSYS: a signal came.
 */
int hf_turns_await(struct hf_file *file, const struct hf_change *change)
{
	long left, ret = 0;

	if (change->nothing || current->flags & PF_KTHREAD)
		return 0;
	left = hf_turns_left(file, change);
	if (left)
		ret = wait_event_interruptible_timeout(
			file->wait, !hf_turns_left(file, change), left);
	return min(ret, 0L);
}
