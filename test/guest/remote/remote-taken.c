// SPDX-License-Identifier: GPL-2.0
/*
 * libholdfast-remote: holdfastd takes a region while a worker of the exporter flushes it,
 * and the file is then shortened. The exporter lives on, and no operation is lost. The
 * worker is held in the middle of the flush by ptrace(2).
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>

#include "agent.h"
#include "remote.h"

#define PATH	 PMEM "remote-taken"
#define FILE_LEN (64 * MIB)
#define SHORT	 (1 * MIB)
#define WORKERS	 4

static void begin(struct hf_exporter *exporter)
{
	const struct hf_export_attr attr = { .break_ms = AGENT_BREAK_MS };

	admit(exporter, "peer", 1);
	share(exporter, "file", PATH, FILE_LEN, &attr);
}

/* --- the exporter's workers */

static bool is_worker(pid_t pid, const char *tid)
{
	char path[300], name[32] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, name, sizeof(name) - 1) < 0)
		tap_bail("%s: %s", path, strerror(errno));
	close(fd);
	return !strcmp(name, "hf-export\n");
}

static int find_workers(pid_t pid, pid_t *workers)
{
	struct dirent *entry;
	char path[32];
	int count = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir && count < WORKERS && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && is_worker(pid, entry->d_name))
			workers[count++] = atoi(entry->d_name);
	closedir(dir);
	return count;
}

/*
 * Stopped where it is; whether that is behind the system call that dirties the pages, so
 * that the exporter counts the region as touched. It no longer does in the msync(2) that
 * follows: then the exporter gives the region up by itself.
 */
static bool stop_at_work(pid_t worker)
{
	struct user_regs_struct regs;
	int status;

	if (ptrace(PTRACE_SEIZE, worker, NULL, NULL) ||
	    ptrace(PTRACE_INTERRUPT, worker, NULL, NULL) ||
	    waitpid(worker, &status, __WALL) != worker ||
	    ptrace(PTRACE_GETREGS, worker, NULL, &regs))
		tap_bail("ptrace: %s", strerror(errno));
	return regs.orig_rax == SYS_madvise;
}

static void let_go(pid_t worker)
{
	if (ptrace(PTRACE_DETACH, worker, NULL, NULL))
		tap_bail("ptrace: %s", strerror(errno));
}

/* Returns the worker that flushes, stopped. */
static pid_t stop_flush(const struct exporter *exporter, struct hf_queue *queue,
			struct hf_remote *remote, unsigned int *posted)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;
	pid_t workers[WORKERS], found = 0;
	struct hf_completion completion;

	if (find_workers(exporter->pid, workers) != WORKERS)
		tap_bail("the exporter's workers are not %d", WORKERS);
	while (!found && now_ns() < limit) {
		if (!*posted && !hf_post_flush(queue, remote, 0, 0, 1))
			++*posted;
		for (int i = 0; i < WORKERS && !found; i++) {
			if (stop_at_work(workers[i]))
				found = workers[i];
			else
				let_go(workers[i]);
		}
		if (!found && hf_queue_poll(queue, &completion, 1) == 1)
			--*posted;
	}
	return found;
}

int main(int argc, char **argv)
{
	const struct exporter_does does = { .attr = { .workers = WORKERS },
					    .begin = begin };
	struct hf_completion completion;
	struct exporter exporter;
	struct client client;
	unsigned int posted = 0;
	struct change change;
	pid_t agent, worker;

	exporter_main(argc, argv, &does);
	close(file_make(PATH, FILE_LEN));
	exporter = exporter_start();
	client = client_start(1, NULL, 4096);
	agent = agent_start();

	worker = stop_flush(&exporter, client.queue, client.remote, &posted);
	tap_ok(worker, "a worker is stopped while it flushes");
	change = change_start("truncate", PATH, SHORT, 0, NULL);
	tap_ok(change_done(&change, AGENT_BREAK_MS + SOON) && !change.error,
	       "the file is shortened meanwhile");
	tap_ok(agent_said("no longer waits", SOON),
	       "holdfastd has taken the region");

	let_go(worker);
	completion = completion_next(client.queue);
	tap_ok(!completion.error, "the flush completes (%d)", completion.error);
	tap_is(exporter_ask(&exporter, "sessions"), 1, "the exporter lives");
	tap_ok(remote_becomes(client.remote, HF_REMOTE_ACTIVE),
	       "the region is back");
	tap_is(remote_query(client.remote).length, SHORT,
	       "as short as the file");
	tap_is(hf_remote_write(client.queue, client.remote, 0, &client.part), 0,
	       "it is written");
	tap_is(hf_remote_flush(client.queue, client.remote, 0, 0), 0,
	       "and flushed");
	tap_is(hf_remote_flush(client.queue, client.remote, SHORT, 4096),
	       -ERANGE, "no further than the file reaches");

	tap_ok(agent_stop(agent), "holdfastd ends");
	tap_is(client_end(&client), 0, "the importer is closed");
	tap_is(exporter_end(&exporter), 0, "the exporter ends");
	unlink(PATH);
	return tap_done();
}
