// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What can wait for the kernel is done by workers: a registration waits for changes of
 * its range, fdatasync(2) for the filesystem. The control thread keeps the deadlines.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rerror.h"
#include "exporter.h"
#include "internal/thread.h"

#define WORKERS 4

static int reg(struct hf_job *job, int access)
{
	struct hf_region *region = job->region;
	const struct hf_mr_attr attr = {
		.user_data = region,
		.context = region->session->exporter->context,
	};
	const struct hf_export *export_ = region->export_;

	return hf_reg_mr_lease(job->pd, export_->lease, export_->map,
			       export_->length, access, &attr, &job->mr);
}

static int do_register(struct hf_job *job)
{
	struct hf_export *export_ = job->region->export_;
	int ret;

	job->flushable = export_->flushable &&
			 job->region->session->placement & HF_PLACEMENT_FLUSH;
	if (job->flushable) {
		ret = reg(job, export_->access | hf_placement_access());
		if (ret != -EINVAL && ret != -EOPNOTSUPP)
			return ret;
	}
	ret = reg(job, export_->access);
	/* It was the flush that the device did not want of this memory. */
	if (!ret && job->flushable)
		export_->flushable = false;
	job->flushable = false;
	return ret;
}

static bool is_flushed_by_device(const struct hf_job *job)
{
	return job->kind == HF_JOB_REGISTER
		       ? job->flushable
		       : job->region->access & HF_WIRE_FLUSHABLE;
}

/*
 * What a registration has changed must be there after a power cut before a peer may flush.
 * Registering makes a write fault of each page: the filesystem allocates blocks for holes,
 * converts unwritten extents (both write zeros) and replaces shared blocks. Of all that only
 * the log knows, until fdatasync(2). Afterwards the blocks of the range are allocated,
 * written and the file's own, and they stay where they are, because they are pinned.
 * Whatever could change that is a change that the lease reports: the peer stops, and
 * comes back after another registration and another fdatasync(2).
 *
 * That is why RDMA FLUSH, of which the kernel learns nothing, can be enough. A write of
 * the peer changes no metadata, and its bytes are durable once they have left the
 * processor's caches. For the latter the memory must be such that MAP_SYNC is possible
 * (hf_persist_by_caches()). Only the file's times are not updated.
 *
 * The length is part of the metadata: it is read first, so that the peer reaches no
 * further than what fdatasync(2) has made durable.
 *
 * Where the exporter makes the flushes, msync(2) of each of them does that as well, for
 * the whole file's metadata. A pause is shorter then: what fdatasync(2) writes back it
 * also protects against stores, and the next registration has a fault of each such page.
 */
static int do_sync(struct hf_job *job)
{
	const struct hf_export *export_ = job->region->export_;

	job->reach = hf_export_reach(export_);
	if (!is_flushed_by_device(job))
		return 0;
	/* Not msync(2): there may be nothing of the range yet. */
	return fdatasync(export_->file) ? -errno : 0;
}

static int do_restore(struct hf_job *job)
{
	int ret = hf_restore_mr(job->region->mr);

	return ret == -EALREADY ? 0 : ret;
}

/*
 * As long as it is counted as touching, the exporter does not let the change go on. holdfastd
 * or the kernel can: then the range may no longer be there, and the peer asks again
 * behind the pause.
 */
static int do_flush(struct hf_job *job)
{
	struct hf_exporter *exporter = job->region->session->exporter;
	const struct hf_export *export_ = job->region->export_;
	const char *addr = (const char *)export_->map + job->offset;
	int ret = 0;

	/* Of a range that peers cannot write the kernel knows all that is dirty. */
	if (export_->access & IBV_ACCESS_REMOTE_WRITE)
		ret = hf_persist_dirty(addr, job->length);
	pthread_mutex_lock(&exporter->lock);
	if (ret == -EFAULT && job->region->pause.state == HF_PAUSE_ASKED)
		ret = -EAGAIN;
	hf_region_untouched(job->region);
	pthread_mutex_unlock(&exporter->lock);
	hf_exporter_wake(exporter);
	return ret ? ret : hf_persist_sync(addr, job->length);
}

static void run(struct hf_job *job)
{
	switch (job->kind) {
	case HF_JOB_REGISTER:
		job->ret = do_register(job);
		break;
	case HF_JOB_RESTORE:
		job->ret = do_restore(job);
		break;
	case HF_JOB_FLUSH:
		job->ret = do_flush(job);
		return;
	}
	if (!job->ret)
		job->ret = do_sync(job);
}

static void *work(void *arg)
{
	struct hf_exporter *exporter = arg;
	struct hf_job *job;

	pthread_setname_np(pthread_self(), "hf-export");
	pthread_mutex_lock(&exporter->lock);
	for (;;) {
		job = TAILQ_FIRST(&exporter->jobs);
		if (!job) {
			if (exporter->stopping)
				break;
			pthread_cond_wait(&exporter->work, &exporter->lock);
			continue;
		}
		TAILQ_REMOVE(&exporter->jobs, job, node);
		pthread_mutex_unlock(&exporter->lock);
		run(job);
		pthread_mutex_lock(&exporter->lock);
		TAILQ_INSERT_TAIL(&exporter->done, job, node);
		hf_exporter_wake(exporter);
	}
	pthread_mutex_unlock(&exporter->lock);
	return NULL;
}

int hf_jobs_start(struct hf_exporter *exporter)
{
	unsigned int count = exporter->attr.workers ?: WORKERS;

	exporter->workers = calloc(count, sizeof(*exporter->workers));
	if (!exporter->workers)
		return hf_rfail(ENOMEM, "no memory");
	while (exporter->worker_count < count) {
		int err = -hf_thread_start(
			&exporter->workers[exporter->worker_count], work,
			exporter);

		if (err) {
			hf_jobs_stop(exporter);
			return hf_rfail(err, "no thread: %s", strerror(err));
		}
		exporter->worker_count++;
	}
	return 0;
}

void hf_jobs_stop(struct hf_exporter *exporter)
{
	pthread_mutex_lock(&exporter->lock);
	exporter->stopping = true;
	pthread_cond_broadcast(&exporter->work);
	pthread_mutex_unlock(&exporter->lock);
	for (unsigned int i = 0; i < exporter->worker_count; i++)
		pthread_join(exporter->workers[i], NULL);
	free(exporter->workers);
}

int hf_job_start(struct hf_exporter *exporter, const struct hf_job *job)
{
	struct hf_job *copy = malloc(sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	*copy = *job;
	copy->region->jobs++;
	TAILQ_INSERT_TAIL(&exporter->jobs, copy, node);
	pthread_cond_signal(&exporter->work);
	return 0;
}

void hf_jobs_reap(struct hf_exporter *exporter)
{
	struct hf_job *job;

	while ((job = TAILQ_FIRST(&exporter->done))) {
		TAILQ_REMOVE(&exporter->done, job, node);
		hf_region_done(job);
		free(job);
	}
}
