/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The label of a mapping of a lease in a VFIO container, for the fence agent, because
 * VFIO does not report its mappings. A memfd of this name, one for each mapping, holds
 * it. A process that may take the program's descriptors can read it, also if the
 * program is stopped.
 */
#ifndef HOLDFAST_VFIO_LABEL_H
#define HOLDFAST_VFIO_LABEL_H

#include <stdint.h>

#define HF_VFIO_LABEL	    "holdfast-vfio"
#define HF_VFIO_LABEL_MAGIC 0x4f464956464c4448ULL

struct hf_vfio_label {
	uint64_t magic;
	uint64_t lease;	 /* its number; 0: nothing of it is mapped */
	uint64_t addr;	 /* where the process has it mapped */
	uint64_t iova;	 /* in bytes, as the following */
	uint64_t length; /* of the file; a shadow may follow */
	int32_t container;
	uint32_t zero;
};

#endif
