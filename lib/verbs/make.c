// SPDX-License-Identifier: LGPL-2.1-or-later
/* A region is made: with a lease, with on-demand paging, or of plain memory. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal/reach.h"
#include "internal.h"

#define ODP	 (HF_MR_ODP | HF_MR_ODP_ONLY)
#define MR_FLAGS (ODP | HF_MR_LEASE | HF_MR_FORK | HF_MR_OR_ODP | HF_MR_IOVA)

/* What hf_reg_mr() and its like were asked for. */
struct request {
	const struct hf_mr *mr;
	int fd;	   /* the file, or -1 */
	int lease; /* the lease, or -1 */
};

static int check_flags(const struct hf_mr_attr *attr)
{
	if (attr->flags & ~MR_FLAGS)
		return hf_vfail(EINVAL, "unknown flags %#x of a region",
				attr->flags & ~MR_FLAGS);
	if (attr->flags & (ODP | HF_MR_OR_ODP) && attr->flags & HF_MR_LEASE)
		return hf_vfail(EINVAL,
				"HF_MR_LEASE, and HF_MR_ODP, HF_MR_ODP_ONLY or "
				"HF_MR_OR_ODP; choose one");
	if (attr->flags & (ODP | HF_MR_OR_ODP) &&
	    attr->kind > HOLDFAST_BREAKABLE)
		return hf_vfail(EINVAL,
				"%s lease, and on-demand paging, which has "
				"no lease; choose one",
				attr->kind == HOLDFAST_EXCLUSIVE
					? "an exclusive"
					: "a rewriting");
	if (attr->iova && !(attr->flags & HF_MR_IOVA))
		return hf_vfail(EINVAL,
				"iova without HF_MR_IOVA; set that in flags");
	return 0;
}

static int check(const struct request *request)
{
	const struct hf_mr *asked = request->mr;
	int ret = check_flags(&asked->attr);

	if (ret)
		return ret;
	if (request->lease >= 0 && (asked->attr.kind || asked->attr.break_ms ||
				    asked->attr.flags & (ODP | HF_MR_OR_ODP)))
		return hf_vfail(
			EINVAL,
			"kind, break_ms and on-demand paging are not for "
			"an existing lease");
	if (asked->access & (IBV_ACCESS_ON_DEMAND | IBV_ACCESS_HUGETLB))
		return hf_vfail(EINVAL,
				"access %#x: for on-demand paging set "
				"HF_MR_ODP in the attributes; "
				"IBV_ACCESS_HUGETLB is not needed",
				asked->access);
	if (!asked->asked)
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
	size_t page = sysconf(_SC_PAGESIZE), before = mr->file_offset % page;
	uint64_t reach = 0;
	void *map;
	int ret;

	if (mr->addr)
		return 0;
	ret = hf_reach(mr->file, mr->file_offset, mr->asked, &reach);
	if (ret && ret != -ENXIO)
		return hf_vfail(-ret, "the file: %s", strerror(-ret));
	if (ret || reach < mr->asked)
		return hf_vfail(ENXIO,
				"the range ends at %" PRIu64
				", beyond the end of the file; extend it first "
				"(ftruncate, fallocate)",
				mr->file_offset + mr->asked);
	map = mmap(NULL, before + mr->asked, prot_of(mr->file), MAP_SHARED,
		   mr->file, mr->file_offset - before);
	if (map == MAP_FAILED)
		return hf_vfail(errno, "mmap: %s", strerror(errno));
	mr->addr = (char *)map + before;
	mr->owns_mapping = true;
	if (!(mr->attr.flags & HF_MR_IOVA))
		mr->iova = (uintptr_t)mr->addr;
	return 0;
}

static int register_odp(struct hf_mr *mr, struct ibv_mr **ibv)
{
	int ret = mr->file >= 0 ? map_file(mr) : 0;

	return ret ? ret : register_plain(mr, HF_BACKING_ODP, ibv);
}

/* Takes over the descriptor of the lease, also when it fails. */
static int adopt_lease(struct hf_mr *mr, int lease, bool owned)
{
	int ret = hf_shared_lease_get(lease, owned, &mr->shared);

	if (ret)
		close(lease);
	else
		mr->lease = lease;
	return ret;
}

