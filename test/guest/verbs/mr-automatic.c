// SPDX-License-Identifier: GPL-2.0
/*
 * HF_AUTOMATIC: the library answers breaks, with the program's help and without
 * it, and in time.
 */
#define _GNU_SOURCE
#include "mr.h"
#include <pthread.h>
#include <semaphore.h>

#define PATH	 PMEM "mr-automatic"
#define FILE_LEN (8 * MIB)
#define LENGTH	 (4 * MIB)
#define SHORT	 6000

static struct rdma rdma;
static struct hf_context *context;
static int fd;

/* What the hooks have seen, and what they are told to do. */
static struct {
	int quiesced;
	int resumed;
	int error;
	uint32_t op;
	bool registered_in_quiesce;
	int dereg_in_quiesce;
	bool stuck;
	sem_t go;
	pthread_mutex_t lock;
} hooks = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void quiesce(struct hf_mr *mr, const struct holdfast_event *change,
		    void *arg)
{
	bool registered = mr_query(mr).registered;
	int ret = hf_dereg_mr(mr);
	bool stuck;

	(void)arg;
	pthread_mutex_lock(&hooks.lock);
	hooks.op = change->op;
	hooks.registered_in_quiesce = registered;
	hooks.dereg_in_quiesce = ret;
	hooks.quiesced++;
	stuck = hooks.stuck;
	pthread_mutex_unlock(&hooks.lock);
	if (stuck)
		sem_wait(&hooks.go);
}

static void resume(struct hf_mr *mr, int error, void *arg)
{
	(void)mr;
	(void)arg;
	pthread_mutex_lock(&hooks.lock);
	hooks.error = error;
	hooks.resumed++;
	pthread_mutex_unlock(&hooks.lock);
}

static int times_resumed(void)
{
	int times;

	pthread_mutex_lock(&hooks.lock);
	times = hooks.resumed;
	pthread_mutex_unlock(&hooks.lock);
	return times;
}

static bool resumed(int times)
{
	uint64_t limit = now_ns() + SOON * 1000000ULL;

	while (times_resumed() < times) {
		if (now_ns() > limit)
			return false;
		usleep(5000);
	}
	return times_resumed() == times;
}

static void again(bool stuck)
{
	pthread_mutex_lock(&hooks.lock);
	hooks.quiesced = hooks.resumed = 0;
	hooks.error = -1;
	hooks.stuck = stuck;
	pthread_mutex_unlock(&hooks.lock);
}

static struct hf_mr *make(uint32_t break_ms)
{
	const struct hf_mr_attr attr = { .break_ms = break_ms };

	return mr_make(&rdma, fd, 0, LENGTH, &attr);
}

static void test_answered(void)
{
	struct hf_mr *mr = make(LONG_BREAK);
	struct hf_mr_info before = mr_query(mr), after;
	struct hf_async_event event;

	again(false);
	tap_is(change_make("punch", PATH, MIB, MIB, NULL, SOON), 0,
	       "a change comes to pass");
	tap_ok(resumed(1), "the region is resumed");
	tap_is(hooks.quiesced, 1, "it was quiesced before");
	tap_is(hooks.op, HOLDFAST_OP_PUNCH, "the hook knows why");
	tap_ok(hooks.registered_in_quiesce, "registered as yet");
	tap_is(hooks.dereg_in_quiesce, -EDEADLK,
	       "a hook cannot end its region");
	tap_is(hooks.error, 0, "without an error");
	after = mr_query(mr);
	tap_is(after.state, HF_MR_ACTIVE, "active");
	tap_is(after.generation, 2, "the second generation");
	tap_ok(after.addr == before.addr && after.rkey != before.rkey,
	       "same address, other keys");
	mr_works(&rdma, mr, fd, 0, "RDMA writes the file");
	event = mr_event(context, 0);
	tap_is(event.type, HF_ASYNC_DECOHERENCE, "it can be read afterwards");
	event = mr_event(context, 0);
	tap_is(event.type, HF_ASYNC_RESTORED, "to its end");
	tap_is(event.generation, 2, "with the generation");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
}

static void test_stuck(void)
{
	struct hf_mr *mr = make(SHORT);
	struct change change;

	again(true);
	change = change_start("truncate", PATH, 2 * MIB, 0, NULL);
	tap_ok(!change_done(&change, SHORT / 6),
	       "a program that is stuck: the change waits");
	tap_ok(mr_query(mr).registered, "registered until the margin");
	tap_ok(change_done(&change, SOON) && !change.error,
	       "it comes to pass nevertheless");
	tap_ok(change_ms(&change) < SHORT, "before the deadline (%ld ms of %d)",
	       change_ms(&change), SHORT);
	tap_ok(!mr_query(mr).registered, "the region is not registered");
	tap_is(times_resumed(), 0, "the program is still stuck");
	sem_post(&hooks.go);
	tap_ok(resumed(1), "when it is not it is resumed");
	tap_is(hooks.error, 0, "without an error");
	tap_is(mr_query(mr).length, 2 * MIB, "on what is left");
	mr_works(&rdma, mr, fd, 0, "RDMA writes the file");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
	if (ftruncate(fd, FILE_LEN))
		tap_bail("ftruncate: %s", strerror(errno));
}

