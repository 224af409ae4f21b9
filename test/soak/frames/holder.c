// SPDX-License-Identifier: GPL-2.0
/*
 * A holder: registers a range of a file, notes the frames that its page table has at that
 * moment, and compares them with the file's blocks until it deregisters. It
 * answers each break at once, and after the change it registers again.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <infiniband/verbs.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blocks.h"
#include "frames.h"
#include "holdfast.h"

#define BREAK_MS (20000 * scale)
#define ROUNDS	 40 /* of looking at one range, at most */

struct holder {
	uint64_t random;
	bool implicit;
	struct ibv_pd *pd;
	int events; /* of the lease, or of all implicit ones */
	int fd;
	char path[32];
	uint32_t first, count; /* pages */
	char *map;
	struct ibv_mr *mr;
	uint64_t frame[MOST]; /* the pinned ones, as places on the device */
};

static void rdma_open(struct holder *me)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *context;

	if (!list || !list[0])
		errx(1, "no RDMA device");
	context = ibv_open_device(list[0]);
	me->pd = context ? ibv_alloc_pd(context) : NULL;
	if (!me->pd)
		err(1, "RDMA device");
	ibv_free_device_list(list);
}

/*
 * Whether the pinned pages are where the file has its blocks. Each difference is one
 * line of output.
 */
static void look(struct holder *me)
{
	static uint64_t now[MOST];
	unsigned int shared = blocks_of_file(me->fd, me->first, me->count, now);

	board->looks++;
	board->compared += me->count;
	for (uint32_t i = 0; i < me->count; i++) {
		if (now[i] == me->frame[i])
			continue;
		board->moved++;
		printf("# %s: pages %u+%u are registered, page %u was pinned at %#llx of the device, the file has it at %#llx\n",
		       me->path, me->first, me->count, me->first + i,
		       (unsigned long long)me->frame[i],
		       (unsigned long long)now[i]);
		break;
	}
	if (shared) {
		board->shared++;
		printf("# %s: pages %u+%u are registered, %u of them shared\n",
		       me->path, me->first, me->count, shared);
	}
}

/* A page that a change has just unmapped has no entry; the file says where it is. */
static void note_frames(struct holder *me)
{
	static uint64_t now[MOST];
	unsigned int unseen = blocks_of_map(me->map, me->count, me->frame);

	if (!unseen)
		return;
	board->unseen += unseen;
	blocks_of_file(me->fd, me->first, me->count, now);
	for (uint32_t i = 0; i < me->count; i++) {
		if (me->frame[i] == NOWHERE)
			me->frame[i] = now[i];
	}
}

/* The kernel waits for the change that is under way. */
static bool registers(struct holder *me)
{
	me->mr = ibv_reg_mr(me->pd, me->map, me->count * PAGE,
			    IBV_ACCESS_LOCAL_WRITE);
	if (!me->mr) {
		board->refused[errno < ERRORS ? errno : 0]++;
		return false;
	}
	board->registrations++;
	note_frames(me);
	look(me);
	return true;
}

static void deregister(struct holder *me)
{
	look(me);
	if (ibv_dereg_mr(me->mr))
		err(1, "ibv_dereg_mr");
	me->mr = NULL;
}

/* A write to a page for which a copy was prepared moves it. */
static void write_all(struct holder *me)
{
	no_faults_from_here(me->fd);
	for (uint32_t i = 0; i < me->count; i++) {
		if (pwrite(me->fd, "h", 1,
			   (me->first + i) * PAGE +
				   random_below(&me->random, PAGE)) != 1)
			err(1, "%s: write", me->path);
	}
	no_faults_until_here(me->fd);
}

/* Events of what the holder had before are among them, and do no harm. */
static bool is_asked_to_go(struct holder *me)
{
	struct holdfast_event event;
	bool asked = false;

	while (hf_wait(me->events, &event, 0) == 0)
		asked |= event.type == HOLDFAST_EVENT_BREAK;
	return asked;
}

static void hold(struct holder *me)
{
	unsigned int rounds = 1 + random_below(&me->random, ROUNDS);

	while (rounds-- && !board->stop) {
		struct pollfd pfd = { me->events, POLLIN, 0 };

		if (!random_below(&me->random, 8))
			write_all(me);
		look(me);
		poll(&pfd, 1, random_below(&me->random, 30));
		if (!is_asked_to_go(me))
			continue;
		board->breaks++;
		deregister(me);
		if (!registers(me))
			return;
	}
	deregister(me);
}

/* Some pages of a file that has any. */
static bool choose(struct holder *me)
{
	uint32_t pages;
	struct stat st;

	file_path(me->path, random_below(&me->random, FILES));
	me->fd = open(me->path, O_RDWR | O_CLOEXEC);
	if (me->fd < 0 || fstat(me->fd, &st))
		return false;
	pages = st.st_size / PAGE;
	if (!pages)
		return false;
	me->first = random_below(&me->random, pages);
	pages -= me->first;
	/* Small ones are as likely as large ones. */
	me->count = 1 + random_below(&me->random,
				     1U << random_below(&me->random, 12));
	if (me->count > pages)
		me->count = pages;
	return true;
}

static void hold_one(struct holder *me)
{
	struct hf_attr attr = { .kind = HOLDFAST_BREAKABLE,
				.break_ms = BREAK_MS };
	bool small = may_share || random_below(&me->random, 2);

	me->map = map_file(me->fd, me->first * PAGE, me->count * PAGE, small);
	if (me->map == MAP_FAILED)
		err(1, "%s: mmap", me->path);
	if (!me->implicit) {
		me->events = hf_acquire(me->fd, me->first * PAGE,
					me->count * PAGE, &attr);
		if (me->events < 0)
			errx(1, "%s: %s", me->path, hf_error());
	}
	if (registers(me))
		hold(me);
	munmap(me->map, me->count * PAGE);
	if (!me->implicit)
		close(me->events);
}

void holder_run(uint64_t seed, bool implicit)
{
	struct holder *me = calloc(1, sizeof(*me));

	if (!me)
		err(1, "calloc");
	me->random = seed;
	me->implicit = implicit;
	blocks_init();
	rdma_open(me);
	if (implicit) {
		me->events = hf_watch_own();
		if (me->events < 0 || hf_allow(BREAK_MS) < 0)
			errx(1, "%s", hf_error());
	}
	while (!board->stop) {
		if (choose(me))
			hold_one(me);
		if (me->fd >= 0)
			close(me->fd);
	}
}
