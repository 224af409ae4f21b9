// SPDX-License-Identifier: GPL-2.0
/* The table of checks, see checks.h. */
#include "checks.h"

/* clang-format off */
static const struct {
	const char *name;
	check_fn *run;
} checks[] = {
	{ "versions", check_versions },
	{ "lockdown", check_lockdown },
	{ "device", check_device },
	{ "hooks", check_hooks },
	{ "namespaces", check_namespaces },
	{ "mounts", check_mounts },
	{ "files", check_files },
	{ "policy", check_policy },
	{ "rdma", check_rdma },
	{ "memlock", check_memlock },
	{ "agent", check_agent },
	{ "ptrace", check_ptrace },
	{ "thp", check_thp },
};
/* clang-format on */

void doctor_examine(struct doctor *doctor)
{
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		doctor->check = checks[i].name;
		checks[i].run(doctor);
	}
}
