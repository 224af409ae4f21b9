// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A region that was taken leaves its number, see shim.h. The kernel gives the lowest
 * free number to the next object of the open device, so first all below it are used.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"
#include "internal/uverbs.h"

/* With more free numbers than that below, there is no placeholder. */
#define FILLERS_MAX 4096

struct swap {
	int fd;
	int driver;
	uint32_t pd;
	unsigned int count; /* of fillers */
};

static uint32_t fillers[FILLERS_MAX];

/* All placeholders are of one page. */
static void *page_get(void)
{
	static void *page;
	long addr;

	if (page)
		return page;
	/* Not by mmap(): somebody may stand before that. */
	addr = syscall(SYS_mmap, 0, UVERBS_PLACEHOLDER_LENGTH,
		       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		       0);
	if (addr != -1)
		page = (void *)addr;
	return page;
}

/* Until one has a number that is not below @until, which is *@got; or -errno. */
static int fill(struct swap *swap, uint32_t until, uint32_t *got)
{
	for (;;) {
		int err = -ENOSPC;

		if (swap->count < FILLERS_MAX)
			err = uverbs_placeholder_make(swap->fd, swap->driver,
						      swap->pd, page_get(),
						      got);

		if (err || *got == until)
			return err;
		fillers[swap->count++] = *got;
		if (*got > until)
			return 0;
	}
}

static void drop_fillers(const struct swap *swap)
{
	for (unsigned int i = 0; i < swap->count; i++)
		uverbs_mr_destroy(swap->fd, swap->driver, fillers[i]);
}

int placeholder_swap(int fd, int driver, uint32_t pd, uint32_t handle,
		     bool *placed)
{
	struct swap swap = { .fd = fd, .driver = driver, .pd = pd };
	bool filled = page_get() && !fill(&swap, handle, &(uint32_t){ 0 });
	uint32_t got;
	int err = uverbs_mr_destroy(fd, driver, handle);

	*placed = !err && filled && !fill(&swap, handle, &got) && got == handle;
	drop_fillers(&swap);
	return err;
}
