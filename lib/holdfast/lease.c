// SPDX-License-Identifier: LGPL-2.1-or-later
/* The life of a lease: acquire, query, release; and its range. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "break-time.h"
#include "error.h"
#include "internal/reach.h"
#include "internal/visibility.h"

HF_EXPORT int hf_acquire(int fd, off_t offset, size_t length,
			 const struct hf_attr *attr)
{
	struct hf_facts facts = {
		.call = HF_CALL_ACQUIRE,
		.fd = fd,
		.offset = offset,
		.length = length,
		.attr = attr ? *attr : (struct hf_attr){ 0 },
	};
	struct holdfast_acquire acquire = {
		.size = sizeof(acquire),
		.fd = fd,
		.kind = facts.attr.kind ? facts.attr.kind : HOLDFAST_BREAKABLE,
		.offset = offset,
		.length = length,
		.break_ms = facts.attr.break_ms,
	};
	int flags = O_RDWR | O_CLOEXEC;
	int lease;

	/* The module never sees our flags nor the sign of the offset. */
	if (facts.attr.flags & ~HF_NONBLOCK || offset < 0) {
		facts.err = EINVAL;
		return hf_fail(&facts);
	}
	if (facts.attr.flags & HF_NONBLOCK)
		flags |= O_NONBLOCK;
	if (!acquire.break_ms)
		acquire.break_ms = hf_default_break_ms();

	lease = open(HOLDFAST_DEVICE, flags);
	if (lease < 0) {
		facts.call = HF_CALL_DEVICE;
		facts.err = errno;
		return hf_fail(&facts);
	}
	if (ioctl(lease, HOLDFAST_IOC_ACQUIRE, &acquire)) {
		facts.err = errno;
		close(lease);
		return hf_fail(&facts);
	}
	return lease;
}

/* The calls whose only fact is the descriptor. */
static int fail(enum hf_call call, int lease)
{
	struct hf_facts facts = { .call = call, .err = errno, .fd = lease };

	return hf_fail(&facts);
}

HF_EXPORT int hf_query(int lease, struct holdfast_query *query)
{
	struct holdfast_query answer = { .size = sizeof(answer) };

	if (ioctl(lease, HOLDFAST_IOC_QUERY, &answer))
		return fail(HF_CALL_QUERY, lease);
	*query = answer;
	return 0;
}

HF_EXPORT int hf_await_changes(int fd, off_t offset, size_t length,
			       uint64_t *reach)
{
	/* Until it has a lease, for the shortest time, no change is under way. */
	int lease = hf_acquire(fd, offset, length, NULL);
	int err;

	if (lease < 0)
		return lease;
	close(lease);
	err = hf_reach(fd, offset, length, reach);
	if (err) {
		struct hf_facts facts = {
			.call = HF_CALL_AWAIT,
			.err = -err,
			.fd = fd,
			.offset = offset,
			.length = length,
		};

		return hf_fail(&facts);
	}
	return 0;
}

HF_EXPORT int hf_release(int lease)
{
	struct holdfast_release release = { .size = sizeof(release) };

	if (ioctl(lease, HOLDFAST_IOC_RELEASE, &release))
		return fail(HF_CALL_RELEASE, lease);
	/* Nothing of ours can fail here, and close(2) must not be repeated. */
	close(lease);
	return 0;
}
