// SPDX-License-Identifier: LGPL-2.1-or-later
/* The end of somebody else's lease. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "error.h"
#include "internal/visibility.h"

HF_EXPORT int hf_revoke(uint64_t id, unsigned int grace_ms, unsigned int flags)
{
	struct hf_facts facts = {
		.call = HF_CALL_REVOKE,
		.lease = id,
		.attr.flags = flags,
	};
	struct holdfast_revoke revoke = {
		.size = sizeof(revoke),
		.id = id,
		.grace_ms = grace_ms,
	};
	int device;

	if (flags & ~HF_REVOKE_NOWAIT) {
		facts.err = EINVAL;
		return hf_fail(&facts);
	}
	if (flags & HF_REVOKE_NOWAIT)
		revoke.flags = HOLDFAST_REVOKE_NOWAIT;

	device = open(HOLDFAST_DEVICE, O_RDWR | O_CLOEXEC);
	if (device < 0) {
		facts.call = HF_CALL_DEVICE;
		facts.err = errno;
		return hf_fail(&facts);
	}
	if (ioctl(device, HOLDFAST_IOC_REVOKE, &revoke))
		facts.err = errno;
	close(device);
	return facts.err ? hf_fail(&facts) : 0;
}
