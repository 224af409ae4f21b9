// SPDX-License-Identifier: GPL-2.0
/*
 * The consumers of a lease, see consumers.h.
 *
 * The module has recorded which process pinned which addresses, for which kind of
 * consumer. That process has descriptors, and for some of them the kernel reports what
 * memory they have registered; for VFIO the library leaves labels. A record that none
 * of them explains is shown as it is.
 */
#include <errno.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumers.h"
#include "grid.h"
#include "pinned.h"
#include "process.h"
#include "size.h"
#include "tool.h"
#include "uring.h"
#include "internal/uverbs.h"
#include "vfio.h"

enum column {
	LEASE,
	KIND,
	PID,
	COMMAND,
	ADDRESS,
	SIZE,
	DETAIL,
	COLUMNS
};

#define BOTH (GRID_TABLE | GRID_JSON)

static const struct grid_column columns[COLUMNS] = {
	[LEASE] = { "LEASE", SCOLS_JSON_NUMBER, BOTH },
	[KIND] = { "KIND", SCOLS_JSON_STRING, BOTH },
	[PID] = { "PID", SCOLS_JSON_NUMBER, BOTH },
	[COMMAND] = { "COMMAND", SCOLS_JSON_STRING, BOTH },
	[ADDRESS] = { "ADDRESS", SCOLS_JSON_STRING, BOTH },
	[SIZE] = { "SIZE", SCOLS_JSON_NUMBER, BOTH },
	[DETAIL] = { "DETAIL", SCOLS_JSON_STRING, BOTH },
};

/* The lease that is looked at. */
struct look {
	struct consumers *consumers;
	const struct hf_report_entry *lease;
	struct pinned pinned;
	bool *explained; /* its records */
	int err;

	/* The process that made some of them, NULL: it has ended. */
	const struct process *process;
	int fd; /* of the file that is looked at */
};

/* One consumer. */
__attribute__((format(printf, 6, 7))) static void
line(struct look *look, const char *kind, pid_t pid, uint64_t addr,
     uint64_t size, const char *fmt, ...)
{
	const struct grid_view *view = &look->consumers->view;
	char lease[SIZE_ROOM], number[SIZE_ROOM], address[SIZE_ROOM],
		room[SIZE_ROOM], name[PROCESS_NAME_ROOM], detail[160];
	const char *texts[COLUMNS] = {
		[LEASE] = size_text(lease, look->lease->id, true),
		[KIND] = kind,
		[PID] = size_text(number, pid, true),
		[ADDRESS] = address,
		[SIZE] = size_text(room, size, view->exact || view->json),
		[DETAIL] = detail,
	};
	va_list args;

	if (look->process)
		texts[COMMAND] = process_name(name, pid);
	snprintf(address, sizeof(address), "%#" PRIx64, addr);
	va_start(args, fmt);
	vsnprintf(detail, sizeof(detail), fmt, args);
	va_end(args);
	if (grid_add(look->consumers->lines, view->json, columns, COLUMNS,
		     texts))
		look->err = -ENOMEM;
}

/* Whether something explains records of the lease; notes which. */
static bool explains(struct look *look, unsigned int consumer, uint64_t addr,
		     uint64_t length)
{
	bool any = false;

	for (size_t i = 0; i < look->pinned.count; i++) {
		const struct pinned one = { &look->pinned.list[i], 1 };

		if (pinned_meet(&one, look->process, consumer, addr, length))
			any = look->explained[i] = true;
	}
	return any;
}

static void look_at_mrs(struct look *look, int fd)
{
	uint32_t *handles = calloc(UVERBS_MRS_MAX, sizeof(*handles));
	int driver = uverbs_driver(fd), count = 0;
	char device[UVERBS_NAME_ROOM];
	struct uverbs_mr mr;

	if (!handles)
		look->err = -ENOMEM;
	else if (driver >= 0)
		count = uverbs_mr_list(fd, driver, handles);
	for (int i = 0; i < count; i++) {
		if (uverbs_mr_query(fd, driver, handles[i], &mr) ||
		    !explains(look, HOLDFAST_CONSUMER_MR, mr.iova, mr.length))
			continue;
		line(look, "mr", look->process->pid, mr.iova, mr.length,
		     "%s, region %u, lkey %#x, rkey %#x",
		     uverbs_device_name(device, fd), handles[i], mr.lkey,
		     mr.rkey);
	}
	free(handles);
}

