// SPDX-License-Identifier: GPL-2.0
/*
 * A device maps, writes and unmaps without a pause, while the file loses its
 * blocks again and again, another file gets them, and the lease is restored.
 * What the device writes must never be in the other file, and the kernel must
 * find nobody at blocks that it takes away: it warns.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "importer.h"

#define PATH	  PMEM "dmabuf-race"
#define LENGTH	  (4 * MIB)
#define ROUNDS	  40
#define DEVICE	  0xdd
#define IMPORTERS 2

static int dmabuf;
static bool over;
static unsigned int writes, refusals, others;

static void *device(void *arg)
{
	bool obeys = arg;
	int importer = importer_open(), err;

	if (importer_attach(importer, dmabuf,
			    IMPORTER_DYNAMIC | (obeys ? IMPORTER_OBEYS : 0)))
		tap_bail("attach: %s", strerror(errno));
	while (!__atomic_load_n(&over, __ATOMIC_RELAXED)) {
		err = importer_do(importer, IMPORTER_MAP);
		/* Long enough for a write to the other file, if it could be. */
		for (int i = 0; i < (obeys ? 5 : 50) && !err; i++) {
			err = importer_fill(importer, 0, LENGTH, DEVICE);
			usleep(2000);
		}
		if (!err)
			__atomic_add_fetch(&writes, 1, __ATOMIC_RELAXED);
		else if (err == -EAGAIN)
			__atomic_add_fetch(&refusals, 1, __ATOMIC_RELAXED);
		/* It was told between the two, and let go. */
		else if (err != -ENXIO)
			__atomic_add_fetch(&others, 1, __ATOMIC_RELAXED);
		importer_do(importer, IMPORTER_UNMAP);
	}
	close(importer);
	return NULL;
}

/* Leaves so little room that the other file gets the blocks that were leased. */
static int fill_disk(void)
{
	int fd = open(PATH ".room", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	off_t at = 0, step = 8 * MIB;

	if (fd < 0)
		tap_bail("room: %s", strerror(errno));
	while (step >= (off_t)MIB) {
		if (!posix_fallocate(fd, at, step))
			at += step;
		else
			step /= 2;
	}
	if (ftruncate(fd, at - (off_t)MIB))
		tap_bail("room: %s", strerror(errno));
	return fd;
}

static void other_write(int fd, const void *buf)
{
	if (pwrite(fd, buf, LENGTH, 0) != (ssize_t)LENGTH)
		tap_bail("the other file: %s", strerror(errno));
}

int main(void)
{
	unsigned char *pattern = malloc(LENGTH);
	unsigned int round, intact = 0;
	pthread_t thread[IMPORTERS];
	int file, lease, other, room;

	importer_load();
	file = file_make(PATH, LENGTH);
	other = file_make(PATH ".other", 0);
	lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	dmabuf = dmabuf_make(lease, 0, LENGTH);
	room = fill_disk();
	for (int i = 0; i < IMPORTERS; i++)
		if (pthread_create(&thread[i], NULL, device,
				   i ? NULL : (void *)1))
			tap_bail("thread");
	for (round = 0; round < ROUNDS; round++) {
		if (fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      0, LENGTH))
			tap_bail("punch: %s", strerror(errno));
		memset(pattern, round, LENGTH);
		other_write(other, pattern);
		usleep(20000);
		intact += file_has(other, 0, LENGTH, round);
		if (ftruncate(other, 0))
			tap_bail("truncate: %s", strerror(errno));
		if (hf_restore(lease, NULL))
			tap_bail("restore: %s", hf_error());
		/* The next change meets the device at another point each time. */
		usleep(round % 20 * 500);
	}
	__atomic_store_n(&over, true, __ATOMIC_RELAXED);
	for (int i = 0; i < IMPORTERS; i++)
		pthread_join(thread[i], NULL);
	tap_is(intact, ROUNDS, "the other file has nothing of the device's");
	tap_ok(writes, "the device wrote (%u times)", writes);
	tap_ok(refusals, "and was refused meanwhile (%u times)", refusals);
	tap_is(others, 0, "and saw no other error");
	tap_is(lease_query(lease).pinned, 0, "nothing is pinned");
	close(room);
	close(other);
	close(dmabuf);
	close(lease);
	close(file);
	unlink(PATH ".room");
	unlink(PATH ".other");
	unlink(PATH);
	free(pattern);
	importer_unload();
	return tap_done();
}
