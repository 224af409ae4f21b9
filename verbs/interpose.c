// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * HF_WATCH_MEMORY: munmap(), mremap() and madvise() of the program itself. Who
 * is linked with the shared library finds these names here before the C
 * library's. Without a context that asked for it they only pass the call on.
 */
#include <dlfcn.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "memory.h"

/* The next library's; the C library has them all, so there is one. */
static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

HF_EXPORT int munmap(void *addr, size_t length)
{
	static int (*real)(void *, size_t);

	if (!real)
		real = next("munmap");
	if (!hf_is_watched())
		return real(addr, length);
	return hf_memory_munmap(addr, length, true, real);
}

HF_EXPORT int madvise(void *addr, size_t length, int advice)
{
	static int (*real)(void *, size_t, int);

	if (!real)
		real = next("madvise");
	if (!hf_is_watched())
		return real(addr, length, advice);
	return hf_memory_madvise(addr, length, advice, true, real);
}

HF_EXPORT void *mremap(void *old_address, size_t old_size, size_t new_size,
		       int flags, ...)
{
	static void *(*real)(void *, size_t, size_t, int, ...);
	struct hf_mremap args;

	HF_MREMAP_ARGS(args, old_address, old_size, new_size, flags);
	if (!real)
		real = next("mremap");
	if (!hf_is_watched())
		return real(old_address, old_size, new_size, flags,
			    args.new_address);
	return hf_memory_mremap(&args, true, real);
}
