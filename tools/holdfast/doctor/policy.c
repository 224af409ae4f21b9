// SPDX-License-Identifier: GPL-2.0
/* Whether the policy that is kept is the one in force. */
#include <unistd.h>

#include "checks.h"
#include "holdfast.h"
#include "policy/conf.h"
#include "policy/module.h"

#define WHY_WRONG \
	"nothing of the file is in force, and programs are refused after a boot"
#define WHY_OTHER \
	"programs that are refused, or not, now, will be treated otherwise later"

static void compare(struct doctor *doctor, const struct rules *kept,
		    const struct rules *now)
{
	size_t missing = 0;

	for (size_t i = 0; i < kept->count; i++) {
		const struct rule *rule = rules_find(now, kept->list[i].uuid);

		missing += !rule || rule->gid != kept->list[i].gid;
	}
	if (missing)
		found(doctor, WARNING, WHY_OTHER,
		      command_text("systemctl restart holdfast-policy"),
		      "%zu of %zu filesystems in %s have another policy now",
		      missing, kept->count, POLICY_CONF);
	else
		found_good(
			doctor,
			"implicit leases are allowed on %zu filesystems, %zu "
			"of them in %s",
			now->count, kept->count, POLICY_CONF);
}

void check_policy(struct doctor *doctor)
{
	struct rules kept, now;

	if (access(HOLDFAST_POLICIES, R_OK))
		return;
	if (conf_read(POLICY_CONF, true, &kept))
		found(doctor, PROBLEM, WHY_WRONG,
		      command_text(
			      "holdfast policy apply (names each wrong line)"),
		      "%s has wrong lines", POLICY_CONF);
	else if (!module_read(&now)) {
		compare(doctor, &kept, &now);
		rules_end(&now);
	}
	rules_end(&kept);
}
