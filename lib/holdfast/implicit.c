// SPDX-License-Identifier: LGPL-2.1-or-later
/* Implicit leases: permissions, and events. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "break-time.h"
#include "error.h"
#include "internal/visibility.h"

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

#define UUID_NAME_ROOM (sizeof("UUID=") + 2 * 16 + 4)

/* "UUID=4b0e6f1c-6a3e-4f0a-9d7f-1f3f4f0c8a52" */
static const char *uuid_name(char room[UUID_NAME_ROOM],
			     const unsigned char *uuid)
{
	char *end = room + sprintf(room, "UUID=");

	for (int i = 0; i < 16; i++)
		end += sprintf(end,
			       i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x"
								     : "%02x",
			       uuid[i]);
	return room;
}

/* On the filesystem of @fd, or with @uuid. */
static int set_policy(enum hf_call call, struct holdfast_policy *policy,
		      const unsigned char *uuid)
{
	struct hf_facts facts = { .call = call, .fd = policy->fd };
	char name[UUID_NAME_ROOM];

	policy->size = sizeof(*policy);
	if (uuid) {
		memcpy(policy->uuid, uuid, sizeof(policy->uuid));
		facts.path = uuid_name(name, uuid);
	}
	return device_call(&facts, HOLDFAST_IOC_POLICY, policy);
}

static int policy_allow(int fd, const unsigned char *uuid, gid_t gid,
			unsigned int break_ms)
{
	struct holdfast_policy policy = {
		.policy = HOLDFAST_POLICY_ALLOW,
		.fd = fd,
		.gid = gid,
		.break_ms = break_ms ? break_ms : hf_default_break_ms(),
	};

	return set_policy(HF_CALL_POLICY_ALLOW, &policy, uuid);
}

static int policy_forbid(int fd, const unsigned char *uuid)
{
	struct holdfast_policy policy = {
		.policy = HOLDFAST_POLICY_FORBID,
		.fd = fd,
	};

	return set_policy(HF_CALL_POLICY_FORBID, &policy, uuid);
}

HF_EXPORT int hf_policy_allow(int fd, gid_t gid, unsigned int break_ms)
{
	return policy_allow(fd, NULL, gid, break_ms);
}

HF_EXPORT int hf_policy_forbid(int fd)
{
	return policy_forbid(fd, NULL);
}

HF_EXPORT int hf_policy_allow_uuid(const unsigned char *uuid, gid_t gid,
				   unsigned int break_ms)
{
	return policy_allow(-1, uuid, gid, break_ms);
}

HF_EXPORT int hf_policy_forbid_uuid(const unsigned char *uuid)
{
	return policy_forbid(-1, uuid);
}
