// SPDX-License-Identifier: LGPL-2.1-or-later
/* Exports: ranges of files that have a name. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <holdfast.h>

#include "internal/visibility.h"
#include "internal/clock.h"
#include "rerror.h"
#include "exporter.h"

static bool is_for(const struct hf_export *export_, const char *peer)
{
	if (!export_->peers)
		return true;
	for (size_t i = 0; i < export_->peer_count; i++)
		if (!strcmp(export_->peers[i], peer))
			return true;
	return false;
}

static struct hf_export *find(struct hf_exporter *exporter, const char *name)
{
	struct hf_export *export_;

	TAILQ_FOREACH(export_, &exporter->exports, node)
		if (!export_->ended && !strcmp(export_->name, name))
			return export_;
	return NULL;
}

struct hf_export *hf_export_find(struct hf_exporter *exporter, const char *name,
				 const char *peer)
{
	struct hf_export *export_ = find(exporter, name);

	return export_ && is_for(export_, peer) ? export_ : NULL;
}

uint64_t hf_export_reach(const struct hf_export *export_)
{
	struct stat st;

	if (fstat(export_->file, &st) ||
	    (uint64_t)st.st_size <= export_->offset)
		return 0;
	if (st.st_size - export_->offset < export_->length)
		return st.st_size - export_->offset;
	return export_->length;
}

static int copy_peers(struct hf_export *export_, const char *const *peers)
{
	size_t count = 0;

	if (!peers)
		return 0;
	while (peers[count]) {
		if (!hf_wire_is_name(peers[count]))
			return hf_rfail(EINVAL,
					"name of a peer: 1 to %d characters "
					"without spaces",
					HF_NAME_MAX);
		count++;
	}
	export_->peers = calloc(count + 1, sizeof(*export_->peers));
	if (!export_->peers)
		return hf_rfail(ENOMEM, "no memory");
	for (size_t i = 0; i < count; i++)
		strcpy(export_->peers[i], peers[i]);
	export_->peer_count = count;
	return 0;
}

static int prot_of(int file)
{
	return (fcntl(file, F_GETFL) & O_ACCMODE) == O_RDWR
		       ? PROT_READ | PROT_WRITE
		       : PROT_READ;
}

static size_t pages(size_t length)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (length + page - 1) / page * page;
}

static int take_file(struct hf_export *export_, int fd,
		     const struct hf_export_attr *attr)
{
	const struct hf_attr lease = { .break_ms = attr->break_ms };

	export_->file = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (export_->file < 0)
		return hf_rfail(errno, "descriptor %d: %s", fd,
				strerror(errno));
	export_->lease = hf_acquire(export_->file, export_->offset,
				    pages(export_->length), &lease);
	if (export_->lease < 0)
		return hf_rfail(-export_->lease, "%s", hf_error());
	export_->map = mmap(NULL, pages(export_->length),
			    prot_of(export_->file), MAP_SHARED, export_->file,
			    export_->offset);
	if (export_->map == MAP_FAILED)
		return hf_rfail(errno, "mmap: %s", strerror(errno));
	export_->durable = hf_persist_can(export_->file);
	export_->flushable =
		export_->durable && export_->access & IBV_ACCESS_REMOTE_WRITE &&
		hf_persist_by_caches(export_->file, export_->offset);
	return 0;
}

static void free_export(struct hf_export *export_)
{
	if (export_->map != MAP_FAILED)
		munmap(export_->map, pages(export_->length));
	if (export_->lease >= 0)
		close(export_->lease);
	if (export_->file >= 0)
		close(export_->file);
	free(export_->peers);
	free(export_);
}

static int check(const char *name, off_t offset, size_t length,
		 const struct hf_export_attr *attr)
{
	if (!hf_wire_is_name(name))
		return hf_rfail(EINVAL,
				"name of an export: 1 to %d characters "
				"without spaces",
				HF_NAME_MAX);
	if (attr->flags & ~HF_EXPORT_READ_ONLY)
		return hf_rfail(EINVAL, "%s: unknown flags %#x", name,
				attr->flags & ~HF_EXPORT_READ_ONLY);
	if (!length || offset < 0 || offset % sysconf(_SC_PAGESIZE))
		return hf_rfail(EINVAL,
				"%s: the length is 0, or the offset no "
				"multiple of the page size",
				name);
	return 0;
}

HF_EXPORT int hf_export(struct hf_exporter *exporter, const char *name, int fd,
			off_t offset, size_t length,
			const struct hf_export_attr *attr,
			struct hf_export **out)
{
	static const struct hf_export_attr none;
	struct hf_export *export_;
	int ret;

	if (!attr)
		attr = &none;
	ret = check(name, offset, length, attr);
	if (ret)
		return ret;
	export_ = calloc(1, sizeof(*export_));
	if (!export_)
		return hf_rfail(ENOMEM, "no memory");
	export_->exporter = exporter;
	export_->offset = offset;
	export_->length = length;
	export_->file = export_->lease = -1;
	export_->map = MAP_FAILED;
	export_->access = IBV_ACCESS_REMOTE_READ;
	if (!(attr->flags & HF_EXPORT_READ_ONLY))
		export_->access |= IBV_ACCESS_LOCAL_WRITE |
				   IBV_ACCESS_REMOTE_WRITE |
				   IBV_ACCESS_REMOTE_ATOMIC;
	strcpy(export_->name, name);
	ret = copy_peers(export_, attr->peers);
	if (!ret)
		ret = take_file(export_, fd, attr);
	if (ret)
		goto free_export;
	pthread_mutex_lock(&exporter->lock);
	if (find(exporter, name))
		ret = hf_rfail(EEXIST, "%s: another export has this name",
			       name);
	else
		TAILQ_INSERT_TAIL(&exporter->exports, export_, node);
	pthread_mutex_unlock(&exporter->lock);
	if (ret)
		goto free_export;
	if (out)
		*out = export_;
	return 0;

free_export:
	free_export(export_);
	return ret;
}

/* With the lock: each peer is asked to stop, or the region is not registered now. */
static void end_regions(struct hf_exporter *exporter,
			const struct hf_export *export_)
{
	struct hf_region *region;

	TAILQ_FOREACH(region, &exporter->regions, node)
		if (region->export_ == export_)
			hf_region_withdraw(region);
}

HF_EXPORT int hf_unexport(struct hf_export *export_)
{
	struct hf_exporter *exporter = export_->exporter;

	pthread_mutex_lock(&exporter->lock);
	export_->ended = true;
	end_regions(exporter, export_);
	hf_exporter_wake(exporter);
	while (export_->uses)
		pthread_cond_wait(&exporter->changed, &exporter->lock);
	TAILQ_REMOVE(&exporter->exports, export_, node);
	pthread_mutex_unlock(&exporter->lock);
	free_export(export_);
	return 0;
}
