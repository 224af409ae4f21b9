// SPDX-License-Identifier: GPL-2.0
/*
 * An administrator who switches the kernel's probes off takes away what leases
 * are made of: none is given then, and those that are there are revoked.
 */
#define _GNU_SOURCE
#include <linux/fs.h>
#include <sys/mount.h>

#include "rdma.h"

#define PATH   PMEM "probes-off"
#define LENGTH (2 * MIB)

#define FTRACE	"/proc/sys/kernel/ftrace_enabled"
#define KPROBES "/sys/kernel/debug/kprobes/"
#define TRACING "/sys/kernel/debug/tracing/"

static void write_to(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0 || write(fd, value, strlen(value)) != (ssize_t)strlen(value))
		tap_bail("%s: %s", path, strerror(errno));
	close(fd);
}

/* Who answers keeps his life; who does not, does not. */
static pid_t stubborn_start(int fd)
{
	int pipefd[2];
	pid_t pid;
	char byte;

	if (pipe(pipefd))
		tap_bail("pipe: %s", strerror(errno));
	pid = child_fork();
	if (!pid) {
		int lease = lease_make(fd, LENGTH, LENGTH, HOLDFAST_BREAKABLE,
				       LONG_BREAK);
		struct rdma rdma = rdma_open();

		rdma_register(&rdma, lease_map(lease, 0, LENGTH), LENGTH);
		if (write(pipefd[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(pipefd[0], &byte, 1) != 1)
		tap_bail("no holder");
	close(pipefd[0]);
	close(pipefd[1]);
	return pid;
}

static bool released(int lease)
{
	const uint64_t end = now_ns() + SOON * 1000000ULL;

	while (lease_query(lease).state != HOLDFAST_RELEASED) {
		if (now_ns() > end)
			return false;
		usleep(10000);
	}
	return true;
}

static void test_switch(struct rdma *rdma, int fd, const char *path)
{
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	int unpinned =
		lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	struct ibv_mr *mr =
		rdma_register(rdma, lease_map(lease, 0, LENGTH), LENGTH);
	pid_t stubborn = stubborn_start(fd);
	struct holdfast_event event;
	int status;

	write_to(path, "0");
	tap_ok(hf_acquire(fd, 0, LENGTH, NULL) == -EBUSY,
	       "%s: no lease is given: %s", path, hf_error());
	tap_ok(event_next(lease, &event, SOON) &&
		       event.op == HOLDFAST_OP_REVOKE,
	       "%s: the holder is told", path);
	ibv_dereg_mr(mr);
	tap_ok(event_next(unpinned, &event, SOON), "%s: each of them", path);
	tap_ok(released(unpinned), "%s: what is not pinned ends", path);
	status = child_wait(stubborn, SOON);
	tap_ok(status != -1 && WIFSIGNALED(status) &&
		       WTERMSIG(status) == SIGKILL,
	       "%s: who does not answer is killed", path);
	tap_ok(released(lease), "%s: who does loses the lease only", path);
	close(lease);
	close(unpinned);
	write_to(path, "1");
	lease = hf_acquire(fd, 0, LENGTH, NULL);
	tap_ok(lease >= 0, "%s: on again, a lease is given", path);
	close(lease);
}

/*
 * One lease is just being restored, which a frozen filesystem keeps from its end:
 * those that came later hear of it all the same.
 */
static void test_busy(int fd)
{
	int busy = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	int lease;
	int pmem = open(PMEM, O_RDONLY | O_DIRECTORY);
	struct holdfast_event event;
	pid_t pid;

	if (change_make("punch", PATH, 0, LENGTH, NULL, SOON) ||
	    lease_query(busy).state != HOLDFAST_BROKEN)
		tap_bail("no broken lease");
	lease = lease_make(fd, LENGTH, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	if (ioctl(pmem, FIFREEZE, 0))
		tap_bail("freeze: %s", strerror(errno));
	pid = child_fork();
	if (!pid)
		_exit(hf_restore(busy, NULL) ? 1 : 0);
	tap_is(child_wait(pid, STILL), -1, "frozen: a restore waits");
	write_to(FTRACE, "0");
	tap_ok(event_next(lease, &event, SOON) &&
		       event.op == HOLDFAST_OP_REVOKE,
	       "frozen: a holder who came later is told");
	tap_ok(released(lease), "frozen: and his lease ends");
	write_to(FTRACE, "1");
	if (ioctl(pmem, FITHAW, 0))
		tap_bail("thaw: %s", strerror(errno));
	tap_ok(child_wait(pid, SOON) > 0, "frozen: it fails in the end");
	close(busy);
	close(lease);
	close(pmem);
}

/* Who traces the same functions must not be taken for the probes. */
static void trace_probed(void)
{
	char line[256], name[128];
	FILE *list = fopen(KPROBES "list", "r");

	if (!list)
		tap_bail("list of probes: %s", strerror(errno));
	while (fgets(line, sizeof(line), list)) {
		if (sscanf(line, "%*s %*s %127[^+ ]", name) == 1)
			write_to(TRACING "set_ftrace_filter", name);
	}
	fclose(list);
	write_to(TRACING "current_tracer", "function");
}

int main(void)
{
	int fd = file_make(PATH, 2 * LENGTH);
	struct rdma rdma = rdma_open();

	if (mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL) &&
	    errno != EBUSY)
		tap_bail("debugfs: %s", strerror(errno));
	test_switch(&rdma, fd, FTRACE);
	test_switch(&rdma, fd, KPROBES "enabled");
	test_busy(fd);
	trace_probed();
	test_switch(&rdma, fd, KPROBES "enabled");
	write_to(TRACING "current_tracer", "nop");
	rdma_close(&rdma);
	close(fd);
	unlink(PATH);
	return tap_done();
}
