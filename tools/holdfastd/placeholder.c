// SPDX-License-Identifier: GPL-2.0
/* Placeholders, see placeholder.h. */
#include <errno.h>
#include <rdma/ib_user_verbs.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "placeholder.h"
#include "internal/uverbs.h"

/* A process that frees numbers below all the time does not keep us for ever. */
#define FILLERS_MAX 65536

static int command(const struct placeholders *placeholders, uint32_t number,
		   const void *in, uint16_t in_length, void *out,
		   uint16_t out_length)
{
	const struct uverbs_request request = {
		.command = number,
		.in = in,
		.in_length = in_length,
		.out = out,
		.out_length = out_length,
	};

	return uverbs_write(placeholders->fd, placeholders->driver, &request);
}

static int make_domain(struct placeholders *placeholders)
{
	struct ib_uverbs_alloc_pd_resp answer = { 0 };
	const struct ib_uverbs_alloc_pd in = { .response = (uintptr_t)&answer };
	int err = command(placeholders, IB_USER_VERBS_CMD_ALLOC_PD, &in,
			  sizeof(in), &answer, sizeof(answer));

	placeholders->pd = answer.pd_handle;
	return err;
}

static void free_domain(const struct placeholders *placeholders)
{
	const struct ib_uverbs_dealloc_pd in = { .pd_handle =
							 placeholders->pd };

	command(placeholders, IB_USER_VERBS_CMD_DEALLOC_PD, &in, sizeof(in),
		NULL, 0);
}

/* The lowest free number. */
static int make(const struct placeholders *placeholders, uint32_t *number)
{
	return uverbs_placeholder_make(placeholders->fd, placeholders->driver,
				       placeholders->pd, placeholders->page,
				       number);
}

static int keep_filler(struct placeholders *placeholders, uint32_t number)
{
	uint32_t *fillers = placeholders->count < FILLERS_MAX
				    ? reallocarray(placeholders->fillers,
						   placeholders->count + 1,
						   sizeof(*fillers))
				    : NULL;

	if (!fillers) {
		uverbs_mr_destroy(placeholders->fd, placeholders->driver,
				  number);
		return -ENOMEM;
	}
	fillers[placeholders->count++] = number;
	placeholders->fillers = fillers;
	return 0;
}

int placeholders_begin(struct placeholders *to, int fd, int driver)
{
	struct placeholders new = { .fd = fd, .driver = driver };
	int err;

	new.page = mmap(NULL, UVERBS_PLACEHOLDER_LENGTH, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (new.page == MAP_FAILED)
		return -errno;
	err = make_domain(&new);
	if (err) {
		munmap(new.page, UVERBS_PLACEHOLDER_LENGTH);
		return err;
	}
	*to = new;
	return 0;
}

int placeholders_prepare(struct placeholders *placeholders, uint32_t number)
{
	uint32_t got;
	int err;

	for (size_t i = 0; i < placeholders->count; i++)
		if (placeholders->fillers[i] > number)
			return 0;
	do {
		err = make(placeholders, &got);
		if (!err)
			err = keep_filler(placeholders, got);
	} while (!err && got < number);
	return err;
}

int placeholders_take(struct placeholders *placeholders, uint32_t number)
{
	uint32_t got;
	int err;

	for (;;) {
		err = make(placeholders, &got);
		if (err)
			return err;
		if (got == number) {
			placeholders->placed++;
			return 0;
		}
		err = keep_filler(placeholders, got);
		if (err)
			return err;
		if (got > number)
			return -EBUSY;
		/* The process has freed one below in the meantime. */
	}
}

void placeholders_end(struct placeholders *placeholders)
{
	for (size_t i = 0; i < placeholders->count; i++)
		uverbs_mr_destroy(placeholders->fd, placeholders->driver,
				  placeholders->fillers[i]);
	free(placeholders->fillers);
	if (!placeholders->placed)
		free_domain(placeholders);
	/* What is registered stays until that ends. */
	munmap(placeholders->page, UVERBS_PLACEHOLDER_LENGTH);
}