static int look_at_buffer(unsigned int index, uint64_t addr, uint64_t length,
			  void *arg)
{
	struct look *look = arg;

	if (explains(look, HOLDFAST_CONSUMER_BUFFER, addr, length))
		line(look, "buffer", look->process->pid, addr, length,
		     "descriptor %d, buffer %u", look->fd, index);
	return 0;
}

static void look_at_label(struct look *look)
{
	struct hf_vfio_label label;
	int own;

	if (vfio_label_read(look->process, look->fd, &label) ||
	    label.lease != look->lease->id)
		return;
	own = vfio_container_borrow(look->process, &label);
	if (own < 0)
		return;
	close(own);
	if (!explains(look, HOLDFAST_CONSUMER_VFIO, label.addr, label.length))
		return;
	line(look, "vfio", look->process->pid, label.iova, label.length,
	     "descriptor %d; the address is the device's", label.container);
}

static int look_at_file(const struct process *process, int fd,
			enum file_kind kind, void *arg)
{
	struct look *look = arg;
	int own;

	look->fd = fd;
	switch (kind) {
	case FILE_UVERBS:
		own = process_borrow(process, fd);
		if (own < 0)
			break;
		look_at_mrs(look, own);
		close(own);
		break;
	case FILE_URING:
		uring_each_buffer(process, fd, look_at_buffer, look);
		break;
	case FILE_VFIO_LABEL:
		look_at_label(look);
		break;
	default:
		break;
	}
	return look->err;
}

/* One that ends has no files; what it pinned is recorded even so. */
static void look_at_files(struct look *look)
{
	int err = process_each_file(look->process, look_at_file, look);

	if (err && err != -ESRCH)
		look->err = err;
}

static void show_the_rest(struct look *look, size_t first)
{
	for (size_t i = first; i < look->pinned.count; i++) {
		const struct hf_pins_entry *pin = &look->pinned.list[i];

		if (look->explained[i] ||
		    pin->pid != look->pinned.list[first].pid ||
		    pin->start_ns != look->pinned.list[first].start_ns)
			continue;
		line(look, hf_consumer_name(pin->consumer), pin->pid,
		     pin->address, pin->length,
		     look->process
			     ? "recorded; no descriptor of the process has it"
			     : "recorded; the process has ended");
	}
}

/* The process of the record @first, and all records that are of it. */
static void look_at_process(struct look *look, size_t first)
{
	struct process process;
	int err = process_open(&process, look->pinned.list[first].pid,
			       look->pinned.list[first].start_ns);

	if (err && err != -ESRCH) {
		look->err = err;
		return;
	}
	look->process = err ? NULL : &process;
	if (look->process)
		look_at_files(look);
	show_the_rest(look, first);
	if (look->process)
		process_close(&process);
}

int consumers_add(const struct hf_report_entry *entry, void *arg)
{
	struct look look = { .consumers = arg, .lease = entry };

	look.err = pinned_read(&look.pinned, entry->id);
	if (look.err)
		return look.err;
	look.explained = calloc(look.pinned.count + 1, sizeof(bool));
	if (!look.explained)
		look.err = -ENOMEM;
	for (size_t i = 0; i < look.pinned.count && !look.err; i++)
		if (pinned_is_first(&look.pinned, i) &&
		    is_one_of(&look.consumers->people, look.pinned.list[i].uid,
			      &look.pinned.list[i].pid, 1))
			look_at_process(&look, i);
	free(look.explained);
	pinned_free(&look.pinned);
	return look.err;
}

int consumers_make(struct consumers *consumers)
{
	return grid_open("consumers", &consumers->view, columns, COLUMNS,
			 &consumers->lines);
}

void consumers_end(struct consumers *consumers)
{
	scols_unref_table(consumers->lines);
}
