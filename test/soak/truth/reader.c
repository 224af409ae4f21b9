// SPDX-License-Identifier: GPL-2.0
/*
 * A file that a process maps is another case for the kernel than one that nobody
 * maps: its pages have entries, large ones, that changes and leases meet. And
 * whoever reads a mapping must never see another file's bytes.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "../../large-map.h"
#include "reader.h"

static sigjmp_buf no_page;

static void on_sigbus(int signal)
{
	siglongjmp(no_page, signal);
}

/* One that is just being written is neither the one nor the other: torn. */
static void block_look(const struct slot *slot, const char *map, uint32_t pos)
{
	static char block[BLOCK];
	uint32_t where = 0;
	uint64_t mark;

	/* Behind the end of the file. */
	if (sigsetjmp(no_page, 1))
		return;
	memcpy(block, map + (size_t)pos * BLOCK, BLOCK);
	mark = block_read(block, world->seed, &where);
	figure_add(FIGURE_CHECKED, BLOCK);
	if (mark != MARK_ZERO && mark != MARK_TORN &&
	    MARK_FILE(mark) != slot->id && MARK_FILE(mark) != FILE_DONOR)
		lost(LOST_MAPPED,
		     "%s, mapped: block %u holds %llx, written to block %u of file %u",
		     slot->path, pos, (unsigned long long)mark, where,
		     MARK_FILE(mark));
}

void reader_run(void)
{
	const struct slot *slot = &world->slots[world->round % SLOTS];
	uint64_t random = world->plan.seed;
	const char *map =
		map_large(slot->fd, (size_t)BLOCKS * BLOCK, PROT_READ);

	if (map == MAP_FAILED)
		give_up("mmap: %s", strerror(errno));
	signal(SIGBUS, on_sigbus);
	while (!world->over) {
		for (unsigned int i = 0; i < 64; i++)
			block_look(slot, map, random_below(&random, BLOCKS));
		sleep_ms(20);
	}
}
