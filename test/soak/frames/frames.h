/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the processes of this part of the soak share: the files, in memory that
 * was mapped before they were forked what they count, and the generator of
 * their decisions.
 */
#ifndef SOAK_FRAMES_H
#define SOAK_FRAMES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PMEM	"/mnt/pmem/"
#define FILES	4
#define PAGE	4096ULL
#define MOST	2048U /* pages of a file: 8 MiB */
#define ERRORS	140   /* errno values */
#define CHANGES 18

struct board {
	atomic_bool stop;
	_Atomic uint64_t tried[CHANGES];
	_Atomic uint64_t made[CHANGES];
	_Atomic uint64_t refused[ERRORS]; /* registrations, by errno */
	_Atomic uint64_t registrations;
	_Atomic uint64_t breaks;
	_Atomic uint64_t looks;
	_Atomic uint64_t compared; /* pages */
	_Atomic uint64_t
		unseen;		/* pages whose frame the pagemap did not have */
	_Atomic uint64_t moved; /* looks that found a pinned page moved */
	_Atomic uint64_t shared; /* or shared */
};

extern struct board *board;

/* The filesystem shares blocks, and the kernel makes no fault of its own there. */
extern bool may_share;

/* Nor where a block is made the file's own by FALLOC_FL_UNSHARE_RANGE. */
extern bool may_unshare;

/* How many times slower than others this guest is. */
extern int scale;

uint64_t random_next(uint64_t *state);

/* Below @limit, which is not zero. */
uint32_t random_below(uint64_t *state, uint32_t limit);

void file_path(char path[32], unsigned int file);

/*
 * A shared mapping of part of a file. If @small, each page of it has an entry of its
 * own in the page table. MAP_FAILED and errno on failure.
 */
char *map_file(int fd, uint64_t offset, size_t length, bool small);

/* Of a file, until the descriptor is closed: see main.c. They wait for each other. */
void no_writes_from_here(int fd);
void no_faults_from_here(int fd);
void no_faults_until_here(int fd);

/* Processes; they end with exit status 0 when the board says stop. */
void changer_run(uint64_t seed);
void holder_run(uint64_t seed, bool implicit);

const char *change_name(unsigned int change);

/* Whether this kernel and filesystem have it. */
bool change_is_here(unsigned int change);

#endif
