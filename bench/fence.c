// SPDX-License-Identifier: GPL-2.0
/*
 * How long after its time a fence has the blocks free: a truncate meets a
 * holder who does not answer, and goes on because the library in the holder
 * deregisters (HF_AUTOMATIC, its margin before the deadline), because the agent
 * does (holdfastd, its margin before the deadline), or because the kernel kills
 * the holder (at the deadline).
 */
#define _GNU_SOURCE
#include <spawn.h>

#include "holdfast_verbs.h"
#include "holder.h"
#include "rdma.h"

#define MARGIN_MS 1000

extern char **environ;

static const char *file = "/mnt/pmem/bench",
		  *agent = "/src/build/sbin/holdfastd";
static unsigned long rounds = 5, size = 2 * MIB, break_ms = 3000;

static const struct bench_option options[] = {
	{ "file", "a file with DAX", .text = &file },
	{ "agent", "holdfastd", .text = &agent },
	{ "size", "bytes of the region", .number = &size },
	{ "break", "break time in ms, above 2000", .number = &break_ms },
	{ "rounds", "of all variants", .number = &rounds },
	{ 0 }
};

/* A holder who sees what comes, and does nothing. */
static void hold_lease(int from, int to, struct shared *shared)
{
	const struct hf_attr attr = { .break_ms = break_ms };
	int fd = open(file, O_RDWR | O_CLOEXEC);
	int lease = hf_acquire(fd, 0, size, &attr);
	struct holdfast_event event;
	struct rdma rdma;

	(void)from;
	if (lease < 0)
		errx(1, "lease: %s", hf_error());
	rdma_open(&rdma);
	rdma_register(&rdma, map_shared(fd, size), size);
	say_go(to);
	if (hf_wait(lease, &event, -1))
		errx(1, "wait: %s", hf_error());
	shared->deadline_ns = event.deadline_ns;
	for (;;)
		pause();
}

static void quiesce(struct hf_mr *mr, const struct holdfast_event *change,
		    void *arg)
{
	struct shared *shared = arg;

	(void)mr;
	shared->deadline_ns = change->deadline_ns;
	for (;;)
		pause();
}

/* The same, with the library's thread. */
static void hold_region(int from, int to, struct shared *shared)
{
	const struct hf_context_attr how = { .flags = HF_AUTOMATIC,
					     .margin_ms = MARGIN_MS,
					     .quiesce = quiesce,
					     .arg = shared };
	const struct hf_mr_attr attr = { .break_ms = break_ms };
	int fd = open(file, O_RDWR | O_CLOEXEC);
	struct hf_context *context;
	struct rdma rdma;
	struct hf_mr *mr;

	(void)from;
	rdma_open(&rdma);
	if (hf_open_context(rdma.context, &how, &context) ||
	    hf_reg_mr(rdma.pd, fd, 0, size, RDMA_ACCESS, &attr, &mr))
		errx(1, "region: %s", hf_verbs_error());
	say_go(to);
	for (;;)
		pause();
}

static pid_t start_agent(void)
{
	char *const argv[] = { (char *)agent, "--margin", "1", NULL };
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int ret;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null",
					 O_WRONLY, 0);
	ret = posix_spawnp(&pid, agent, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret)
		errx(1, "%s: %s", agent, strerror(ret));
	/* It has the break time to be at work. */
	return pid;
}

static void measure(const char *variant,
		    void (*hold)(int from, int to, struct shared *shared),
		    bool with_agent, unsigned int margin_ms, unsigned int round)
{
	struct holder holder;
	pid_t pid = 0;
	uint64_t due, ended;

	close(make_file(file, size));
	if (with_agent)
		pid = start_agent();
	holder = start_holder(hold);
	wait_ready(&holder);
	if (truncate(file, 0))
		err(1, "truncate");
	ended = now_ns();
	due = holder.shared->deadline_ns - margin_ms * 1000000ULL;
	if (!holder.shared->deadline_ns || ended < due)
		errx(1, "%s: the truncate did not wait for the holder",
		     variant);
	sample("fence", 0, variant, round, (ended - due) / 1000.0);
	end_holder(&holder);
	if (with_agent) {
		kill(pid, SIGTERM);
		waitpid(pid, NULL, 0);
	}
	unlink(file);
}

int main(int argc, char **argv)
{
	parse_options(argc, argv,
		      "From the time of a fence until the blocks are free.",
		      options);
	if (break_ms <= 2 * MARGIN_MS)
		errx(2, "--break: more than %d", 2 * MARGIN_MS);
	for (unsigned int round = 0; round < rounds; round++) {
		measure("library", hold_region, false, MARGIN_MS, round);
		measure("agent", hold_lease, true, MARGIN_MS, round);
		measure("kernel", hold_lease, false, 0, round);
	}
	return 0;
}
