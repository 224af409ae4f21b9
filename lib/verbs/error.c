// SPDX-License-Identifier: LGPL-2.1-or-later
/* The thread's last failure, in words, and the names of constants. */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

static __thread char last_error[512];

int hf_vfail(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(last_error, sizeof(last_error), fmt, args);
	va_end(args);
	return -err;
}

int hf_vfail_lease(int ret)
{
	return hf_vfail(-ret, "%s", hf_error());
}

HF_EXPORT const char *hf_verbs_error(void)
{
	return last_error;
}

static const char *name_of(const char *const *names, size_t count,
			   unsigned int value)
{
	return value < count && names[value] ? names[value] : "unknown";
}

#define NAME_OF(names, value) \
	name_of(names, sizeof(names) / sizeof((names)[0]), value)

HF_EXPORT const char *hf_mr_state_name(unsigned int state)
{
	static const char *const names[] = {
		[HF_MR_ACTIVE] = "active",
		[HF_MR_BREAKING] = "breaking",
		[HF_MR_DECOHERENT] = "decoherent",
		[HF_MR_SUSPENDED] = "suspended",
		[HF_MR_RESTORABLE] = "restorable",
		[HF_MR_FENCED] = "fenced",
		[HF_MR_RELEASED] = "released",
	};

	return NAME_OF(names, state);
}

HF_EXPORT const char *hf_async_name(unsigned int type)
{
	static const char *const names[] = {
		[HF_ASYNC_DEVICE] = "device",
		[HF_ASYNC_DECOHERENCE] = "decoherence",
		[HF_ASYNC_RESTORABLE] = "restorable",
		[HF_ASYNC_RESTORED] = "restored",
		[HF_ASYNC_FAILED] = "failed",
		[HF_ASYNC_FENCED] = "fenced",
		[HF_ASYNC_RELEASED] = "released",
		[HF_ASYNC_MEDIA_ERROR] = "media-error",
	};

	return NAME_OF(names, type);
}
