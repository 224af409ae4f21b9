// SPDX-License-Identifier: LGPL-2.1-or-later
/* A region during its life: suspend, restore, query, end. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/* --- which thread (de)registers */

/* Waits for the others. */
static void busy_begin(struct hf_mr *mr)
{
	while (mr->busy)
		pthread_cond_wait(&mr->context->changed, &mr->context->lock);
	mr->busy = true;
}

static void busy_end(struct hf_mr *mr)
{
	mr->busy = false;
	pthread_cond_broadcast(&mr->context->changed);
}

/* Called busy; 0 or -errno with the region registered as before. */
static int deregister(struct hf_mr *mr)
{
	struct ibv_mr *ibv = mr->ibv;
	int ret;

	if (!ibv)
		return 0;
	pthread_mutex_unlock(&mr->context->lock);
	ret = hf_deregister(mr->context, ibv, mr->iova);
	pthread_mutex_lock(&mr->context->lock);
	if (ret)
		return hf_vfail(-ret, "ibv_dereg_mr: %s%s", strerror(-ret),
				ret == -EBUSY ? "; free its memory windows "
						"(ibv_dealloc_mw) first"
					      : "");
	mr->ibv = NULL;
	hf_keys_retire(&mr->context->keys, mr);
	/* What was over stays over, of what is under way the end is told. */
	if (mr->state == HF_MR_BREAKING)
		mr->state = HF_MR_SUSPENDED;
	else if (mr->state != HF_MR_RELEASED && mr->state != HF_MR_SUSPENDED)
		mr->state = HF_MR_RESTORABLE;
	return 0;
}

int hf_mr_suspend(struct hf_mr *mr)
{
	int ret;

	busy_begin(mr);
	if (!mr->ibv)
		ret = hf_vfail(EALREADY, "the region is not registered");
	else
		ret = deregister(mr);
	busy_end(mr);
	return ret;
}

HF_EXPORT int hf_suspend_mr(struct hf_mr *mr)
{
	int ret = hf_mr_enter(mr);

	if (ret)
		return ret;
	ret = hf_mr_suspend(mr);
	hf_mr_leave(mr);
	return ret;
}

/* --- restore */

void *hf_pages_start(const void *addr)
{
	return (void *)((uintptr_t)addr & ~(sysconf(_SC_PAGESIZE) - 1));
}

size_t hf_pages_length(const void *addr, size_t length)
{
	size_t page = sysconf(_SC_PAGESIZE);
	size_t before = (uintptr_t)addr % page;

	return (before + length + page - 1) / page * page;
}

uint64_t hf_pages_offset(const struct hf_mr *mr)
{
	return mr->file_offset - mr->file_offset % sysconf(_SC_PAGESIZE);
}

/*
 * Whether @fd, the file or a lease on it, is still what is mapped where it was when
 * the region was made: 0 or -errno with a message.
 */
static int locate(const struct hf_mr *mr, int fd)
{
	off_t offset;
	int ret = hf_locate(fd, hf_pages_start(mr->addr),
			    hf_pages_length(mr->addr, mr->asked), &offset);

	if (!ret && (uint64_t)offset != hf_pages_offset(mr))
		ret = -ENOENT;
	if (ret == -EFAULT)
		return hf_vfail(EFAULT,
				"the memory at %p has been unmapped; "
				"deregister the region",
				mr->addr);
	if (ret == -ENOENT)
		return hf_vfail(ENOENT,
				"something else is mapped at %p; "
				"deregister the region",
				mr->addr);
	return ret ? hf_vfail_lease(ret) : 0;
}

/* How many bytes of the region the file has, or -errno with a message. */
static int reach_of(const struct hf_mr *mr, uint64_t *length)
{
	struct holdfast_query lease;
	uint64_t before;
	int ret = hf_query(mr->lease, &lease);

	if (ret)
		return hf_vfail_lease(ret);
	if (lease.state != HOLDFAST_ACTIVE && lease.state != HOLDFAST_BREAKING)
		return hf_vfail(EPIPE, "the lease was released or revoked; "
				       "deregister the region");
	before = mr->file_offset - lease.offset;
	if (lease.reach <= before)
		return hf_vfail(ENXIO,
				"the file ends before the range begins, "
				"at %" PRIu64 "; register it again when "
				"the file has grown",
				mr->file_offset);
	*length = lease.reach - before;
	if (*length > mr->asked)
		*length = mr->asked;
	return 0;
}

