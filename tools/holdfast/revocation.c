// SPDX-License-Identifier: GPL-2.0
/* Revoking many leases at once, see revocation.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "internal/clock.h"
#include "revocation.h"
#include "size.h"
#include "tool.h"
#include "utf8.h"

#define PAUSE_MS     10
#define PAUSE_MAX_MS 200

void pause_longer(unsigned int *ms)
{
	struct timespec time;

	if (*ms < PAUSE_MS)
		*ms = PAUSE_MS;
	time = (struct timespec){ .tv_nsec = *ms * 1000000L };
	nanosleep(&time, NULL);
	*ms = *ms > PAUSE_MAX_MS / 2 ? PAUSE_MAX_MS : *ms * 2;
}

bool grace_parse(const char *text, unsigned int *ms)
{
	uint32_t value = 1; /* 0 is the break time to the kernel */

	if (strcmp(text, "0") && !seconds_parse(text, &value))
		return false;
	*ms = value;
	return true;
}

void print_lease(FILE *to, const struct hf_report_entry *entry)
{
	print_text(to, entry->path ? entry->path : "a file");
	fputs(", ", to);
	print_text(to, entry->comm ? entry->comm : "?");
	fprintf(to, " (%d)", entry->pid);
}

/* Where @id is, or belongs. */
static size_t place_of(const struct revocation *revocation, uint64_t id)
{
	size_t low = 0, high = revocation->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (revocation->targets[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int make_room(struct revocation *revocation)
{
	size_t room = revocation->room ? revocation->room * 2 : 16;
	struct target *targets;

	if (revocation->count < revocation->room)
		return 0;
	targets = reallocarray(revocation->targets, room, sizeof(*targets));
	if (!targets)
		return -ENOMEM;
	revocation->targets = targets;
	revocation->room = room;
	return 0;
}

/* @what becomes ours, also on failure. */
static int add(struct revocation *revocation, uint64_t id, char *what)
{
	size_t place = place_of(revocation, id);
	struct target *target;

	if (!what)
		return -ENOMEM;
	if (place < revocation->count && revocation->targets[place].id == id) {
		target = &revocation->targets[place];
		/* It came by its number alone before. */
		if (!*target->what) {
			free(target->what);
			target->what = what;
		} else {
			free(what);
		}
		return 0;
	}
	if (make_room(revocation)) {
		free(what);
		return -ENOMEM;
	}
	target = &revocation->targets[place];
	memmove(target + 1, target,
		(revocation->count - place) * sizeof(*target));
	*target = (struct target){ .id = id, .what = what };
	revocation->count++;
	revocation->left++;
	return 0;
}

int revocation_add_id(struct revocation *revocation, uint64_t id)
{
	return add(revocation, id, strdup(""));
}

int revocation_add(const struct hf_report_entry *entry, void *arg)
{
	char *what = NULL;
	size_t size;
	FILE *stream = open_memstream(&what, &size);

	if (!stream)
		return -ENOMEM;
	print_lease(stream, entry);
	fclose(stream);
	return add(arg, entry->id, what);
}

static void print_done(const struct target *target, FILE *to)
{
	uint64_t ms = hf_clock_ms() - target->began_ms;

	fprintf(to, "lease %" PRIu64 ": ", target->id);
	if (*target->what)
		fprintf(to, "%s: ", target->what);
	fprintf(to, "revoked in %" PRIu64 ".%03us\n", ms / 1000,
		(unsigned int)(ms % 1000));
	fflush(to);
}

/* Begin it, or look how it stands: asked again, the module does no more. */
static int step(struct target *target, unsigned int grace_ms, FILE *to)
{
	bool begun = target->began_ms;
	int ret;

	if (!begun)
		target->began_ms = hf_clock_ms();
	ret = hf_revoke(target->id, grace_ms, HF_REVOKE_NOWAIT);
	if (ret == -EINPROGRESS)
		return 0;
	target->done = true;
	/* One from the report that is not there has just ended by itself. */
	if (ret && (ret != -ENOENT || (!begun && !*target->what)))
		return failed("%s", hf_error());
	print_done(target, to);
	return 0;
}

int revocation_step(struct revocation *revocation, FILE *to)
{
	int status = 0;

	for (size_t i = 0; i < revocation->count; i++) {
		struct target *target = &revocation->targets[i];
		int ret;

		if (target->done)
			continue;
		ret = step(target, revocation->grace_ms, to);
		if (ret)
			status = ret;
		if (target->done)
			revocation->left--;
	}
	return status;
}

void revocation_end(struct revocation *revocation)
{
	for (size_t i = 0; i < revocation->count; i++)
		free(revocation->targets[i].what);
	free(revocation->targets);
	*revocation = (struct revocation){ 0 };
}