/* Nobody reads: of each type the last event is there, and knows of the others. */
static void test_never_read(void)
{
	struct hf_mr *mr = make(LONG_BREAK);
	struct hf_async_event event;
	int types[HF_ASYNC_RELEASED + 1] = { 0 }, lost = 0, n = 0, i;

	again(false);
	for (i = 0; i < 20; i++) {
		if (change_make("punch", PATH, 0, MIB, NULL, SOON) ||
		    !resumed(i + 1))
			break;
	}
	tap_is(i, 20, "many changes, and nobody reads the events");
	while ((event = mr_event(context, 0)).type) {
		types[event.type]++;
		lost += event.lost;
		n++;
	}
	tap_ok(types[HF_ASYNC_DECOHERENCE] == 1 &&
		       types[HF_ASYNC_RESTORED] == 1,
	       "one of each type is left");
	tap_ok(lost >= 38, "they say how many there were (%d, %d lost)", n,
	       lost);
	tap_is(mr_query(mr).breaks, 20, "the region knows");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
}

static void test_nothing_left(void)
{
	struct hf_mr *mr = make(LONG_BREAK);

	again(false);
	tap_is(change_make("truncate", PATH, 0, 0, NULL, SOON), 0,
	       "a truncate to nothing");
	tap_ok(resumed(1), "the program is told");
	tap_is(hooks.error, ENXIO, "that nothing is left");
	tap_is(mr_query(mr).state, HF_MR_RESTORABLE, "for the time being");
	while (mr_event(context, 0).type)
		;
	tap_is(ftruncate(fd, FILE_LEN), 0, "the file grows again");
	tap_is(hf_restore_mr(mr), 0, "the program restores by itself");
	mr_works(&rdma, mr, fd, 0, "RDMA writes the file");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
}

static void test_revoked(void)
{
	struct hf_mr *mr = make(LONG_BREAK);

	again(false);
	tap_is(hf_revoke(mr_query(mr).lease_id, 0, 0), 0,
	       "a revocation is answered");
	tap_ok(resumed(1), "the program is told");
	tap_is(hooks.error, EPIPE, "that the lease does not come back");
	tap_is(hf_dereg_mr(mr), 0, "deregistered");
}

static void test_memory(void)
{
	static struct hf_mr_attr attr = { .flags = HF_MR_LEASE };
	int memfd = memfd_create("mr-automatic", MFD_CLOEXEC);
	struct hf_mr *mr;

	if (memfd < 0 || ftruncate(memfd, FILE_LEN))
		tap_bail("memfd: %s", strerror(errno));
	mr = mr_make(&rdma, memfd, 0, LENGTH, &attr);
	mr_works(&rdma, mr, memfd, 0, "memory: RDMA writes the file");
	again(false);
	tap_is(fallocate(memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			 LENGTH),
	       0, "memory: a change does not wait");
	tap_ok(resumed(1), "memory: the region is resumed");
	tap_is(hooks.error, 0, "memory: without an error");
	mr_works(&rdma, mr, memfd, 0, "memory: RDMA writes the new pages");
	tap_is(hf_dereg_mr(mr), 0, "memory: deregistered");
	close(memfd);
}

/* A change that waits for somebody else does not keep a region from its end. */
static void test_end_while_waiting(void)
{
	struct hf_mr *mr = make(LONG_BREAK);
	int lease = lease_make(fd, 0, LENGTH, HOLDFAST_BREAKABLE, LONG_BREAK);
	void *map = map_shared(fd, 0, LENGTH);
	struct ibv_mr *other = rdma_register(&rdma, map, LENGTH);
	struct change change;
	uint64_t began;

	again(false);
	change = change_start("punch", PATH, 0, MIB, NULL);
	while (mr_query(mr).registered)
		usleep(5000);
	tap_ok(!change_done(&change, STILL), "a change waits for another");
	began = now_ns();
	tap_is(hf_dereg_mr(mr), 0, "the region ends all the same");
	tap_ok(now_ns() - began < AT_ONCE * 1000000ULL, "at once");
	tap_is(times_resumed(), 0, "and is not resumed");
	ibv_dereg_mr(other);
	tap_ok(change_done(&change, SOON) && !change.error,
	       "the change comes to pass");
	munmap(map, LENGTH);
	close(lease);
}

static void test_many(void)
{
	enum {
		REGIONS = 40
	};
	const struct hf_mr_attr attr = { .break_ms = LONG_BREAK };
	struct hf_mr *mrs[REGIONS];
	int active = 0, ended = 0;

	again(false);
	for (int i = 0; i < REGIONS; i++)
		mrs[i] = mr_make(&rdma, fd, i * 65536, 65536, &attr);
	tap_is(change_make("punch", PATH, 0, FILE_LEN, NULL, SOON), 0,
	       "one change of many regions");
	tap_ok(resumed(REGIONS), "all are resumed");
	for (int i = 0; i < REGIONS; i++)
		active += mr_query(mrs[i]).state == HF_MR_ACTIVE;
	tap_is(active, REGIONS, "all are active");
	mr_works(&rdma, mrs[7], fd, 7 * 65536, "and work");
	for (int i = 0; i < REGIONS; i++)
		ended += !hf_dereg_mr(mrs[i]);
	tap_is(ended, REGIONS, "all are deregistered");
}

int main(void)
{
	const struct hf_context_attr attr = { .flags = HF_AUTOMATIC,
					      .quiesce = quiesce,
					      .resume = resume };

	sem_init(&hooks.go, 0, 0);
	rdma = rdma_open();
	context = context_open(&rdma, &attr);
	fd = file_make(PATH, FILE_LEN);
	test_answered();
	test_stuck();
	test_never_read();
	test_nothing_left();
	test_revoked();
	test_memory();
	test_end_while_waiting();
	test_many();
	tap_is(hf_close_context(context), 0, "the context closes");
	close(fd);
	unlink(PATH);
	rdma_close(&rdma);
	return tap_done();
}
