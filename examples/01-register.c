// SPDX-License-Identifier: MIT
/*
 * 01-register FILE: let an RDMA device write the first 2 MiB of a file on a
 * DAX filesystem, until a change of the file wants them.
 */
#include <err.h>
#include <fcntl.h>
#include <holdfast.h>
#include <infiniband/verbs.h>
#include <stdio.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
	const size_t length = 2 << 20;
	struct holdfast_event event;

	int file = open(argv[argc - 1], O_RDWR);
	int lease = hf_acquire(file, 0, length, NULL);
	if (lease < 0)
		errx(1, "%s", hf_error());
	void *memory =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");

	struct ibv_device **devices = ibv_get_device_list(NULL);
	struct ibv_pd *pd = ibv_alloc_pd(ibv_open_device(devices[0]));
	struct ibv_mr *mr =
		ibv_reg_mr(pd, memory, length, IBV_ACCESS_LOCAL_WRITE);
	if (!mr)
		err(1, "ibv_reg_mr");
	printf("registered: the device may write the file, key %#x\n",
	       mr->lkey);

	hf_wait(lease, &event, -1); /* until a truncate, say, comes and waits */
	printf("%s by %s\n", hf_op_name(event.op), event.comm);
	ibv_dereg_mr(mr); /* now it goes on */
	return hf_release(lease);
}
