// SPDX-License-Identifier: GPL-2.0
/*
 * Leases of files in memory (tmpfs, memfd, hugetlbfs): a change does not wait,
 * the holder gets an event of decoherence and registers again; exclusive:
 * ETXTBSY. Page cache: refused.
 */
#define _GNU_SOURCE
#include <sys/mount.h>

#include "rdma.h"

#define HUGE	 "/tmp/holdfast.huge"
#define FILE_LEN (8 * MIB)
#define OFFSET	 (2 * MIB)
#define LENGTH	 (4 * MIB)

static bool backing_is(uint64_t id, const char *backing)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	bool is = false;

	if (hf_report_open(NULL, &report))
		tap_bail("report: %s", hf_error());
	while (hf_report_next(report, &entry) == 1)
		is |= entry.id == id && !strcmp(entry.backing, backing);
	hf_report_close(report);
	return is;
}

static int make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	char *map;

	if (fd < 0 || ftruncate(fd, FILE_LEN))
		tap_bail("%s: %s", path, strerror(errno));
	map = map_shared(fd, 0, FILE_LEN);
	memset(map, 'm', FILE_LEN);
	munmap(map, FILE_LEN);
	return fd;
}

static void test_breakable(struct rdma *rdma, const char *path,
			   const char *backing)
{
	int fd = make(path);
	int lease = lease_make(fd, OFFSET, LENGTH, HOLDFAST_BREAKABLE, 0);
	char *map = map_shared(fd, OFFSET, LENGTH);
	struct ibv_mr *mr = rdma_register(rdma, map, LENGTH);
	struct holdfast_event event;
	char again[] = "again";

	tap_ok(backing_is(lease_query(lease).id, backing),
	       "%s: the report says so", backing);
	tap_is(map[LENGTH - 1], 'm', "%s: shows the file", backing);
	tap_is(lease_query(lease).pinned, 0, "%s: counts no pins", backing);
	tap_is(change_make("truncate", path, OFFSET + LENGTH, 0, NULL, AT_ONCE),
	       0, "%s: a change outside", backing);
	tap_ok(!readable(lease, 0), "%s: is not told", backing);
	tap_is(change_make("punch", path, 4 * MIB, 2 * MIB, NULL, AT_ONCE), 0,
	       "%s: a change inside does not wait", backing);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_DECOHERENCE,
	       "%s: decoherence is told", backing);
	tap_is(event.op, HOLDFAST_OP_PUNCH, "%s: operation", backing);
	tap_is(event.offset, 4 * MIB, "%s: offset", backing);
	tap_is(lease_query(lease).state, HOLDFAST_ACTIVE,
	       "%s: the lease is active", backing);
	ibv_dereg_mr(mr);
	mr = rdma_register(rdma, map, LENGTH);
	tap_is(rdma_write(rdma, mr, 3 * MIB, again, 5), IBV_WC_SUCCESS,
	       "%s: registered again, RDMA writes", backing);
	tap_is(map[3 * MIB], 'a', "%s: into the file's new pages", backing);
	tap_is(map[3 * MIB + 5], 0, "%s: which are of the hole", backing);
	tap_is(change_make("truncate", path, OFFSET, 0, NULL, AT_ONCE), 0,
	       "%s: a second change", backing);
	tap_ok(event_next(lease, &event, SOON) && event.seq == 2,
	       "%s: is told as well", backing);
	ibv_dereg_mr(mr);
	tap_ok(!ibv_reg_mr(rdma->pd, map, LENGTH, RDMA_ACCESS),
	       "%s: nothing is left to register", backing);
	tap_is(lease_query(lease).length, LENGTH,
	       "%s: the lease's range is as before", backing);
	munmap(map, LENGTH);
	tap_is(hf_release(lease), 0, "%s: release", backing);
	close(fd);
	unlink(path);
}

static void test_exclusive(const char *path, const char *backing)
{
	int fd = make(path);
	int lease = lease_make(fd, OFFSET, LENGTH, HOLDFAST_EXCLUSIVE, 0);

	tap_is(change_make("truncate", path, 0, 0, NULL, AT_ONCE), ETXTBSY,
	       "%s, exclusive: truncate", backing);
	tap_is(change_make("punch", path, 4 * MIB, 2 * MIB, NULL, AT_ONCE),
	       ETXTBSY, "%s, exclusive: punch", backing);
	tap_is(change_make("truncate", path, OFFSET + LENGTH, 0, NULL, AT_ONCE),
	       0, "%s, exclusive: outside", backing);
	tap_ok(!readable(lease, 0), "%s, exclusive: nothing is told", backing);
	close(lease);
	close(fd);
	unlink(path);
}

static void test_memfd(struct rdma *rdma)
{
	int fd = memfd_create("holdfast", MFD_CLOEXEC), lease;
	struct holdfast_event event;
	char *map;

	if (fd < 0 || ftruncate(fd, FILE_LEN))
		tap_bail("memfd: %s", strerror(errno));
	lease = lease_make(fd, 0, MIB, HOLDFAST_BREAKABLE, 0);
	map = map_shared(fd, 0, MIB);
	ibv_dereg_mr(rdma_register(rdma, map, MIB));
	tap_is(ftruncate(fd, 0), 0, "memfd: a truncation by the holder");
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_DECOHERENCE,
	       "memfd: decoherence is told");
	munmap(map, MIB);
	close(lease);
	close(fd);
}

static void test_refused(const char *path, const char *what)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);

	if (fd < 0 || ftruncate(fd, MIB))
		tap_bail("%s: %s", path, strerror(errno));
	tap_is(hf_acquire(fd, 0, MIB, NULL), -EOPNOTSUPP, "%s: refused", what);
	tap_diag("%s", hf_error());
	close(fd);
	unlink(path);
}

int main(void)
{
	struct rdma rdma = rdma_open();
	FILE *file = fopen("/proc/sys/vm/nr_hugepages", "w");
	bool huge;

	test_breakable(&rdma, "/dev/shm/memory-files", "tmpfs");
	test_exclusive("/dev/shm/memory-files", "tmpfs");
	test_memfd(&rdma);
	if (file) {
		fputs("16", file);
		fclose(file);
	}
	mkdir(HUGE, 0755);
	huge = !mount("none", HUGE, "hugetlbfs", 0, "pagesize=2M");
	if (huge) {
		test_breakable(&rdma, HUGE "/memory-files", "hugetlbfs");
		test_exclusive(HUGE "/memory-files", "hugetlbfs");
		umount(HUGE);
	} else {
		tap_skip("no hugetlbfs here");
	}
	file = fopen("/proc/sys/vm/nr_hugepages", "w");
	if (file) {
		fputs("0", file);
		fclose(file);
	}
	rmdir(HUGE);
	test_refused("/root/memory-files", "page cache");
	rdma_close(&rdma);
	return tap_done();
}
