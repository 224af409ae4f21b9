// SPDX-License-Identifier: MIT
/*
 * 07-uring DISK FILE: read the beginning of a disk into a file on a DAX filesystem,
 * as much as the file is long, by io_uring with fixed buffers. The buffers are the
 * file: the disk's DMA writes into it, and nobody copies. When the file changes
 * (truncate it, punch a hole) the program lets go at once. After the change it
 * reads again what the file still has room for; it ends when nothing is left.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast_uring.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BUFFERS 8

/* Reads into all buffers that the ring has. */
static void fill(struct io_uring *ring, int disk,
		 const struct hf_uring *buffers)
{
	struct hf_uring_info info;
	struct io_uring_cqe *cqe;

	hf_uring_query(buffers, &info);
	for (unsigned int i = 0; i < info.registered; i++)
		io_uring_prep_read_fixed(io_uring_get_sqe(ring), disk,
					 (char *)info.addr + i * info.size,
					 info.size, i * info.size,
					 info.first + i);
	io_uring_submit(ring);
	for (unsigned int i = 0; i < info.registered; i++) {
		if (io_uring_wait_cqe(ring, &cqe))
			err(1, "io_uring");
		if (cqe->res != (int)info.size)
			errx(1, "read: %s",
			     cqe->res < 0 ? strerror(-cqe->res) : "short");
		io_uring_cqe_seen(ring, cqe);
	}
	printf("%zu bytes are in the file\n", info.registered * info.size);
}

int main(int argc, char **argv)
{
	struct holdfast_event event;
	struct hf_uring *buffers;
	struct io_uring ring;
	struct stat st;
	int disk, file, lease, ret;

	setlinebuf(stdout);
	if (argc != 3)
		errx(2, "usage: 07-uring DISK FILE");
	disk = open(argv[1], O_RDONLY | O_DIRECT);
	if (disk < 0)
		err(1, "%s", argv[1]);
	file = open(argv[2], O_RDWR);
	if (file < 0 || fstat(file, &st))
		err(1, "%s", argv[2]);
	lease = hf_acquire(file, 0, st.st_size, NULL);
	if (lease < 0)
		errx(1, "%s", hf_error());
	ret = io_uring_queue_init(BUFFERS, &ring, 0);
	if (!ret)
		ret = io_uring_register_buffers_sparse(&ring, BUFFERS);
	if (!ret)
		ret = hf_uring_register_buffers(&ring, 0, file, 0, st.st_size,
						BUFFERS, &buffers);
	if (ret)
		errx(1, "fixed buffers: %s", strerror(-ret));

	fill(&ring, disk, buffers);
	while (!hf_wait(lease, &event, -1)) {
		if (event.type == HOLDFAST_EVENT_BREAK) {
			printf("%s by %s\n", hf_op_name(event.op), event.comm);
			/* No request is under way: now the change goes on. */
			if (hf_uring_break(buffers))
				errx(1, "the buffers do not go");
		}
		if (event.type != HOLDFAST_EVENT_CHANGED)
			continue;
		ret = hf_uring_restore(buffers);
		/* The next change has come, and has events of its own. */
		if (ret == -EAGAIN || ret == -EDEADLK)
			continue;
		if (ret)
			break;
		fill(&ring, disk, buffers);
	}
	printf("the end: %s\n", ret ? strerror(-ret) : hf_error());
	if (hf_uring_unregister_buffers(buffers))
		errx(1, "the buffers do not go");
	io_uring_queue_exit(&ring);
	return hf_release(lease) ? 1 : 0;
}
