// SPDX-License-Identifier: LGPL-2.1-or-later
/* Implicit leases: permissions, and events. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "break-time.h"
#include "error.h"
#include "visibility.h"

/* A call of any open of /dev/holdfast: what it returns, or hf_fail(). */
static int device_call(struct hf_facts *facts, unsigned long request,
		       void *args)
{
	int device = open(HOLDFAST_DEVICE, O_RDWR | O_CLOEXEC);
	int ret;

	if (device < 0) {
		facts->call = HF_CALL_DEVICE;
		facts->err = errno;
		return hf_fail(facts);
	}
	ret = ioctl(device, request, args);
	if (ret < 0)
		facts->err = errno;
	close(device);
	return ret < 0 ? hf_fail(facts) : ret;
}

HF_EXPORT int hf_allow(unsigned int break_ms)
{
	struct hf_facts facts = { .call = HF_CALL_ALLOW };
	struct holdfast_allow allow = {
		.size = sizeof(allow),
		.break_ms = break_ms ? break_ms : hf_default_break_ms(),
	};

	return device_call(&facts, HOLDFAST_IOC_ALLOW, &allow);
}

HF_EXPORT int hf_join(int lease)
{
	struct hf_facts facts = { .call = HF_CALL_JOIN, .fd = lease };
	struct holdfast_join join = { .size = sizeof(join) };

	if (!ioctl(lease, HOLDFAST_IOC_JOIN, &join))
		return 0;
	facts.err = errno;
	return hf_fail(&facts);
}

static int watch(unsigned int what, int fd)
{
	struct hf_facts facts = { .call = HF_CALL_WATCH, .fd = fd };
	struct holdfast_watch watch = {
		.size = sizeof(watch),
		.what = what,
		.fd = fd,
	};

	return device_call(&facts, HOLDFAST_IOC_WATCH, &watch);
}

HF_EXPORT int hf_watch_own(void)
{
	return watch(HOLDFAST_WATCH_OWN, -1);
}

HF_EXPORT int hf_watch_filesystem(int fd)
{
	return watch(HOLDFAST_WATCH_FILESYSTEM, fd);
}

HF_EXPORT int hf_policy_allow(int fd, gid_t gid, unsigned int break_ms)
{
	struct hf_facts facts = { .call = HF_CALL_POLICY_ALLOW, .fd = fd };
	struct holdfast_policy policy = {
		.size = sizeof(policy),
		.policy = HOLDFAST_POLICY_ALLOW,
		.fd = fd,
		.gid = gid,
		.break_ms = break_ms ? break_ms : hf_default_break_ms(),
	};

	return device_call(&facts, HOLDFAST_IOC_POLICY, &policy);
}

HF_EXPORT int hf_policy_forbid(int fd)
{
	struct hf_facts facts = { .call = HF_CALL_POLICY_FORBID, .fd = fd };
	struct holdfast_policy policy = {
		.size = sizeof(policy),
		.policy = HOLDFAST_POLICY_FORBID,
		.fd = fd,
	};

	return device_call(&facts, HOLDFAST_IOC_POLICY, &policy);
}
