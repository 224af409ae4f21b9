/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A lock that costs its owner nothing: one thread at a time uses a queue, and the
 * importer's own thread takes it away only when a region pauses or the connection is
 * lost.
 *
 * While the gate is open (0) the owner enters by a store, a load and a branch. To close it,
 * the other thread raises the gate, has the kernel put a memory barrier into every
 * thread of the process (membarrier(2)), and waits until the owner has left. From
 * then on both use the mutex, until the gate is open again.
 */
#ifndef HOLDFAST_REMOTE_BIAS_H
#define HOLDFAST_REMOTE_BIAS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/**
 * struct hf_bias - such a lock
 * @inside: the owner is inside, without the mutex
 * @gate: how many reasons there are to use the mutex; raised and lowered with it
 */
struct hf_bias {
	atomic_uint inside;
	atomic_uint gate;
	pthread_mutex_t mutex;
};

/* Once in a process, before the first use: 0 or -errno. */
int hf_bias_setup(void);
void hf_bias_init(struct hf_bias *bias);
void hf_bias_destroy(struct hf_bias *bias);

/* The owner's way in when the gate is closed. */
void hf_bias_enter_slowly(struct hf_bias *bias);

/**
 * hf_bias_enter - the owner comes in
 *
 * RETURN VALUE
 * True: the gate is open. False: it is closed, and the owner has the mutex. It leaves by
 * hf_bias_leave() with that value.
 */
static inline bool hf_bias_enter(struct hf_bias *bias)
{
	atomic_store_explicit(&bias->inside, 1, memory_order_relaxed);
	/* The barrier for the processor is the other thread's. */
	atomic_signal_fence(memory_order_seq_cst);
	if (__builtin_expect(!atomic_load_explicit(&bias->gate,
						   memory_order_acquire),
			     1))
		return true;
	hf_bias_enter_slowly(bias);
	return false;
}

static inline void hf_bias_leave(struct hf_bias *bias, bool open)
{
	if (__builtin_expect(open, 1))
		atomic_store_explicit(&bias->inside, 0, memory_order_release);
	else
		pthread_mutex_unlock(&bias->mutex);
}

/*
 * Another thread comes in and has the mutex and all that the owner has; the gate
 * has one reason more to be closed. It leaves by hf_bias_unlock().
 */
void hf_bias_close(struct hf_bias *bias);
/* With the mutex: one reason less. */
void hf_bias_open(struct hf_bias *bias);

/* Comes in while the gate is closed anyway. */
static inline void hf_bias_lock(struct hf_bias *bias)
{
	pthread_mutex_lock(&bias->mutex);
}

static inline void hf_bias_unlock(struct hf_bias *bias)
{
	pthread_mutex_unlock(&bias->mutex);
}

#endif
