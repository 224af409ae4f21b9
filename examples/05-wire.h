/* SPDX-License-Identifier: MIT */
/* A log that 05-append writes by RDMA and 05-log keeps: records, one a page. */
#ifndef EXAMPLE_LOG_WIRE_H
#define EXAMPLE_LOG_WIRE_H

#include "03-wire.h"

#define RECORD_SIZE 4096

struct record {
	uint64_t number; /* from 1; 0 is where the log ends */
	char text[RECORD_SIZE - sizeof(uint64_t)];
};

#endif
