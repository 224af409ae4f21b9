// SPDX-License-Identifier: LGPL-2.1-or-later
/* The break time of a lease whose program passes none. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "break-time.h"

/*
 * What fcntl leases give their holders, so that an administrator sets one
 * value for both. 0 means the same there: no limit, for us no less than the
 * module's cap.
 */
unsigned int hf_default_break_ms(void)
{
	int fd = open("/proc/sys/fs/lease-break-time", O_RDONLY | O_CLOEXEC);
	unsigned long seconds;
	char text[24], *end;
	ssize_t length;

	if (fd < 0)
		return 0; /* the module's default */
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return 0;
	text[length] = '\0';
	seconds = strtoul(text, &end, 10);
	if (end == text)
		return 0;
	if (!seconds || seconds > UINT32_MAX / 1000)
		return UINT32_MAX;
	return seconds * 1000;
}
