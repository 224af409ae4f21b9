// SPDX-License-Identifier: GPL-2.0
/* How much this user and services can lock: drivers charge what they pin. */
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "checks.h"
#include "size.h"

/* Programs that register memory want more. */
#define LOW (UINT64_C(1) << 30)

#define WHY                                                                   \
	"a driver charges what it pins against this limit: registering more " \
	"fails with ENOMEM"

static bool has_ipc_lock(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { 0 };

	return !syscall(SYS_capget, &header, data) &&
	       data[0].effective & (1U << CAP_IPC_LOCK);
}

static void check_user(struct doctor *doctor)
{
	char size[SIZE_ROOM];
	struct rlimit limit;

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY) {
		found_good(doctor, "this user can lock any amount of memory");
		return;
	}
	size_text(size, limit.rlim_cur, false);
	if (has_ipc_lock())
		found_good(doctor,
			   "this user can lock %s, and CAP_IPC_LOCK lifts that",
			   size);
	else
		found(doctor, limit.rlim_cur < LOW ? WARNING : NOTE, WHY,
		      command_text("echo '* - memlock unlimited' "
				   ">/etc/security/limits.d/holdfast.conf"),
		      "this user can lock %s", size);
}

static void judge_services(struct doctor *doctor, const char *value)
{
	char size[SIZE_ROOM];
	uint64_t bytes;

	if (!strcmp(value, "infinity")) {
		found_good(doctor, "services can lock any amount of memory");
		return;
	}
	if (!size_parse(value, &bytes))
		return;
	found(doctor, bytes < LOW ? WARNING : NOTE, WHY,
	      command_text("systemctl edit SERVICE (and add: [Service] "
			   "LimitMEMLOCK=infinity)"),
	      "services can lock %s, unless their unit says otherwise",
	      size_text(size, bytes, false));
}

/* Limits of pam_limits(8) do not hold for services. */
static void check_services(struct doctor *doctor)
{
	char value[64] = "";
	FILE *pipe;

	if (access("/run/systemd/system", F_OK))
		return;
	pipe = popen(
		"systemctl show --value -p DefaultLimitMEMLOCK 2>/dev/null",
		"re");
	if (!pipe)
		return;
	if (fgets(value, sizeof(value), pipe)) {
		value[strcspn(value, "\n")] = '\0';
		judge_services(doctor, value);
	}
	pclose(pipe);
}

void check_memlock(struct doctor *doctor)
{
	check_user(doctor);
	check_services(doctor);
}
