/* SPDX-License-Identifier: GPL-2.0 */
/* A process and its open files, from outside. */
#ifndef HOLDFAST_PROCESS_H
#define HOLDFAST_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum file_kind {
	FILE_OTHER,
	FILE_UVERBS, /* an open RDMA device */
	FILE_URING,
	FILE_VFIO_LABEL, /* what is mapped into a VFIO container: vfio.h */
};

/* A process as long as it is this one: pids are given again, pidfds are not. */
struct process {
	pid_t pid;
	int pidfd;
};

/*
 * Opens the process @pid that was started at @start_ns (CLOCK_BOOTTIME). 0 or a
 * negative errno value: -ESRCH when it has ended, also if another one has its pid.
 */
int process_open(struct process *process, pid_t pid, uint64_t start_ns);
void process_close(struct process *process);

/* The command name of a process or thread, "?" when it has ended. */
#define PROCESS_NAME_ROOM 64
const char *process_name(char room[PROCESS_NAME_ROOM], pid_t pid);

/* Whether the process @pid was started at @start_ns. */
bool process_started_at(pid_t pid, uint64_t start_ns);

/*
 * Calls @look for each open file of the process that can hold pins, with its
 * number there. 0, what @look returned first that is not 0, or a negative
 * errno value.
 */
int process_each_file(const struct process *process,
		      int (*look)(const struct process *process, int fd,
				  enum file_kind kind, void *arg),
		      void *arg);

/* A descriptor of our own for the same open file, or a negative errno value. */
int process_borrow(const struct process *process, int fd);

#endif
