// SPDX-License-Identifier: LGPL-2.1-or-later
/* A lock that costs its owner nothing: see bias.h. */
#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bias.h"

static int membarrier(int command)
{
	return syscall(__NR_membarrier, command, 0, 0) ? -errno : 0;
}

int hf_bias_setup(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
}

void hf_bias_init(struct hf_bias *bias)
{
	atomic_init(&bias->inside, 0);
	atomic_init(&bias->gate, 0);
	pthread_mutex_init(&bias->mutex, NULL);
}

void hf_bias_destroy(struct hf_bias *bias)
{
	pthread_mutex_destroy(&bias->mutex);
}

void hf_bias_enter_slowly(struct hf_bias *bias)
{
	atomic_store_explicit(&bias->inside, 0, memory_order_release);
	pthread_mutex_lock(&bias->mutex);
}

void hf_bias_close(struct hf_bias *bias)
{
	unsigned int gate;

	pthread_mutex_lock(&bias->mutex);
	gate = atomic_load_explicit(&bias->gate, memory_order_relaxed);
	atomic_store_explicit(&bias->gate, gate + 1, memory_order_relaxed);
	if (gate)
		return;
	/*
	 * It cannot fail after the setup. If it did, the owner might not see the gate,
	 * and both would change the queue.
	 */
	if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		abort();
	while (atomic_load_explicit(&bias->inside, memory_order_acquire))
		sched_yield();
}

void hf_bias_open(struct hf_bias *bias)
{
	unsigned int gate =
		atomic_load_explicit(&bias->gate, memory_order_relaxed);

	atomic_store_explicit(&bias->gate, gate - 1, memory_order_release);
}
