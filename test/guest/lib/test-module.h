/* SPDX-License-Identifier: GPL-2.0 */
/* The modules of test/kmod. */
#ifndef HOLDFAST_TEST_MODULE_H
#define HOLDFAST_TEST_MODULE_H

#include <sys/syscall.h>

#include "common.h"

/* Also if it is there already. */
static inline void test_module_load(const char *name)
{
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/src/build/test-kmod/%s/%s.ko",
		 kernel ? kernel : "", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
		tap_bail("%s: %s", path, strerror(errno));
	close(fd);
}

#endif
