/* SPDX-License-Identifier: GPL-2.0 */
/* The life of a lease, one line for each event, its name first. */
#ifndef HOLDFAST_EVENT_H
#define HOLDFAST_EVENT_H

#include <stdio.h>

#include "holdfast.h"

void print_acquired(FILE *to, const struct holdfast_query *query);
void print_event(FILE *to, const struct holdfast_event *event);
void print_lost(FILE *to, uint64_t count);

#endif
