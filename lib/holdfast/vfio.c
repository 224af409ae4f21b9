// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A leased file in a VFIO container (type1). It is unmapped and mapped again as
 * a whole: type1 exchanges nothing, so there is a gap in which DMA faults.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "internal/clock.h"
#include "error.h"
#include "internal/vfio-label.h"
#include "internal/visibility.h"

struct hf_vfio {
	int container, file;
	uint64_t iova, id; /* of the lease */
	off_t offset;
	size_t length;
	size_t mapped; /* of the file, from the start */
	bool broken;
	char *addr;
	/* For HF_VFIO_REDIRECT: what the device sees, and saw first. */
	unsigned int policy;
	char *shadow, *before;
	uint64_t written, gap_ns;
	int label;
};

static void gap_end(struct hf_vfio *vfio, uint64_t began)
{
	uint64_t gap = hf_clock_ns() - began;

	if (gap > vfio->gap_ns)
		vfio->gap_ns = gap;
}

/* 0 or a negative errno value. */
static int dma_map(const struct hf_vfio *vfio, const void *addr, size_t at,
		   size_t length)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)addr,
		.iova = vfio->iova + at,
		.size = length,
	};

	if (!length)
		return 0;
	return ioctl(vfio->container, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

/* All there is; nothing, where the agent was faster, is no error. */
static int dma_unmap(const struct hf_vfio *vfio)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.iova = vfio->iova,
		.size = vfio->length,
	};

	return ioctl(vfio->container, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno
								    : 0;
}

/* After what it tells has gone, and before what it tells has come. */
static int set_label(const struct hf_vfio *vfio, size_t length)
{
	const struct hf_vfio_label label = {
		.magic = HF_VFIO_LABEL_MAGIC,
		.lease = length ? vfio->id : 0,
		.addr = (uintptr_t)vfio->addr,
		.iova = vfio->iova,
		.length = length,
		.container = vfio->container,
	};

	return pwrite(vfio->label, &label, sizeof(label), 0) == sizeof(label)
		       ? 0
		       : -errno;
}

static int map_shadow(struct hf_vfio *vfio, size_t at)
{
	if (vfio->policy != HF_VFIO_REDIRECT)
		return 0;
	return dma_map(vfio, vfio->shadow + at, at, vfio->length - at);
}

/* The first @length bytes of the file, the rest of the shadow. */
static int map_file(struct hf_vfio *vfio, size_t length)
{
	int err = set_label(vfio, length);

	if (!err)
		err = dma_map(vfio, vfio->addr, 0, length);
	if (!err) {
		err = map_shadow(vfio, length);
		if (err)
			dma_unmap(vfio);
	}
	if (err) {
		set_label(vfio, 0);
		return err;
	}
	vfio->mapped = length;
	return 0;
}

/*
 * Before anything is unmapped, so that the change still waits. It may have the
 * file's lock, so not by read(2), but from the mapping; and by a system call, as
 * the end of the file may be in there where it is too late.
 */
static void fill_shadow(struct hf_vfio *vfio)
{
	size_t done = 0;
	ssize_t n;

	do {
		struct iovec to = { vfio->before + done, vfio->length - done };
		struct iovec from = { vfio->addr + done, vfio->length - done };

		n = process_vm_readv(getpid(), &to, 1, &from, 1, 0);
		if (n > 0)
			done += n;
	} while (n > 0 && done < vfio->length);
	memset(vfio->before + done, 0, vfio->length - done);
	memcpy(vfio->shadow, vfio->before, vfio->length);
}

static uint64_t count_written(const struct hf_vfio *vfio)
{
	size_t page = sysconf(_SC_PAGESIZE);
	uint64_t written = 0;

	for (size_t at = 0; at < vfio->length; at += page)
		if (memcmp(vfio->shadow + at, vfio->before + at, page))
			written += page;
	return written;
}

static int fail(const struct hf_vfio *vfio, int err)
{
	struct hf_facts facts = {
		.call = HF_CALL_VFIO,
		.err = -err,
		.fd = vfio->container,
		.offset = vfio->offset,
		.length = vfio->length,
	};

	return hf_fail(&facts);
}

static void *anonymous(size_t length)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

static void vfio_free(struct hf_vfio *vfio)
{
	if (vfio->addr)
		munmap(vfio->addr, vfio->length);
	if (vfio->shadow)
		munmap(vfio->shadow, vfio->length);
	if (vfio->before)
		munmap(vfio->before, vfio->length);
	if (vfio->label >= 0)
		close(vfio->label);
	if (vfio->file >= 0)
		close(vfio->file);
	free(vfio);
}