struct ibv_mr *hf_mr_register_leased(struct hf_mr *mr, size_t *length, int *ret)
{
	uint64_t reach = 0, tried = 0;
	struct ibv_mr *ibv;
	int err = 0;

	for (;;) {
		*ret = reach_of(mr, &reach);
		if (*ret)
			return NULL;
		/* Once more if a change has moved the end of the file. */
		if (reach == tried) {
			*ret = hf_vfail(err, "ibv_reg_mr: %s",
					hf_registration_error(err));
			return NULL;
		}
		*ret = locate(mr, mr->lease);
		if (*ret)
			return NULL;
		ibv = hf_register(mr, reach);
		if (ibv)
			break;
		err = errno;
		tried = reach;
	}
	*length = reach;
	return ibv;
}

void hf_mr_registered(struct hf_mr *mr, struct ibv_mr *ibv, size_t length)
{
	mr->ibv = ibv;
	mr->length = length;
	mr->lkey = ibv->lkey;
	mr->rkey = ibv->rkey;
	mr->generation++;
	mr->state = HF_MR_ACTIVE;
	hf_keys_add(&mr->context->keys, mr);
}

static int why_not_restore(const struct hf_mr *mr)
{
	if (mr->ending)
		return hf_vfail(EBUSY, "another thread deregisters the region");
	if (mr->state == HF_MR_ACTIVE)
		return hf_vfail(EALREADY, "nothing to restore: no change "
					  "waits or has been made");
	if (mr->revoked)
		return hf_vfail(EPIPE, "the lease was released or revoked; "
				       "deregister the region");
	return 0;
}

/*
 * For the end of a change, where the guard reads of it: hf_dereg_mr() can end this
 * wait, and not one in the kernel.
 */
static bool to_be_waited_for(const struct hf_mr *mr)
{
	return mr->state == HF_MR_SUSPENDED &&
	       mr->context->attr.flags & HF_AUTOMATIC;
}

/* Called busy. */
static int restore(struct hf_mr *mr)
{
	struct hf_context *context = mr->context;
	struct holdfast_query lease;
	size_t length = mr->asked;
	struct ibv_mr *ibv;
	uint64_t breaks;
	int ret;

	ret = why_not_restore(mr);
	if (!ret)
		ret = deregister(mr);
	if (ret)
		return ret;

	while (to_be_waited_for(mr)) {
		pthread_cond_wait(&context->changed, &context->lock);
		ret = why_not_restore(mr);
		if (ret)
			return ret;
	}

	if (hf_keys_reserve(&context->keys))
		return hf_vfail(ENOMEM, "no memory");
	breaks = mr->breaks;
	pthread_mutex_unlock(&context->lock);
	if (mr->backing == HF_BACKING_LEASE) {
		ibv = hf_mr_register_leased(mr, &length, &ret);
	} else {
		ibv = hf_register(mr, length);
		if (!ibv)
			ret = hf_vfail(errno, "ibv_reg_mr: %s",
				       strerror(errno));
	}
	pthread_mutex_lock(&context->lock);
	if (!ibv) {
		hf_keys_unreserve(&context->keys);
		return ret;
	}

	hf_mr_registered(mr, ibv, length);
	/*
	 * Was a break noticed since, while there was nothing registered? It may
	 * wait for what there is now, or, in memory, have taken it. One that was
	 * not noticed will be.
	 */
	if (mr->breaks != breaks && !hf_query(mr->lease, &lease) &&
	    (lease.state != HOLDFAST_ACTIVE ||
	     mr->last_break.type == HOLDFAST_EVENT_DECOHERENCE))
		hf_notice_break(mr);
	else
		mr->deadline_ns = 0;
	return 0;
}

int hf_mr_restore(struct hf_mr *mr)
{
	struct hf_context *context = mr->context;
	uint32_t lkey, rkey;
	int ret;

	busy_begin(mr);
	mr->restoring = true;
	ret = restore(mr);
	mr->restoring = false;
	lkey = mr->lkey;
	rkey = mr->rkey;
	busy_end(mr);
	if (!ret && mr->attr.keys) {
		pthread_mutex_unlock(&context->lock);
		mr->attr.keys(mr, lkey, rkey, mr->attr.user_data);
		pthread_mutex_lock(&context->lock);
	}
	return ret;
}

HF_EXPORT int hf_restore_mr(struct hf_mr *mr)
{
	int ret = hf_mr_enter(mr);

	if (ret)
		return ret;
	ret = hf_mr_restore(mr);
	hf_mr_leave(mr);
	return ret;
}

