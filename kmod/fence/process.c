// SPDX-License-Identifier: GPL-2.0
/*
 * Processes, and what they have open. There can be tens of thousands of them,
 * and as many files: nothing here is in RCU for longer than one process takes.
 */
#include <linux/fdtable.h>
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include "fence/process.h"

/**
 * hf_process_next - the next process of the system, by its number
 * @nr: 0 before the first one; advanced
 *
 * New ones get higher numbers, until those begin again: so one that is just being
 * left for another comes before that. May sleep.
 *
 * Return: a process, to be put with put_task_struct(), or NULL.
 */
struct task_struct *hf_process_next(int *nr)
{
	struct task_struct *process = NULL;
	struct pid *pid;

	do {
		cond_resched();
		rcu_read_lock();
		pid = find_ge_pid(*nr, &init_pid_ns);
		if (pid) {
			*nr = pid_nr(pid) + 1;
			process = get_pid_task(pid, PIDTYPE_TGID);
		}
		rcu_read_unlock();
		/* Most numbers are threads'. */
	} while (pid && !process);
	return process;
}

bool hf_process_uses(struct task_struct *process, const struct mm_struct *mm)
{
	struct task_struct *thread;
	bool uses = false;

	if (process->flags & PF_KTHREAD)
		return false;
	rcu_read_lock();
	for_each_thread(process, thread) {
		if (READ_ONCE(thread->mm) == mm) {
			uses = true;
			break;
		}
	}
	rcu_read_unlock();
	return uses;
}

/* For mmput_async(); the leader may have left it to the other threads. */
struct mm_struct *hf_process_mm(struct task_struct *process)
{
	struct mm_struct *mm = NULL;
	struct task_struct *thread;

	rcu_read_lock();
	for_each_thread(process, thread) {
		mm = get_task_mm(thread);
		if (mm)
			break;
	}
	rcu_read_unlock();
	return mm;
}

/* Threads share the table, most often. */
static bool hf_process_open_files(struct task_struct *process,
				  hf_file_look_t look, const void *arg)
{
	struct files_struct *files = NULL;
	struct task_struct *thread;
	bool found = false;

	rcu_read_lock();
	for_each_thread(process, thread) {
		task_lock(thread);
		if (thread->files && thread->files != files) {
			files = thread->files;
			found = iterate_fd(files, 0, look, arg);
		}
		task_unlock(thread);
		if (found)
			break;
	}
	rcu_read_unlock();
	return found;
}

static bool hf_process_mapped_files(struct task_struct *process,
				    hf_file_look_t look, const void *arg)
{
	struct mm_struct *mm = hf_process_mm(process);
	struct vm_area_struct *vma;
	bool found = false;

	if (!mm)
		return false;
	/* There is a next time. */
	if (mmap_read_trylock(mm)) {
		VMA_ITERATOR(vmi, mm, 0);

		for_each_vma(vmi, vma) {
			if (vma->vm_file && look(arg, vma->vm_file, 0)) {
				found = true;
				break;
			}
		}
		mmap_read_unlock(mm);
	}
	mmput_async(mm);
	return found;
}

/*
 * Looks at the open files of a process, and at those it has mapped, until @look
 * gives something else than 0. @look may not sleep.
 */
bool hf_process_files(struct task_struct *process, hf_file_look_t look,
		      const void *arg)
{
	return !(process->flags & PF_KTHREAD) &&
	       (hf_process_open_files(process, look, arg) ||
		hf_process_mapped_files(process, look, arg));
}