/* What a break needs is had now: then there is no time for failures. */
static int vfio_prepare(struct hf_vfio *vfio, int lease, int file)
{
	struct holdfast_query query;
	void *map;
	int err;

	if (vfio->policy > HF_VFIO_REDIRECT || !vfio->length)
		return fail(vfio, -EINVAL);
	err = hf_query(lease, &query);
	if (err)
		return err;
	vfio->id = query.id;
	vfio->file = fcntl(file, F_DUPFD_CLOEXEC, 0);
	if (vfio->file < 0)
		return fail(vfio, -errno);
	map = mmap(NULL, vfio->length, PROT_READ | PROT_WRITE, MAP_SHARED,
		   vfio->file, vfio->offset);
	if (map == MAP_FAILED)
		return fail(vfio, -errno);
	vfio->addr = map;
	vfio->label = memfd_create(HF_VFIO_LABEL, MFD_CLOEXEC);
	if (vfio->label < 0)
		return fail(vfio, -errno);
	if (vfio->policy != HF_VFIO_REDIRECT)
		return 0;
	vfio->shadow = anonymous(vfio->length);
	vfio->before = anonymous(vfio->length);
	if (!vfio->shadow || !vfio->before)
		return fail(vfio, -ENOMEM);
	return 0;
}

HF_EXPORT int hf_vfio_map(int container, uint64_t iova, int lease, int file,
			  off_t offset, size_t length,
			  const struct hf_vfio_attr *attr, struct hf_vfio **to)
{
	struct hf_vfio *vfio = malloc(sizeof(*vfio));
	int err;

	if (!vfio) {
		struct hf_facts facts = {
			.call = HF_CALL_VFIO,
			.err = ENOMEM,
			.fd = container,
		};

		return hf_fail(&facts);
	}
	*vfio = (struct hf_vfio){
		.container = container,
		.file = -1,
		.iova = iova,
		.offset = offset,
		.length = length,
		.policy = attr ? attr->policy : HF_VFIO_UNMAP,
		.label = -1,
	};
	err = vfio_prepare(vfio, lease, file);
	if (!err) {
		err = map_file(vfio, length);
		if (err)
			fail(vfio, err);
	}
	if (err) {
		vfio_free(vfio);
		return err;
	}
	*to = vfio;
	return 0;
}

HF_EXPORT int hf_vfio_break(struct hf_vfio *vfio)
{
	uint64_t began;
	int err;

	if (vfio->broken)
		return 0;
	if (vfio->policy == HF_VFIO_REDIRECT)
		fill_shadow(vfio);
	began = hf_clock_ns();
	err = dma_unmap(vfio);
	if (err)
		return fail(vfio, err);
	vfio->broken = true;
	vfio->mapped = 0;
	err = set_label(vfio, 0);
	if (!err && vfio->policy == HF_VFIO_REDIRECT) {
		err = map_shadow(vfio, 0);
		gap_end(vfio, began);
	}
	return err ? fail(vfio, err) : 0;
}

/* Where the device finds the shadow, it finds it again after a failure. */
static int vfio_switch(struct hf_vfio *vfio, size_t length)
{
	uint64_t began = hf_clock_ns();
	int err = dma_unmap(vfio);

	if (err)
		return err;
	err = map_file(vfio, length);
	if (err)
		map_shadow(vfio, 0);
	if (vfio->policy == HF_VFIO_REDIRECT)
		gap_end(vfio, began);
	return err;
}

HF_EXPORT int hf_vfio_restore(struct hf_vfio *vfio)
{
	uint64_t length;
	int err;

	if (!vfio->broken)
		return 0;
	/* While the device has the shadow; in the gap the kernel would wait. */
	err = hf_await_changes(vfio->file, vfio->offset, vfio->length, &length);
	if (err)
		return err;
	err = vfio_switch(vfio, length);
	/* Beyond the end of the file: the next change has moved that. */
	if (err == -EFAULT)
		err = -EAGAIN;
	if (err)
		return fail(vfio, err);
	vfio->broken = false;
	if (vfio->policy == HF_VFIO_REDIRECT)
		vfio->written = count_written(vfio);
	return 0;
}

HF_EXPORT void hf_vfio_query(const struct hf_vfio *vfio,
			     struct hf_vfio_info *info)
{
	*info = (struct hf_vfio_info){
		.addr = vfio->addr,
		.length = vfio->mapped,
		.shadow = vfio->shadow,
		.before = vfio->before,
		.written = vfio->written,
		.gap_ns = vfio->gap_ns,
	};
}

HF_EXPORT int hf_vfio_unmap(struct hf_vfio *vfio)
{
	int err = dma_unmap(vfio);

	if (err)
		return fail(vfio, err);
	vfio_free(vfio);
	return 0;
}
