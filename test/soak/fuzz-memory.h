/* SPDX-License-Identifier: GPL-2.0 */
/* Fuzz: mappings of leased files, and consumers that pin them. */
#ifndef HOLDFAST_SOAK_FUZZ_MEMORY_H
#define HOLDFAST_SOAK_FUZZ_MEMORY_H

#include <linux/io_uring.h>

#include "fuzz-lease.h"

#define MADV_LAST 25

static struct rdma rdma;
static struct ibv_mr *regions[SLOTS];

static size_t some_size(void)
{
	if (one_in(16))
		return random_edge(FILE_SIZE);
	return (uint64_t)(1 + random_below(one_in(4) ? 512 : 16)) << 12;
}

/*
 * A store to a file whose blocks are shared, through an entry of 2 MiB, can make
 * stock kernels BUG (kmod/pages/shared.c). Where files share, the pages of DAX files are
 * an odd number of pages away from their addresses, so there are no such entries.
 * Of a descriptor of our own, which the other thread does not exchange.
 */
static void *map_file(void *at, size_t size, int protection, int flags, int fd,
		      off_t offset)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct stat st;
	void *map;

	if (may_share && own >= 0 && !fstat(own, &st) &&
	    st.st_dev == folder_device)
		offset |= 4096;
	map = mmap(at, size, protection, flags, own, offset);
	close(own);
	return map;
}

static void op_map(void)
{
	int protection = one_in(6) ? (int)random_below(8)
				   : PROT_READ | PROT_WRITE;
	int flags = MAP_FIXED |
		    (one_in(10) ? ONE_OF(MAP_PRIVATE, MAP_SHARED_VALIDATE, 0)
				: MAP_SHARED);
	off_t offset = one_in(3) ? random_offset(FILE_SIZE) : 0;
	size_t size = some_size();
	int fd = fd_some(one_in(8) ? random_below(KINDS) : KIND_FILE);

	if (one_in(8))
		flags |= ONE_OF(MAP_POPULATE, MAP_LOCKED, MAP_NORESERVE,
				MAP_SYNC, MAP_HUGETLB, MAP_GROWSDOWN);
	if (size > AREA)
		size = one_in(2) ? FILE_SIZE : AREA;
	count_deep(DEEP_MAP, (long)map_file(some_memory(), size, protection,
					    flags, fd, offset));
}

static void op_unmap(void)
{
	size_t size = some_size();

	munmap(some_memory(), size > AREA ? AREA : size);
	count_call();
}

static void op_remap(void)
{
	size_t from = some_size(), to = some_size();
	int flags = MREMAP_MAYMOVE | MREMAP_FIXED |
		    (one_in(4) ? MREMAP_DONTUNMAP : 0);

	if (from > AREA || one_in(16))
		from = 0;
	if (to > AREA || one_in(2))
		to = from;
	/* In place, when it is not to go to another one of ours. */
	if (one_in(3))
		flags = 0;
	count_call();
	mremap(some_memory(), from, to, flags, some_memory());
}

static void op_advise(void)
{
	char *at = some_memory();
	size_t size = some_size();
	unsigned char core[64];
	struct iovec io = { at, 64 }, own = { core, 64 };

	if (size > AREA)
		size = AREA;
	switch (random_below(7)) {
	case 0:
		mprotect(at, size, random_below(8));
		break;
	case 1:
		msync(at, size, ONE_OF(MS_SYNC, MS_ASYNC, MS_INVALIDATE));
		break;
	case 2:
		if (one_in(2))
			mlock2(at, size, one_in(2) ? MLOCK_ONFAULT : 0);
		else
			munlock(at, size);
		break;
	case 3:
		mincore(at, size < sizeof(core) << 12 ? size : 4096, core);
		break;
	case 4:
		process_vm_readv(getpid(), &own, 1, &io, 1, 0);
		break;
	case 5:
		process_vm_writev(getpid(), &own, 1, &io, 1, 0);
		break;
	default:
		/* MADV_HWPOISON and its like, from 100 on, do harm for good. */
		madvise(at, size, random_below(MADV_LAST + 1));
		break;
	}
	count_call();
}

static void op_touch(void)
{
	volatile char *at = some_memory() + random_below(4096);
	bool store = one_in(2);

	if (sigsetjmp(touch_failed, 1)) {
		count_call();
		return;
	}
	touching = true;
	if (store)
		*at = 1;
	else
		(void)*at;
	touching = false;
	count_deep(DEEP_TOUCH, 0);
}

/* In another one's place. Whether it could be made. */
static bool region_put(void *at, size_t size)
{
	struct ibv_mr *old,
		*mr = ibv_reg_mr(rdma.pd, at, size,
				 one_in(8) ? random_below(256) : RDMA_ACCESS);

	old = __atomic_exchange_n(&regions[random_below(SLOTS)], mr,
				  __ATOMIC_ACQ_REL);
	if (old)
		ibv_dereg_mr(old);
	return mr;
}

static void op_register(void)
{
	size_t size = some_size();

	if (size > AREA)
		size = 4096;
	count_deep(DEEP_REGISTER, region_put(some_memory(), size) ? 0 : -1);
}

static void op_deregister(void)
{
	struct ibv_mr *mr = __atomic_exchange_n(&regions[random_below(SLOTS)],
						NULL, __ATOMIC_ACQ_REL);

	if (mr)
		ibv_dereg_mr(mr);
	count_call();
}

static void op_ring(void)
{
	struct iovec io[2] = { { some_memory(), some_size() },
			       { some_memory(), 4096 } };
	struct io_uring_params params = { 0 };
	int ring = fd_some(KIND_RING);

	switch (random_below(4)) {
	case 0:
		fd_put(KIND_RING, syscall(SYS_io_uring_setup, 4, &params));
		break;
	case 1:
		syscall(SYS_io_uring_register, ring, IORING_UNREGISTER_BUFFERS,
			NULL, 0);
		break;
	default:
		syscall(SYS_io_uring_register, ring, IORING_REGISTER_BUFFERS,
			io, 1 + random_below(2));
		break;
	}
	count_call();
}

/* What a program would do, from which the other calls then go on. */
static void op_session(void)
{
	char *at = (char *)ARENA + random_below(8) * AREA;
	struct iovec io = { at, 4096 };
	union arguments args;

	acquire(&args);
	count_deep(DEEP_MAP,
		   (long)map_file(at, (1 + random_below(8)) << 12,
				  PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_FIXED, args.acquire.fd,
				  args.acquire.offset));
	if (one_in(3))
		count_deep(DEEP_REGISTER, region_put(at, 4096) ? 0 : -1);
	if (one_in(8))
		syscall(SYS_io_uring_register, fd_some(KIND_RING),
			IORING_REGISTER_BUFFERS, &io, 1);
}

/* Pages in a pipe hold a change up until they are read. */
static void op_vmsplice(void)
{
	struct iovec io = { some_memory(), 4096 };
	int pipefd[2];
	char room[64];

	count_call();
	if (pipe2(pipefd, O_CLOEXEC | O_NONBLOCK))
		return;
	vmsplice(pipefd[1], &io, 1, SPLICE_F_NONBLOCK);
	read(pipefd[0], room, sizeof(room));
	close(pipefd[0]);
	close(pipefd[1]);
}

#endif
