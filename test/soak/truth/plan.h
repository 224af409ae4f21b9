/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is to happen in a round, drawn from the seed and the number of the round
 * and from nothing else: the same seed makes the same decisions. Where in a
 * file a change is depends also on how long the file is when its turn comes.
 */
#ifndef SOAK_PLAN_H
#define SOAK_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#define SLOTS	3 /* files that are leased */
#define PARTS	2 /* holders of one file, at most */
#define LIVES	6 /* holders one after the other, at most */
#define CHANGES 6 /* of one file */
#define FAULTS	3

enum op {
	OP_TRUNCATE,
	OP_PUNCH,
	OP_COLLAPSE,
	OP_INSERT,
	OP_ZERO,
	OP_REFLINK,  /* of another file's blocks into this one */
	OP_CLONE,    /* of this file's blocks into another one */
	OP_COPY,     /* bytes of another file into this one */
	OP_DEDUPE,   /* of blocks that are the same as another file's */
	OP_EXCHANGE, /* of blocks with those of another file */
	OP_APPEND,
	OP_WRITE,
	OP_EXTEND,
	OP_RENAME,
	OP_UNLINK,
	OP_REMOUNT,
	OP_REVOKE,
	OP_COUNT
};

enum kind {
	KIND_GOOD,  /* deregisters at once, and registers again */
	KIND_SLOW,  /* in the last moment, or too late */
	KIND_DEAF,  /* never: is fenced */
	KIND_GONE,  /* the same, and has unmapped and closed its lease */
	KIND_AGENT, /* never: holdfastd takes its registration */
	KIND_EXCLUSIVE,
	KIND_COUNT
};

enum fault {
	FAULT_KILL,
	FAULT_STOP,
	FAULT_FORK,   /* children that share all that the holder has */
	FAULT_EXEC,   /* the holder becomes another program, and keeps files */
	FAULT_TRACE,  /* and is held up by its tracer */
	FAULT_MEMORY, /* more than its memory cgroup has */
	FAULT_CYCLE,  /* its files in sockets that only they themselves hold */
	FAULT_DEVICE, /* rxe0 is deleted, and comes back */
	FAULT_UNLOAD, /* of the module */
	FAULT_UMOUNT, /* by force */
	FAULT_DETACH, /* umount -l, and mount again */
	FAULT_FREEZE, /* of the filesystem */
	FAULT_COUNT
};

struct plan_change {
	enum op op;
	uint32_t where; /* of the file, as a part of 2^32 */
	uint32_t length;
	uint32_t delay_ms;
	uint32_t kill_ms; /* after so long who makes it is killed; 0: never */
};

struct plan_holder {
	enum kind kind;
	bool user; /* not root */
	uint32_t slow_ms;
};

struct plan_fault {
	enum fault fault;
	unsigned int slot;
	unsigned int part;
	uint32_t delay_ms;
	uint32_t span_ms;
};

struct plan {
	uint64_t seed; /* for what is too small to be planned */
	struct plan_change changes[SLOTS][CHANGES];
	struct plan_holder holders[SLOTS][PARTS][LIVES];
	unsigned int parts[SLOTS];
	struct plan_fault faults[FAULTS];
	bool fsck; /* after the round */
};

/* xorshift64*; the state is never zero. */
uint64_t random_next(uint64_t *state);

/* Below @limit, which is not zero. */
uint32_t random_below(uint64_t *state, uint32_t limit);

void plan_make(struct plan *plan, uint64_t seed, unsigned int round);

/* A number that tells whether two plans are the same. */
uint64_t plan_hash(const struct plan *plan, uint64_t hash);

void plan_print(const struct plan *plan, unsigned int round);

const char *op_name(enum op op);
const char *kind_name(enum kind kind);
const char *fault_name(enum fault fault);

#endif
