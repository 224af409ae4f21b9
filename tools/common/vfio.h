/* SPDX-License-Identifier: GPL-2.0 */
/* What another process has mapped into a VFIO container. */
#ifndef HOLDFAST_DAEMON_VFIO_H
#define HOLDFAST_DAEMON_VFIO_H

#include <stdint.h>

#include "process.h"
#include "internal/vfio-label.h"

/*
 * Reads the label that descriptor @fd of @process may be. 0 or a negative errno
 * value: -EINVAL, it is none.
 */
int vfio_label_read(const struct process *process, int fd,
		    struct hf_vfio_label *label);

/*
 * A descriptor of our own for the container that a label names, or a negative
 * errno value: -ENOTTY, what it names is none.
 */
int vfio_container_borrow(const struct process *process,
			  const struct hf_vfio_label *label);

/*
 * Unmaps what a label says, and nothing else. The process wrote the label, so
 * that nothing but its own container is touched. Bytes, or a negative errno
 * value, as of vfio_container_borrow().
 */
int64_t vfio_unmap(const struct process *process,
		   const struct hf_vfio_label *label);

#endif
