// SPDX-License-Identifier: GPL-2.0
/* No lease is exported as a dma-buf unless the administrator allows it. */
#define _GNU_SOURCE
#include <sys/syscall.h>

#include "parameter.h"

#define PATH	  PMEM "dmabuf-off"
#define LENGTH	  4096UL
#define PARAMETER PARAMETERS "dmabuf_export"

/* As it is when it has just been loaded. */
static void module_reload(void)
{
	int fd;

	for (int i = 0; syscall(SYS_delete_module, "holdfast", O_NONBLOCK);
	     i++) {
		if (i == 100)
			tap_bail("the module does not go: %s", strerror(errno));
		usleep(SOON * 10);
	}
	fd = open("/run/lab/holdfast.ko", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		tap_bail("the module: %s", strerror(errno));
	close(fd);
	if (chmod(HOLDFAST_DEVICE, 0666))
		tap_bail("%s: %s", HOLDFAST_DEVICE, strerror(errno));
}

static int export(int lease)
{
	int dmabuf = hf_export_dmabuf(lease, 0, LENGTH);

	if (dmabuf < 0)
		return dmabuf;
	close(dmabuf);
	return 0;
}

int main(void)
{
	int fd = file_make(PATH, LENGTH), lease;

	module_reload();
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, 0);
	tap_is(export(lease), -EOPNOTSUPP, "as it is loaded: EOPNOTSUPP");
	tap_ok(strstr(hf_error(), "dmabuf_export"), "%s", hf_error());
	parameter_set("dmabuf_export", 1);
	tap_is(export(lease), 0, "switched on");
	parameter_set("dmabuf_export", 0);
	tap_is(export(lease), -EOPNOTSUPP, "switched off again");
	close(lease);
	close(fd);
	unlink(PATH);
	return tap_done();
}
