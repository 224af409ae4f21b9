/* SPDX-License-Identifier: GPL-2.0 */
/* Hooks that depend on their caller, for tests that put tracers between the two. */
#ifndef HOLDFAST_TEST_HOOKED_CALLERS_H
#define HOLDFAST_TEST_HOOKED_CALLERS_H

#include <liburing.h>
#include <linux/fs.h>

#include "hooked.h"
#include "implicit.h"
#include "vfio.h"
#include "xdp.h"

#define CALLERS_PATH   PMEM "hooked-callers"
#define CALLERS_LENGTH (64 * 1024)

/* The only record of this process is of the consumer. */
static inline void caller_recorded(const char *what, const char *consumer)
{
	struct pin_record record = { 0 };

	tap_ok(pins_become(getpid(), 1) == 1 &&
		       pins_of(getpid(), &record, 1) == 1 &&
		       !strcmp(record.consumer, consumer),
	       "%s: the only record is of consumer %s (%s)", what, consumer,
	       record.consumer);
}

static inline void caller_vfio(const char *what, char *map)
{
	struct vfio vfio;

	if (!vfio_device()) {
		tap_skip("%s: no VFIO in this guest", what);
		return;
	}
	vfio = vfio_open();
	tap_is(vfio_map(&vfio, map, CALLERS_LENGTH, IOVA), 0,
	       "%s: VFIO maps it", what);
	caller_recorded(what, "vfio");
	vfio_unmap(&vfio, CALLERS_LENGTH, IOVA);
	vfio_close(&vfio);
	tap_is(pins_become(getpid(), 0), 0, "%s: the record goes", what);
}

/* A truncation waits outside of its system call, so a freeze completes. */
static inline void caller_truncates(const char *what, struct io_uring *ring)
{
	int dir = open(PMEM, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct change change =
		change_start("truncate", CALLERS_PATH, 0, 0, NULL);
	pid_t freezer;

	tap_ok(!change_done(&change, STILL), "%s: a truncation waits", what);
	freezer = child_fork();
	if (!freezer)
		_exit(ioctl(dir, FIFREEZE, 0) ? errno : 0);
	tap_is(child_wait(freezer, AT_ONCE), 0, "%s: a freeze completes", what);
	if (ioctl(dir, FITHAW, 0) && errno != EINVAL)
		tap_bail("thaw: %s", strerror(errno));
	io_uring_unregister_buffers(ring);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: the truncation is done", what);
	close(dir);
}

/* The drivers' pins and their ends, and do_truncate()'s call, are known. */
static inline void callers_known(const char *what)
{
	int fd = file_make(CALLERS_PATH, CALLERS_LENGTH), xdp, err;
	char *map = map_shared(fd, 0, CALLERS_LENGTH);
	struct iovec iovec = { map, CALLERS_LENGTH };
	int permission = implicit_allow(LONG_BREAK);
	struct io_uring ring;

	if (io_uring_queue_init(4, &ring, 0))
		tap_bail("io_uring: %s", strerror(errno));
	caller_vfio(what, map);
	xdp = xdp_socket();
	err = xdp_register(xdp, map, CALLERS_LENGTH);
	tap_is(err, 0, "%s: AF_XDP registers it", what);
	if (!err)
		caller_recorded(what, "umem");
	tap_is(io_uring_register_buffers(&ring, &iovec, 1), 0,
	       "%s: io_uring registers it", what);
	/* Its pages stay pinned, so only the unpinning ends the record. */
	close(xdp);
	caller_recorded(what, "buffer");
	caller_truncates(what, &ring);
	io_uring_queue_exit(&ring);
	munmap(map, CALLERS_LENGTH);
	close(permission);
	close(fd);
	unlink(CALLERS_PATH);
}

#endif
