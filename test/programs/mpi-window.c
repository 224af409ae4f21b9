// SPDX-License-Identifier: GPL-2.0
/*
 * mpi-window SECONDS FILE...: two ranks, each with the file of its number as its memory. The second half is a
 * window, which stays as long as the job, and with it the keys of its memory region; a second window is
 * memory that MPI allocates. In each round they put into each other's windows, check what came, and get it
 * back. Then MPI-IO writes the memory to FILE.io, and reads it.
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

/* Both put from @memory into each other's @other, which is @window. */
static size_t exchange(MPI_Win window, char *memory, char *other, size_t size,
		       uint64_t seed)
{
	size_t count = 1 + random() % PAGES, length = count * PAGE, wrong;
	uint64_t page = random() % (size / PAGE - count);
	char *mine = memory + page * PAGE;

	pages_fill(mine, page, count, seed);
	MPI_Win_fence(0, window);
	MPI_Put(mine, length, MPI_BYTE, !rank, page * PAGE, length, MPI_BYTE,
		window);
	MPI_Win_fence(0, window);
	wrong = pages_wrong(other + page * PAGE, page, count, seed ^ 1);
	pages_fill(mine, page, count, 0);
	MPI_Get(mine, length, MPI_BYTE, !rank, page * PAGE, length, MPI_BYTE,
		window);
	MPI_Win_fence(0, window);
	return wrong + pages_wrong(mine, page, count, seed);
}

static size_t store(MPI_File file, char *memory, size_t size, uint64_t seed)
{
	size_t count = 1 + random() % PAGES, length = count * PAGE;
	uint64_t page = random() % (size / PAGE - count);
	char *mine = memory + page * PAGE;

	pages_fill(mine, page, count, seed);
	MPI_File_write_at(file, page * PAGE, mine, length, MPI_BYTE,
			  MPI_STATUS_IGNORE);
	pages_fill(mine, page, count, 0);
	MPI_File_read_at(file, page * PAGE, mine, length, MPI_BYTE,
			 MPI_STATUS_IGNORE);
	return pages_wrong(mine, page, count, seed);
}

/* Of this machine, as the memory is. */
static MPI_File open_file(const char *memory_path)
{
	MPI_File file;
	char *path;

	if (asprintf(&path, "%s.io", memory_path) < 0)
		abort();
	if (MPI_File_open(MPI_COMM_SELF, path,
			  MPI_MODE_CREATE | MPI_MODE_RDWR |
				  MPI_MODE_DELETE_ON_CLOSE,
			  MPI_INFO_NULL, &file)) {
		fprintf(stderr, "cannot open %s\n", path);
		exit(2);
	}
	free(path);
	return file;
}

int main(int argc, char **argv)
{
	unsigned int round = 0, go = 1;
	MPI_Win window, second;
	char *memory, *allocated;
	size_t half, wrong = 0;
	MPI_File file;
	struct stat st;
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
	MPI_Win_allocate(half, 1, MPI_INFO_NULL, MPI_COMM_WORLD, &allocated,
			 &second);
	file = open_file(argv[2 + rank]);
	end = MPI_Wtime() + strtod(argv[1], NULL);
	srandom(2026);
	while (go) {
		uint64_t seed = (uint64_t)++round << 1 | rank;

		wrong += exchange(window, memory, memory + half, half, seed);
		wrong += exchange(second, memory, allocated, half, seed);
		wrong += store(file, memory, half, seed);
		go = MPI_Wtime() < end;
		MPI_Bcast(&go, 1, MPI_UNSIGNED, 0, MPI_COMM_WORLD);
	}
	printf("rank %d: %u rounds, %zu pages wrong\n", rank, round, wrong);
	MPI_File_close(&file);
	MPI_Win_free(&second);
	MPI_Win_free(&window);
	MPI_Finalize();
	return wrong != 0;
}
