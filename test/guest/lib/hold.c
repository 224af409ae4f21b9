// SPDX-License-Identifier: GPL-2.0
/*
 * hold [-e] [-m] [-r|-b] [-a|-u] [-n|-z] [-t MS] FILE OFFSET LENGTH: lease a range of a file and keep it
 * until killed, for tests that are scripts. Says "lease FD" when all is done.
 *	-e exclusive, -m map the range, -r map and register it, -t the break time
 *	-b map the range and register it as a fixed buffer of an io_uring
 *	-a answer a break: deregister, and end when the change has
 *	-u answer, and unmap the file as well
 *	-n no lease: map the range, and store to each page
 *	-z close the descriptor of the lease, which is a zombie then
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <infiniband/verbs.h>
#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "holdfast.h"

static struct ibv_mr *register_memory(void *addr, size_t length)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *context = list && list[0] ? ibv_open_device(list[0])
						      : NULL;
	struct ibv_pd *pd = context ? ibv_alloc_pd(context) : NULL;
	struct ibv_mr *mr;

	if (!pd)
		err(1, "RDMA device");
	mr = ibv_reg_mr(pd, addr, length,
			IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	if (!mr)
		err(1, "ibv_reg_mr");
	return mr;
}

static void register_buffer(struct io_uring *ring, void *addr, size_t length)
{
	struct iovec buffer = { .iov_base = addr, .iov_len = length };
	int ret = io_uring_queue_init(1, ring, 0);

	if (!ret)
		ret = io_uring_register_buffers(ring, &buffer, 1);
	if (ret)
		errx(1, "io_uring: %s", strerror(-ret));
}

int main(int argc, char **argv)
{
	struct hf_attr attr = { 0 };
	bool map = false, reg = false, answer = false, away = false;
	bool zombie = false, buffer = false, plain = false;
	struct holdfast_event event;
	struct ibv_mr *mr = NULL;
	struct io_uring ring;
	int opt, fd, lease;
	size_t length;
	off_t offset;
	void *addr = NULL;

	while ((opt = getopt(argc, argv, "emnrabuzt:")) != -1) {
		switch (opt) {
		case 'e':
			attr.kind = HOLDFAST_EXCLUSIVE;
			break;
		case 'm':
			map = true;
			break;
		case 'r':
			reg = true;
			break;
		case 'u':
			away = true;
			answer = true;
			break;
		case 'b':
			buffer = true;
			break;
		case 'n':
			plain = true;
			break;
		case 'z':
			zombie = true;
			break;
		case 'a':
			answer = true;
			break;
		case 't':
			attr.break_ms = strtoul(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 3)
		errx(2,
		     "usage: hold [-e] [-m] [-r|-b] [-a|-u] [-n|-z] [-t MS] FILE OFFSET LENGTH");
	fd = open(argv[optind], O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(1, "%s", argv[optind]);
	length = strtoull(argv[optind + 2], NULL, 0);
	offset = strtoull(argv[optind + 1], NULL, 0);
	lease = plain ? -1 : hf_acquire(fd, offset, length, &attr);
	if (lease < 0 && !plain)
		errx(1, "%s", hf_error());
	if (map || reg || buffer || plain) {
		addr = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
			    fd, offset);
		if (addr == MAP_FAILED)
			err(1, "mmap");
	}
	close(fd);
	for (size_t at = 0; plain && at < length; at += 4096)
		((volatile char *)addr)[at] = 1;
	if (reg)
		mr = register_memory(addr, length);
	if (buffer)
		register_buffer(&ring, addr, length);
	if (zombie)
		close(lease);
	printf("lease %d\n", lease);
	fflush(stdout);

	while (answer && !hf_wait(lease, &event, -1)) {
		if (event.type == HOLDFAST_EVENT_BREAK && mr) {
			ibv_dereg_mr(mr);
			mr = NULL;
			if (away)
				munmap(addr, length);
		}
		if (event.type == HOLDFAST_EVENT_CHANGED)
			return 0;
	}
	for (;;)
		pause();
}