/* With the lease. */
static int register_leased(struct hf_mr *mr, struct ibv_mr **ibv)
{
	int ret = mr->file >= 0 ? map_file(mr) : 0;

	mr->backing = HF_BACKING_LEASE;
	*ibv = NULL;
	if (!ret)
		*ibv = hf_mr_register_leased(mr, &mr->length, &ret);
	if (!*ibv)
		hf_mr_free_lease(mr);
	return ret;
}

static struct hf_attr lease_attr(const struct hf_mr *mr)
{
	return (struct hf_attr){ .kind = mr->attr.kind,
				 .break_ms = mr->attr.break_ms };
}

static int lease_file(struct hf_mr *mr, struct ibv_mr **ibv)
{
	const struct hf_attr attr = lease_attr(mr);
	int ret = hf_acquire(mr->file, hf_pages_offset(mr),
			     hf_pages_length((void *)(uintptr_t)mr->file_offset,
					     mr->asked),
			     &attr);

	if (ret < 0)
		return hf_vfail_lease(ret);
	ret = adopt_lease(mr, ret, true);
	return ret ? ret : register_leased(mr, ibv);
}

static bool odp_instead(const struct hf_mr *mr, int ret)
{
	return mr->attr.flags & HF_MR_OR_ODP &&
	       (ret == -EOPNOTSUPP || ret == -ENOMEM || ret == -EDQUOT) &&
	       hf_odp_can(mr->pd->context, mr->access, false);
}

/* Whether to try on-demand paging; *@ret: it is required and not possible. */
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
				"access %#x; do without HF_MR_ODP_ONLY",
				ibv_get_device_name(mr->pd->context->device),
				mr->access);
	return only;
}

/* With on-demand paging where that is asked for, or where @lease fails and it may. */
static int register_or_odp(struct hf_mr *mr, struct ibv_mr **ibv,
			   int (*lease)(struct hf_mr *mr, struct ibv_mr **ibv))
{
	int ret;

	if (odp_asked(mr, &ret)) {
		if (!ret)
			ret = register_odp(mr, ibv);
		if (!ret || mr->attr.flags & HF_MR_ODP_ONLY)
			return ret;
	}
	ret = lease(mr, ibv);
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
	if (mr->attr.flags & HF_MR_IOVA)
		mr->iova = mr->attr.iova;
	if (!(mr->attr.flags & HF_MR_IOVA))
		mr->iova = (uintptr_t)mr->addr;
	ret = hf_context_of(mr->pd->context, mr->attr.context, &context);
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
	if (ret)
		goto unlock;
	if (mr->shared)
		ret = hf_notice_watch(mr);
	if (ret) {
		hf_keys_unreserve(&context->keys);
		goto unlock;
	}
	TAILQ_INSERT_TAIL(&context->mrs, mr, node);
	hf_mr_registered(mr, ibv, mr->length);
unlock:
	pthread_mutex_unlock(&context->lock);
	return ret ? hf_vfail(-ret, "%s", strerror(-ret)) : 0;
}

/* --- by address, by file, by lease */

/* No file that can be leased is there: -ENOENT, with or without the module. */
static bool is_plain(const struct hf_mr *mr, int ret)
{
	return ret == -ENOENT && !(mr->attr.flags & HF_MR_LEASE) &&
	       !mr->attr.kind;
}

/* The page at the region's address is at @offset of the file. */
static void set_file_offset(struct hf_mr *mr, off_t offset)
{
	mr->file_offset = offset + (uintptr_t)mr->addr % sysconf(_SC_PAGESIZE);
}

static int lease_mapped(struct hf_mr *mr, struct ibv_mr **ibv)
{
	const struct hf_attr attr = lease_attr(mr);
	off_t offset;
	int ret = hf_acquire_mapped(hf_pages_start(mr->addr),
				    hf_pages_length(mr->addr, mr->asked), &attr,
				    &offset);

	if (ret < 0)
		return is_plain(mr, ret)
			       ? register_plain(mr, HF_BACKING_PLAIN, ibv)
			       : hf_vfail_lease(ret);
	set_file_offset(mr, offset);
	ret = adopt_lease(mr, ret, true);
	return ret ? ret : register_leased(mr, ibv);
}

