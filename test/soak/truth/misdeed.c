// SPDX-License-Identifier: GPL-2.0
/* What a holder does to itself when it is told to. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "misdeed.h"

#define CHILDREN 5
#define HOG_MIB	 64

static _Noreturn void sit(void)
{
	for (;;)
		pause();
}

/* Each has all files and the mapping, and has made no pins. */
static void fork_children(void)
{
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		if (!pid && i % 2) {
			/* And one that has one, too. */
			if (!fork())
				sit();
			_exit(0);
		}
		if (!pid)
			sit();
	}
}

static _Noreturn void become_another(int lease, int device)
{
	if (lease >= 0)
		fcntl(lease, F_SETFD, 0);
	fcntl(device, F_SETFD, 0);
	execlp("sleep", "sleep", "1000", NULL);
	_exit(1);
}

/* The group is that of a process of root's; a child there is told by its name. */
static _Noreturn void use_memory(void)
{
	char *memory;

	prctl(PR_SET_NAME, "soak-hog");
	memory = mmap(NULL, HOG_MIB << 20, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (;;) {
		if (memory == MAP_FAILED)
			_exit(0);
		memset(memory, 1, HOG_MIB << 20);
	}
}

/* Sends @fd into @socket, so that it is open in there. */
static void put(int socket, int fd)
{
	char byte = 'x', control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	sendmsg(socket, &message, MSG_DONTWAIT);
}

/* Two sockets that hold each other, and both files, and nobody holds them. */
static void make_cycle(int lease, int device)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		return;
	put(pair[0], device);
	if (lease >= 0)
		put(pair[1], lease);
	put(pair[0], pair[0]);
	put(pair[1], pair[1]);
	put(pair[0], pair[1]);
	put(pair[1], pair[0]);
	close(pair[0]);
	close(pair[1]);
}

void misdeed(enum order order, int lease, int device)
{
	switch (order) {
	case ORDER_FORK:
		fork_children();
		break;
	case ORDER_EXEC:
		become_another(lease, device);
	case ORDER_MEMORY:
		use_memory();
	case ORDER_CYCLE:
		make_cycle(lease, device);
		break;
	default:
		break;
	}
}
