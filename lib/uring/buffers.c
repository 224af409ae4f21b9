// SPDX-License-Identifier: LGPL-2.1-or-later
/* Fixed buffers that are a file, see holdfast_uring.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal/visibility.h"
#include "holdfast_uring.h"

/**
 * struct hf_uring - see hf_uring_register_buffers()
 * @ring: @first: where they are registered
 * @file: a descriptor of the file
 * @offset: of the first buffer in it
 * @addr: @size: @count: of the buffers
 * @registered: how many of them the ring has
 */
struct hf_uring {
	struct io_uring *ring;
	unsigned int first;
	int file;
	off_t offset;
	char *addr;
	size_t size;
	unsigned int count;
	unsigned int registered;
};

/* One place of the table. */
static int place(const struct hf_uring *buffers, unsigned int i, void *addr,
		 size_t size)
{
	const struct iovec iovec = { addr, size };
	int ret = io_uring_register_buffers_update_tag(
		buffers->ring, buffers->first + i, &iovec, NULL, 1);

	return ret < 0 ? ret : 0;
}

/* The last one first; after a failure as many are left as @registered says. */
static int empty(struct hf_uring *buffers)
{
	while (buffers->registered) {
		int ret = place(buffers, buffers->registered - 1, NULL, 0);

		if (ret)
			return ret;
		buffers->registered--;
	}
	return 0;
}

/* The first @count of them, or none. */
static int fill(struct hf_uring *buffers, unsigned int count)
{
	while (buffers->registered < count) {
		int ret = place(buffers, buffers->registered,
				buffers->addr +
					buffers->registered * buffers->size,
				buffers->size);

		if (ret) {
			empty(buffers);
			return ret;
		}
		buffers->registered++;
	}
	return 0;
}

HF_EXPORT int hf_uring_register_buffers(struct io_uring *ring,
					unsigned int first, int fd,
					off_t offset, size_t length,
					unsigned int count,
					struct hf_uring **to)
{
	struct hf_uring *buffers;
	void *addr;
	int ret;

	if (!count || !length || length % count)
		return -EINVAL;
	buffers = malloc(sizeof(*buffers));
	if (!buffers)
		return -ENOMEM;
	*buffers = (struct hf_uring){
		.ring = ring,
		.first = first,
		.file = fcntl(fd, F_DUPFD_CLOEXEC, 0),
		.offset = offset,
		.size = length / count,
		.count = count,
	};
	if (buffers->file < 0) {
		ret = -errno;
		goto free;
	}
	addr = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    offset);
	if (addr == MAP_FAILED) {
		ret = -errno;
		goto close;
	}
	buffers->addr = addr;
	ret = fill(buffers, count);
	if (ret)
		goto unmap;
	*to = buffers;
	return 0;

unmap:
	munmap(addr, length);
close:
	close(buffers->file);
free:
	free(buffers);
	return ret;
}

HF_EXPORT int hf_uring_break(struct hf_uring *buffers)
{
	return empty(buffers);
}

HF_EXPORT int hf_uring_restore(struct hf_uring *buffers)
{
	uint64_t reach;
	size_t fit;
	int ret = empty(buffers);

	/* The kernel would wait, too, with the ring locked. */
	if (!ret)
		ret = hf_await_changes(buffers->file, buffers->offset,
				       buffers->size * buffers->count, &reach);
	if (ret)
		return ret;
	fit = reach / buffers->size;
	if (!fit)
		return -ENXIO;
	ret = fill(buffers, fit);
	/* Beyond the end of the file: the next change has moved that. */
	return ret == -EFAULT ? -EAGAIN : ret;
}

HF_EXPORT void hf_uring_query(const struct hf_uring *buffers,
			      struct hf_uring_info *info)
{
	*info = (struct hf_uring_info){
		.addr = buffers->addr,
		.size = buffers->size,
		.first = buffers->first,
		.count = buffers->count,
		.registered = buffers->registered,
	};
}

HF_EXPORT int hf_uring_unregister_buffers(struct hf_uring *buffers)
{
	int ret;

	if (!buffers)
		return 0;
	ret = empty(buffers);
	if (ret)
		return ret;
	munmap(buffers->addr, buffers->size * buffers->count);
	close(buffers->file);
	free(buffers);
	return 0;
}
