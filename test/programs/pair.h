/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two processes, each with a file as its memory, that write to and read from each other's in rounds: what
 * tests of one-sided libraries share. A program that includes it supplies the functions below "supplied",
 * and knows nothing of Holdfast.
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
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pages.h"

#define PAIR_ADDRESS   "192.0.2.1"
#define PAIR_KEY_BYTES 512
#define PAIR_PAGES     40

struct window {
	uint64_t addr;
	size_t key_bytes;
	char key[PAIR_KEY_BYTES];
};

static int pair_rank;

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

static int pair_socket;

static void pair_send(const void *data, size_t length)
{
	if (send(pair_socket, data, length, MSG_NOSIGNAL) != (ssize_t)length)
		err(1, "rank %d: send", pair_rank);
}

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

/* Set for the second process, whose standard input is its socket */
#define PAIR_SECOND "HOLDFAST_PAIR_SECOND"

/*
 * Starts the second process. A child of fork(2) alone would not do: what the library's other threads hold at that
 * moment stays locked in it, and UCX has such a thread from the start.
 */
static pid_t pair_second(int sock, char **argv)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	if (setenv(PAIR_SECOND, "", 1) ||
	    (errno = posix_spawn_file_actions_init(&actions)) ||
	    (errno = posix_spawn_file_actions_adddup2(&actions, sock,
						      STDIN_FILENO)) ||
	    (errno = posix_spawn(&pid, "/proc/self/exe", &actions, NULL, argv,
				 environ)))
		err(1, "cannot start the second process");
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* NAME [-w] SECONDS FILE FILE */
static int pair_main(char **argv)
{
	int sockets[2], status, ret;
	pid_t second = 0;

	pair_rank = !!getenv(PAIR_SECOND);
	pair_window_stays = argv[1] && !strcmp(argv[1], "-w");
	argv += pair_window_stays;
	if (!argv[1] || !argv[2] || !argv[3])
		errx(2, "usage: [-w] SECONDS FILE FILE");
	if (pair_rank) {
		pair_socket = STDIN_FILENO;
	} else {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
			err(1, "socketpair");
		pair_socket = sockets[0];
		second = pair_second(sockets[1], argv - pair_window_stays);
		close(sockets[1]);
	}
	ret = pair_rounds(atoi(argv[1]), argv[2 + pair_rank]);
	if (pair_rank)
		return ret;
	if (waitpid(second, &status, 0) != second || status)
		errx(1, "rank 1: wait status %#x", status);
	return ret;
}

#endif
