// SPDX-License-Identifier: GPL-2.0
/* The shared memory, and what every process needs. */
#include <err.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

struct world *world;

static const char *const figure_names[FIGURE_COUNT] = {
	[FIGURE_ROUNDS] = "rounds",
	[FIGURE_CHANGES] = "changes raced",
	[FIGURE_BREAKS] = "breaks",
	[FIGURE_FENCES] = "fences",
	[FIGURE_AGENT] = "taken by the agent",
	[FIGURE_KILLS] = "kills",
	[FIGURE_CHECKED] = "bytes checked",
	[FIGURE_WRITTEN] = "bytes written by RDMA",
	[FIGURE_FREED] = "bytes of canaries",
	[FIGURE_FAULTS] = "faults injected",
	[FIGURE_FSCKS] = "fscks",
	[FIGURE_LOST] = "lost",
};

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

bool sleep_until_stop(unsigned int ms)
{
	uint64_t limit = now_ns() + ms * 1000000ULL;

	while (!world->stop && now_ns() < limit)
		sleep_ms(5);
	return world->stop;
}

void world_make(uint64_t seed)
{
	const char *fs = getenv("HOLDFAST_LAB_FS");
	const char *kernel = getenv("HOLDFAST_LAB_KERNEL");
	const char *scale = getenv("HOLDFAST_TIME_SCALE");

	world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (world == MAP_FAILED || !fs || !kernel)
		err(1, "shared memory, and lab/guest's environment");
	world->seed = seed;
	world->scale = scale ? atoi(scale) : 1;
	world->xfs = !strcmp(fs, "xfs");
	/* 6.1 forgets a mark, and shows what was in free blocks: doc/semantics.md. */
	world->reflink = world->xfs && strcmp(kernel, "6.1");
	world->device = true;
}

void figure_add(enum figure figure, uint64_t count)
{
	atomic_fetch_add(&world->figures[figure], count);
}

const char *figure_name(enum figure figure)
{
	return figure_names[figure];
}

void note(const char *what, int error)
{
	for (unsigned int i = 0; i < NOTES; i++) {
		struct note *note = &world->notes[i];
		const char *none = NULL;

		if (atomic_compare_exchange_strong(&note->what, &none, what))
			note->error = error;
		else if (none != what || note->error != error)
			continue;
		atomic_fetch_add(&note->count, 1);
		return;
	}
}

static void problem_say(const char *fmt, va_list args)
{
	unsigned int n = atomic_fetch_add(&world->problem_count, 1);

	if (n < PROBLEMS)
		vsnprintf(world->problems[n], sizeof(world->problems[n]), fmt,
			  args);
}

void problem(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	problem_say(fmt, args);
	va_end(args);
}

const char LOST_CANARY[] = "lost, in a canary";
const char LOST_LIVE[] = "lost, under a live registration";
const char LOST_MOVED[] = "lost, as a registered block moved";
const char LOST_LENGTH[] = "lost, a length";
const char LOST_DONOR[] = "lost, where others were reflinked from";
const char LOST_CLONE[] = "lost, in a clone";
const char LOST_REMOUNT[] = "lost, by a remount";
const char LOST_FILE[] = "lost, in a file";
const char LOST_MAPPED[] = "lost, in a mapping";

void lost(const char *kind, const char *fmt, ...)
{
	va_list args;

	figure_add(FIGURE_LOST, 1);
	note(kind, 0);
	va_start(args, fmt);
	problem_say(fmt, args);
	va_end(args);
}

void give_up(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	problem_say(fmt, args);
	va_end(args);
	va_start(args, fmt);
	dprintf(STDOUT_FILENO, "Bail out! ");
	vdprintf(STDOUT_FILENO, fmt, args);
	dprintf(STDOUT_FILENO, "\n");
	va_end(args);
	_exit(1);
}

struct write *write_begin(struct slot *slot, uint32_t pos,
			  uint32_t registration)
{
	uint32_t n = atomic_fetch_add(&slot->write_count, 1);
	struct write *write = &slot->writes[n];

	if (n >= WRITES) {
		atomic_fetch_sub(&slot->write_count, 1);
		return NULL;
	}
	*write = (struct write){
		.mark = MARK(slot->id, atomic_fetch_add(&slot->marks, 1) + 1),
		.pos = pos,
		.registration = registration,
		.begin = now_ns(),
	};
	return write;
}

void write_end(struct write *write, bool landed)
{
	if (!landed)
		return;
	write->end = now_ns();
	write->landed = true;
}

pid_t process_start(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		give_up("fork: %s", strerror(errno));
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

int process_end(pid_t pid, unsigned int limit_ms, const char *what)
{
	uint64_t limit = now_ns() + limit_ms * 1000000ULL;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (now_ns() > limit) {
			problem("%s: still there after %u ms", what, limit_ms);
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return status;
		}
		sleep_ms(5);
	}
	return status;
}
