// SPDX-License-Identifier: GPL-2.0
/*
 * holdfastd takes fixed buffers of an io_uring from a stopped holder: exactly
 * the one on the lease; and it leaves to the kernel what it may not touch.
 */
#define _GNU_SOURCE
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "agent.h"

#define PATH   PMEM "agent-uring"
#define LENGTH (4 * MIB)

#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif

static void hold_ring(int from, int to, unsigned int flags)
{
	struct io_uring_params params = { .flags = flags };
	int fd = open(PATH, O_RDWR | O_CLOEXEC);
	int ring = syscall(SYS_io_uring_setup, 4, &params);
	void *memory = mmap(NULL, MIB, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec buffers[] = {
		{ memory, MIB },
		{ map_shared(fd, 0, LENGTH), LENGTH },
	};

	lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, AGENT_BREAK_MS);
	if (ring < 0 || syscall(SYS_io_uring_register, ring,
				IORING_REGISTER_BUFFERS, buffers, 2))
		tap_bail("io_uring: %s", strerror(errno));
	holder_ready(from, to);
}

static void hold(int from, int to)
{
	hold_ring(from, to, 0);
}

static void hold_single(int from, int to)
{
	hold_ring(from, to, IORING_SETUP_SINGLE_ISSUER);
}

/* How many buffers of its rings a process has, the empty ones not counted. */
static int buffers_of(pid_t pid)
{
	char command[160], line[32] = "";
	FILE *from;

	snprintf(
		command, sizeof(command),
		"cat /proc/%d/fdinfo/* | grep -cE '^ +[0-9]+: 0x7[0-9a-f]{11}/'",
		pid);
	from = popen(command, "r");
	if (!from || !fgets(line, sizeof(line), from))
		tap_bail("%s", command);
	pclose(from);
	return atoi(line);
}

static void try_plain(void)
{
	struct holder holder = holder_start(hold);
	pid_t agent = agent_start();
	struct change change;
	char text[96];

	tap_is(buffers_of(holder.pid), 2, "the holder has two fixed buffers");
	kill(holder.pid, SIGSTOP);
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(change_done(&change, AGENT_BREAK_MS + SOON),
	       "the change completes");
	tap_is(change.error, 0, "with success");
	tap_ok(change_ms(&change) < AGENT_BREAK_MS, "before the deadline");
	tap_diag("after %ld ms of %d", change_ms(&change), AGENT_BREAK_MS);
	snprintf(text, sizeof(text),
		 "process %d (agent-uring): unregistered fixed buffer 1",
		 holder.pid);
	tap_ok(agent_said(text, AT_ONCE), "the log says whose, and which");
	tap_is(buffers_of(holder.pid), 1, "the other buffer is still there");
	kill(holder.pid, SIGCONT);
	tap_is(waitpid(holder.pid, NULL, WNOHANG), 0, "the holder lives");
	tap_ok(agent_stop(agent), "the agent ends");
	holder_end(&holder);
}

static void try_single(void)
{
	struct holder holder = holder_start(hold_single);
	pid_t agent = agent_start();
	struct change change;
	int status;

	kill(holder.pid, SIGSTOP);
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(agent_said("IORING_SETUP_SINGLE_ISSUER", AGENT_BREAK_MS + SOON),
	       "a ring of one thread: the log says that nobody else may");
	tap_ok(change_done(&change, AGENT_BREAK_MS + SOON),
	       "a ring of one thread: the change completes");
	tap_ok(change_ms(&change) >= AGENT_BREAK_MS,
	       "a ring of one thread: not before the deadline");
	status = child_wait(holder.pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "a ring of one thread: the kernel kills the holder");
	tap_ok(agent_stop(agent), "a ring of one thread: the agent ends");
	close(holder.to);
	close(holder.from);
}

int main(void)
{
	close(file_make(PATH, LENGTH));
	try_plain();
	close(file_make(PATH, LENGTH));
	try_single();
	unlink(PATH);
	return tap_done();
}
