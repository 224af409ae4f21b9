// SPDX-License-Identifier: GPL-2.0
/*
 * The consumers of a lease, see consumers.h.
 *
 * The kernel knows that a page is pinned, and not by whom. But a process that maps a
 * lease has descriptors, and for some of them the kernel tells what memory they have
 * registered: its address, which lies in the mapping or does not. For VFIO and dma-bufs
 * the library leaves labels with the lease's number. The rest is said to be of a kind
 * that is not known.
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
#include "dmabuf.h"
#include "mappings.h"
#include "process.h"
#include "size.h"
#include "tool.h"
#include "uring.h"
#include "uverbs.h"
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

static const struct {
	const char *name;
	const char *json;
	int type;
	int flags;
} columns[] = {
	[LEASE] = { "LEASE", "lease", SCOLS_JSON_NUMBER, SCOLS_FL_RIGHT },
	[KIND] = { "KIND", "kind", SCOLS_JSON_STRING, 0 },
	[PID] = { "PID", "pid", SCOLS_JSON_NUMBER, SCOLS_FL_RIGHT },
	[COMMAND] = { "COMMAND", "command", SCOLS_JSON_STRING, 0 },
	[ADDRESS] = { "ADDRESS", "address", SCOLS_JSON_STRING, SCOLS_FL_RIGHT },
	[SIZE] = { "SIZE", "size", SCOLS_JSON_NUMBER, SCOLS_FL_RIGHT },
	[DETAIL] = { "DETAIL", "detail", SCOLS_JSON_STRING, 0 },
};

/* The lease that is looked at. */
struct look {
	struct consumers *consumers;
	const struct hf_report_entry *lease;
	struct mappings mappings;
	unsigned int found;
	int err;

	/* And the file. */
	const struct process *process;
	int fd; /* there */
};

#define NOWHERE UINT64_MAX

/* One consumer; @addr NOWHERE, @size 0: not known. */
__attribute__((format(printf, 6, 7))) static void
line(struct look *look, const char *kind, pid_t pid, uint64_t addr,
     uint64_t size, const char *fmt, ...)
{
	struct libscols_line *line =
		scols_table_new_line(look->consumers->lines, NULL);
	char text[160], name[PROCESS_NAME_ROOM], room[SIZE_ROOM];
	bool exact = look->consumers->exact || look->consumers->json;
	int err = line ? 0 : -ENOMEM;
	va_list args;

	look->found++;
	snprintf(text, sizeof(text), "%" PRIu64, look->lease->id);
	err = err ?: scols_line_set_data(line, LEASE, text);
	err = err ?: scols_line_set_data(line, KIND, kind);
	snprintf(text, sizeof(text), "%d", pid);
	if (pid) {
		err = err ?: scols_line_set_data(line, PID, text);
		err = err
			      ?: scols_line_set_data(line, COMMAND,
						     process_name(name, pid));
	}
	snprintf(text, sizeof(text), "%#" PRIx64, addr);
	if (addr != NOWHERE)
		err = err ?: scols_line_set_data(line, ADDRESS, text);
	if (size)
		err = err
			      ?: scols_line_set_data(line, SIZE,
						     size_text(room, size,
							       exact));
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err = err ?: scols_line_set_data(line, DETAIL, text);
	for (int i = 0; !look->consumers->json && !err && i < COLUMNS; i++)
		if (!scols_cell_get_data(scols_line_get_cell(line, i)))
			err = scols_line_set_data(line, i, "-");
	if (err)
		look->err = -ENOMEM;
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
		    !mappings_meet(&look->mappings, look->process->pid, mr.iova,
				   mr.length))
			continue;
		line(look, "verbs", look->process->pid, mr.iova, mr.length,
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

	if (mappings_meet(&look->mappings, look->process->pid, addr, length))
		line(look, "io_uring", look->process->pid, addr, length,
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
	line(look, "vfio", look->process->pid, label.iova, label.length,
	     "descriptor %d; the address is the device's", label.container);
}

/* Open it may be in many places; a consumer is the device that is attached. */
static void look_at_dmabuf(struct look *look)
{
	char devices[DMABUF_DEVICES_ROOM];
	struct dmabuf dmabuf;
	FILE *file;

	if (dmabuf_read(look->process, look->fd, &dmabuf) ||
	    dmabuf.lease != look->lease->id)
		return;
	file = fopen(DMABUF_BUFINFO, "re");
	if (!file)
		return; /* guess_at_dmabuf() */
	if (dmabuf_devices(devices, file, dmabuf.inode))
		line(look, "dma-buf", look->process->pid, NOWHERE, dmabuf.size,
		     "descriptor %d, attached: %s", look->fd, devices);
	fclose(file);
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
	case FILE_DMABUF:
		look_at_dmabuf(look);
		break;
	default:
		break;
	}
	return look->err;
}

