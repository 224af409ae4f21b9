// SPDX-License-Identifier: GPL-2.0
/*
 * An AF_XDP socket with its packets in the file is a consumer like every other:
 * a change waits for it, its holder is told, at the deadline the holder is killed.
 */
#define _GNU_SOURCE
#include <stddef.h>

#include "extents.h"
#include "xdp.h"

#define PATH	 PMEM "af-xdp"
#define LENGTH	 (2 * MIB)
#define BREAK_MS 1500
#define SENT	 (2 * XDP_FRAME) /* what is sent lies here, far from the rest */

struct packet {
	struct ethhdr head;
	uint32_t words[64];
};

static int file, map, peer;

static void packet_make(struct packet *packet, unsigned int seed)
{
	memset(&packet->head, 0xff, sizeof(packet->head));
	packet->head.h_proto = htons(XDP_ETHERTYPE);
	pattern_fill(packet->words, sizeof(packet->words), seed);
}

/*
 * Both try again: a link that has just come up may lose packets, and then one
 * of an earlier try may come late.
 */
#define TRIES (SOON / 100)

/* Whether what is received is in the file, as read(2) has it. */
static bool receives(struct xdp *xdp, unsigned int seed)
{
	struct packet packet, got;
	bool filled = false;

	packet_make(&packet, seed);
	for (int i = 0; i < TRIES; i++) {
		struct xdp_desc desc = { 0 };

		if (!filled)
			xdp_fill(xdp, 0);
		if (send(peer, &packet, sizeof(packet), 0) < 0 &&
		    errno != ENETDOWN && errno != ENOBUFS)
			tap_bail("send: %s", strerror(errno));
		filled = !xdp_receive(xdp, &desc, 100);
		if (!filled && desc.len == sizeof(got) &&
		    pread(file, &got, sizeof(got), desc.addr) == sizeof(got) &&
		    !memcmp(&got, &packet, sizeof(got)))
			return true;
	}
	return false;
}

/* Whether what is sent is what write(2) put into the file. */
static bool sends(struct xdp *xdp, unsigned int seed)
{
	struct packet packet, got;

	packet_make(&packet, seed);
	if (pwrite(file, &packet, sizeof(packet), SENT) != sizeof(packet))
		tap_bail("write: %s", strerror(errno));
	for (int i = 0; i < TRIES; i++) {
		xdp_send(xdp, SENT, sizeof(packet));
		if (readable(peer, 100) &&
		    recv(peer, &got, sizeof(got), 0) == sizeof(got) &&
		    !memcmp(&got, &packet, sizeof(got)))
			return true;
	}
	return false;
}

/* The kernel refuses memory of the file without a lease. */
static void test_refused(void)
{
	char *plain = map_shared(file, 0, LENGTH);
	int fd = xdp_socket();

	tap_is(xdp_register(fd, plain, LENGTH), EOPNOTSUPP,
	       "without a lease the file's mapping is refused");
	close(fd);
	munmap(plain, LENGTH);
}

/* Whether the administrator is told that there is something, and with whom. */
static bool is_listed(void)
{
	FILE *from = popen("holdfast ls --consumers", "re");
	char line[256], want[64];
	bool listed = false;

	if (!from)
		tap_bail("holdfast ls: %s", strerror(errno));
	snprintf(want, sizeof(want), "umem %d af-xdp", getpid());
	while (fgets(line, sizeof(line), from))
		listed = listed || strstr(line, want);
	pclose(from);
	return listed;
}

static void test_change(void)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	char *memory = map_shared(file, 0, LENGTH);
	struct xdp xdp = xdp_open(map, memory, LENGTH);
	struct holdfast_event event;
	struct change change;

	tap_is(lease_query(lease).pinned, LENGTH, "a lease is registered");
	tap_ok(is_listed(), "as the packet memory of a socket");
	tap_ok(receives(&xdp, 1), "what is received is in the file");
	tap_ok(sends(&xdp, 2), "what is in the file is sent");

	change = change_start("punch", PATH, 0, LENGTH, NULL);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK &&
		       event.op == HOLDFAST_OP_PUNCH,
	       "the holder is told of a change");
	tap_ok(!change_done(&change, STILL), "which waits");
	tap_ok(receives(&xdp, 3), "while it waits packets go on into the file");
	tap_ok(sends(&xdp, 4), "and out of it");
	tap_ok(!change_done(&change, 0), "it still waits");
	xdp_close(&xdp);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "when the socket is closed it goes on");
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_CHANGED,
	       "the holder is told");
	tap_is(bytes_of(PATH), 0, "the blocks are free");

	xdp = xdp_open(map, memory, LENGTH);
	tap_ok(receives(&xdp, 5), "a new socket receives into the new blocks");
	xdp_close(&xdp);
	munmap(memory, LENGTH);
	tap_is(hf_release(lease), 0, "the lease ends");
}

/* @child: one process more, which has pinned nothing, has the socket. */
static void ignore(int lease, int ready, bool child)
{
	struct xdp xdp;

	if (hf_join(lease))
		_exit(1);
	xdp = xdp_open(map, map_shared(file, 0, LENGTH), LENGTH);
	if (child && !fork()) {
		close(lease);
		for (;;)
			pause();
	}
	if (!receives(&xdp, 6) || write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void test_fence(bool child, const char *what)
{
	int lease = lease_make(file, 0, LENGTH, HOLDFAST_BREAKABLE, BREAK_MS);
	struct holdfast_event event;
	struct change change;
	int ready[2], status;
	pid_t pid;

	if (pipe(ready))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid)
		ignore(lease, ready[1], child);
	if (!readable(ready[0], SOON))
		tap_bail("no holder");
	kill(pid, SIGSTOP);

	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_BREAK,
	       "%s: the break is told", what);
	tap_ok(change_done(&change, BREAK_MS + SOON) && !change.error,
	       "%s: the change completes", what);
	tap_ok(change.end_ns >= event.deadline_ns,
	       "%s: not before the deadline", what);
	tap_diag("done %.1f ms after the deadline",
		 (change.end_ns - event.deadline_ns) / 1e6);
	status = child_wait(pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "%s: was killed", what);
	tap_ok(event_next(lease, &event, SOON) &&
		       event.type == HOLDFAST_EVENT_FENCED,
	       "%s: the fence is told to who is left", what);
	tap_is(lease_query(lease).pinned, 0, "%s: nothing is pinned", what);
	tap_is(bytes_of(PATH), 0, "%s: the blocks are free", what);
	close(ready[0]);
	close(ready[1]);
	close(lease);
}

/* Stock kernels have what is needed, all of them. */
static bool debug_kernel(void)
{
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");

	return kernel && !strcmp(kernel, "debug");
}

int main(void)
{
	if (debug_kernel()) {
		tap_skip("the debug kernel is built without AF_XDP");
		return tap_done();
	}
	xdp_links_make();
	map = xdp_program_attach();
	peer = packet_socket();
	file = file_make(PATH, LENGTH);
	test_refused();
	test_change();
	test_fence(false, "a holder who is stopped");
	if (ftruncate(file, LENGTH))
		tap_bail("ftruncate: %s", strerror(errno));
	test_fence(true, "a child has the socket");
	close(file);
	unlink(PATH);
	xdp_links_end();
	return tap_done();
}
