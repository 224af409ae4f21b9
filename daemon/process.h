/* SPDX-License-Identifier: GPL-2.0 */
/* A process and its open files, from outside. */
#ifndef HOLDFAST_PROCESS_H
#define HOLDFAST_PROCESS_H

#include <sys/types.h>

enum file_kind {
	FILE_OTHER,
	FILE_UVERBS, /* an open RDMA device */
	FILE_URING,
	FILE_VFIO,
	FILE_VFIO_LABEL, /* what is mapped there: vfio.h */
	FILE_DMABUF,
};

/* A process as long as it is this one: pids are given again, pidfds are not. */
struct process {
	pid_t pid;
	int pidfd;
};

/* 0 or a negative errno value: -ESRCH when it has ended. */
int process_open(struct process *process, pid_t pid);
void process_close(struct process *process);

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
