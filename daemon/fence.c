// SPDX-License-Identifier: GPL-2.0
/*
 * Revocation from outside, see fence.h. It needs nothing of the holder, who may
 * be stopped or hung.
 *
 * A memory region or fixed buffer is the lease's when its address lies in a
 * mapping of the lease in the process whose it is. What the kernel knows of a
 * region is its address for the device: a region that was registered under
 * another one (ibv_reg_mr_iova(3)) is not recognised, and so not touched. What is mapped into
 * a VFIO container only a label of hf_vfio_map(3) tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fence.h"
#include "log.h"
#include "mappings.h"
#include "process.h"
#include "size.h"
#include "tool.h"
#include "uring.h"
#include "uverbs.h"
#include "vfio.h"

struct fencing {
	uint64_t lease;
	const struct mappings *mappings;
	struct fenced *fenced;

	/* Of the file that is looked at. */
	const struct process *process;
	int fd; /* ours */

	/* Of the process that is looked at. */
	bool has_vfio, has_label;
};

/* "process 512 (server)" */
#define HOLDER_ROOM (PROCESS_NAME_ROOM + 32)

static const char *holder_text(char room[HOLDER_ROOM],
			       const struct process *process)
{
	char name[PROCESS_NAME_ROOM];

	snprintf(room, HOLDER_ROOM, "process %d (%s)", process->pid,
		 process_name(name, process->pid));
	return room;
}

__attribute__((format(printf, 2, 3))) static void
left(const struct fencing *fencing, const char *fmt, ...)
{
	char *reasons = fencing->fenced->reasons;
	char holder[HOLDER_ROOM], reason[128];
	size_t length = strlen(reasons);
	va_list args;

	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	snprintf(reasons + length, sizeof(fencing->fenced->reasons) - length,
		 "%s%s: %s", length ? "; " : "",
		 holder_text(holder, fencing->process), reason);
}

static void gone(struct fencing *fencing, const char *what, uint64_t addr,
		 uint64_t length)
{
	char holder[HOLDER_ROOM], size[SIZE_ROOM];

	fencing->fenced->revoked++;
	say(LOG_NOTICE, "lease %" PRIu64 ": %s: %s, %s at %#" PRIx64,
	    fencing->lease, holder_text(holder, fencing->process), what,
	    size_text(size, length, false), addr);
}

static void fence_mr(struct fencing *fencing, int driver, uint32_t handle)
{
	char what[128], device[UVERBS_NAME_ROOM];
	struct uverbs_mr mr;
	int err = uverbs_mr_query(fencing->fd, driver, handle, &mr);

	if (err && err != -ENOENT)
		left(fencing, "memory region %u: cannot be looked at: %s",
		     handle, strerror(-err));
	if (err || !mappings_meet(fencing->mappings, fencing->process->pid,
				  mr.iova, mr.length))
		return;
	err = uverbs_mr_destroy(fencing->fd, driver, handle);
	if (err && err != -ENOENT) {
		left(fencing, "memory region %u: %s", handle,
		     err == -EBUSY ? "a memory window is bound to it"
				   : strerror(-err));
		return;
	}
	snprintf(what, sizeof(what),
		 "deregistered memory region %u of %s (lkey %#x, rkey %#x)",
		 handle, uverbs_device_name(device, fencing->fd), mr.lkey,
		 mr.rkey);
	gone(fencing, what, mr.iova, mr.length);
}

static int fence_mrs(struct fencing *fencing)
{
	int driver = uverbs_driver(fencing->fd);
	uint32_t *handles;
	int count;

	if (driver < 0)
		return driver;
	handles = calloc(UVERBS_MRS_MAX, sizeof(*handles));
	if (!handles)
		return -ENOMEM;
	count = uverbs_mr_list(fencing->fd, driver, handles);
	for (int i = 0; i < count; i++)
		fence_mr(fencing, driver, handles[i]);
	free(handles);
	return count == UVERBS_MRS_MAX ? -E2BIG : count < 0 ? count : 0;
}

static int fence_buffer(unsigned int index, uint64_t addr, uint64_t length,
			void *arg)
{
	struct fencing *fencing = arg;
	char what[64];
	int err;

	if (!mappings_meet(fencing->mappings, fencing->process->pid, addr,
			   length))
		return 0;
	err = uring_empty(fencing->fd, index);
	if (err) {
		left(fencing, "fixed buffer %u of an io_uring: %s", index,
		     err == -EEXIST ? "the ring takes orders of one thread "
				      "only (IORING_SETUP_SINGLE_ISSUER)"
				    : strerror(-err));
		return 0;
	}
	snprintf(what, sizeof(what), "unregistered fixed buffer %u of io_uring",
		 index);
	gone(fencing, what, addr, length);
	return 0;
}

