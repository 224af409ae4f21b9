// SPDX-License-Identifier: GPL-2.0
/*
 * HF_VFIO_REDIRECT: while a lease is broken the device has a copy, and does not
 * fault; what it writes there is told, and is not in the file. In the gaps, when
 * there is neither, it does: how long they are is said, not promised.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "pages.h"
#include "vfio.h"

#define PATH	 PMEM "vfio-redirect"
#define FILE_LEN (4 * MIB)
#define LENGTH	 (2 * MIB)
#define BLOCK	 EDU_BUFFER_LEN

static bool told(int lease, uint32_t type)
{
	struct holdfast_event event;

	return event_next(lease, &event, SOON) && event.type == type;
}

/* Faults of the device that the kernel has logged since the last call. */
static int faults(void)
{
	static int kmsg = -1;
	char line[4096];
	ssize_t n;
	int count = 0;

	if (kmsg < 0)
		kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	while ((n = read(kmsg, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		count += strstr(line, "DMAR: [DMA") != NULL;
	}
	return count;
}

/* The IOMMU reports by an interrupt. */
static bool faults_soon(void)
{
	uint64_t end = now_ns() + SOON * 1000000ULL;

	while (!faults()) {
		if (now_ns() > end)
			return false;
		usleep(10000);
	}
	return true;
}

static struct hf_vfio_info info_of(const struct hf_vfio *mapping)
{
	struct hf_vfio_info info;

	hf_vfio_query(mapping, &info);
	return info;
}

/* A change, with what its holder does in the middle. */
static void change_through(const char *op, uint64_t offset, uint64_t length,
			   int lease, struct hf_vfio *mapping)
{
	struct change change = change_start(op, PATH, offset, length, NULL);

	tap_ok(told(lease, HOLDFAST_EVENT_BREAK), "%s: a break", op);
	tap_is(hf_vfio_break(mapping), 0, "%s: redirected", op);
	tap_is(info_of(mapping).length, 0, "%s: nothing of the file is mapped",
	       op);
	tap_ok(change_done(&change, SOON) && !change.error, "%s: it is done",
	       op);
	tap_ok(told(lease, HOLDFAST_EVENT_CHANGED), "%s: its end is told", op);
}

static void test_steps(const struct vfio *vfio, int fd)
{
	struct hf_vfio_attr attr = { .policy = HF_VFIO_REDIRECT };
	char was[BLOCK], now[BLOCK];
	struct hf_vfio *mapping = NULL;
	struct hf_vfio_info info;
	struct pages pages;
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);

	attr.policy = 7;
	tap_is(hf_vfio_map(vfio->container, IOVA, lease, fd, 0, LENGTH, &attr,
			   &mapping),
	       -EINVAL, "an unknown policy");
	attr.policy = HF_VFIO_REDIRECT;
	tap_is(hf_vfio_map(vfio->container, IOVA, lease, fd, 0, FILE_LEN, &attr,
			   &mapping),
	       -EOPNOTSUPP, "more than the lease");
	tap_is(hf_vfio_map(vfio->container, IOVA + 1, lease, fd, 0, LENGTH,
			   &attr, &mapping),
	       -EINVAL, "an odd address");
	tap_is(hf_vfio_map(fd, IOVA, lease, fd, 0, LENGTH, &attr, &mapping),
	       -ENOTTY, "no container");
	tap_ok(strstr(hf_error(), "/dev/vfio/vfio"), "%s", hf_error());
	tap_is(lease_query(lease).pinned, 0, "failures pin nothing");

	tap_is(hf_vfio_map(vfio->container, IOVA, lease, fd, 0, LENGTH, &attr,
			   &mapping),
	       0, "mapped");
	tap_is(hf_vfio_map(vfio->container, IOVA, lease, fd, 0, LENGTH, &attr,
			   &mapping),
	       -EEXIST, "once");
	pages = pages_of(fd, 0, LENGTH);
	tap_ok(edu_copy(vfio, IOVA, BLOCK, false) &&
		       edu_copy(vfio, IOVA + 65536, BLOCK, true),
	       "the device copies in the file");
	tap_ok(pread(fd, was, BLOCK, 0) == BLOCK &&
		       pread(fd, now, BLOCK, 65536) == BLOCK &&
		       !memcmp(was, now, BLOCK),
	       "there it is");

	change_through("punch", 0, 4096, lease, mapping);
	tap_is(pages_with(&pages, PAGES_PINNED), 0, "no page is pinned");
	/* What the punch took the shadow still has. */
	tap_ok(edu_copy(vfio, IOVA, BLOCK, false) &&
		       edu_copy(vfio, IOVA + 131072, BLOCK, true),
	       "the device copies in the shadow");
	info = info_of(mapping);
	tap_ok(!memcmp((char *)info.shadow + 131072, was, BLOCK),
	       "it read what the file was, and wrote that");
	tap_is(hf_vfio_restore(mapping), 0, "restored");
	info = info_of(mapping);
	tap_is(info.written, 4096, "one page was written");
	tap_ok(memcmp((char *)info.shadow + 131072,
		      (char *)info.before + 131072, BLOCK),
	       "which one can be seen");
	tap_ok(pread(fd, now, BLOCK, 131072) == BLOCK &&
		       memcmp(was, now, BLOCK),
	       "the file has not got it");
	tap_ok(edu_copy(vfio, IOVA + 131072, BLOCK, true) &&
		       pread(fd, now, BLOCK, 131072) == BLOCK &&
		       !memcmp(was, now, BLOCK),
	       "what is written now it gets");

	change_through("truncate", LENGTH / 2, 0, lease, mapping);
	tap_is(hf_vfio_restore(mapping), 0, "a shorter file: restored");
	tap_is(info_of(mapping).length, LENGTH / 2,
	       "a shorter file: half of it");
	tap_ok(edu_copy(vfio, IOVA + LENGTH - 4096, BLOCK, true) &&
		       !memcmp((char *)info.shadow + LENGTH - 4096, was, BLOCK),
	       "a shorter file: behind its end is the shadow");
	change_through("truncate", LENGTH / 4, 0, lease, mapping);
	tap_is(hf_vfio_restore(mapping), 0, "and shorter still");
	tap_is(faults(), 0, "the device has not faulted");
	tap_is(hf_vfio_unmap(mapping), 0, "unmapped");
	edu_begin(vfio, IOVA, BLOCK, true);
	edu_end(vfio);
	tap_ok(faults_soon(), "now it does");
	hf_release(lease);
	pages_free(&pages);
}

struct writer {
	pthread_t thread;
	const struct vfio *vfio;
	bool stop;
	unsigned int copies;
};

static void *write_on(void *arg)
{
	struct writer *writer = arg;

	while (!__atomic_load_n(&writer->stop, __ATOMIC_RELAXED)) {
		edu_copy(writer->vfio,
			 IOVA + writer->copies % (LENGTH / 4096) * 4096, BLOCK,
			 true);
		writer->copies++;
	}
	return NULL;
}

/* A device that does not know: what does it meet? */
static void test_running(const struct vfio *vfio, int fd)
{
	struct hf_vfio_attr attr = { .policy = HF_VFIO_REDIRECT };
	struct writer writer = { .vfio = vfio };
	struct hf_vfio *mapping;
	struct pages pages;
	uint64_t began;
	int lease;

	if (ftruncate(fd, FILE_LEN))
		tap_bail("ftruncate: %s", strerror(errno));
	lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	pages = pages_of(fd, 0, LENGTH);
	if (hf_vfio_map(vfio->container, IOVA, lease, fd, 0, LENGTH, &attr,
			&mapping) ||
	    pthread_create(&writer.thread, NULL, write_on, &writer))
		tap_bail("running: %s", hf_error());
	began = now_ns();
	for (int i = 0; i < 8; i++) {
		change_through("punch", i * 4096, 4096, lease, mapping);
		usleep(150000);
		tap_is(hf_vfio_restore(mapping), 0, "running: restored");
		usleep(150000);
	}
	began = now_ns() - began;
	writer.stop = true;
	pthread_join(writer.thread, NULL);
	tap_diag(
		"16 gaps, the longest %llu us, in %llu ms; %d faults in %u copies",
		(unsigned long long)info_of(mapping).gap_ns / 1000,
		(unsigned long long)began / 1000000, faults(), writer.copies);
	tap_ok(writer.copies, "running: the device goes on");
	tap_is(hf_vfio_unmap(mapping), 0, "running: unmapped");
	tap_is(hf_release(lease), 0, "running: released");
	tap_is(pages_with(&pages, PAGES_PINNED), 0, "running: none is pinned");
	tap_is(pages_with(&pages, PAGES_RESERVED), LENGTH / 4096,
	       "running: all are reserved");
	pages_free(&pages);
}

int main(void)
{
	struct vfio vfio;
	int fd;

	if (!vfio_device()) {
		tap_skip("no device: lab/guest --iommu has one");
		return tap_done();
	}
	fd = file_make(PATH, FILE_LEN);
	vfio = vfio_open();
	faults();
	test_steps(&vfio, fd);
	test_running(&vfio, fd);
	vfio_close(&vfio);
	close(fd);
	unlink(PATH);
	return tap_done();
}
