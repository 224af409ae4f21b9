// SPDX-License-Identifier: GPL-2.0
/* Workers, see workers.h. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "internal/clock.h"
#include "fence.h"
#include "log.h"
#include "watch.h"
#include "workers.h"

struct worker {
	pid_t pid; /* 0: free */
	int64_t until_ms;
	struct fence_job job;
};

/* Processes that were looked at lately. */
struct rest {
	pid_t pid;
	uint64_t start_ns;
	int64_t until_ms;
};

static struct worker workers[WORKERS];
static struct rest rests[64];
static unsigned int next_rest;
static uid_t last_user; /* whose turn it was */

static void job_free(struct fence_job *job)
{
	free(job->demands);
	pinned_free(&job->pinned);
}

/* --- the jobs of a round */

struct jobs {
	struct fence_job *list;
	size_t count;
};

static struct fence_job *find_job(struct jobs *jobs,
				  const struct hf_pins_entry *pin)
{
	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->list[i].pid == pin->pid &&
		    jobs->list[i].start_ns == pin->start_ns)
			return &jobs->list[i];
	return NULL;
}

static struct fence_job *add_job(struct jobs *jobs,
				 const struct hf_pins_entry *pin)
{
	struct fence_job *list =
		reallocarray(jobs->list, jobs->count + 1, sizeof(*list));

	if (!list)
		return NULL;
	jobs->list = list;
	list[jobs->count] = (struct fence_job){ .pid = pin->pid,
						.start_ns = pin->start_ns,
						.uid = pin->uid };
	return &list[jobs->count++];
}

static int compare_leases(const void *a, const void *b)
{
	const struct demand *one = a, *other = b;

	return (one->lease > other->lease) - (one->lease < other->lease);
}

/* The process has pins of this lease: sorted, as @demands are. */
static int want(struct fence_job *job, const struct hf_pins_entry *pin,
		const struct demand *demands, size_t count)
{
	const struct demand key = { .lease = pin->lease };
	const struct demand *demand =
		bsearch(&key, demands, count, sizeof(key), compare_leases);
	struct demand *list;

	if (bsearch(&key, job->demands, job->demand_count, sizeof(key),
		    compare_leases))
		return 0;
	list = reallocarray(job->demands, job->demand_count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	list[job->demand_count++] = *demand;
	job->demands = list;
	qsort(list, job->demand_count, sizeof(*list), compare_leases);
	return 0;
}

static int add_pin(struct fence_job *job, const struct hf_pins_entry *pin)
{
	struct hf_pins_entry *list = reallocarray(
		job->pinned.list, job->pinned.count + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	list[job->pinned.count++] = *pin;
	job->pinned.list = list;
	return 0;
}

static void jobs_free(struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++)
		job_free(&jobs->list[i]);
	free(jobs->list);
}

static int make_jobs(const struct pinned *pinned, const struct demand *demands,
		     size_t count, struct jobs *jobs)
{
	for (size_t i = 0; i < pinned->count; i++) {
		const struct hf_pins_entry *pin = &pinned->list[i];
		struct fence_job *job = find_job(jobs, pin)
						?: add_job(jobs, pin);

		if (!job || want(job, pin, demands, count) || add_pin(job, pin))
			return -ENOMEM;
	}
	return 0;
}

/* --- which job is next */

static bool rests_now(const struct fence_job *job, int64_t now)
{
	for (size_t i = 0; i < WORKERS; i++)
		if (workers[i].pid && workers[i].job.pid == job->pid &&
		    workers[i].job.start_ns == job->start_ns)
			return true;
	for (size_t i = 0; i < sizeof(rests) / sizeof(rests[0]); i++)
		if (rests[i].pid == job->pid &&
		    rests[i].start_ns == job->start_ns &&
		    now < rests[i].until_ms)
			return true;
	return false;
}

static unsigned int workers_of(uid_t uid)
{
	unsigned int count = 0;

	for (size_t i = 0; i < WORKERS; i++)
		count += workers[i].pid && workers[i].job.uid == uid;
	return count;
}

static struct worker *free_worker(void)
{
	for (size_t i = 0; i < WORKERS; i++)
		if (!workers[i].pid)
			return &workers[i];
	return NULL;
}

/* A job of the user that comes next after the last one, or NULL. */
static struct fence_job *choose(struct jobs *jobs, int64_t now)
{
	struct fence_job *best = NULL;

	for (size_t i = 0; i < jobs->count; i++) {
		struct fence_job *job = &jobs->list[i];

		if (!job->pid || rests_now(job, now) ||
		    workers_of(job->uid) >= WORKERS_A_USER)
			continue;
		/* Unsigned: users before the last one come after all others. */
		if (!best ||
		    job->uid - last_user - 1 < best->uid - last_user - 1)
			best = job;
	}
	return best;
}

/* 0, or -errno; the job is the worker's then. */
static int start(struct watches *watches, struct worker *worker,
		 struct fence_job *job)
{
	pid_t pid = fork();

	if (!pid)
		_exit(watches_work(watches, job));
	if (pid < 0)
		return -errno;
	*worker = (struct worker){ .pid = pid,
				   .until_ms = hf_clock_ms() + WORKER_MS,
				   .job = *job };
	last_user = job->uid;
	*job = (struct fence_job){ 0 };
	return 0;
}

int workers_give(struct watches *watches, const struct demand *demands,
		 size_t count)
{
	struct jobs jobs = { 0 };
	struct fence_job *job;
	struct worker *worker;
	struct pinned pinned;
	int ret = pinned_read_demands(&pinned, demands, count);

	if (!ret) {
		ret = make_jobs(&pinned, demands, count, &jobs);
		pinned_free(&pinned);
	}
	while (!ret && (worker = free_worker()) &&
	       (job = choose(&jobs, hf_clock_ms())))
		ret = start(watches, worker, job);
	jobs_free(&jobs);
	if (ret)
		say(LOG_ERR, "%s", strerror(-ret));
	return ret;
}

/* --- when they have ended */

bool workers_have(uint64_t lease)
{
	const struct demand key = { .lease = lease };

	for (size_t i = 0; i < WORKERS; i++)
		if (workers[i].pid && bsearch(&key, workers[i].job.demands,
					      workers[i].job.demand_count,
					      sizeof(key), compare_leases))
			return true;
	return false;
}

static void rest(const struct fence_job *job, int64_t now)
{
	rests[next_rest++ % (sizeof(rests) / sizeof(rests[0]))] =
		(struct rest){ .pid = job->pid,
			       .start_ns = job->start_ns,
			       .until_ms = now + WORKER_AGAIN_MS };
}

void workers_reap(struct watches *watches)
{
	int64_t now = hf_clock_ms();

	for (size_t i = 0; i < WORKERS; i++) {
		struct worker *worker = &workers[i];
		int status;

		if (!worker->pid)
			continue;
		if (waitpid(worker->pid, &status, WNOHANG) == 0) {
			if (now < worker->until_ms)
				continue;
			say(LOG_ERR,
			    "process %d has kept a worker waiting for %d s",
			    worker->job.pid, WORKER_MS / 1000);
			kill(worker->pid, SIGKILL);
			worker->until_ms = now + WORKER_MS;
			continue;
		}
		watches_worked(watches, &worker->job,
			       WIFEXITED(status) ? WEXITSTATUS(status)
						 : OUTCOME_NOTHING);
		rest(&worker->job, now);
		job_free(&worker->job);
		worker->pid = 0;
	}
}
