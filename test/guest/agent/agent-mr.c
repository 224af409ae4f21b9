// SPDX-License-Identifier: GPL-2.0
/*
 * holdfastd takes memory regions from a stopped holder: exactly those of the bytes
 * that a change waits for, before the deadline, and the holder lives on.
 */
#define _GNU_SOURCE
#include "agent.h"
#include "rdma.h"

#define CHANGED PMEM "agent-changed"
#define OTHER	PMEM "agent-other"
#define LENGTH	(4 * MIB)
#define HALF	(2 * MIB)
#define WRITTEN 4096

struct leased {
	int lease;
	char *memory;
};

static struct leased lease_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct leased leased = {
		.lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE,
				    AGENT_BREAK_MS),
		.memory = map_shared(fd, 0, LENGTH),
	};

	close(fd);
	return leased;
}

/* Regions: both halves of a leased file, another leased file, and other memory. */
static void hold(int from, int to)
{
	struct rdma rdma = rdma_open();
	struct leased changed = lease_file(CHANGED);
	struct leased other = lease_file(OTHER);
	char *memory = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ibv_mr *before = rdma_register(&rdma, changed.memory, HALF);
	struct ibv_mr *taken =
		rdma_register(&rdma, changed.memory + HALF, LENGTH - HALF);
	struct ibv_mr *beside = rdma_register(&rdma, other.memory, LENGTH);
	struct ibv_mr *own = rdma_register(&rdma, memory, LENGTH);

	/* Before numbers of regions are free, which a queue pair would be given. */
	if (rdma_connect_self(&rdma))
		tap_bail("queue pair: %s", strerror(errno));
	holder_ready(from, to);
	/* First those that work: an error is the end of the queue pair. */
	holder_say(to, rdma_write(&rdma, beside, 0, memory, WRITTEN));
	holder_say(to, rdma_write(&rdma, own, 0, memory + MIB, WRITTEN));
	holder_say(to, rdma_write(&rdma, before, 0, memory, WRITTEN));
	holder_say(to, rdma_write(&rdma, taken, 0, memory, WRITTEN));
	holder_say(to, ibv_dereg_mr(taken));
	holder_say(to, ibv_dereg_mr(beside));
	holder_say(to, ibv_dereg_mr(own));
	holder_ready(from, to);
}

static void make_files(void)
{
	close(file_make(CHANGED, LENGTH));
	close(file_make(OTHER, LENGTH));
}

/* The change is over before the deadline, and not before somebody acted. */
static void ends_in_time(struct change *change, const char *what)
{
	tap_ok(change_done(change, AGENT_BREAK_MS + SOON),
	       "%s: the change completes", what);
	tap_is(change->error, 0, "%s: with success", what);
	tap_ok(change_ms(change) < AGENT_BREAK_MS, "%s: before the deadline",
	       what);
	tap_diag("%s: after %ld ms of %d", what, change_ms(change),
		 AGENT_BREAK_MS);
}

static void lives_without(struct holder *holder, bool before, const char *what)
{
	kill(holder->pid, SIGCONT);
	holder_ask(holder);
	tap_is(holder_answer(holder), IBV_WC_SUCCESS,
	       "%s: the region on the other lease works", what);
	tap_is(holder_answer(holder), IBV_WC_SUCCESS,
	       "%s: that on its own memory works", what);
	tap_is(holder_answer(holder) == IBV_WC_SUCCESS, before,
	       "%s: that of the bytes before it%s", what,
	       before ? " works" : ", too, does not");
	tap_ok(holder_answer(holder) > IBV_WC_SUCCESS,
	       "%s: that of the changed bytes does not", what);
	tap_is(holder_answer(holder), 0, "%s: its number was kept for it",
	       what);
	tap_is(holder_answer(holder), 0, "%s: the others are not", what);
	tap_is(holder_answer(holder), 0, "%s: neither of them", what);
	tap_is(waitpid(holder->pid, NULL, WNOHANG), 0, "%s: the holder lives",
	       what);
}

