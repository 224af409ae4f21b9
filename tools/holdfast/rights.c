// SPDX-License-Identifier: GPL-2.0
/* What the caller is allowed, see rights.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "holdfast.h"
#include "rights.h"
#include "tool.h"

/* The kernel asks the same for the events of a filesystem as for its leases. */
int sees_all_leases(void)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int watch;

	if (fd < 0) {
		failed("/: %s", strerror(errno));
		return -1;
	}
	watch = hf_watch_filesystem(fd);
	close(fd);
	if (watch >= 0) {
		close(watch);
		return 1;
	}
	if (watch == -EPERM || watch == -EACCES)
		return 0;
	failed("%s", hf_error());
	return -1;
}