static void fence_vfio(struct fencing *fencing, int fd)
{
	struct hf_vfio_label label;
	int64_t ret;

	if (vfio_label_read(fencing->process, fd, &label) ||
	    label.lease != fencing->lease)
		return;
	ret = vfio_unmap(fencing->process, &label);
	fencing->has_label |= ret >= 0;
	/* It may have gone that very moment. */
	if (ret > 0)
		gone(fencing, "unmapped from its VFIO container", label.iova,
		     ret);
	else if (ret < 0)
		left(fencing, "VFIO: %s",
		     ret == -ENOTTY || ret == -EBADF
			     ? "the container is not where its label says"
			     : strerror(-ret));
}

static int fence_file(const struct process *process, int fd,
		      enum file_kind kind, void *arg)
{
	struct fencing *fencing = arg;
	int err;

	if (kind == FILE_VFIO) {
		fencing->has_vfio = true;
		return 0;
	}
	if (kind == FILE_VFIO_LABEL) {
		fence_vfio(fencing, fd);
		return 0;
	}
	if (kind == FILE_DMABUF)
		return 0; /* the kernel asks who imports it */
	fencing->fd = process_borrow(process, fd);
	if (fencing->fd < 0)
		return fencing->fd == -EBADF ? 0 : fencing->fd;
	if (kind == FILE_UVERBS)
		err = fence_mrs(fencing);
	else
		err = uring_each_buffer(process, fd, fence_buffer, fencing);
	/* Soon: as long as we have it, the end of the process frees nothing. */
	close(fencing->fd);
	if (err == -E2BIG)
		left(fencing,
		     "more than %d memory regions: only the latest "
		     "were looked at",
		     UVERBS_MRS_MAX);
	else if (err)
		left(fencing, "%s: %s",
		     kind == FILE_UVERBS ? "RDMA device" : "io_uring",
		     err == -EBUSY ? "busy" : strerror(-err));
	return 0;
}

static bool known(const struct process *list, size_t count, pid_t pid)
{
	for (size_t i = 0; i < count; i++)
		if (list[i].pid == pid)
			return true;
	return false;
}

static int fence_processes(struct fencing *fencing,
			   const struct process *processes, size_t count)
{
	int err = 0;

	for (size_t i = 0; i < count; i++) {
		int ret;

		fencing->process = &processes[i];
		fencing->has_vfio = false;
		fencing->has_label = false;
		ret = process_each_file(&processes[i], fence_file, fencing);
		if (ret && ret != -ESRCH) {
			left(fencing, "its files: %s", strerror(-ret));
			err = ret;
		}
		if (fencing->has_vfio && !fencing->has_label)
			left(fencing,
			     "VFIO: what is mapped there is not known; "
			     "hf_vfio_map(3) would tell");
	}
	return fencing->fenced->revoked ? 0 : err;
}

int fence_lease(const struct hf_report_entry *lease, struct fenced *fenced)
{
	struct fencing fencing = { .lease = lease->id, .fenced = fenced };
	struct mappings mappings;
	struct process *processes;
	size_t count = 0;
	int err = mappings_read(&mappings, lease->id);

	*fenced = (struct fenced){ 0 };
	if (err)
		return err;
	processes = calloc(mappings.count + 1, sizeof(*processes));
	if (!processes) {
		mappings_free(&mappings);
		return -ENOMEM;
	}
	for (size_t i = 0; i < mappings.count; i++) {
		pid_t pid = mappings.list[i].pid;

		if (!known(processes, count, pid) &&
		    !process_open(&processes[count], pid))
			count++;
	}
	mappings_free(&mappings);
	/*
	 * Again, now that we hold on to the processes: one whose pid was given
	 * to another meanwhile has ended for us, and is not looked at.
	 */
	err = mappings_read(&mappings, lease->id);
	if (!err) {
		fencing.mappings = &mappings;
		err = fence_processes(&fencing, processes, count);
		mappings_free(&mappings);
	}
	while (count)
		process_close(&processes[--count]);
	free(processes);
	return err;
}
