// SPDX-License-Identifier: GPL-2.0
/*
 * A lease as a dma-buf: what importers write is in the file; a change waits for
 * them, and asks those that can be asked; at the deadline they are fenced.
 */
#define _GNU_SOURCE
#include <sys/utsname.h>

#include "importer.h"

#define PATH   PMEM "dmabuf"
#define LENGTH (4 * MIB)
#define OBEYS  (IMPORTER_DYNAMIC | IMPORTER_OBEYS)

static int file;

/* Kernels whose importers can be told although they have it pinned. */
static bool tells_pinned(void)
{
	struct utsname system;

	return !uname(&system) && strverscmp(system.release, "7.1") >= 0;
}

/* A change that has broken the lease on its way. */
static struct change punch_start(int lease)
{
	struct change change = change_start("punch", PATH, 0, LENGTH, NULL);

	if (!readable(lease, SOON))
		tap_bail("no break");
	return change;
}

/* A worker tells importers, soon after the break. */
static int told(int importer)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	int count;

	do {
		count = importer_do(importer, IMPORTER_TOLD);
		usleep(5000);
	} while (!count && now_ns() < limit);
	return count;
}

static void test_write(void)
{
	int lease = lease_make(file, MIB, 3 * MIB, HOLDFAST_BREAKABLE, 0);
	int dmabuf = dmabuf_make(lease, MIB, 2 * MIB);
	int importer = importer_open();

	tap_is(lseek(dmabuf, 0, SEEK_END), 2 * MIB, "its size");
	tap_is(importer_attach(importer, dmabuf, OBEYS), 0, "attach");
	tap_is(lease_query(lease).pinned, 0, "that alone pins nothing");
	tap_is(importer_do(importer, IMPORTER_MAP), 0, "map");
	tap_ok(lease_query(lease).pinned >= 2 * MIB, "that pins");
	tap_is(importer_fill(importer, 4096, MIB, 0x5a), 0,
	       "the device writes");
	tap_is(importer_fill(importer, 2 * MIB - 1, 1, 0xa5), 0, "at its end");
	tap_ok(file_has(file, 2 * MIB + 4096, MIB, 0x5a), "the file has it");
	tap_ok(!file_has(file, 2 * MIB + 4095, 1, 0x5a) &&
		       !file_has(file, 3 * MIB + 4096, 1, 0x5a),
	       "and nothing beside it");
	tap_ok(file_has(file, 4 * MIB - 1, 1, 0xa5), "and its last byte");
	tap_is(importer_do(importer, IMPORTER_UNMAP), 0, "unmap");
	tap_is(lease_query(lease).pinned, 0, "nothing is pinned then");
	tap_is(importer_do(importer, IMPORTER_TOLD), 0, "it was told nothing");
	tap_ok(mmap(NULL, 4096, PROT_READ, MAP_SHARED, dmabuf, 0) ==
			       MAP_FAILED &&
		       errno == EINVAL,
	       "it is not for processes to map");
	close(importer);
	close(dmabuf);
	close(lease);
}

/* A child that attaches, then maps and writes; its exit status is 0, or errno. */
static pid_t attach_start(int dmabuf)
{
	pid_t pid = child_fork();
	int importer, err;

	if (pid)
		return pid;
	importer = importer_open();
	err = importer_attach(importer, dmabuf, OBEYS);
	if (!err)
		err = importer_do(importer, IMPORTER_MAP);
	if (!err)
		err = importer_fill(importer, 0, LENGTH, 0x77);
	_exit(-err);
}

static void test_obeys(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	int dmabuf = dmabuf_make(lease, 0, LENGTH);
	int importer = importer_make(dmabuf, OBEYS);
	struct holdfast_event event;
	uint64_t length;
	int status;
	pid_t pid;

	tap_is(change_make("punch", PATH, 0, LENGTH, NULL, SOON), 0,
	       "a change goes on when importers let go");
	tap_is(importer_do(importer, IMPORTER_TOLD), 1, "they were told once");
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "so was the holder");
	tap_is(lease_query(lease).state, HOLDFAST_BROKEN, "broken");
	tap_is(importer_do(importer, IMPORTER_MAP), -EAGAIN,
	       "a broken lease is not mapped");
	tap_is(importer_do(importer, IMPORTER_PIN), -EAGAIN, "nor pinned");

	pid = attach_start(dmabuf);
	tap_is(child_wait(pid, STILL), -1, "who attaches waits");
	kill(pid, SIGTERM);
	status = child_wait(pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status), "until a signal comes");
	pid = attach_start(dmabuf);
	tap_is(child_wait(pid, STILL), -1, "another waits");
	tap_is(hf_restore(lease, &length), 0, "restore");
	tap_is(child_wait(pid, SOON), 0, "he goes on");
	tap_ok(file_has(file, 0, LENGTH, 0x77), "on the new blocks");
	tap_is(importer_do(importer, IMPORTER_MAP), 0,
	       "who was told maps again");
	tap_is(importer_fill(importer, 0, 4096, 0x11), 0, "and writes");
	tap_ok(file_has(file, 0, 4096, 0x11), "into the file");
	close(importer);

	/* Shorter than the dma-buf. */
	tap_is(change_make("truncate", PATH, MIB, 0, NULL, SOON), 0, "shrink");
	tap_is(hf_restore(lease, &length), 0, "restore what is left");
	tap_is(length, MIB, "less");
	importer = importer_open();
	tap_is(importer_attach(importer, dmabuf, OBEYS), 0, "attach");
	tap_is(importer_do(importer, IMPORTER_MAP), -ENXIO,
	       "it can not be mapped as a whole");
	tap_is(importer_do(importer, IMPORTER_MAP), -ENXIO, "again");
	tap_is(lease_query(lease).pinned, 0, "and nothing is pinned");
	if (ftruncate(file, LENGTH))
		tap_bail("extend: %s", strerror(errno));
	close(importer);
	close(dmabuf);
	close(lease);
}

