// SPDX-License-Identifier: MIT
/*
 * 01-register FILE: let an RDMA device write the first 2 MiB of a file on a
 * DAX filesystem, until a change of the file waits for them.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <holdfast.h>
#include <infiniband/verbs.h>
#include <stdio.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
	const size_t size = 2 << 20;
	struct ibv_device *device = *ibv_get_device_list(NULL);
	struct ibv_pd *pd = ibv_alloc_pd(ibv_open_device(device));
	struct holdfast_event event;

	int fd = open(argv[argc - 1], O_RDWR);
	int lease = hf_acquire(fd, 0, size, NULL);
	if (lease < 0)
		errx(1, "%s", hf_error());
	void *memory =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct ibv_mr *mr =
		ibv_reg_mr(pd, memory, size, IBV_ACCESS_LOCAL_WRITE);
	if (!mr)
		errx(1, "%s", hf_registration_error(errno));
	printf("registered, key %#x\n", mr->lkey);

	hf_wait(lease, &event, -1); /* a truncate, for example, waits now */
	printf("%s by %s\n", hf_op_name(event.op), event.comm);
	ibv_dereg_mr(mr); /* and goes on */
	return hf_release(lease);
}
