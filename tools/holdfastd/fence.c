// SPDX-License-Identifier: GPL-2.0
/*
 * Revocation from outside, see fence.h. It needs nothing of the holder, who may
 * be stopped or hung.
 *
 * The module has recorded which process pinned which addresses, for which kind of
 * consumer. A memory region, fixed buffer or VFIO mapping of that process is taken
 * when it is of that kind and its address lies there. What the kernel knows of a
 * region is its address for the device: a region that was registered under
 * another one (ibv_reg_mr_iova(3)) is not recognised, and so not touched. What is
 * mapped into a VFIO container only a label of hf_vfio_map(3) tells.
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
#include "pinned.h"
#include "placeholder.h"
#include "process.h"
#include "size.h"
#include "uring.h"
#include "internal/uverbs.h"
#include "vfio.h"

struct fencing {
	const struct fence_job *job;
	struct fenced *fenced;

	/* Of the file that is looked at. */
	const struct process *process;
	int fd; /* ours */

	/* Of the process that is looked at. */
	bool has_label;
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

static void gone(struct fencing *fencing, const char *what,
		 unsigned int consumer, uint64_t addr, uint64_t length)
{
	const struct hf_pins_entry *pin = pinned_find(&fencing->job->pinned,
						      fencing->process,
						      consumer, addr, length);
	const struct about about = { .lease = pin ? pin->lease : 0,
				     .pid = fencing->process->pid,
				     .message_id = MESSAGE_REVOKED };
	char holder[HOLDER_ROOM], size[SIZE_ROOM];

	fencing->fenced->revoked++;
	say_about(LOG_NOTICE, &about,
		  "lease %" PRIu64 ": %s: %s, %s at %#" PRIx64, about.lease,
		  holder_text(holder, fencing->process), what,
		  size_text(size, length, false), addr);
}

/*
 * Whether the process still has pins of this kind that the change waits for: a
 * region that pins nothing (on-demand paging) cannot be told from one that does, so
 * what is larger stays when the pins are gone.
 */
static bool still_pinned(struct fencing *fencing, unsigned int consumer)
{
	const struct fence_job *job = fencing->job;
	struct pinned pinned;
	bool still;

	if (pinned_read_demands(&pinned, job->demands, job->demand_count))
		return true;
	still = pinned_for(&pinned, fencing->process, consumer);
	pinned_free(&pinned);
	return still;
}

static int compare_lengths(const void *a, const void *b)
{
	const struct uverbs_mr *one = a, *other = b;

	return (one->length > other->length) - (one->length < other->length);
}

/* The regions that may have the pins, the smallest first. How many, or -errno. */
static int candidates(struct fencing *fencing, int driver,
		      struct uverbs_mr **list)
{
	uint32_t *handles = calloc(UVERBS_MRS_MAX, sizeof(*handles));
	struct uverbs_mr *found = NULL;
	int total, count = 0;

	if (!handles)
		return -ENOMEM;
	total = uverbs_mr_list(fencing->fd, driver, handles);
	if (total > 0)
		found = calloc(total, sizeof(*found));
	if (total > 0 && !found)
		total = -ENOMEM;
	for (int i = 0; i < total; i++) {
		struct uverbs_mr mr;
		int err = uverbs_mr_query(fencing->fd, driver, handles[i], &mr);

		if (err && err != -ENOENT)
			left(fencing,
			     "memory region %u: cannot be looked at: %s",
			     handles[i], strerror(-err));
		if (!err &&
		    pinned_meet(&fencing->job->pinned, fencing->process,
				HOLDFAST_CONSUMER_MR, mr.iova, mr.length))
			found[count++] = mr;
	}
	free(handles);
	if (total == UVERBS_MRS_MAX)
		left(fencing,
		     "more than %d memory regions: only the latest were looked at",
		     UVERBS_MRS_MAX);
	if (total <= 0) {
		free(found);
		return total;
	}
	qsort(found, count, sizeof(*found), compare_lengths);
	*list = found;
	return count;
}

/* Its number does not become that of another object of the process. */
static void fence_mr(struct fencing *fencing, struct placeholders *placeholders,
		     const struct uverbs_mr *mr)
{
	char what[160], device[UVERBS_NAME_ROOM];
	int err = placeholders_prepare(placeholders, mr->handle);

	if (err) {
		left(fencing, "memory region %u: no placeholder for it: %s",
		     mr->handle, strerror(-err));
		return;
	}
	err = uverbs_mr_destroy(fencing->fd, placeholders->driver, mr->handle);
	if (err == -ENOENT)
		return;
	if (err) {
		left(fencing, "memory region %u: %s", mr->handle,
		     err == -EBUSY ? "a memory window is bound to it"
				   : strerror(-err));
		return;
	}
	err = placeholders_take(placeholders, mr->handle);
	snprintf(what, sizeof(what),
		 "deregistered memory region %u of %s (lkey %#x, rkey %#x)%s",
		 mr->handle, uverbs_device_name(device, fencing->fd), mr->lkey,
		 mr->rkey,
		 err ? "; its number has no placeholder, and may be another "
		       "object's"
		     : "");
	gone(fencing, what, HOLDFAST_CONSUMER_MR, mr->iova, mr->length);
}