/* Importers that are not told, or do not do as they are told, are waited for. */
static void test_waits(const char *who, uint32_t flags, bool pin, bool tells)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	int dmabuf = dmabuf_make(lease, 0, LENGTH);
	int importer = importer_open();
	struct change change;

	tap_is(importer_attach(importer, dmabuf, flags), 0, "%s: attach", who);
	if (pin)
		tap_is(importer_do(importer, IMPORTER_PIN), 0, "%s: pin", who);
	tap_is(importer_do(importer, IMPORTER_MAP), 0, "%s: map", who);
	change = punch_start(lease);
	tap_ok(!change_done(&change, STILL), "%s: a change waits", who);
	tap_is(tells ? told(importer) : importer_do(importer, IMPORTER_TOLD),
	       tells, "%s: %s", who, tells ? "is told" : "is not told");
	tap_is(importer_fill(importer, 0, 4096, 1), 0,
	       "%s: the device goes on meanwhile", who);
	if (pin) {
		tap_is(importer_do(importer, IMPORTER_UNMAP), 0, "%s: unmap",
		       who);
		tap_ok(!change_done(&change, STILL), "%s: a pin is enough",
		       who);
	}
	tap_is(importer_do(importer, IMPORTER_DETACH), 0, "%s: detach", who);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: then the change goes on", who);
	close(importer);
	close(dmabuf);
	close(lease);
}

/* Two importers of one dma-buf, one that is told and one that is not. */
static void test_two(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	int dmabuf = dmabuf_make(lease, 0, LENGTH);
	int pinned = importer_make(dmabuf, 0);
	int dynamic = importer_make(dmabuf, OBEYS);
	struct change change = punch_start(lease);

	tap_ok(!change_done(&change, STILL), "two importers: a change waits");
	tap_is(told(dynamic), 1, "one was told");
	tap_is(importer_do(dynamic, IMPORTER_MAP), -EAGAIN,
	       "and gets no new mapping, though the other has one");
	close(pinned);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change waited for the other");
	close(dynamic);
	close(dmabuf);
	close(lease);
}

/* A mapping is gone, but not all access that began through it. */
static void test_fence(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	int dmabuf = dmabuf_make(lease, 0, LENGTH);
	int importer = importer_make(dmabuf, OBEYS);
	struct change change;

	tap_is(importer_do(importer, IMPORTER_BEGIN), 0, "an access begins");
	change = punch_start(lease);
	tap_is(told(importer), 1, "the importer lets go");
	tap_ok(!change_done(&change, STILL), "a change waits for its fence");
	tap_is(importer_do(importer, IMPORTER_END), 0, "the fence signals");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "then the change goes on");
	close(importer);
	close(dmabuf);
	close(lease);
}

/*
 * At the deadline: a holder that exports, an importer that does not let go, and
 * somebody who only has the descriptor.
 */
static void test_deadline(uint32_t flags, const char *who)
{
	int ready[2], left[3][2], i, status;
	pid_t holder, pid, bystander = 0;
	struct change change;
	char byte;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	for (i = 0; i < 3; i++)
		if (pipe(left[i]))
			tap_bail("pipe: %s", strerror(errno));
	holder = child_fork();
	if (!holder) {
		int lease =
			lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, 500);
		int dmabuf = dmabuf_make(lease, 0, LENGTH);

		/* left[i] ends with process i; the reader is the parent. */
		for (i = 1; i < 3; i++) {
			if (fork())
				continue;
			close(left[0][1]);
			close(left[3 - i][1]);
			close(lease);
			if (i == 1)
				importer_make(dmabuf, flags);
			pid = i == 1 ? 0 : getpid();
			if (write(ready[1], &pid, sizeof(pid)) != sizeof(pid))
				_exit(1);
			alarm(60);
			pause();
		}
		close(left[1][1]);
		close(left[2][1]);
		close(dmabuf);
		pause();
	}
	for (i = 0; i < 3; i++)
		close(left[i][1]);
	for (i = 0; i < 2; i++) {
		if (read(ready[0], &pid, sizeof(pid)) != sizeof(pid))
			tap_bail("no importer");
		bystander += pid;
	}
	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "%s: a change goes on after the deadline", who);
	tap_ok(change_ms(&change) >= 400, "%s: and not before", who);
	status = child_wait(holder, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "%s: who exported was killed", who);
	tap_ok(readable(left[1][0], SOON) || read(left[1][0], &byte, 1) == 0,
	       "%s: who imported was killed", who);
	tap_ok(poll(&(struct pollfd){ .fd = left[2][0] }, 1, STILL) == 0,
	       "%s: who had the descriptor only was not", who);
	kill(bystander, SIGKILL);
	for (i = 0; i < 3; i++)
		close(left[i][0]);
	close(ready[0]);
	close(ready[1]);
}

int main(void)
{
	importer_load();
	file = file_make(PATH, LENGTH);
	test_write();
	test_obeys();
	test_waits("static", 0, false, false);
	test_waits("dynamic, stubborn", IMPORTER_DYNAMIC, false, true);
	test_waits("dynamic, pinned", IMPORTER_DYNAMIC, true, tells_pinned());
	test_two();
	test_fence();
	test_deadline(0, "static");
	test_deadline(IMPORTER_DYNAMIC, "dynamic");
	close(file);
	unlink(PATH);
	importer_unload();
	return tap_done();
}
