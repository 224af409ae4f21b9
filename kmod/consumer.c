// SPDX-License-Identifier: GPL-2.0
/*
 * What pins: a driver, found by where it called from.
 */
#include <linux/kallsyms.h>
#include <linux/string.h>
#include "holdfast.h"

struct hf_caller {
	const char *function; /* how its name begins, or NULL */
	const char *module;   /* or NULL: part of the kernel, or any module */
	enum holdfast_consumer consumer;
	/*
	 * It holds the mmap lock, and looks at no mapping before the call: read
	 * in 6.1, 6.12 and 7.2.
	 */
	bool may_unlock;
};

static const struct hf_caller hf_callers[] = {
	{ "ib_umem", NULL, HOLDFAST_CONSUMER_MR, false },
	{ NULL, "ib_uverbs", HOLDFAST_CONSUMER_MR, false },
	{ NULL, "ib_core", HOLDFAST_CONSUMER_MR, false },
	{ NULL, "hfi1", HOLDFAST_CONSUMER_MR, false },
	/* io_sqe_buffer_register(); up to 6.2 with the lock. */
	{ "io_pin_pages", NULL, HOLDFAST_CONSUMER_BUFFER, true },
	{ "io_sqe_buffer", NULL, HOLDFAST_CONSUMER_BUFFER, true },
	/* vaddr_get_pfns() */
	{ NULL, "vfio_iommu_type1", HOLDFAST_CONSUMER_VFIO, true },
	/* xdp_umem_pin_pages() */
	{ "xdp_umem", NULL, HOLDFAST_CONSUMER_UMEM, true },
};

static bool hf_caller_is(const struct hf_caller *caller, const char *symbol)
{
	const char *module = strchr(symbol, '[');
	size_t len;

	if (caller->function && !strstarts(symbol, caller->function))
		return false;
	if (!caller->module)
		return true;
	len = strlen(caller->module);
	return module && !strncmp(module + 1, caller->module, len) &&
	       module[1 + len] == ']';
}

static const struct hf_caller *hf_caller_find(unsigned long address)
{
	char symbol[KSYM_SYMBOL_LEN];
	unsigned int i;

	/* A call can be the last thing in a function. */
	sprint_symbol_no_offset(symbol, address - 1);
	for (i = 0; i < ARRAY_SIZE(hf_callers); i++) {
		if (hf_caller_is(&hf_callers[i], symbol))
			return &hf_callers[i];
	}
	return NULL;
}

enum holdfast_consumer hf_consumer_of(unsigned long caller)
{
	const struct hf_caller *known = hf_caller_find(caller);

	return known ? known->consumer : HOLDFAST_CONSUMER_UNKNOWN;
}

/* Whether a caller that holds the mmap lock can have it dropped for a time. */
bool hf_caller_may_unlock(unsigned long caller)
{
	const struct hf_caller *known = hf_caller_find(caller);

	return known && known->may_unlock;
}

const char *hf_consumer_name(enum holdfast_consumer consumer)
{
	static const char *const names[] = {
		[HOLDFAST_CONSUMER_UNKNOWN] = "unknown",
		[HOLDFAST_CONSUMER_MR] = "mr",
		[HOLDFAST_CONSUMER_BUFFER] = "buffer",
		[HOLDFAST_CONSUMER_VFIO] = "vfio",
		[HOLDFAST_CONSUMER_UMEM] = "umem",
	};

	return names[consumer];
}
