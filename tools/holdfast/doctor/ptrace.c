// SPDX-License-Identifier: GPL-2.0
/* Yama: who may borrow the descriptors of others. */
#include "checks.h"
#include "sysfs.h"

void check_ptrace(struct doctor *doctor)
{
	uint64_t scope;

	if (!attr_number(&scope, "/proc/sys/kernel/yama/ptrace_scope")) {
		found_good(doctor, "Yama does not restrict ptrace");
		return;
	}
	if (scope < 3)
		found_good(doctor,
			   "Yama's ptrace_scope is %llu: holdfastd, with "
			   "CAP_SYS_PTRACE, can take memory regions",
			   (unsigned long long)scope);
	else
		found(doctor, WARNING,
		      "no process may borrow a descriptor of another, so holdfastd "
		      "cannot take memory regions, and the kernel kills holders "
		      "at the deadline",
		      command_text(
			      "remove kernel.yama.ptrace_scope from /etc/sysctl.d "
			      "and reboot"),
		      "Yama's ptrace_scope is 3");
}
