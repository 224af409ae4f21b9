// SPDX-License-Identifier: LGPL-2.1-or-later
/* What the shim knows, see shim.h. */
#include <infiniband/verbs.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

struct piece {
	struct piece *next;
	struct lease *lease;
	uintptr_t addr;
	size_t length;
	uint64_t offset; /* in the lease */
	int prot;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool used;
static struct lease *leases;
static struct piece *pieces;
static struct tracked_mr *mrs;

void table_lock(void)
{
	pthread_mutex_lock(&lock);
}

void table_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

bool table_used(void)
{
	return atomic_load(&used);
}

/* --- memory */

#define CHUNK_BYTES 65536

union node {
	union node *next;
	struct lease lease;
	struct piece piece;
	struct tracked_mr mr;
};

static union node *unused;

static void node_put(void *node)
{
	((union node *)node)->next = unused;
	unused = node;
}

static void *node_get(void)
{
	union node *node = unused;

	if (!node) {
		long addr = syscall(SYS_mmap, 0, CHUNK_BYTES,
				    PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (addr == -1)
			return NULL;
		for (size_t i = 0; i < CHUNK_BYTES / sizeof(*node); i++)
			node_put((union node *)addr + i);
		node = unused;
	}
	unused = node->next;
	memset(node, 0, sizeof(*node));
	return node;
}

/* --- leases */

struct lease *table_add_lease(int fd, uint64_t id)
{
	struct lease *lease = node_get();

	if (!lease)
		return NULL;
	lease->fd = fd;
	lease->id = id;
	lease->next = leases;
	leases = lease;
	fd_protect(fd, true);
	atomic_store(&used, true);
	return lease;
}

struct lease *table_leases(void)
{
	return leases;
}

void table_close_unused(void)
{
	struct lease **at = &leases;

	while (*at) {
		struct lease *lease = *at;

		if (lease->pieces || lease->mrs) {
			at = &lease->next;
			continue;
		}
		*at = lease->next;
		if (lease->fd >= 0) {
			fd_protect(lease->fd, false);
			syscall(SYS_close, lease->fd);
		}
		node_put(lease);
	}
}

/* --- pieces */

/*
 * Without memory for it the lease is kept for ever: better than one that ends
 * while it is in use.
 */
static void piece_make(struct lease *lease, uintptr_t addr, size_t length,
		       uint64_t offset, int prot)
{
	struct piece *piece = node_get();

	lease->pieces++;
	if (!piece)
		return;
	*piece = (struct piece){
		.next = pieces,
		.lease = lease,
		.addr = addr,
		.length = length,
		.offset = offset,
		.prot = prot,
	};
	pieces = piece;
}

void table_add_piece(struct lease *lease, uintptr_t addr, size_t length,
		     int prot)
{
	piece_make(lease, addr, length, 0, prot);
}

static bool meets(const struct piece *piece, uintptr_t addr, uintptr_t end)
{
	return piece->addr < end && addr < piece->addr + piece->length;
}

void table_cut_pieces(uintptr_t addr, size_t length)
{
	uintptr_t end = addr + length;
	struct piece **at = &pieces;

	while (*at) {
		struct piece *piece = *at;
		uintptr_t piece_end = piece->addr + piece->length;
		struct lease *lease = piece->lease;

		if (!meets(piece, addr, end)) {
			at = &piece->next;
			continue;
		}
		/* What is left at the end becomes one more, in front. */
		if (end < piece_end)
			piece_make(lease, end, piece_end - end,
				   piece->offset + (end - piece->addr),
				   piece->prot);
		if (at == &pieces && pieces != piece)
			at = &pieces->next;
		if (piece->addr < addr) {
			piece->length = addr - piece->addr;
			at = &piece->next;
			continue;
		}
		*at = piece->next;
		node_put(piece);
		lease->pieces--;
	}
	table_close_unused();
}

void table_move_pieces(uintptr_t from, size_t length, uintptr_t to)
{
	for (struct piece *piece = pieces; piece; piece = piece->next)
		if (piece->addr >= from && piece->addr < from + length)
			piece->addr = to + (piece->addr - from);
}

void table_map_again(void)
{
	for (struct piece *piece = pieces; piece; piece = piece->next)
		if (syscall(SYS_mmap, piece->addr, piece->length, piece->prot,
			    MAP_SHARED | MAP_FIXED, piece->lease->fd,
			    piece->offset) == -1)
			shim_say(
				"a child does not get the mapping of lease %llu: %m",
				(unsigned long long)piece->lease->id);
}

/* --- memory regions */

static void mr_add_lease(struct tracked_mr *tracked, struct lease *lease)
{
	for (unsigned int i = 0; i < tracked->count; i++)
		if (tracked->leases[i] == lease)
			return;
	if (tracked->count == MR_LEASES)
		return;
	tracked->leases[tracked->count++] = lease;
	lease->mrs++;
}

void table_add_mr(struct ibv_mr *mr)
{
	uintptr_t addr = (uintptr_t)mr->addr, end = addr + mr->length;
	struct tracked_mr *tracked = NULL;

	/* One function of libibverbs may call another one. */
	if (table_find_mr(mr))
		return;
	for (struct piece *piece = pieces; piece; piece = piece->next) {
		if (!meets(piece, addr, end))
			continue;
		if (!tracked) {
			tracked = node_get();
			if (!tracked)
				return;
			tracked->mr = mr;
			tracked->next = mrs;
			mrs = tracked;
		}
		mr_add_lease(tracked, piece->lease);
	}
}

struct tracked_mr *table_mrs(void)
{
	return mrs;
}

struct tracked_mr *table_find_mr(const struct ibv_mr *mr)
{
	struct tracked_mr *tracked = mrs;

	while (tracked && tracked->mr != mr)
		tracked = tracked->next;
	return tracked;
}

void table_fence_mr(struct tracked_mr *tracked)
{
	tracked->fenced = true;
	for (unsigned int i = 0; i < tracked->count; i++)
		tracked->leases[i]->mrs--;
	tracked->count = 0;
}

void table_drop_mr(struct tracked_mr *tracked)
{
	struct tracked_mr **at = &mrs;

	table_fence_mr(tracked);
	while (*at != tracked)
		at = &(*at)->next;
	*at = tracked->next;
	node_put(tracked);
	table_close_unused();
}

/* --- descriptors */

#define FDS_MAX 65536

static _Atomic uint64_t protected_fds[FDS_MAX / 64];

void fd_protect(int fd, bool protect)
{
	uint64_t bit = UINT64_C(1) << fd % 64;

	if (fd < 0 || fd >= FDS_MAX)
		return;
	if (protect)
		atomic_fetch_or(&protected_fds[fd / 64], bit);
	else
		atomic_fetch_and(&protected_fds[fd / 64], ~bit);
}

bool fd_is_protected(int fd)
{
	return fd >= 0 && fd < FDS_MAX &&
	       atomic_load(&protected_fds[fd / 64]) >> fd % 64 & 1;
}
