// SPDX-License-Identifier: GPL-2.0
/*
 * The module's estimate of the pages that have not changed (kmod/core/intact.c), against an
 * exact one: it never has a page that has changed, and mostly has one that has not.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What the file takes of the kernel. */
typedef unsigned long pgoff_t;
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))

#include "../../kmod/core/intact.c"
#include "../tap.h"

#define PAGES  24
#define WORLDS 50000
#define STEPS  40

static bool exact[PAGES];
static unsigned int wrong, has, right;

static void set(pgoff_t first, pgoff_t last, bool value)
{
	for (pgoff_t i = first; i <= last && i < PAGES; i++)
		exact[i] = value;
}

static void compare(const struct hf_intact *intact, pgoff_t first, pgoff_t last)
{
	bool all = true, found = hf_intact_has(intact, first, last);

	for (pgoff_t i = first; i <= last; i++)
		all &= exact[i];
	wrong += found && !all;
	has += found;
	right += all;
}

static void step(struct hf_intact *intact)
{
	pgoff_t first = random() % PAGES;
	pgoff_t last = first + random() % (random() % 4 ? 5 : PAGES);
	bool to_the_end = last >= PAGES;

	if (to_the_end)
		last = PAGES - 1;
	switch (random() % 3) {
	case 0:
		hf_intact_add(intact, first, last);
		set(first, last, true);
		break;
	case 1:
		hf_intact_cut(intact, first, to_the_end ? ~0UL : last);
		set(first, last, false);
		break;
	default:
		compare(intact, first, last);
	}
}

int main(void)
{
	struct hf_intact intact;

	srandom(1);
	for (int world = 0; world < WORLDS; world++) {
		hf_intact_init(&intact);
		memset(exact, 0, sizeof(exact));
		for (int i = 0; i < STEPS; i++)
			step(&intact);
	}
	tap_is(wrong, 0, "no page that has changed is intact");
	tap_ok(has > right / 2, "most of those that have not are");
	tap_diag("%u of %u", has, right);
	return tap_done();
}
