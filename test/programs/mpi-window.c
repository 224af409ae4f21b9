// SPDX-License-Identifier: GPL-2.0
/*
 * mpi-window SECONDS FILE...: two ranks, each with the file of its number as its memory. The second half is a
 * window, which stays as long as the job, and with it the keys of its memory region. In each round they put
 * into each other's window, check what came, and get it back.
 * link: -l:libmpi.so.40
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pages.h"

#define PAGES 40

static int rank;

static size_t exchange(MPI_Win window, char *memory, size_t half,
		       unsigned int round)
{
	size_t count = 1 + random() % PAGES, length = count * PAGE, wrong;
	uint64_t page = random() % (half / PAGE - count);
	uint64_t seed = (uint64_t)round << 1 | rank;
	char *mine = memory + page * PAGE, *other = mine + half;

	pages_fill(mine, page, count, seed);
	MPI_Win_fence(0, window);
	MPI_Put(mine, length, MPI_BYTE, !rank, page * PAGE, length, MPI_BYTE,
		window);
	MPI_Win_fence(0, window);
	wrong = pages_wrong(other, page, count, seed ^ 1);
	pages_fill(mine, page, count, 0);
	MPI_Get(mine, length, MPI_BYTE, !rank, page * PAGE, length, MPI_BYTE,
		window);
	MPI_Win_fence(0, window);
	return wrong + pages_wrong(mine, page, count, seed);
}

int main(int argc, char **argv)
{
	unsigned int round = 0, go = 1;
	size_t half, wrong = 0;
	MPI_Win window;
	struct stat st;
	char *memory;
	double end;
	int fd;

	MPI_Init(&argc, &argv);
	MPI_Comm_rank(MPI_COMM_WORLD, &rank);
	if (argc != 4)
		return 2;
	fd = open(argv[2 + rank], O_RDWR);
	if (fd < 0 || fstat(fd, &st)) {
		perror(argv[2 + rank]);
		return 2;
	}
	memory = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		      0);
	half = st.st_size / 2 / (SPARE_EVERY * PAGE) * (SPARE_EVERY * PAGE);
	MPI_Win_create(memory + half, half, 1, MPI_INFO_NULL, MPI_COMM_WORLD,
		       &window);
	end = MPI_Wtime() + strtod(argv[1], NULL);
	srandom(2026);
	while (go) {
		wrong += exchange(window, memory, half, ++round);
		go = MPI_Wtime() < end;
		MPI_Bcast(&go, 1, MPI_UNSIGNED, 0, MPI_COMM_WORLD);
	}
	printf("rank %d: %u rounds, %zu pages wrong\n", rank, round, wrong);
	MPI_Win_free(&window);
	MPI_Finalize();
	return wrong != 0;
}
