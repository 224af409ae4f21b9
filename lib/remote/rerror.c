// SPDX-License-Identifier: LGPL-2.1-or-later
/* The thread's last failure, in words, and the names of constants. */
#include <stdarg.h>
#include <stdio.h>

#include "internal/visibility.h"
#include "rerror.h"
#include "holdfast_remote.h"

static __thread char last_error[512];

int hf_rfail(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(last_error, sizeof(last_error), fmt, args);
	va_end(args);
	return -err;
}

HF_EXPORT const char *hf_remote_error(void)
{
	return last_error;
}

HF_EXPORT const char *hf_remote_state_name(unsigned int state)
{
	static const char *const names[] = {
		[HF_REMOTE_ACTIVE] = "active",
		[HF_REMOTE_PAUSED] = "paused",
		[HF_REMOTE_AWAY] = "away",
		[HF_REMOTE_GONE] = "gone",
	};

	return state < sizeof(names) / sizeof(names[0]) && names[state]
		       ? names[state]
		       : "unknown";
}
