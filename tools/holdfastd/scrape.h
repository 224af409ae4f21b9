/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Gives metrics away: by HTTP on a Unix socket, and as a file for node_exporter. A
 * process for each scrape reads and writes, so that neither many leases nor a slow
 * reader delays the agent.
 */
#ifndef HOLDFAST_SCRAPE_H
#define HOLDFAST_SCRAPE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "metrics.h"

/* Scrapes at a time; others wait in the socket's queue. */
#define SCRAPERS 4

/* So long one may take; then it is killed. */
#define SCRAPE_S 20

/**
 * struct scrape - what was asked for on the command line, and what is under way
 * @path: of the socket, or NULL
 * @textfile: to be written, or NULL
 * @interval_ms: how often
 * @listener: the socket
 * @scrapers: processes that answer
 * @writer: process that writes the file
 * @next_ms: when it is written again; CLOCK_MONOTONIC
 */
struct scrape {
	const char *path;
	const char *textfile;
	uint32_t interval_ms;
	int listener;
	pid_t scrapers[SCRAPERS];
	pid_t writer;
	int64_t next_ms;
};

/* 0, or -1 with the reason logged. */
int scrape_open(struct scrape *scrape);
void scrape_close(struct scrape *scrape);

/* What to poll for now: a connection, unless all scrapers are busy. */
struct pollfd scrape_poll(const struct scrape *scrape);

/*
 * Starts what is due, and takes note of what has ended. @connected: the poll said so.
 * *@next_ms becomes less, if the file is due before.
 */
void scrape_round(struct scrape *scrape, const struct agent_counts *agent,
		  bool connected, int *next_ms);

#endif
