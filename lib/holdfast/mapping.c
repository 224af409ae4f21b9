// SPDX-License-Identifier: LGPL-2.1-or-later
/* Leases and the memory of this process: what is mapped at an address. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "break-time.h"
#include "error.h"
#include "internal/visibility.h"

static int fail(const void *addr, size_t length, const struct hf_attr *attr)
{
	char memory[40];
	struct hf_facts facts = {
		.call = HF_CALL_MAPPING,
		.err = errno,
		.path = memory,
		.fd = -1,
		.offset = (uintptr_t)addr,
		.length = length,
		.attr = attr ? *attr : (struct hf_attr){ 0 },
	};

	snprintf(memory, sizeof(memory), "memory at %p", addr);
	return hf_fail(&facts);
}

HF_EXPORT int hf_acquire_mapped(const void *addr, size_t length,
				const struct hf_attr *attr, off_t *offset)
{
	static const struct hf_attr none;
	const struct hf_attr *asked = attr ? attr : &none;
	struct holdfast_acquire acquire = {
		.size = sizeof(acquire),
		.flags = HOLDFAST_ACQUIRE_ADDRESS,
		.fd = -1,
		.kind = asked->kind ? asked->kind : HOLDFAST_BREAKABLE,
		.offset = (uintptr_t)addr,
		.length = length,
		.break_ms = asked->break_ms,
	};
	int flags = O_RDWR | O_CLOEXEC, lease;

	if (asked->flags & ~HF_NONBLOCK) {
		errno = EINVAL;
		return fail(addr, length, attr);
	}
	if (asked->flags & HF_NONBLOCK)
		flags |= O_NONBLOCK;
	if (!acquire.break_ms)
		acquire.break_ms = hf_default_break_ms();
	lease = open(HOLDFAST_DEVICE, flags);
	if (lease < 0) {
		struct hf_facts facts = { .call = HF_CALL_DEVICE,
					  .err = errno };

		return hf_fail(&facts);
	}
	if (ioctl(lease, HOLDFAST_IOC_ACQUIRE, &acquire)) {
		int ret = fail(addr, length, attr);

		close(lease);
		return ret;
	}
	*offset = acquire.offset;
	return lease;
}

/* Of a file the device has to be asked. */
static int locate_file(struct holdfast_locate *locate, int fd)
{
	int device = open(HOLDFAST_DEVICE, O_RDWR | O_CLOEXEC);
	struct hf_facts facts = { .call = HF_CALL_DEVICE, .err = errno };
	int err;

	if (device < 0)
		return hf_fail(&facts);
	locate->fd = fd;
	err = ioctl(device, HOLDFAST_IOC_LOCATE, locate) ? errno : 0;
	close(device);
	errno = err;
	return err ? fail((void *)(uintptr_t)locate->address, locate->length,
			  NULL)
		   : 0;
}

HF_EXPORT int hf_locate(int fd, const void *addr, size_t length, off_t *offset)
{
	struct holdfast_locate locate = {
		.size = sizeof(locate),
		.fd = -1,
		.address = (uintptr_t)addr,
		.length = length,
	};
	int ret = 0;

	if (ioctl(fd, HOLDFAST_IOC_LOCATE, &locate))
		ret = errno == ENOTTY ? locate_file(&locate, fd)
				      : fail(addr, length, NULL);
	if (!ret)
		*offset = locate.offset;
	return ret;
}
