/* SPDX-License-Identifier: GPL-2.0 */
/* A file descriptor over a socket. */
#ifndef HOLDFAST_TEST_PASS_FD_H
#define HOLDFAST_TEST_PASS_FD_H

#include <sys/socket.h>

#include "common.h"

static inline void fd_send(int socket, int fd)
{
	char byte = 'l', control[CMSG_SPACE(sizeof(fd))] = { 0 };
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
	if (sendmsg(socket, &message, 0) != 1)
		tap_bail("sendmsg: %s", strerror(errno));
}

/* -1: nothing came. */
static inline int fd_receive(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { &byte, 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header;
	int fd = -1;

	if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1) {
		header = CMSG_FIRSTHDR(&message);
		if (header)
			memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	}
	return fd;
}

#endif