static int fence_mrs(struct fencing *fencing)
{
	struct placeholders placeholders;
	int driver = uverbs_driver(fencing->fd);
	struct uverbs_mr *list = NULL;
	int count, err;

	if (driver < 0)
		return driver;
	count = candidates(fencing, driver, &list);
	if (count <= 0)
		return count;
	err = placeholders_begin(&placeholders, fencing->fd, driver);
	if (!err) {
		/* If there are at most as many regions as records, each region has a record. */
		bool each = (size_t)count <= pinned_count(&fencing->job->pinned,
							  HOLDFAST_CONSUMER_MR);

		for (int i = 0; i < count; i++) {
			if (!each &&
			    !still_pinned(fencing, HOLDFAST_CONSUMER_MR))
				break;
			fence_mr(fencing, &placeholders, &list[i]);
		}
		placeholders_end(&placeholders);
	}
	free(list);
	return err;
}

static int fence_buffer(unsigned int index, uint64_t addr, uint64_t length,
			void *arg)
{
	struct fencing *fencing = arg;
	char what[64];
	int err;

	if (!pinned_meet(&fencing->job->pinned, fencing->process,
			 HOLDFAST_CONSUMER_BUFFER, addr, length))
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
	gone(fencing, what, HOLDFAST_CONSUMER_BUFFER, addr, length);
	return 0;
}

static bool has_demand(const struct fence_job *job, uint64_t lease)
{
	for (size_t i = 0; i < job->demand_count; i++)
		if (job->demands[i].lease == lease)
			return true;
	return false;
}

static void fence_vfio(struct fencing *fencing, int fd)
{
	struct hf_vfio_label label;
	int64_t ret;

	if (vfio_label_read(fencing->process, fd, &label) ||
	    !has_demand(fencing->job, label.lease) ||
	    !pinned_meet(&fencing->job->pinned, fencing->process,
			 HOLDFAST_CONSUMER_VFIO, label.addr, label.length))
		return;
	ret = vfio_unmap(fencing->process, &label);
	fencing->has_label |= ret >= 0;
	/* It may have gone that very moment. */
	if (ret > 0)
		gone(fencing, "unmapped from its VFIO container",
		     HOLDFAST_CONSUMER_VFIO, label.addr, ret);
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

	if (kind == FILE_VFIO_LABEL) {
		fence_vfio(fencing, fd);
		return 0;
	}
	fencing->fd = process_borrow(process, fd);
	if (fencing->fd < 0)
		return fencing->fd == -EBADF ? 0 : fencing->fd;
	if (kind == FILE_UVERBS)
		err = fence_mrs(fencing);
	else
		err = uring_each_buffer(process, fd, fence_buffer, fencing);
	/* Soon: as long as we have it, the end of the process frees nothing. */
	close(fencing->fd);
	if (err)
		left(fencing, "%s: %s",
		     kind == FILE_UVERBS ? "RDMA device" : "io_uring",
		     err == -EBUSY ? "busy" : strerror(-err));
	return 0;
}

/* What cannot be taken from outside, whatever its files tell. */
static void name_the_rest(struct fencing *fencing)
{
	if (pinned_for(&fencing->job->pinned, fencing->process,
		       HOLDFAST_CONSUMER_VFIO) &&
	    !fencing->has_label)
		left(fencing, "VFIO: what is mapped there is not known; "
			      "hf_vfio_map(3) would tell");
	if (pinned_for(&fencing->job->pinned, fencing->process,
		       HOLDFAST_CONSUMER_UMEM))
		left(fencing,
		     "AF_XDP: packet memory goes only with its sockets");
}

int fence_process(const struct fence_job *job, struct fenced *fenced)
{
	struct fencing fencing = { .job = job, .fenced = fenced };
	struct process process;
	int err = process_open(&process, job->pid, job->start_ns);

	*fenced = (struct fenced){ 0 };
	if (err)
		return err == -ESRCH ? 0 : err;
	fencing.process = &process;
	err = process_each_file(&process, fence_file, &fencing);
	if (err && err != -ESRCH)
		left(&fencing, "its files: %s", strerror(-err));
	if (err != -ESRCH)
		name_the_rest(&fencing);
	process_close(&process);
	return fenced->revoked || err == -ESRCH ? 0 : err;
}