static int is_in_lease(const struct hf_mr *mr)
{
	const struct hf_shared_lease *shared = mr->shared;

	if (hf_pages_offset(mr) >= shared->offset &&
	    mr->asked <= shared->length &&
	    mr->file_offset + mr->asked <= shared->offset + shared->length)
		return 0;
	return hf_vfail(ERANGE,
			"%p, %zu bytes: not all of it is in the lease's range",
			mr->addr, mr->asked);
}

static int register_in_lease(struct hf_mr *mr, int lease, struct ibv_mr **ibv)
{
	off_t offset;
	int own, ret = hf_locate(lease, hf_pages_start(mr->addr),
				 hf_pages_length(mr->addr, mr->asked), &offset);

	if (!ret)
		ret = hf_join(lease);
	if (ret)
		return hf_vfail_lease(ret);
	set_file_offset(mr, offset);
	own = fcntl(lease, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return hf_vfail(errno, "descriptor %d: %s", lease,
				strerror(errno));
	ret = adopt_lease(mr, own, false);
	if (ret)
		return ret;
	ret = is_in_lease(mr);
	if (ret) {
		hf_mr_free_lease(mr);
		return ret;
	}
	return register_leased(mr, ibv);
}

static int register_any(struct hf_mr *mr, const struct request *request,
			struct ibv_mr **ibv)
{
	if (request->lease >= 0)
		return register_in_lease(mr, request->lease, ibv);
	if (mr->addr)
		return register_or_odp(mr, ibv, lease_mapped);
	mr->file = fcntl(request->fd, F_DUPFD_CLOEXEC, 0);
	if (mr->file < 0)
		return hf_vfail(errno, "descriptor %d: %s", request->fd,
				strerror(errno));
	return register_or_odp(mr, ibv, lease_file);
}

static void drop_anchor(struct hf_mr *mr)
{
	pthread_mutex_lock(&mr->context->lock);
	hf_anchor_put(mr->context, mr->anchor);
	pthread_mutex_unlock(&mr->context->lock);
}

static int make(const struct request *request, struct hf_mr **out)
{
	struct ibv_mr *ibv;
	struct hf_mr *mr = NULL;
	int ret;

	ret = check(request);
	if (!ret)
		ret = region_new(request->mr, &mr);
	if (ret)
		return ret;
	ret = hf_registry_add_mr(mr);
	if (ret)
		goto free_mr;
	ret = register_any(mr, request, &ibv);
	if (ret)
		goto undo;
	ret = region_publish(mr, ibv);
	if (ret)
		goto deregister;
	*out = mr;
	return 0;

deregister:
	hf_deregister(mr->context, ibv, mr->iova);
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
	const struct request request = { &asked, fd, -1 };

	if (offset < 0)
		return hf_vfail(EINVAL, "offset %jd is negative",
				(intmax_t)offset);
	return make(&request, mr);
}

static int make_at(struct ibv_pd *pd, int lease, void *addr, size_t length,
		   int access, const struct hf_mr_attr *attr, struct hf_mr **mr)
{
	const struct hf_mr asked = {
		.pd = pd,
		.addr = addr,
		.asked = length,
		.access = access,
		.attr = attr ? *attr : (struct hf_mr_attr){ 0 },
	};
	const struct request request = { &asked, -1, lease };

	if (!addr)
		return hf_vfail(EFAULT, "address is NULL");
	return make(&request, mr);
}

HF_EXPORT int hf_reg_mr_addr(struct ibv_pd *pd, void *addr, size_t length,
			     int access, const struct hf_mr_attr *attr,
			     struct hf_mr **mr)
{
	return make_at(pd, -1, addr, length, access, attr, mr);
}

HF_EXPORT int hf_reg_mr_lease(struct ibv_pd *pd, int lease, void *addr,
			      size_t length, int access,
			      const struct hf_mr_attr *attr, struct hf_mr **mr)
{
	if (lease < 0)
		return hf_vfail(EBADF, "descriptor %d: not an open file",
				lease);
	return make_at(pd, lease, addr, length, access, attr, mr);
}
