/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory regions of an open RDMA device, by handle, through the kernel's own
 * interface: unlike libibverbs it takes any descriptor of the open device, also
 * one borrowed from another process.
 *
 * The functions return 0 or more, or a negative errno value.
 */
#ifndef HOLDFAST_UVERBS_H
#define HOLDFAST_UVERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As many as the kernel lists at once: a length there has 16 bits. */
#define UVERBS_MRS_MAX 16383

/**
 * struct uverbs_mr - a memory region
 * @handle: its number in the open device
 * @lkey: @rkey: its keys
 * @iova: the address that its first byte has for the device: the one in the
 *	process, unless it was registered by ibv_reg_mr_iova(3)
 * @length: bytes
 */
struct uverbs_mr {
	uint32_t handle;
	uint32_t lkey;
	uint32_t rkey;
	uint64_t iova;
	uint64_t length;
};

/*
 * The address that a placeholder has for the device: holdfastd(8) gives the number
 * of a region that it has deregistered to a region of its own, of this address and
 * length, until the holder deregisters that number. Nobody can use its keys.
 */
#define UVERBS_PLACEHOLDER_IOVA	  UINT64_C(0x686f6c6466617000)
#define UVERBS_PLACEHOLDER_LENGTH 4096

/* Whether the region is such a placeholder. */
static inline bool uverbs_mr_is_placeholder(const struct uverbs_mr *mr)
{
	return mr->iova == UVERBS_PLACEHOLDER_IOVA &&
	       mr->length == UVERBS_PLACEHOLDER_LENGTH;
}

/* The driver that an ioctl of @fd must name, or -EOPNOTSUPP. */
int uverbs_driver(int fd);

/* The handles of the memory regions, the latest first; returns how many. */
int uverbs_mr_list(int fd, int driver, uint32_t handles[UVERBS_MRS_MAX]);

/* -ENOENT: there is none; -ENODATA: the driver does not report it. */
int uverbs_mr_query(int fd, int driver, uint32_t handle, struct uverbs_mr *mr);

/* "rxe0", or "?" */
#define UVERBS_NAME_ROOM 64
const char *uverbs_device_name(char room[UVERBS_NAME_ROOM], int fd);

/**
 * struct uverbs_request - a request of the older write(2) interface
 * @command: enum ib_uverbs_write_cmds
 * @in: @in_length: its structure, without a header
 * @out: @out_length: that of the response
 */
struct uverbs_request {
	uint32_t command;
	const void *in;
	uint16_t in_length;
	void *out;
	uint16_t out_length;
};

/* Makes the request by ioctl(2), which works for a borrowed descriptor, too. */
int uverbs_write(int fd, int driver, const struct uverbs_request *request);

/*
 * Registers a placeholder in domain @pd, of UVERBS_PLACEHOLDER_LENGTH bytes of the
 * caller's at @page. *@number: its handle, the lowest free one of the open device.
 */
int uverbs_placeholder_make(int fd, int driver, uint32_t pd, const void *page,
			    uint32_t *number);

/* Deregister. -EBUSY: a memory window is bound to it. */
int uverbs_mr_destroy(int fd, int driver, uint32_t handle);

#endif
