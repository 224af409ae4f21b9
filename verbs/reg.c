// SPDX-License-Identifier: LGPL-2.1-or-later
/* A region is made: with a lease, with on-demand paging, or of plain memory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "internal.h"

/* What munmap() and the like wait where no lease says: as fcntl leases do. */
#define BREAK_MS 45000

static int check(const struct hf_mr_attr *attr, size_t length, int access)
{
	const unsigned int odp = HF_MR_ODP | HF_MR_ODP_ONLY;
	unsigned int unknown = attr->flags & ~(odp | HF_MR_LEASE | HF_MR_FORK);

	if (unknown)
		return hf_vfail(EINVAL, "unknown flags %#x of a region",
				unknown);
	if (attr->flags & odp && attr->flags & HF_MR_LEASE)
		return hf_vfail(EINVAL, "HF_MR_LEASE, and HF_MR_ODP or "
					"HF_MR_ODP_ONLY: choose one");
	if (attr->flags & odp && attr->kind > HOLDFAST_BREAKABLE)
		return hf_vfail(EINVAL,
				"%s lease, and on-demand paging, which has "
				"none: choose one",
				attr->kind == HOLDFAST_EXCLUSIVE
					? "an exclusive"
					: "a rewriting");
	if (access & (IBV_ACCESS_ON_DEMAND | IBV_ACCESS_HUGETLB))
		return hf_vfail(EINVAL,
				"access %#x: for on-demand paging set "
				"HF_MR_ODP in the attributes; "
				"IBV_ACCESS_HUGETLB is not needed",
				access);
	if (!length)
		return hf_vfail(EINVAL, "length is zero");
	return 0;
}

/* --- the ways to register; each leaves the region as it was when it fails */

static int register_plain(struct hf_mr *mr, enum hf_backing backing,
			  struct ibv_mr **ibv)
{
	mr->backing = backing;
	*ibv = hf_register(mr, mr->asked);
	if (!*ibv)
		return hf_vfail(errno, "ibv_reg_mr%s: %s",
				backing == HF_BACKING_ODP ? " with on-demand "
							    "paging"
							  : "",
				strerror(errno));
	mr->length = mr->asked;
	return 0;
}

