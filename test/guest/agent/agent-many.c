// SPDX-License-Identifier: GPL-2.0
/*
 * holdfastd with much to do: hundreds of late leases of one process delay nobody else,
 * a holder with an open file on a filesystem that does not answer keeps nobody waiting,
 * and the log stays short.
 */
#define _GNU_SOURCE
#include "agent.h"
#include <dirent.h>
#include <linux/fuse.h>
#include <sys/mount.h>

#define MANY_PATH   PMEM "agent-many"
#define VICTIM_PATH PMEM "agent-victim"
#define DEAF	    "/tmp/agent-deaf"
#define LENGTH	    (4 * MIB)
#define MANY	    800
#define BREAK_MS    (12000 * time_scale())

static void hold_many(int from, int to)
{
	holder_register(MANY_PATH, MANY, BREAK_MS);
	holder_ready(from, to);
}

static void hold_one(int from, int to)
{
	holder_register(VICTIM_PATH, 1, BREAK_MS);
	holder_ready(from, to);
}

/* How many children the agent has. */
static int workers(pid_t agent)
{
	char path[64], line[8192];
	int count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", agent, agent);
	file = fopen(path, "r");
	if (file && fgets(line, sizeof(line), file))
		for (char *at = line; *at; at++)
			count += *at == ' ';
	if (file)
		fclose(file);
	return count;
}

static int log_lines(void)
{
	FILE *file = fopen(AGENT_LOG, "r");
	int c, lines = 0;

	while (file && (c = getc(file)) != EOF)
		lines += c == '\n';
	if (file)
		fclose(file);
	return lines;
}

static void test_many(void)
{
	struct holder many = holder_start(hold_many);
	struct holder one = holder_start(hold_one);
	pid_t agent = agent_start();
	struct change first, second;
	int most = 0;

	first = change_start("truncate", MANY_PATH, 0, 0, NULL);
	second = change_start("truncate", VICTIM_PATH, 0, 0, NULL);
	while (!change_done(&second, 50)) {
		int now = workers(agent);

		most = now > most ? now : most;
		if (change_ms(&second) > BREAK_MS + SOON)
			break;
	}
	tap_ok(!second.error && change_ms(&second) < BREAK_MS,
	       "many leases of another process: before the deadline (%ld ms)",
	       change_ms(&second));
	tap_ok(change_done(&first, BREAK_MS + SOON) && !first.error,
	       "and theirs");
	tap_ok(change_ms(&first) < BREAK_MS,
	       "before the deadline, too (%ld ms)", change_ms(&first));
	tap_is(waitpid(one.pid, NULL, WNOHANG), 0, "the one holder lives");
	tap_is(waitpid(many.pid, NULL, WNOHANG), 0, "the other, too");
	tap_ok(most <= 8, "the agent had few workers (%d)", most);
	tap_ok(log_lines() <= 500, "the log is short (%d lines)", log_lines());
	tap_ok(agent_stop(agent), "the agent ends");
	holder_end(&one);
	holder_end(&many);
}

/* Answers the greeting of the kernel, and nothing else. */
static void deaf(int device)
{
	static char buf[FUSE_MIN_READ_BUFFER + MIB];
	struct fuse_in_header *in = (void *)buf;
	struct {
		struct fuse_out_header head;
		struct fuse_init_out init;
	} out = { .init = { .major = FUSE_KERNEL_VERSION,
			    .minor = 31,
			    .max_write = 4096 } };

	if (read(device, buf, sizeof(buf)) <= 0)
		_exit(1);
	out.head.unique = in->unique;
	out.head.len = sizeof(out);
	if (write(device, &out, sizeof(out)) != sizeof(out))
		_exit(1);
	for (;;)
		pause();
}

static void hold_deaf(int from, int to)
{
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char options[80];
	pid_t server;

	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40777,user_id=0,group_id=0", device);
	if (device < 0 || mount("deaf", DEAF, "fuse", 0, options))
		tap_bail("fuse: %s", strerror(errno));
	server = child_fork();
	if (!server)
		deaf(device);
	close(device);
	if (open(DEAF, O_PATH) < 0)
		tap_bail(DEAF ": %s", strerror(errno));
	holder_register(VICTIM_PATH, 1, BREAK_MS);
	holder_ready(from, to);
}

static void test_deaf(void)
{
	struct holder holder;
	struct change change;
	pid_t agent;

	if (system("modprobe fuse")) {
		tap_skip("no FUSE");
		return;
	}
	mkdir(DEAF, 0755);
	holder = holder_start(hold_deaf);
	agent = agent_start();
	change = change_start("truncate", VICTIM_PATH, 0, 0, NULL);
	tap_ok(change_done(&change, BREAK_MS + SOON),
	       "a filesystem that does not answer: the change completes");
	tap_ok(change_ms(&change) < BREAK_MS, "before the deadline (%ld ms)",
	       change_ms(&change));
	tap_is(waitpid(holder.pid, NULL, WNOHANG), 0, "the holder lives");
	tap_ok(agent_stop(agent), "the agent ends");
	holder_end(&holder);
	umount2(DEAF, MNT_DETACH);
	rmdir(DEAF);
}

int main(void)
{
	close(file_make(MANY_PATH, LENGTH));
	close(file_make(VICTIM_PATH, LENGTH));
	test_many();
	close(file_make(VICTIM_PATH, LENGTH));
	test_deaf();
	unlink(MANY_PATH);
	unlink(VICTIM_PATH);
	return tap_done();
}
