// SPDX-License-Identifier: GPL-2.0
/*
 * mpi-rounds SECONDS FILE...: two ranks, each with the file of its number as its memory: the first half is
 * sent, the second half is received into. What is sent, how, and from where, differs from round to
 * round. Knows nothing of Holdfast.
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

#define PIECES	 2
/* In pages: rxm copies what is smaller, and registers what is larger. */
#define SMALLEST 40

static int rank;
static char *memory;
static size_t half;

static char *sent(uint64_t page)
{
	return memory + page * PAGE;
}

static char *received(uint64_t page)
{
	return memory + half + page * PAGE;
}

/* One message each way. */
static void exchange(uint64_t page, size_t count, int tag)
{
	MPI_Sendrecv(sent(page), count * PAGE, MPI_BYTE, !rank, tag,
		     received(page), count * PAGE, MPI_BYTE, !rank, tag,
		     MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

/* Several that are under way at the same time, from places side by side. */
static void exchange_pieces(uint64_t page, size_t count, int tag)
{
	MPI_Request requests[2 * PIECES];
	int used = 0;

	for (size_t i = 0; i < PIECES; i++) {
		size_t from = count * i / PIECES;
		size_t length = (count * (i + 1) / PIECES - from) * PAGE;

		MPI_Irecv(received(page + from), length, MPI_BYTE, !rank,
			  tag + i, MPI_COMM_WORLD, &requests[used++]);
		MPI_Isend(sent(page + from), length, MPI_BYTE, !rank, tag + i,
			  MPI_COMM_WORLD, &requests[used++]);
	}
	MPI_Waitall(used, requests, MPI_STATUSES_IGNORE);
}

/* The receiver is late: the sender's memory is in use all this time. */
static void exchange_late(uint64_t page, size_t count, int tag)
{
	MPI_Request request;

	MPI_Isend(sent(page), count * PAGE, MPI_BYTE, !rank, tag,
		  MPI_COMM_WORLD, &request);
	usleep(100000);
	MPI_Recv(received(page), count * PAGE, MPI_BYTE, !rank, tag,
		 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
	MPI_Wait(&request, MPI_STATUS_IGNORE);
}

/* From one to all, and then the other way. */
static void exchange_all(uint64_t page, size_t count, int tag)
{
	(void)tag;
	for (int root = 0; root < 2; root++)
		MPI_Bcast(root == rank ? sent(page) : received(page),
			  count * PAGE, MPI_BYTE, root, MPI_COMM_WORLD);
}

static void (*const exchanges[])(uint64_t, size_t,
				 int) = { exchange, exchange_pieces,
					  exchange_late, exchange_all };

int main(int argc, char **argv)
{
	unsigned int round, wrong = 0, go = 1;
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
	end = MPI_Wtime() + strtod(argv[1], NULL);
	srandom(2026);
	for (round = 1; go; round++) {
		size_t pages = half / PAGE;
		size_t count = PIECES * SMALLEST + random() % 40;
		uint64_t page = random() % (pages - count);

		pages_fill(sent(page), page, count, round << 1 | rank);
		exchanges[round % 4](page, count, round % 1000 * PIECES);
		wrong += pages_wrong(received(page), page, count,
				     round << 1 | !rank);
		go = MPI_Wtime() < end;
		MPI_Bcast(&go, 1, MPI_UNSIGNED, 0, MPI_COMM_WORLD);
	}
	printf("rank %d: %u rounds, %u pages wrong\n", rank, round - 1, wrong);
	MPI_Finalize();
	return wrong != 0;
}
