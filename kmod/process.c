// SPDX-License-Identifier: GPL-2.0
/*
 * Processes, and what they have open. There can be tens of thousands of them,
 * and as many files: nothing here is in RCU for longer than one process takes.
 */
#include <linux/fdtable.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include "holdfast.h"

/*
 * Whether the list goes on behind it: it was neither reaped, nor replaced by a
 * thread of its own that called execve(). In RCU.
 */
static bool hf_process_is_listed(struct task_struct *process)
{
	return pid_alive(process) && thread_group_leader(process);
}

static void hf_processes_put(struct hf_processes *processes)
{
	while (processes->nr)
		put_task_struct(processes->task[--processes->nr]);
	processes->next = 0;
}

/* What follows the last of them that is still there. */
static void hf_processes_fill(struct hf_processes *processes)
{
	struct task_struct *process = &init_task;
	unsigned int i;

	rcu_read_lock();
	for (i = processes->nr; i > 0; i--) {
		if (hf_process_is_listed(processes->task[i - 1])) {
			process = processes->task[i - 1];
			break;
		}
	}
	hf_processes_put(processes);
	for (process = next_task(process);
	     process != &init_task && processes->nr < HF_PROCESSES;
	     process = next_task(process))
		processes->task[processes->nr++] = get_task_struct(process);
	rcu_read_unlock();
}

/**
 * hf_processes_next - the next process of the system
 * @processes: zeroed before the first one; after the last one it is so again
 *
 * Some may come twice, where many end meanwhile. May sleep.
 *
 * Return: a process, until the next call, or NULL.
 */
struct task_struct *hf_processes_next(struct hf_processes *processes)
{
	cond_resched();
	if (processes->next == processes->nr)
		hf_processes_fill(processes);
	if (processes->next == processes->nr)
		return NULL;
	return processes->task[processes->next++];
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
