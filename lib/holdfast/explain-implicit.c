// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sentences for the calls about implicit leases, see explain-implicit.h. */
#include <errno.h>

#include "explain-implicit.h"

const char *hf_explain_hooks(void)
{
	return "a live patch occupies a kernel function that Holdfast "
	       "hooks; disable it (flag I in "
	       "/sys/kernel/tracing/enabled_functions); or ftrace is "
	       "off; set the sysctl kernel.ftrace_enabled to 1";
}

static const char *join_text(int err)
{
	switch (err) {
	case EBADFD:
		return "not a lease, or the lease has been released or "
		       "revoked";
	case EPERM:
		return "permission denied: only the user who acquired the "
		       "lease can join it, unless that user had CAP_KILL";
	case ENOTTY:
		return "not a lease, or the module is older than this library; "
		       "install the same version of both";
	default:
		return NULL;
	}
}

static const char *watch_text(int err)
{
	if (err == EPERM)
		return "only the administrator (CAP_SYS_ADMIN) can watch a "
		       "filesystem; watch the process's own leases "
		       "(hf_watch_own)";
	return NULL;
}

static const char *policy_text(enum hf_call call, int err)
{
	switch (err) {
	case EPERM:
		return "only the administrator (CAP_SYS_ADMIN) sets what a "
		       "filesystem allows";
	case EOPNOTSUPP:
		return "not on XFS or ext4, or on a filesystem without a UUID; "
		       "only these can have implicit leases";
	case ENOENT:
		return "implicit leases are not allowed on this filesystem; "
		       "there is nothing to forbid";
	case EINVAL:
		return call == HF_CALL_POLICY_ALLOW
			       ? "not a group of this user namespace"
			       : NULL;
	default:
		return NULL;
	}
}

static const char *common_text(int err)
{
	switch (err) {
	case EBUSY:
		return hf_explain_hooks();
	case EMFILE:
		return "too many open files; raise RLIMIT_NOFILE (ulimit -n)";
	case ENOTTY:
	case EINVAL:
	case E2BIG:
		return "the module does not understand this library; install "
		       "the same version of both";
	case ENOMEM:
		return "no memory";
	default:
		return NULL;
	}
}

const char *hf_explain_implicit(const struct hf_facts *facts)
{
	const char *text = NULL;

	switch (facts->call) {
	case HF_CALL_JOIN:
		text = join_text(facts->err);
		break;
	case HF_CALL_WATCH:
		text = watch_text(facts->err);
		break;
	case HF_CALL_POLICY_ALLOW:
	case HF_CALL_POLICY_FORBID:
		text = policy_text(facts->call, facts->err);
		break;
	default:
		break;
	}
	return text ? text : common_text(facts->err);
}
