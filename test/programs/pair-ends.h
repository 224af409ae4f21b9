/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The two processes of pair.h: how they start, and the socket between them. Both are on this machine, or, with
 * -m, each on one of its own.
 */
#ifndef HOLDFAST_TEST_PAIR_ENDS_H
#define HOLDFAST_TEST_PAIR_ENDS_H

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Of the machine, if there is one */
#define PAIR_ADDRESS  "192.0.2.1"
#define PAIR_PORT     7206
#define PAIR_WAIT_SEC 60

static int pair_rank;
static int pair_socket;
/* The address of rank 0's machine, and of this one */
static const char *pair_server = PAIR_ADDRESS;
static const char *pair_own = PAIR_ADDRESS;
/* Rank 1, if rank 0 has started it */
static pid_t pair_second;

/* Set for the second process, whose standard input is its socket */
#define PAIR_SECOND "HOLDFAST_PAIR_SECOND"

/*
 * A child of fork(2) alone would not do: what the library's other threads hold at that moment stays locked in it, and
 * UCX has such a thread from the start.
 */
static void pair_start_second(char **argv)
{
	posix_spawn_file_actions_t actions;
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		err(1, "socketpair");
	pair_socket = sockets[0];
	if (setenv(PAIR_SECOND, "", 1) ||
	    (errno = posix_spawn_file_actions_init(&actions)) ||
	    (errno = posix_spawn_file_actions_adddup2(&actions, sockets[1],
						      STDIN_FILENO)) ||
	    (errno = posix_spawnp(&pair_second, argv[0], &actions, NULL, argv,
				  environ)))
		err(1, "cannot start the second process");
	posix_spawn_file_actions_destroy(&actions);
	close(sockets[1]);
}

/* Rank 0 is the one whose machine has the address. */
static void pair_find_other(const char *server)
{
	static char own[INET_ADDRSTRLEN];
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(PAIR_PORT),
		.sin_addr.s_addr = inet_addr(server),
	};
	const struct sockaddr *any = (const struct sockaddr *)&address;
	socklen_t length = sizeof(address);
	int sock = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	time_t end = time(NULL) + PAIR_WAIT_SEC;

	if (sock < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)))
		err(1, "socket");
	pair_rank = bind(sock, any, length) != 0;
	if (pair_rank && errno != EADDRNOTAVAIL)
		err(1, "%s", server);
	if (!pair_rank) {
		if (listen(sock, 1))
			err(1, "listen");
		pair_socket = accept4(sock, NULL, NULL, SOCK_CLOEXEC);
		if (pair_socket < 0)
			err(1, "accept");
		close(sock);
	} else {
		/* The other one may not listen yet. */
		while (connect(sock, any, length)) {
			if (errno != ECONNREFUSED || time(NULL) > end)
				err(1, "connect to %s", server);
			sleep(1);
		}
		pair_socket = sock;
	}
	if (getsockname(pair_socket, (struct sockaddr *)&address, &length) ||
	    !inet_ntop(AF_INET, &address.sin_addr, own, sizeof(own)))
		err(1, "getsockname");
	pair_server = server;
	pair_own = own;
}

/* argv as main() has it; server is NULL where both are on this machine. */
static void pair_start(char **argv, const char *server)
{
	if (server) {
		pair_find_other(server);
	} else if (getenv(PAIR_SECOND)) {
		pair_rank = 1;
		pair_socket = STDIN_FILENO;
	} else {
		pair_start_second(argv);
	}
}

/* Ends the program if rank 1, started here, has failed. */
static void pair_end(void)
{
	int status;

	if (pair_second &&
	    (waitpid(pair_second, &status, 0) != pair_second || status))
		errx(1, "rank 1: wait status %#x", status);
}

static void pair_send(const void *data, size_t length)
{
	if (send(pair_socket, data, length, MSG_NOSIGNAL) != (ssize_t)length)
		err(1, "rank %d: send", pair_rank);
}

#endif
