// SPDX-License-Identifier: GPL-2.0
/*
 * Whether the module's hooks take. It tested each one when it was loaded; a permission
 * puts them all on now, and its end takes them off.
 */
#include <errno.h>
#include <unistd.h>

#include "checks.h"
#include "holdfast.h"
#include "sysfs.h"

void check_hooks(struct doctor *doctor)
{
	char ftrace[ATTR_ROOM];
	int permission;

	/* What is wrong with the device check_device() has said. */
	if (access(HOLDFAST_DEVICE, R_OK | W_OK))
		return;
	permission = hf_allow(0);
	if (permission >= 0) {
		close(permission);
		found_good(doctor,
			   "the hooks passed the module's self-test, and take");
		return;
	}
	attr_read(ftrace, "/proc/sys/kernel/ftrace_enabled");
	found(doctor, PROBLEM,
	      "without its hooks the module refuses every lease",
	      permission != -EBUSY ? NULL
	      : *ftrace == '0'
		      ? command_text("sysctl kernel.ftrace_enabled=1")
		      : command_text(
				"grep ' I' /sys/kernel/tracing/enabled_functions"),
	      "%s", hf_error());
}
