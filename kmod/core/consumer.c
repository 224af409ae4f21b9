// SPDX-License-Identifier: GPL-2.0
/*
 * What pins: a driver, found by where it called from.
 */
#include <linux/kallsyms.h>
#include <linux/string.h>
#include "core/consumer.h"

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

/* A driver that can be part of the kernel is here by its functions, too. */
static const struct hf_caller hf_callers[] = {
	{ "ib_umem", NULL, HOLDFAST_CONSUMER_MR, false },
	{ NULL, "ib_uverbs", HOLDFAST_CONSUMER_MR, false },
	{ NULL, "ib_core", HOLDFAST_CONSUMER_MR, false },
	{ NULL, "hfi1", HOLDFAST_CONSUMER_MR, false },
	/* io_sqe_buffer_register(); up to 6.2 with the lock. */
	{ "io_pin_pages", NULL, HOLDFAST_CONSUMER_BUFFER, true },
	{ "io_sqe_buffer", NULL, HOLDFAST_CONSUMER_BUFFER, true },
	{ NULL, "vfio_iommu_type1", HOLDFAST_CONSUMER_VFIO, true },
	{ "vaddr_get_pfns", NULL, HOLDFAST_CONSUMER_VFIO, true },
	{ "vfio_pin_pages", NULL, HOLDFAST_CONSUMER_VFIO, true },
	/* xdp_umem_pin_pages() */
	{ "xdp_umem", NULL, HOLDFAST_CONSUMER_UMEM, true },
};

/* Where what they have pinned is unpinned, besides. */
static const struct hf_caller hf_unpinners[] = {
	{ "__ib_umem_release", NULL, HOLDFAST_CONSUMER_MR, false },
	{ "put_pfn", NULL, HOLDFAST_CONSUMER_VFIO, false },
	{ "put_valid_unreserved_pfns", NULL, HOLDFAST_CONSUMER_VFIO, false },
	{ "vfio_", NULL, HOLDFAST_CONSUMER_VFIO, false },
	/* io_buffer_unmap(), io_release_ubuf(), or what these are part of. */
	{ "io_", NULL, HOLDFAST_CONSUMER_BUFFER, false },
	{ "__io_", NULL, HOLDFAST_CONSUMER_BUFFER, false },
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

/* A call can be the last thing in a function. */
static void hf_caller_name(unsigned long address, char *symbol)
{
	sprint_symbol_no_offset(symbol, address - 1);
}

static const struct hf_caller *hf_caller_in(const struct hf_caller *callers,
					    unsigned int nr, const char *symbol)
{
	for (; nr--; callers++) {
		if (hf_caller_is(callers, symbol))
			return callers;
	}
	return NULL;
}

static const struct hf_caller *hf_caller_find(unsigned long address)
{
	char symbol[KSYM_SYMBOL_LEN];

	hf_caller_name(address, symbol);
	return hf_caller_in(hf_callers, ARRAY_SIZE(hf_callers), symbol);
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

/**
 * hf_caller_lets_go - whether a caller unpins what a registration has pinned
 * @caller: a place in the code
 * @consumer: out, if so: the kind of consumer
 *
 * All that pins for a moment only unpins, too: a bio, process_vm_readv(). It is
 * part of the kernel. A driver that has no name here is a module.
 */
bool hf_caller_lets_go(unsigned long caller, enum holdfast_consumer *consumer)
{
	char symbol[KSYM_SYMBOL_LEN];
	const struct hf_caller *known;

	hf_caller_name(caller, symbol);
	known = hf_caller_in(hf_callers, ARRAY_SIZE(hf_callers), symbol);
	if (!known)
		known = hf_caller_in(hf_unpinners, ARRAY_SIZE(hf_unpinners),
				     symbol);
	*consumer = known ? known->consumer : HOLDFAST_CONSUMER_UNKNOWN;
	return known || strchr(symbol, '[');
}

/* Whether a call of notify_change() is that of a system call, or its like. */
bool hf_caller_is_do_truncate(unsigned long caller)
{
	char symbol[KSYM_SYMBOL_LEN];

	hf_caller_name(caller, symbol);
	return strstarts(symbol, "do_truncate");
}
