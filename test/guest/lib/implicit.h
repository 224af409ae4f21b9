/* SPDX-License-Identifier: GPL-2.0 */
/* Implicit leases, as tests use them: permission, events, the report's pins. */
#ifndef HOLDFAST_TEST_IMPLICIT_H
#define HOLDFAST_TEST_IMPLICIT_H

#include "common.h"

/* A call of any open of /dev/holdfast. */
static inline int device_call(unsigned long request, void *args)
{
	int device = open("/dev/holdfast", O_RDWR | O_CLOEXEC), ret;

	if (device < 0)
		tap_bail("/dev/holdfast: %s", strerror(errno));
	ret = ioctl(device, request, args);
	if (ret < 0)
		ret = -errno;
	close(device);
	return ret;
}

/* A permission for implicit leases of this process and its children. */
static inline int implicit_allow(uint32_t break_ms)
{
	struct holdfast_allow allow = { .size = sizeof(allow),
					.break_ms = break_ms };
	int fd = device_call(HOLDFAST_IOC_ALLOW, &allow);

	if (fd < 0)
		tap_bail("allow: %s", strerror(-fd));
	return fd;
}

/* Events of the implicit leases of this process. */
static inline int implicit_watch(void)
{
	struct holdfast_watch watch = { .size = sizeof(watch),
					.what = HOLDFAST_WATCH_OWN,
					.fd = -1 };
	int fd = device_call(HOLDFAST_IOC_WATCH, &watch);

	if (fd < 0)
		tap_bail("watch: %s", strerror(-fd));
	return fd;
}

/* A record of pins, as the report has it. */
struct pin_record {
	unsigned long long lease, start_ns, address, offset, length;
	unsigned int pid, uid, runs;
	char consumer[16];
};

/* The first records of process @pid, at most @max; how many it has. */
static inline int pins_of(pid_t pid, struct pin_record *records, int max)
{
	FILE *file = fopen("/proc/fs/holdfast/pins", "r");
	struct pin_record record;
	char line[256];
	int nr = 0;

	if (!file)
		tap_bail("pins: %s", strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%llu %15s %u %u %llu %llx %llu %llu %u",
			   &record.lease, record.consumer, &record.pid,
			   &record.uid, &record.start_ns, &record.address,
			   &record.offset, &record.length, &record.runs) != 9 ||
		    record.pid != (unsigned int)pid)
			continue;
		if (nr < max)
			records[nr] = record;
		nr++;
	}
	fclose(file);
	return nr;
}

/* Whether process @pid has @nr records within SOON; the last look's number. */
static inline int pins_become(pid_t pid, int nr)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	int have;

	while ((have = pins_of(pid, NULL, 0)) != nr && now_ns() < limit)
		usleep(20000);
	return have;
}

/* A process that calls @prepare, and then only waits to be killed. */
static inline pid_t child_holding(void (*prepare)(void))
{
	int pipefd[2];
	char ready;
	pid_t pid;

	if (pipe(pipefd))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		prepare();
		if (write(pipefd[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(pipefd[1]);
	if (read(pipefd[0], &ready, 1) != 1)
		tap_bail("the holder did not start");
	close(pipefd[0]);
	return pid;
}

#endif
