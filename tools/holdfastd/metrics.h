/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a monitoring system is to know, in the text format of Prometheus 0.0.4: see
 * METRICS in holdfastd(8). It has no names of processes, users or files.
 */
#ifndef HOLDFAST_METRICS_H
#define HOLDFAST_METRICS_H

#include <stdint.h>

/**
 * struct agent_counts - what the agent itself has done
 * @revoked: processes from which something was taken
 * @left: processes that were left to the kernel
 */
struct agent_counts {
	uint64_t revoked;
	uint64_t left;
};

/* Malloced text, all of it or NULL with the reason logged. */
char *metrics_text(const struct agent_counts *agent);

#endif
