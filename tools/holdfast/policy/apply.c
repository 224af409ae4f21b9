// SPDX-License-Identifier: GPL-2.0
/* See apply.h. */
#include <errno.h>

#include "apply.h"
#include "conf.h"
#include "holdfast.h"
#include "module.h"
#include "tool.h"

/* Each of these: 0, or the exit status after a message; *@touched: something changed. */
static int set_caps(const struct caps *caps, bool *touched)
{
	int status = module_set_caps(caps);

	*touched |= !status && (caps->has_break || caps->has_pinned);
	return status;
}

static int allow_all(const char *path, const struct rules *wanted,
		     bool *touched)
{
	for (size_t i = 0; i < wanted->count; i++) {
		if (module_allow(&wanted->list[i]))
			return failed("%s:%zu: %s", path, wanted->list[i].line,
				      hf_error());
		*touched = true;
	}
	return 0;
}

static int forbid_others(const struct rules *wanted,
			 const struct rules *present, bool *touched)
{
	for (size_t i = 0; i < present->count; i++) {
		const unsigned char *uuid = present->list[i].uuid;
		int ret = rules_find(wanted, uuid) ? 0 : module_forbid(uuid);

		/* Somebody else was faster. */
		if (ret && ret != -ENOENT)
			return failed("%s", hf_error());
		*touched = true;
	}
	return 0;
}

static int apply(const char *path, const struct rules *wanted,
		 const struct rules *present, bool *touched)
{
	int status = set_caps(&wanted->caps, touched);

	if (!status)
		status = allow_all(path, wanted, touched);
	if (!status)
		status = forbid_others(wanted, present, touched);
	return status;
}

/* What was before, after a part of it was changed. */
static void restore(const struct rules *before)
{
	struct rules now;
	bool touched = false;
	int status = module_read(&now);

	if (!status)
		status = apply(HOLDFAST_POLICIES, before, &now, &touched);
	rules_end(&now);
	if (status)
		failed("only a part of the policy is in force: see 'holdfast "
		       "policy'");
	else
		failed("nothing was changed");
}

int policy_apply(const char *path)
{
	struct rules wanted, present = { 0 };
	int status = conf_read(path, false, &wanted);
	bool touched = false;

	if (!status)
		status = module_read(&present);
	if (!status)
		status = apply(path, &wanted, &present, &touched);
	if (status && touched)
		restore(&present);
	else if (status)
		failed("nothing was changed");
	rules_end(&wanted);
	rules_end(&present);
	return status;
}
