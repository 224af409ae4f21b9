/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NAME [-w] SECONDS FILE FILE: two processes, each with a file as its memory, that write to and read from each
 * other's in rounds: what tests of one-sided libraries share. A program that includes it supplies the functions
 * below "supplied", and knows nothing of Holdfast. NAME -m ADDRESS [-w] SECONDS FILE is one of two on two
 * machines (pair-ends.h).
 *
 * In each round both processes open a window in the second half of their memory, write from the first half
 * into the other's window, check what came, read it back, and close the window. With -w the whole half is a
 * window that stays open as long as the program runs.
 */
#ifndef HOLDFAST_TEST_PAIR_H
#define HOLDFAST_TEST_PAIR_H

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pages.h"
#include "pair-ends.h"

#define PAIR_KEY_BYTES 512
#define PAIR_PAGES     40

struct window {
	uint64_t addr;
	size_t key_bytes;
	char key[PAIR_KEY_BYTES];
};

/* --- supplied by the program */

static void *memory_map(const char *path, size_t *size);
/* Connects the two. */
static void link_start(void);
static void link_progress(void);
/* From and to a place in the other's window. */
static void link_put(const void *from, size_t length,
		     const struct window *window, size_t at);
static void link_get(void *into, size_t length, const struct window *window,
		     size_t at);
static void link_end(void);
/* One at a time. */
static void window_open(void *addr, size_t length, struct window *window);
static void window_close(void);

/* --- for the program */

static void pair_receive(void *data, size_t length)
{
	struct pollfd pollfd = { .fd = pair_socket, .events = POLLIN };

	while (!poll(&pollfd, 1, 1))
		link_progress();
	if (recv(pair_socket, data, length, MSG_WAITALL) != (ssize_t)length)
		errx(1, "rank %d: the other one is gone", pair_rank);
}

static void pair_meet(void)
{
	char byte = 0;

	pair_send(&byte, 1);
	pair_receive(&byte, 1);
}

static inline void *file_map(const char *path, size_t *size)
{
	int fd = open(path, O_RDWR);
	struct stat st;
	void *memory;

	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", path);
	memory = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      0);
	if (memory == MAP_FAILED)
		err(1, "%s", path);
	close(fd);
	*size = st.st_size;
	return memory;
}

/* --- the rounds */

static bool pair_window_stays;

static void windows_open(void *addr, size_t length, struct window *peer)
{
	struct window own = { 0 };

	window_open(addr, length, &own);
	pair_send(&own, sizeof(own));
	pair_receive(peer, sizeof(*peer));
}

static size_t pair_round(char *memory, size_t half, unsigned int round,
			 struct window *peer)
{
	size_t count = 1 + random() % PAIR_PAGES;
	uint64_t page = random() % (half / PAGE - count);
	char *mine = memory + page * PAGE, *other = mine + half;
	size_t length = count * PAGE, at = 0, wrong;
	uint64_t seed = (uint64_t)round << 1 | pair_rank;

	if (pair_window_stays)
		at = page * PAGE;
	else
		windows_open(other, length, peer);
	pages_fill(mine, page, count, seed);
	link_put(mine, length, peer, at);
	pair_meet();
	wrong = pages_wrong(other, page, count, seed ^ 1);
	pages_fill(mine, page, count, 0);
	link_get(mine, length, peer, at);
	wrong += pages_wrong(mine, page, count, seed);
	pair_meet();
	if (!pair_window_stays)
		window_close();
	return wrong;
}

static int pair_rounds(int seconds, const char *path)
{
	size_t size, half, wrong = 0;
	unsigned int round = 0;
	struct window peer;
	char *memory, go;
	time_t end = 0;

	memory = memory_map(path, &size);
	half = size / 2 / (SPARE_EVERY * PAGE) * (SPARE_EVERY * PAGE);
	link_start();
	if (pair_window_stays)
		windows_open(memory + half, half, &peer);
	srandom(2026);
	do {
		wrong += pair_round(memory, half, ++round, &peer);
		/* In the first round some libraries connect, which takes long. */
		if (!end)
			end = time(NULL) + seconds;
		go = time(NULL) < end;
		if (pair_rank)
			pair_receive(&go, sizeof(go));
		else
			pair_send(&go, sizeof(go));
	} while (go);
	if (pair_window_stays)
		window_close();
	link_end();
	printf("rank %d: %u rounds, %zu pages wrong\n", pair_rank, round,
	       wrong);
	return wrong != 0;
}

/* argv[first] is the first of its arguments. */
static int pair_main(char **argv, int first)
{
	const char *server = NULL;
	char **args = argv + first;
	int ret;

	if (args[0] && args[1] && !strcmp(args[0], "-m")) {
		server = args[1];
		args += 2;
	}
	pair_window_stays = args[0] && !strcmp(args[0], "-w");
	args += pair_window_stays;
	if (!args[0] || !args[1] || !args[1 + !server])
		errx(2,
		     "usage: [-w] SECONDS FILE FILE, or -m ADDRESS [-w] SECONDS FILE");
	pair_start(argv, server);
	ret = pair_rounds(atoi(args[0]), args[1 + (pair_rank && !server)]);
	pair_end();
	return ret;
}

#endif
