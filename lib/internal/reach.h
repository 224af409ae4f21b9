/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How much of a range its file has: pins reach as far as the file. */
#ifndef HOLDFAST_REACH_H
#define HOLDFAST_REACH_H

#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0 and the bytes up to the page that the file ends in; -ENXIO if there are none. */
static inline int hf_reach(int fd, uint64_t offset, uint64_t length,
			   uint64_t *reach)
{
	uint64_t page = sysconf(_SC_PAGESIZE), end;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	end = ((uint64_t)st.st_size + page - 1) / page * page;
	if (end <= offset)
		return -ENXIO;
	*reach = end - offset < length ? end - offset : length;
	return 0;
}

#endif
