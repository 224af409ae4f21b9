// SPDX-License-Identifier: GPL-2.0
/*
 * holdfastd without memory: it goes on, and does its work when there is some again,
 * in time. And what systemd hears of it: that it is ready, and then that it is alive,
 * also where there is nothing to do.
 */
#define _GNU_SOURCE
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "agent.h"

#define PATH	 PMEM "agent-memory"
#define LEASES	 40
#define PAGE	 4096L
#define BREAK_MS LONG_BREAK
#define SOCKET	 "/tmp/agent-memory.sock"
#define BEAT_MS	 1000

static void hold(int from, int to)
{
	holder_register(PATH, LEASES, BREAK_MS);
	holder_ready(from, to);
}

static void limit_memory(pid_t agent, rlim_t bytes)
{
	struct rlimit limit = { bytes, RLIM_INFINITY };

	if (prlimit(agent, RLIMIT_DATA, &limit, NULL))
		tap_bail("RLIMIT_DATA: %s", strerror(errno));
}

static void test_memory(void)
{
	struct holder holder = holder_start(hold);
	struct change change;
	pid_t agent;

	/* It has no memory in store. */
	setenv("MALLOC_TOP_PAD_", "0", 1);
	agent = agent_start();
	unsetenv("MALLOC_TOP_PAD_");
	limit_memory(agent, 1);
	change = change_start("truncate", PATH, 0, 0, NULL);
	tap_ok(agent_said("Cannot allocate memory", BREAK_MS / 4),
	       "the agent has no memory, and says so");
	tap_is(waitpid(agent, NULL, WNOHANG), 0, "it lives");
	tap_ok(!change_done(&change, STILL), "the change waits");
	limit_memory(agent, RLIM_INFINITY);
	tap_ok(change_done(&change, BREAK_MS + SOON) && !change.error,
	       "with memory the change completes");
	tap_ok(change_ms(&change) < BREAK_MS, "before the deadline (%ld ms)",
	       change_ms(&change));
	tap_is(waitpid(holder.pid, NULL, WNOHANG), 0, "the holder lives");
	tap_ok(agent_stop(agent), "the agent ends");
	holder_end(&holder);
}

/* The next message, or "" when there is none within @timeout_ms. */
static const char *message(int fd, int timeout_ms)
{
	static char text[256];
	ssize_t length = 0;

	if (readable(fd, timeout_ms))
		length = read(fd, text, sizeof(text) - 1);
	text[length > 0 ? length : 0] = '\0';
	return text;
}

static void test_watchdog(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), beats = 0;
	const char *last;
	pid_t agent;

	unlink(SOCKET);
	if (fd < 0 || bind(fd, (struct sockaddr *)&name, sizeof(name)))
		tap_bail(SOCKET ": %s", strerror(errno));
	setenv("NOTIFY_SOCKET", SOCKET, 1);
	setenv("WATCHDOG_USEC", "2000000", 1);
	agent = agent_start();
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	tap_ok(!strcmp(message(fd, SOON), "READY=1"), "systemd: ready");
	while (beats < 4 && !strcmp(message(fd, SOON), "WATCHDOG=1"))
		beats++;
	tap_is(beats, 4, "systemd: alive, without anything to do");
	kill(agent, SIGSTOP);
	while (*message(fd, 3 * BEAT_MS))
		;
	tap_ok(!*message(fd, 3 * BEAT_MS), "systemd: not when it hangs");
	kill(agent, SIGCONT);
	tap_ok(!strcmp(message(fd, SOON), "WATCHDOG=1"), "systemd: again");
	kill(agent, SIGTERM);
	do
		last = message(fd, SOON);
	while (!strcmp(last, "WATCHDOG=1"));
	tap_ok(!strcmp(last, "STOPPING=1"), "systemd: it ends");
	tap_is(child_wait(agent, SOON), 0, "the agent ends");
	close(fd);
	unlink(SOCKET);
}

int main(void)
{
	close(file_make(PATH, LEASES * PAGE));
	test_memory();
	test_watchdog();
	unlink(PATH);
	return tap_done();
}
