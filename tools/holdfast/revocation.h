/* SPDX-License-Identifier: GPL-2.0 */
/* Leases that are being revoked, all at the same time. */
#ifndef HOLDFAST_REVOCATION_H
#define HOLDFAST_REVOCATION_H

#include <stdio.h>

#include "holdfast.h"

/**
 * struct target - one of the leases
 * @id: its number
 * @what: file and holder, in words; empty when the report does not have it
 * @began_ms: when its revocation began, on the monotonic clock; 0 not yet
 * @done: it has ended, or cannot be revoked
 */
struct target {
	uint64_t id;
	char *what;
	uint64_t began_ms;
	bool done;
};

/**
 * struct revocation - all of them
 * @targets: by number; owned
 * @count: how many
 * @left: how many of them are not done
 * @room: how many @targets has room for
 * @grace_ms: for hf_revoke()
 */
struct revocation {
	struct target *targets;
	size_t count;
	size_t left;
	size_t room;
	unsigned int grace_ms;
};

/* Add a lease, once. 0 or -ENOMEM; the first is a lease_fn of select.h. */
int revocation_add(const struct hf_report_entry *entry, void *revocation);
int revocation_add_id(struct revocation *revocation, uint64_t id);

/*
 * Begin the revocations that have not begun, and print a line for each that
 * has ended. Does not wait. 0, or the exit status if any failed.
 */
int revocation_step(struct revocation *revocation, FILE *to);

void revocation_end(struct revocation *revocation);

/* "FILE, COMMAND (PID)" of a lease. */
void print_lease(FILE *to, const struct hf_report_entry *entry);

/* The value of --grace: seconds; "0" is as soon as possible. */
bool grace_parse(const char *text, unsigned int *ms);

/* Sleeps, longer with each call, in a loop that checks again and again. */
void pause_longer(unsigned int *ms);

#endif