/* How a descriptor can be mapped. */
static int prot_of(int file)
{
	int flags = fcntl(file, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY
		       ? PROT_READ
		       : PROT_READ | PROT_WRITE;
}

/* Maps the range of the file where the program has not done so. */
static int map_file(struct hf_mr *mr)
{
	struct hf_area area;
	uint64_t reach;
	int ret;

	ret = hf_mr_reach(mr, &reach);
	if (ret)
		return ret;
	if (reach < mr->asked)
		return hf_vfail(ENXIO,
				"the range ends at %" PRIu64
				", beyond the end of the file: extend it first "
				"(ftruncate, fallocate)",
				(uint64_t)mr->file_offset + mr->asked);
	if (mr->addr)
		return 0;
	mr->addr = mmap(NULL, mr->asked, prot_of(mr->file), MAP_SHARED,
			mr->file, mr->file_offset);
	if (mr->addr == MAP_FAILED) {
		mr->addr = NULL;
		return hf_vfail(errno, "mmap: %s", strerror(errno));
	}
	ret = hf_area_look(mr->addr, mr->asked, &area);
	if (ret) {
		hf_raw_munmap(mr->addr, mr->asked);
		mr->addr = NULL;
		return hf_vfail(-ret, "/proc/self/maps: %s", strerror(-ret));
	}
	mr->owns_mapping = true;
	free(area.path);
	mr->mapped = area.mapped;
	return 0;
}

static int register_odp(struct hf_mr *mr, struct ibv_mr **ibv)
{
	int ret = map_file(mr);

	return ret ? ret : register_plain(mr, HF_BACKING_ODP, ibv);
}

static int register_leased(struct hf_mr *mr, struct ibv_mr **ibv)
{
	struct hf_attr attr = { .kind = mr->attr.kind,
				.break_ms = mr->attr.break_ms };
	struct holdfast_query query;
	int ret;

	mr->backing = HF_BACKING_LEASE;
	ret = hf_acquire(mr->file, mr->file_offset, mr->asked, &attr);
	if (ret < 0)
		return hf_vfail_lease(ret);
	mr->lease = ret;
	ret = hf_query(mr->lease, &query);
	if (ret) {
		hf_vfail_lease(ret);
		goto free_lease;
	}
	mr->lease_id = query.id;
	mr->break_ms = query.break_ms;
	ret = map_file(mr);
	if (ret)
		goto free_lease;
	*ibv = hf_mr_register_leased(mr, &mr->length, &ret);
	if (*ibv)
		return 0;

free_lease:
	hf_mr_free_lease(mr);
	return ret;
}

static bool odp_instead(const struct hf_mr *mr, int ret)
{
	return !(mr->attr.flags & HF_MR_LEASE) &&
	       mr->attr.kind <= HOLDFAST_BREAKABLE &&
	       (ret == -EOPNOTSUPP || ret == -ENOMEM || ret == -EDQUOT) &&
	       hf_odp_can(mr->pd->context, mr->access, false);
}

/* Whether to try on-demand paging; *@ret: it can not be, but was insisted on. */
static bool odp_asked(const struct hf_mr *mr, int *ret)
{
	bool only = mr->attr.flags & HF_MR_ODP_ONLY;

	*ret = 0;
	if (!only && !(mr->attr.flags & HF_MR_ODP))
		return false;
	if (hf_odp_can(mr->pd->context, mr->access, only))
		return true;
	if (only)
		*ret = hf_vfail(EOPNOTSUPP,
				"%s does not page on demand, or not for "
				"access %#x: do without HF_MR_ODP_ONLY",
				ibv_get_device_name(mr->pd->context->device),
				mr->access);
	return only;
}

static int register_file(struct hf_mr *mr, struct ibv_mr **ibv)
{
	int ret;

	if (odp_asked(mr, &ret)) {
		if (!ret)
			ret = register_odp(mr, ibv);
		if (!ret || mr->attr.flags & HF_MR_ODP_ONLY)
			return ret;
	}
	ret = register_leased(mr, ibv);
	if (ret && odp_instead(mr, ret))
		return register_odp(mr, ibv);
	return ret;
}

/* --- the region around it */

static int region_new(const struct hf_mr *asked, struct hf_mr **out)
{
	struct hf_context *context;
	struct hf_mr *mr;
	int ret;

	mr = malloc(sizeof(*mr));
	if (!mr)
		return hf_vfail(ENOMEM, "no memory");
	*mr = *asked;
	mr->lease = mr->file = -1;
	mr->break_ms = mr->attr.break_ms ? mr->attr.break_ms : BREAK_MS;
	ret = hf_context_of(mr->pd->context, &context);
	if (ret)
		goto free_mr;
	mr->context = context;
	mr->anchor = hf_anchor_get(context, mr->pd);
	if (!mr->anchor)
		ret = hf_vfail(errno, "ibv_reg_mr: %s", strerror(errno));
	hf_context_leave(context);
	if (ret)
		goto free_mr;
	*out = mr;
	return 0;

free_mr:
	free(mr);
	return ret;
}

/* From here on it gets events, and everybody can find it. */
static int region_publish(struct hf_mr *mr, struct ibv_mr *ibv)
{
	struct hf_context *context = mr->context;
	int ret;

	pthread_mutex_lock(&context->lock);
	ret = hf_keys_reserve(&context->keys);
	if (!ret && mr->lease >= 0)
		ret = hf_notice_watch(mr);
	if (ret) {
		hf_vfail(-ret, "%s", strerror(-ret));
		goto unlock;
	}
	TAILQ_INSERT_TAIL(&context->mrs, mr, node);
	hf_mr_registered(mr, ibv, mr->length);
unlock:
	pthread_mutex_unlock(&context->lock);
	return ret;
}

/* --- by address */

/* The file that is mapped, opened by its name; for reading, if that will do. */
static int open_mapped(const struct hf_area *area)
{
	struct stat st;
	int fd = open(area->path, O_RDWR | O_CLOEXEC);

	if (fd < 0 && !area->writable)
		fd = open(area->path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	    st.st_ino == area->mapped.inode && st.st_dev == area->mapped.device)
		return fd;
	if (fd >= 0)
		close(fd);
	return hf_vfail(ESTALE,
			"%s: is mapped, but can not be opened by this name: "
			"use hf_reg_mr()",
			area->path);
}

/* Shared memory without a name (any more) is a file all the same: the device
 * says whether it lends itself.
 */
static int register_mapped(struct hf_mr *mr, const struct hf_area *area,
			   struct ibv_mr **ibv)
{
	int ret;

	mr->file = open_mapped(area);
	if (mr->file >= 0) {
		mr->file_offset = area->mapped.offset;
		mr->mapped = area->mapped;
		return register_file(mr, ibv);
	}
	ret = mr->file;
	mr->file = -1;
	if (mr->attr.flags & HF_MR_LEASE || mr->attr.kind)
		return ret;
	if (odp_asked(mr, &ret))
		return ret ? ret : register_plain(mr, HF_BACKING_ODP, ibv);
	return register_plain(mr, HF_BACKING_PLAIN, ibv) ? -ESTALE : 0;
}

static int register_area(struct hf_mr *mr, const struct hf_area *area,
			 struct ibv_mr **ibv)
{
	int ret;

	bool writes = mr->access & IBV_ACCESS_LOCAL_WRITE;

	if (!area->whole || (writes && !area->writable))
		return hf_vfail(EFAULT,
				"%p, %zu bytes: not all of it is mapped%s",
				mr->addr, mr->asked,
				writes ? ", and writable" : "");
	if (area->file)
		return register_mapped(mr, area, ibv);
	if (mr->attr.flags & HF_MR_LEASE || mr->attr.kind)
		return hf_vfail(EOPNOTSUPP,
				"%p is not a shared mapping of one file: it "
				"can not be leased",
				mr->addr);
	if (odp_asked(mr, &ret))
		return ret ? ret : register_plain(mr, HF_BACKING_ODP, ibv);
	return register_plain(mr, HF_BACKING_PLAIN, ibv);
}

static int register_any(struct hf_mr *mr, int fd, struct ibv_mr **ibv)
{
	struct hf_area area;
	int ret;

	if (!mr->addr) {
		mr->file = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		if (mr->file < 0)
			return hf_vfail(errno, "descriptor %d: %s", fd,
					strerror(errno));
		return register_file(mr, ibv);
	}
	if ((uintptr_t)mr->addr % sysconf(_SC_PAGESIZE))
		return hf_vfail(EINVAL, "%p is not a multiple of the page size",
				mr->addr);
	ret = hf_area_look(mr->addr, mr->asked, &area);
	if (ret)
		return hf_vfail(-ret, "/proc/self/maps: %s", strerror(-ret));
	ret = register_area(mr, &area, ibv);
	free(area.path);
	return ret;
}

static void drop_anchor(struct hf_mr *mr)
{
	pthread_mutex_lock(&mr->context->lock);
	hf_anchor_put(mr->context, mr->anchor);
	pthread_mutex_unlock(&mr->context->lock);
}

/* A file, or the memory at asked->addr. */
static int make(const struct hf_mr *asked, int fd, struct hf_mr **out)
{
	struct ibv_mr *ibv;
	struct hf_mr *mr = NULL;
	int ret;

	ret = check(&asked->attr, asked->asked, asked->access);
	if (!ret)
		ret = region_new(asked, &mr);
	if (ret)
		return ret;
	ret = hf_registry_add_mr(mr);
	if (ret)
		goto free_mr;
	ret = register_any(mr, fd, &ibv);
	if (ret)
		goto undo;
	ret = region_publish(mr, ibv);
	if (ret)
		goto deregister;
	*out = mr;
	return 0;

deregister:
	hf_deregister(mr->context, ibv);
undo:
	hf_mr_free_memory(mr);
	drop_anchor(mr);
	hf_mr_kill(mr);
	return ret;
free_mr:
	drop_anchor(mr);
	free(mr);
	return ret;
}

HF_EXPORT int hf_reg_mr(struct ibv_pd *pd, int fd, off_t offset, size_t length,
			int access, const struct hf_mr_attr *attr,
			struct hf_mr **mr)
{
	const struct hf_mr asked = {
		.pd = pd,
		.file_offset = offset,
		.asked = length,
		.access = access,
		.attr = attr ? *attr : (struct hf_mr_attr){ 0 },
	};

	return make(&asked, fd, mr);
}

HF_EXPORT int hf_reg_mr_addr(struct ibv_pd *pd, void *addr, size_t length,
			     int access, const struct hf_mr_attr *attr,
			     struct hf_mr **mr)
{
	const struct hf_mr asked = {
		.pd = pd,
		.addr = addr,
		.asked = length,
		.access = access,
		.attr = attr ? *attr : (struct hf_mr_attr){ 0 },
	};

	if (!addr)
		return hf_vfail(EFAULT, "address is NULL");
	return make(&asked, -1, mr);
}
