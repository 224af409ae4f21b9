/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /dev/hf_importer: each open of it is a "device" that imports one dma-buf. It
 * does what real importers do, each step when it is told to. Closing undoes
 * everything.
 */
#ifndef HF_IMPORTER_H
#define HF_IMPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define IMPORTER_DEVICE "/dev/hf_importer"

/* As a dynamic importer, which is told of moves. */
#define IMPORTER_DYNAMIC (1U << 0)
/* When it is told, it lets go at once. */
#define IMPORTER_OBEYS	 (1U << 1)

struct importer_attach {
	__s32 fd;
	__u32 flags;
};

struct importer_fill {
	__u64 offset;
	__u64 length;
	__u32 byte;
	__u32 zero;
};

#define IMPORTER_ATTACH _IOW('I', 0, struct importer_attach)
#define IMPORTER_DETACH _IO('I', 1)
#define IMPORTER_MAP	_IO('I', 2)
#define IMPORTER_UNMAP	_IO('I', 3)
#define IMPORTER_PIN	_IO('I', 4)
#define IMPORTER_UNPIN	_IO('I', 5)
/* Writes to the memory behind the bus addresses it has mapped. */
#define IMPORTER_FILL	_IOW('I', 6, struct importer_fill)
/* How often it was told. */
#define IMPORTER_TOLD	_IO('I', 7)
/* Begins an access whose end only a fence tells; ends it. */
#define IMPORTER_BEGIN	_IO('I', 8)
#define IMPORTER_END	_IO('I', 9)

#endif