/* Without debugfs, which is not mounted or which a locked kernel does not open. */
static void guess_at_dmabuf(struct look *look)
{
	struct dmabuf dmabuf;

	if (access(DMABUF_BUFINFO, R_OK) &&
	    !dmabuf_read(look->process, look->fd, &dmabuf) &&
	    dmabuf.lease == look->lease->id)
		line(look, "dma-buf", look->process->pid, NOWHERE, dmabuf.size,
		     "descriptor %d; debugfs would tell whether a device has it",
		     look->fd);
}

/* What may be one, where nothing else explains the pins. */
static int guess_at_file(const struct process *process, int fd,
			 enum file_kind kind, void *arg)
{
	struct look *look = arg;

	look->fd = fd;
	if (kind == FILE_VFIO)
		line(look, "vfio", process->pid, NOWHERE, 0,
		     "descriptor %d; the kernel does not tell what is mapped",
		     fd);
	else if (kind == FILE_DMABUF)
		guess_at_dmabuf(look);
	return look->err;
}

static void each_process(struct look *look,
			 int (*fn)(const struct process *process, int fd,
				   enum file_kind kind, void *arg))
{
	const struct hf_report_entry *lease = look->lease;

	for (size_t i = 0; i < lease->mapper_count && !look->err; i++) {
		struct process process;

		if (process_open(&process, lease->mappers[i]))
			continue; /* it has ended */
		look->process = &process;
		process_each_file(&process, fn, look);
		process_close(&process);
	}
}

static void tell_unknown(struct look *look)
{
	const struct hf_report_entry *lease = look->lease;

	for (size_t i = 0; i < lease->mapper_count; i++)
		line(look, "unknown", lease->mappers[i], NOWHERE, 0,
		     "this process has mapped the lease");
	if (!lease->mapper_count)
		line(look, "unknown", 0, NOWHERE, 0,
		     "no process maps the lease");
}

int consumers_add(const struct hf_report_entry *entry, void *arg)
{
	struct look look = { .consumers = arg, .lease = entry };

	if (!entry->pinned)
		return 0;
	look.err = mappings_read(&look.mappings, entry->id);
	if (look.err)
		return look.err;
	each_process(&look, look_at_file);
	if (!look.found)
		each_process(&look, guess_at_file);
	if (!look.found && !look.err)
		tell_unknown(&look);
	mappings_free(&look.mappings);
	return look.err;
}

int consumers_make(struct consumers *consumers)
{
	struct libscols_table *lines = scols_new_table();

	if (!lines)
		return -ENOMEM;
	consumers->lines = lines;
	scols_table_enable_json(lines, consumers->json);
	if (scols_table_set_name(lines, "consumers"))
		return -ENOMEM;
	for (int i = 0; i < COLUMNS; i++) {
		struct libscols_column *column = scols_table_new_column(
			lines,
			consumers->json ? columns[i].json : columns[i].name, 0,
			columns[i].flags);

		if (!column ||
		    scols_column_set_json_type(column, columns[i].type))
			return -ENOMEM;
	}
	return 0;
}

void consumers_end(struct consumers *consumers)
{
	scols_unref_table(consumers->lines);
}
