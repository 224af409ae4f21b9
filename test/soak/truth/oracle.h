/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The oracle: may this block hold that?
 *
 * The changes of a file come one after the other, and each divides the time in
 * two; RDMA goes on beside them. What a block may hold is therefore: the last
 * write to it since the last change of it, or what that change made of it: zeros,
 * another file's block, or the block that was before where it has been moved
 * from, for which the same question is asked again.
 *
 * Which side of a change a write is on is known by the time, unless it
 * overlaps the change. Then it is known by its registration: one that was there
 * when a change of its blocks began is gone when the change is done. That is
 * what Holdfast promises; a write that breaks it is found here.
 */
#ifndef SOAK_ORACLE_H
#define SOAK_ORACLE_H

#include "world.h"

/* Sorts the round's writes. Nothing writes any more. */
void oracle_prepare(struct slot *slot);

/**
 * oracle_allows - whether a block may hold this
 * @slot: after oracle_prepare()
 * @stage: after this many changes of the round, as the next one found it;
 *	slot->change_count: now
 * @pos: the block
 * @mark: what it holds, MARK_TORN included
 */
bool oracle_allows(const struct slot *slot, uint32_t stage, uint32_t pos,
		   uint64_t mark);

/* Says of a block that holds what it must not what was done to it. */
void oracle_explain(const struct slot *slot, uint32_t pos, uint64_t mark);

#endif