/* --- query */

HF_EXPORT int hf_query_mr(struct hf_mr *mr, struct hf_mr_info *info)
{
	int ret = hf_mr_enter(mr);

	if (ret)
		return ret;
	*info = (struct hf_mr_info){
		.state = mr->state,
		.generation = mr->generation,
		.addr = mr->addr,
		.iova = mr->iova,
		.length = mr->length,
		.registered = mr->ibv,
		.mr = mr->ibv,
		.lkey = mr->lkey,
		.rkey = mr->rkey,
		.on_demand = mr->backing == HF_BACKING_ODP,
		.lease = mr->lease,
		.lease_id = mr->shared ? mr->shared->id : 0,
		.breaks = mr->breaks,
		.last_break = mr->last_break,
		.user_data = mr->attr.user_data,
	};
	hf_mr_leave(mr);
	return 0;
}

HF_EXPORT int hf_find_mr(struct hf_context *context, uint32_t key,
			 struct hf_key *found)
{
	const struct hf_key_entry *entry;
	int ret = hf_context_enter(context);

	if (ret)
		return ret;
	entry = hf_keys_find(&context->keys, key);
	if (entry)
		*found = (struct hf_key){
			.mr = entry->mr,
			.generation = entry->generation,
			.retired = entry->retired,
		};
	hf_context_leave(context);
	if (!entry)
		return hf_vfail(ENOENT,
				"key %#x: not a key, nor one of the last "
				"former keys, of this context",
				key);
	return 0;
}

/* --- end */

void hf_mr_free_lease(struct hf_mr *mr)
{
	bool owned;

	if (mr->lease < 0)
		return;
	if (hf_shared_lease_put(mr->shared, &owned) && owned) {
		/*
		 * Others may have the same pages pinned, through leases of their
		 * own: that is not for us to wait for, and the kernel goes on by
		 * itself.
		 */
		fcntl(mr->lease, F_SETFL, O_RDWR | O_NONBLOCK);
		if (hf_release(mr->lease))
			close(mr->lease);
	} else {
		close(mr->lease);
	}
	mr->shared = NULL;
	mr->lease = -1;
}

void hf_mr_free_memory(struct hf_mr *mr)
{
	/* Something else may be mapped there by now, and that is not ours. */
	if (mr->owns_mapping && !locate(mr, mr->file))
		munmap(hf_pages_start(mr->addr),
		       hf_pages_length(mr->addr, mr->asked));
	if (mr->file >= 0)
		close(mr->file);
	hf_mr_free_lease(mr);
}

/*
 * From here on no thread begins to use the region; then waits for those that have begun. In
 * a hook it does not wait for other hooks, which may wait for this one.
 */
static int end(struct hf_mr *mr)
{
	struct hf_context *context = mr->context;
	int ret;

	if (mr->answering && pthread_equal(mr->answerer, pthread_self()))
		return hf_vfail(EDEADLK,
				"a hook cannot deregister its own region");
	if (mr->ending)
		return hf_vfail(EBUSY, "another thread deregisters the region");
	mr->ending = true;
	pthread_cond_broadcast(&context->changed);
	busy_begin(mr);
	ret = deregister(mr);
	busy_end(mr);
	if (ret) {
		mr->ending = false;
		if (mr->open)
			hf_answer_want(mr);
		return ret;
	}
	hf_answer_forget(mr);
	while (mr->answering && !hf_in_hook())
		pthread_cond_wait(&context->changed, &context->lock);
	mr->orphan = mr->answering;
	return 0;
}

HF_EXPORT int hf_dereg_mr(struct hf_mr *mr)
{
	struct hf_context *context;
	int ret = hf_mr_enter(mr);
	bool orphan;

	if (ret)
		return ret;
	context = mr->context;
	ret = end(mr);
	if (ret) {
		hf_mr_leave(mr);
		return ret;
	}
	hf_notice_unwatch(mr);
	hf_unpost(mr);
	hf_keys_forget_mr(&context->keys, mr);
	TAILQ_REMOVE(&context->mrs, mr, node);
	hf_anchor_put(context, mr->anchor);
	orphan = mr->orphan;
	pthread_mutex_unlock(&context->lock);

	if (!orphan)
		hf_mr_free_memory(mr);
	hf_mr_kill(mr);
	pthread_mutex_lock(&context->lock);
	hf_mr_leave(mr);
	return 0;
}
