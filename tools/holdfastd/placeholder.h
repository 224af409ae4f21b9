/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Regions that take the numbers of regions that the agent has deregistered.
 *
 * An open RDMA device numbers its objects, and gives the lowest free number to the
 * next one. The holder does not know that its region is gone: when it deregisters
 * the number later, that must not be another region of its own by then. So the
 * agent gives the number to a region of one page, without any access, which the
 * holder then deregisters.
 */
#ifndef HOLDFAST_PLACEHOLDER_H
#define HOLDFAST_PLACEHOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct placeholders - those of one open device
 * @fd: our descriptor of it
 * @driver: what uverbs_driver() says
 * @page: what is registered
 * @pd: a protection domain of ours, in which the placeholders are
 * @placed: how many are left in the device
 * @fillers: placeholders with other numbers, so that none below is free; they
 *	go at the end
 * @count: of those
 */
struct placeholders {
	int fd;
	int driver;
	void *page;
	uint32_t pd;
	unsigned int placed;
	uint32_t *fillers;
	size_t count;
};

/* 0, or -errno: no placeholder can be had in this device. */
int placeholders_begin(struct placeholders *to, int fd, int driver);

/* Before @number is freed: takes all numbers below it. 0 or -errno. */
int placeholders_prepare(struct placeholders *placeholders, uint32_t number);

/*
 * After that: takes the number. 0; -EBUSY: the process was quicker, and the number is
 * another object of its own; or another negative errno value.
 */
int placeholders_take(struct placeholders *placeholders, uint32_t number);

/* Leaves the placeholders in the device, and nothing else. */
void placeholders_end(struct placeholders *placeholders);

#endif