static void try_stopped(void)
{
	struct holder holder = holder_start(hold);
	pid_t agent = agent_start();
	struct change change;
	char text[80];

	kill(holder.pid, SIGSTOP);
	change = change_start("truncate", CHANGED, HALF, 0, NULL);
	ends_in_time(&change, "stopped");
	tap_ok(change_ms(&change) > AGENT_BREAK_MS / 4,
	       "stopped: the holder has had its time");
	tap_ok(agent_said("truncate by change (", AT_ONCE), "the log says why");
	snprintf(text, sizeof(text), "process %d (agent-mr): deregistered",
		 holder.pid);
	tap_ok(agent_said(text, AT_ONCE), "... who and what");
	tap_ok(agent_said("no longer waits", SOON), "... and how long");
	lives_without(&holder, true, "stopped");
	tap_ok(agent_stop(agent), "the agent ends when it is told to");
	holder_end(&holder);
}

/* An agent that comes in the middle of a break knows what there is to know. */
static void try_restart(void)
{
	struct holder holder = holder_start(hold);
	pid_t agent = agent_start();
	struct change change;

	kill(holder.pid, SIGSTOP);
	change = change_start("truncate", CHANGED, HALF, 0, NULL);
	tap_ok(agent_said("waits for", SOON), "restart: the break is noticed");
	kill(agent, SIGKILL);
	waitpid(agent, NULL, 0);
	agent = agent_start();
	ends_in_time(&change, "restart");
	lives_without(&holder, true, "restart");
	tap_ok(agent_stop(agent), "the second agent ends, too");
	holder_end(&holder);
}

/* A revocation by the administrator is a break, too. */
static void try_revoke(void)
{
	struct holder holder = holder_start(hold);
	pid_t agent = agent_start();
	uint64_t begin = now_ns();

	kill(holder.pid, SIGSTOP);
	tap_is(system("holdfast revoke " CHANGED " >/dev/null"), 0,
	       "revoke: ends the lease");
	tap_ok(now_ns() - begin < AGENT_BREAK_MS * 1000000ULL,
	       "revoke: before the deadline");
	lives_without(&holder, false, "revoke");
	tap_ok(agent_stop(agent), "revoke: the agent ends");
	holder_end(&holder);
}

/* Under another address for the device a region cannot be recognised. */
static void hold_iova(int from, int to)
{
	struct leased changed = lease_file(CHANGED);
	struct rdma rdma = rdma_open();

	if (!ibv_reg_mr_iova(rdma.pd, changed.memory, LENGTH, 0x10000,
			     RDMA_ACCESS))
		tap_bail("ibv_reg_mr_iova: %s", strerror(errno));
	holder_ready(from, to);
}

static void try_iova(void)
{
	struct holder holder = holder_start(hold_iova);
	pid_t agent = agent_start();
	struct change change;
	int status;

	kill(holder.pid, SIGSTOP);
	change = change_start("truncate", CHANGED, 0, 0, NULL);
	tap_ok(agent_said("nothing that can be recognised from outside",
			  AGENT_BREAK_MS + SOON),
	       "iova: the log says that nothing is known");
	tap_ok(agent_said("left to the kernel", AT_ONCE),
	       "iova: and who will act");
	tap_ok(change_done(&change, AGENT_BREAK_MS + SOON),
	       "iova: the change completes");
	tap_ok(change_ms(&change) >= AGENT_BREAK_MS,
	       "iova: not before the deadline");
	status = child_wait(holder.pid, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "iova: the kernel kills the holder");
	tap_ok(agent_stop(agent), "iova: the agent ends");
	close(holder.to);
	close(holder.from);
}

int main(void)
{
	make_files();
	try_stopped();
	make_files();
	try_restart();
	make_files();
	try_revoke();
	make_files();
	try_iova();
	unlink(CHANGED);
	unlink(OTHER);
	return tap_done();
}
