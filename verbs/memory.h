/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* munmap() and its like, by our names (memory.c) and by their own (interpose.c). */
#ifndef HOLDFAST_VERBS_MEMORY_H
#define HOLDFAST_VERBS_MEMORY_H

#include "internal.h"

struct hf_mremap {
	void *old_address;
	size_t old_size;
	size_t new_size;
	int flags;
	void *new_address;
};

/* The last argument is there only if the flags say so. */
#define HF_MREMAP_ARGS(args, old, old_length, new_length, mremap_flags) \
	do {                                                            \
		va_list list;                                           \
                                                                        \
		args = (struct hf_mremap){ old, old_length, new_length, \
					   mremap_flags, NULL };        \
		va_start(list, mremap_flags);                           \
		if (args.flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))     \
			args.new_address = va_arg(list, void *);        \
		va_end(list);                                           \
	} while (0)

/* @watched: only regions of contexts that asked for it; @real does it. */
int hf_memory_munmap(void *addr, size_t length, bool watched,
		     int (*real)(void *, size_t));
int hf_memory_madvise(void *addr, size_t length, int advice, bool watched,
		      int (*real)(void *, size_t, int));
void *hf_memory_mremap(const struct hf_mremap *args, bool watched,
		       void *(*real)(void *, size_t, size_t, int, ...));

#endif
