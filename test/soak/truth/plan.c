// SPDX-License-Identifier: GPL-2.0
/* The decisions of a round. */
#include <stdio.h>
#include <string.h>

#include "plan.h"

static const char *const op_names[OP_COUNT] = {
	[OP_TRUNCATE] = "truncate", [OP_PUNCH] = "punch",
	[OP_COLLAPSE] = "collapse", [OP_INSERT] = "insert",
	[OP_ZERO] = "zero",	    [OP_REFLINK] = "reflink",
	[OP_CLONE] = "clone",	    [OP_COPY] = "copy",
	[OP_DEDUPE] = "dedupe",	    [OP_EXCHANGE] = "exchange",
	[OP_APPEND] = "append",	    [OP_WRITE] = "write",
	[OP_EXTEND] = "extend",	    [OP_RENAME] = "rename",
	[OP_UNLINK] = "unlink",	    [OP_REMOUNT] = "remount",
	[OP_REVOKE] = "revoke",
};

static const char *const kind_names[KIND_COUNT] = {
	[KIND_GOOD] = "good",	[KIND_SLOW] = "slow",
	[KIND_DEAF] = "deaf",	[KIND_GONE] = "gone",
	[KIND_AGENT] = "agent", [KIND_EXCLUSIVE] = "exclusive",
};

static const char *const fault_names[FAULT_COUNT] = {
	[FAULT_KILL] = "kill",	   [FAULT_STOP] = "stop",
	[FAULT_FORK] = "fork",	   [FAULT_EXEC] = "exec",
	[FAULT_TRACE] = "trace",   [FAULT_MEMORY] = "memory",
	[FAULT_CYCLE] = "cycle",   [FAULT_DEVICE] = "device",
	[FAULT_UNLOAD] = "unload", [FAULT_UMOUNT] = "umount",
	[FAULT_DETACH] = "detach", [FAULT_FREEZE] = "freeze",
};

/* How often each is drawn, out of the sum. */
static const unsigned int op_weights[OP_COUNT] = {
	[OP_TRUNCATE] = 4, [OP_PUNCH] = 4,   [OP_COLLAPSE] = 3, [OP_INSERT] = 3,
	[OP_ZERO] = 3,	   [OP_REFLINK] = 3, [OP_CLONE] = 3,	[OP_COPY] = 2,
	[OP_APPEND] = 2,   [OP_WRITE] = 2,   [OP_EXTEND] = 2,	[OP_RENAME] = 1,
	[OP_UNLINK] = 1,   [OP_REMOUNT] = 1, [OP_REVOKE] = 1,	[OP_DEDUPE] = 2,
	[OP_EXCHANGE] = 3,
};

static const unsigned int kind_weights[KIND_COUNT] = {
	[KIND_GOOD] = 10, [KIND_SLOW] = 4,  [KIND_DEAF] = 2,
	[KIND_GONE] = 2,  [KIND_AGENT] = 3, [KIND_EXCLUSIVE] = 1,
};

uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dULL;
}

uint32_t random_below(uint64_t *state, uint32_t limit)
{
	return (random_next(state) >> 32) * limit >> 32;
}

static unsigned int random_weighted(uint64_t *state,
				    const unsigned int *weights,
				    unsigned int count)
{
	unsigned int sum = 0, i;
	uint32_t drawn;

	for (i = 0; i < count; i++)
		sum += weights[i];
	drawn = random_below(state, sum);
	for (i = 0; drawn >= weights[i]; i++)
		drawn -= weights[i];
	return i;
}

static void plan_change_make(struct plan_change *change, uint64_t *state)
{
	change->op = random_weighted(state, op_weights, OP_COUNT);
	change->where = random_next(state);
	change->length = random_next(state);
	change->delay_ms = random_below(state, 500);
	change->kill_ms =
		random_below(state, 10) ? 0 : 1 + random_below(state, 300);
}

static void plan_holder_make(struct plan_holder *holder, uint64_t *state)
{
	holder->kind = random_weighted(state, kind_weights, KIND_COUNT);
	holder->user = random_below(state, 3);
	holder->slow_ms = random_below(state, 2500);
}

static void plan_fault_make(struct plan_fault *fault, uint64_t *state)
{
	fault->fault = random_below(state, FAULT_COUNT);
	fault->slot = random_below(state, SLOTS);
	fault->part = random_below(state, PARTS);
	fault->delay_ms = random_below(state, 1000);
	fault->span_ms = random_below(state, 400);
}

void plan_make(struct plan *plan, uint64_t seed, unsigned int round)
{
	uint64_t state = (seed << 20 ^ round) * 0x9e3779b97f4a7c15ULL | 1;

	/* All bytes count for plan_hash(), those between members, too. */
	memset(plan, 0, sizeof(*plan));
	for (unsigned int i = 0; i < 8; i++)
		random_next(&state);
	for (unsigned int slot = 0; slot < SLOTS; slot++) {
		for (unsigned int i = 0; i < CHANGES; i++)
			plan_change_make(&plan->changes[slot][i], &state);
		for (unsigned int part = 0; part < PARTS; part++) {
			for (unsigned int life = 0; life < LIVES; life++)
				plan_holder_make(
					&plan->holders[slot][part][life],
					&state);
		}
		plan->parts[slot] = 1 + random_below(&state, PARTS);
	}
	for (unsigned int i = 0; i < FAULTS; i++)
		plan_fault_make(&plan->faults[i], &state);
	plan->fsck = !random_below(&state, 4);
	plan->seed = random_next(&state) | 1;
}

uint64_t plan_hash(const struct plan *plan, uint64_t hash)
{
	const unsigned char *byte = (const void *)plan;

	for (size_t i = 0; i < sizeof(*plan); i++)
		hash = (hash ^ byte[i]) * 0x100000001b3ULL;
	return hash;
}

const char *op_name(enum op op)
{
	return op_names[op];
}

const char *kind_name(enum kind kind)
{
	return kind_names[kind];
}

const char *fault_name(enum fault fault)
{
	return fault_names[fault];
}

void plan_print(const struct plan *plan, unsigned int round)
{
	printf("# round %u:", round);
	for (unsigned int slot = 0; slot < SLOTS; slot++) {
		printf(" [%u:", slot);
		for (unsigned int part = 0; part < plan->parts[slot]; part++)
			printf(" %s",
			       kind_name(plan->holders[slot][part][0].kind));
		printf(":");
		for (unsigned int i = 0; i < CHANGES; i++)
			printf(" %s%s", op_name(plan->changes[slot][i].op),
			       plan->changes[slot][i].kill_ms ? "!" : "");
		printf("]");
	}
	for (unsigned int i = 0; i < FAULTS; i++)
		printf(" %s", fault_name(plan->faults[i].fault));
	printf("%s\n", plan->fsck ? " fsck" : "");
	fflush(stdout);
}
