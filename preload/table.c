// SPDX-License-Identifier: LGPL-2.1-or-later
/* The program's memory regions, see shim.h. */
#include <infiniband/verbs.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

#define BUCKETS	    4096
#define CHUNK_BYTES 65536

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tracked_mr *buckets[BUCKETS];
static struct tracked_mr *unused;
static struct making_mr *all_making;

void table_lock(void)
{
	pthread_mutex_lock(&lock);
}

void table_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

static unsigned int bucket_of(const struct ibv_mr *mr)
{
	return (uintptr_t)mr / 16 * UINT64_C(0x9e3779b97f4a7c15) >> 52;
}

static void node_put(struct tracked_mr *node)
{
	node->next = unused;
	unused = node;
}

/* Not by mmap(): somebody may stand before that. */
static struct tracked_mr *node_get(void)
{
	struct tracked_mr *node = unused;

	if (!node) {
		long addr = syscall(SYS_mmap, 0, CHUNK_BYTES,
				    PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (addr == -1)
			return NULL;
		for (size_t i = 0; i < CHUNK_BYTES / sizeof(*node); i++)
			node_put((struct tracked_mr *)addr + i);
		node = unused;
	}
	unused = node->next;
	memset(node, 0, sizeof(*node));
	return node;
}

static bool is_of(const struct tracked_mr *tracked, const struct ibv_mr *mr)
{
	return tracked->fd == mr->context->cmd_fd &&
	       tracked->handle == mr->handle && tracked->lkey == mr->lkey;
}

void table_add_making(struct making_mr *making)
{
	making->next = all_making;
	all_making = making;
}

void table_drop_making(struct making_mr *making)
{
	struct making_mr **at = &all_making;

	/* A child of fork(2) has none. */
	while (*at && *at != making)
		at = &(*at)->next;
	if (*at)
		*at = making->next;
}

struct making_mr *table_making(void)
{
	return all_making;
}

struct tracked_mr *table_add_mr(struct ibv_mr *mr)
{
	struct tracked_mr **bucket = &buckets[bucket_of(mr)], *tracked;

	tracked = table_find_mr(mr);
	/* One that another thread deregisters is its own to drop. */
	if (tracked && tracked->leaving)
		tracked = NULL;
	/* One function of libibverbs may call another one. */
	if (tracked && is_of(tracked, mr))
		return tracked;
	/* The region that was there has ended unseen. */
	if (tracked)
		table_drop_mr(tracked);
	tracked = node_get();
	if (!tracked)
		return NULL;
	tracked->mr = mr;
	tracked->context = mr->context;
	tracked->fd = mr->context->cmd_fd;
	tracked->pd = mr->pd->handle;
	tracked->handle = mr->handle;
	tracked->lkey = mr->lkey;
	tracked->rkey = mr->rkey;
	tracked->addr = (uintptr_t)mr->addr;
	tracked->length = mr->length;
	tracked->next = *bucket;
	*bucket = tracked;
	return tracked;
}

struct tracked_mr *table_find_mr(const struct ibv_mr *mr)
{
	struct tracked_mr *tracked = buckets[bucket_of(mr)];

	while (tracked && tracked->mr != mr)
		tracked = tracked->next;
	return tracked;
}

void table_drop_mr(struct tracked_mr *tracked)
{
	struct tracked_mr **at = &buckets[bucket_of(tracked->mr)];

	while (*at != tracked)
		at = &(*at)->next;
	*at = tracked->next;
	node_put(tracked);
}

void table_drop_all(void)
{
	all_making = NULL;
	for (unsigned int i = 0; i < BUCKETS; i++)
		while (buckets[i])
			table_drop_mr(buckets[i]);
}

static bool overlaps(const struct tracked_mr *tracked, uintptr_t addr,
		     size_t length)
{
	return tracked->addr < addr + length &&
	       addr < tracked->addr + tracked->length;
}

struct tracked_mr *table_next_mr(const struct tracked_mr *tracked,
				 uintptr_t addr, size_t length)
{
	unsigned int i = tracked ? bucket_of(tracked->mr) : 0;
	struct tracked_mr *next = tracked ? tracked->next : buckets[0];

	for (;;) {
		for (; next; next = next->next)
			if (overlaps(next, addr, length))
				return next;
		if (++i == BUCKETS)
			return NULL;
		next = buckets[i];
	}
}
