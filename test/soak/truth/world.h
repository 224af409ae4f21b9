/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the processes of the truth test share: the files, and a log of all that
 * was done to them in this round, by which the oracle judges. In memory that
 * all have mapped since before they were forked.
 */
#ifndef SOAK_WORLD_H
#define SOAK_WORLD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "block.h"
#include "plan.h"

#define PMEM	"/mnt/pmem/"
#define USER_ID 1000

#define BLOCKS	      2048U /* of one file, at most: 8 MiB */
#define FIRST_BLOCKS  1024U
#define DONOR_BLOCKS  256U
#define WRITES	      16384U /* of one file in one round */
#define REGISTRATIONS 256U
#define CANARIES      64U

/* Numbers of files; those of the slots, a new one for each file, follow. */
#define FILE_DONOR  1U
#define FILE_CANARY 2U
#define FILE_FIRST  (FILE_CANARY + CANARIES)

/* Every eighth block is for write(2), so that it and RDMA never meet in one. */
#define IS_CPU_BLOCK(pos) ((pos) % 8 == 7)

#define NO_REGISTRATION UINT32_MAX

/* Times are CLOCK_MONOTONIC in ns; 0 is "not yet, as far as one knows". */
struct write {
	uint64_t mark;
	uint32_t pos;
	uint32_t registration; /* NO_REGISTRATION: write(2) */
	uint64_t begin;
	uint64_t end;
	bool landed;   /* with success; else it may have, or will, or not */
	uint32_t next; /* for the oracle: of the same block, plus 1 */
};

struct registration {
	uint64_t had; /* it was there by then at the latest */
};

enum outcome {
	CHANGED,
	UNCHANGED,
	PERHAPS /* killed, or failed half way */
};

struct change {
	enum op op;
	enum outcome outcome;
	uint32_t first; /* blocks */
	uint32_t count;
	uint32_t donor;	 /* where the other file's blocks come from */
	uint32_t before; /* length of the file in blocks */
	uint32_t after;
	uint64_t begin;
	uint64_t end;
	bool copied; /* OP_CLONE, OP_EXCHANGE: another file has what was here */
};

/* What a holder is told to do to itself. */
enum order {
	ORDER_NONE,
	ORDER_FORK,
	ORDER_EXEC,
	ORDER_MEMORY,
	ORDER_CYCLE
};

struct part {
	_Atomic pid_t holder;
	_Atomic enum order order;
};

struct slot {
	char path[32];
	uint32_t id;
	int fd;
	bool unlinked;
	uint32_t blocks;	/* length, as the last change left it */
	uint32_t first_blocks;	/* and as this round began */
	uint64_t base[BLOCKS];	/* what it held then, by mark */
	_Atomic uint32_t marks; /* given away */
	_Atomic uint32_t write_count;
	struct write writes[WRITES];
	_Atomic uint32_t registration_count;
	struct registration registrations[REGISTRATIONS];
	uint32_t change_count;
	struct change changes[CHANGES + 1]; /* 1 is the first */
	uint32_t by_pos[BLOCKS];
	struct part parts[PARTS];
};

enum figure {
	FIGURE_ROUNDS,
	FIGURE_CHANGES,
	FIGURE_BREAKS,
	FIGURE_FENCES,
	FIGURE_AGENT,
	FIGURE_KILLS,
	FIGURE_CHECKED,
	FIGURE_WRITTEN,
	FIGURE_FREED,
	FIGURE_FAULTS,
	FIGURE_FSCKS,
	FIGURE_LOST,
	FIGURE_COUNT
};

#define PROBLEMS 32
#define NOTES	 48

/* What happened so often that is nobody's fault. */
struct note {
	_Atomic(const char *) what; /* a literal */
	int error;
	_Atomic uint64_t count;
};

struct world {
	uint64_t seed;
	bool xfs;
	bool reflink; /* the filesystem has it, and it makes no noise */
	int scale;
	int dir; /* of the filesystem, in this round */
	int donor;
	struct plan plan;
	atomic_bool stop;	     /* the round ends */
	atomic_bool no_more;	     /* no more holders */
	atomic_bool over;	     /* and they are gone */
	atomic_bool device;	     /* rxe0 is there */
	_Atomic uint64_t held_up_ms; /* what a change may take longer */
	struct slot slots[SLOTS];
	_Atomic uint64_t figures[FIGURE_COUNT];
	_Atomic uint64_t slowest_ms; /* change */
	enum op slowest_op;
	unsigned int round;
	unsigned int slowest_round;
	struct note notes[NOTES];
	_Atomic unsigned int problem_count;
	char problems[PROBLEMS][240];
};

extern struct world *world;

uint64_t now_ns(void);
void sleep_ms(unsigned int ms);

/* Until @stop, or so long; true when it is time to stop. */
bool sleep_until_stop(unsigned int ms);

void world_make(uint64_t seed);
void figure_add(enum figure figure, uint64_t count);
const char *figure_name(enum figure figure);

/* Counts it, by literal and errno value (or 0). */
void note(const char *what, int error);

/* Something is wrong. The caller goes on. */
__attribute__((format(printf, 1, 2))) void problem(const char *fmt, ...);

/* Notes are told apart by their address. */
extern const char LOST_CANARY[], LOST_LIVE[], LOST_MOVED[], LOST_LENGTH[],
	LOST_DONOR[], LOST_CLONE[], LOST_REMOUNT[], LOST_FILE[], LOST_MAPPED[];

/* A block of such a file does not hold what it must: also a problem. */
__attribute__((format(printf, 2, 3))) void lost(const char *kind,
						const char *fmt, ...);

/* The test itself cannot go on: ends the process. */
__attribute__((format(printf, 1, 2), noreturn)) void give_up(const char *fmt,
							     ...);

/*
 * A write is logged before it begins. NULL: the log is full. The mark is a new
 * one.
 */
struct write *write_begin(struct slot *slot, uint32_t pos,
			  uint32_t registration);
void write_end(struct write *write, bool landed);

/* A forked process of the test; problems when it dies are its parent's. */
pid_t process_start(void);

/* Kills it when it does not end in time, which is a problem. Wait status. */
int process_end(pid_t pid, unsigned int limit_ms, const char *what);

#endif
