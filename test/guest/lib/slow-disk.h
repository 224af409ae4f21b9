/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A disk which keeps all that is asked for until it is told to go on: what direct
 * I/O has pinned stays pinned for that time, and is read or written at its end.
 */
#ifndef HOLDFAST_TEST_SLOW_DISK_H
#define HOLDFAST_TEST_SLOW_DISK_H

#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <sys/sysmacros.h>

#include "common.h"
#include "run.h"

struct slow_disk {
	char path[64];
	char under[64]; /* the disk itself, which is quick */
	bool brd;
};

#define SLOW_NAME "holdfast-slow"
#define SLOW_MS	  600000

static inline void slow_call(unsigned long call, struct dm_ioctl *dm,
			     const char *what)
{
	int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);

	dm->version[0] = DM_VERSION_MAJOR;
	strcpy(dm->name, SLOW_NAME);
	if (control < 0 || ioctl(control, call, dm))
		tap_bail("device mapper: %s: %s", what, strerror(errno));
	close(control);
}

static inline uint64_t disk_size(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint64_t size;

	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &size))
		tap_bail("%s: %s", path, strerror(errno));
	close(fd);
	return size;
}

/* On the guest's NVMe disk, which does real DMA, or where there is none in memory. */
static inline struct slow_disk slow_disk_make(void)
{
	struct {
		struct dm_ioctl dm;
		struct dm_target_spec target;
		char args[96];
	} table = { .dm = { .data_size = sizeof(table),
			    .data_start = sizeof(table.dm),
			    .target_count = 1 },
		    .target = { .target_type = "delay" } };
	struct dm_ioctl create = { .data_size = sizeof(create) };
	struct dm_ioctl resume = create;
	const char *nvme = getenv("HOLDFAST_LAB_NVME");
	struct slow_disk disk = { .brd = !nvme || !*nvme };

	if (RUN("modprobe", "dm-delay") ||
	    (disk.brd && RUN("modprobe", "brd", "rd_nr=1", "rd_size=65536")))
		tap_bail("no slow disk");
	strcpy(disk.under, disk.brd ? "/dev/ram0" : nvme);
	slow_call(DM_DEV_CREATE, &create, "create");
	table.target.length = disk_size(disk.under) / 512;
	snprintf(table.args, sizeof(table.args), "%s 0 %u", disk.under,
		 SLOW_MS);
	slow_call(DM_TABLE_LOAD, &table.dm, "table");
	slow_call(DM_DEV_SUSPEND, &resume, "resume");
	snprintf(disk.path, sizeof(disk.path), "/dev/dm-%u", minor(resume.dev));
	return disk;
}

/* How many requests it keeps. */
static inline unsigned int slow_disk_waiting(void)
{
	struct {
		struct dm_ioctl dm;
		char answer[1024];
	} status = { .dm = { .data_size = sizeof(status),
			     .data_start = sizeof(status.dm) } };
	const char *text;
	unsigned int reads, writes;

	slow_call(DM_TABLE_STATUS, &status.dm, "status");
	text = (char *)&status + status.dm.data_start +
	       sizeof(struct dm_target_spec);
	if (sscanf(text, "%u %u", &reads, &writes) != 2)
		tap_bail("dm-delay says \"%s\"", text);
	return reads + writes;
}

/* Lets go of what it keeps: a device that is suspended has to be idle. */
static inline void slow_disk_go_on(void)
{
	struct dm_ioctl suspend = { .data_size = sizeof(suspend),
				    .flags = DM_SUSPEND_FLAG };
	struct dm_ioctl resume = { .data_size = sizeof(resume) };

	slow_call(DM_DEV_SUSPEND, &suspend, "suspend");
	slow_call(DM_DEV_SUSPEND, &resume, "resume");
}

static inline void slow_disk_end(const struct slow_disk *disk)
{
	struct dm_ioctl remove = { .data_size = sizeof(remove) };

	slow_call(DM_DEV_REMOVE, &remove, "remove");
	/* The debug kernel has it built in. */
	if (!access("/sys/module/dm_delay/initstate", F_OK))
		tap_is(RUN("rmmod", "dm-delay"), 0, "the slow disk goes");
	if (disk->brd)
		tap_is(RUN("rmmod", "brd"), 0, "and what is under it");
}

#endif
