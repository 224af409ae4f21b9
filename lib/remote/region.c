// SPDX-License-Identifier: LGPL-2.1-or-later
/* The exporter's regions: each is the registration of one export for one session. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal/clock.h"
#include "exporter.h"
#include "internal/margin.h"

#define NS_PER_MS UINT64_C(1000000)

/* For pauses without a deadline of the kernel. */
#define PATIENCE_MS 5000
/* How soon what failed is tried again. */
#define RETRY_MS    20
/* How often a file that was short is looked at. */
#define GROW_MS	    500

static struct hf_exporter *exporter_of(const struct hf_region *region)
{
	return region->session->exporter;
}

/* --- life */

static void forget_export(struct hf_region *region)
{
	if (!region->export_)
		return;
	region->export_->uses--;
	region->session->bytes -= region->export_->length;
	region->export_ = NULL;
	pthread_cond_broadcast(&exporter_of(region)->changed);
}

static bool is_with_worker(const struct hf_region *region)
{
	return region->pause.state == HF_PAUSE_OPENING ||
	       region->pause.state == HF_PAUSE_RESTORING;
}

/* As far as no worker needs them: the registration first, then the mapping. */
static void let_go(struct hf_region *region)
{
	if (region->jobs && (is_with_worker(region) || region->pause.touching))
		return;
	if (region->mr)
		hf_dereg_mr(region->mr);
	region->mr = NULL;
	if (!region->jobs)
		forget_export(region);
}

static void untell(struct hf_region *region)
{
	if (region->tell)
		TAILQ_REMOVE(&region->session->tell, region, tell_node);
	region->tell = false;
}

static void free_if_over(struct hf_region *region)
{
	struct hf_session *session = region->session;

	if (!region->dead)
		return;
	let_go(region);
	if (region->jobs)
		return;
	TAILQ_REMOVE(&exporter_of(region)->regions, region, node);
	session->region_count--;
	free(region);
	hf_session_free_if_over(session);
}

static uint32_t free_number(struct hf_session *session)
{
	struct hf_region **more;
	size_t i, room;

	for (i = 0; i < session->room; i++)
		if (!session->regions[i])
			return i + 1;
	room = session->room ? 2 * session->room : 16;
	more = reallocarray(session->regions, room, sizeof(*more));
	if (!more)
		return 0;
	memset(more + session->room, 0, (room - session->room) * sizeof(*more));
	session->regions = more;
	session->room = room;
	return i + 1;
}

static int start_job(struct hf_region *region, enum hf_job_kind kind)
{
	const struct hf_job job = { .kind = kind,
				    .region = region,
				    .pd = region->session->pd };

	return hf_job_start(exporter_of(region), &job);
}

int hf_region_new(struct hf_session *session, struct hf_export *export_,
		  uint32_t request)
{
	struct hf_exporter *exporter = session->exporter;
	struct hf_region *region;

	if (session->region_count >= exporter->attr.regions ||
	    (exporter->attr.bytes &&
	     export_->length > exporter->attr.bytes - session->bytes))
		return -EDQUOT;
	region = calloc(1, sizeof(*region));
	if (!region)
		return -ENOMEM;
	region->number = free_number(session);
	region->session = session;
	region->export_ = export_;
	region->request = request;
	region->access = (export_->access & IBV_ACCESS_REMOTE_WRITE
				  ? HF_WIRE_WRITE
				  : 0) |
			 (export_->durable ? HF_WIRE_DURABLE : 0) |
			 (session->placement & HF_PLACEMENT_ATOMIC_WRITE
				  ? HF_WIRE_ATOMIC_WRITE
				  : 0);
	if (!region->number || start_job(region, HF_JOB_REGISTER)) {
		free(region);
		return -ENOMEM;
	}
	session->regions[region->number - 1] = region;
	session->region_count++;
	session->bytes += export_->length;
	export_->uses++;
	TAILQ_INSERT_TAIL(&exporter->regions, region, node);
	return 0;
}

void hf_region_end(struct hf_region *region)
{
	struct hf_session *session = region->session;

	session->regions[region->number - 1] = NULL;
	untell(region);
	region->dead = true;
	free_if_over(region);
}

/* --- what is to be done */

static void tell(struct hf_region *region)
{
	if (region->dead || region->tell)
		return;
	region->tell = true;
	TAILQ_INSERT_TAIL(&region->session->tell, region, tell_node);
	hf_exporter_wake(exporter_of(region));
}

static void gone(struct hf_region *region, int error)
{
	region->error = error;
	if (hf_pause_gone(&region->pause))
		tell(region);
	region->retry_ns = 0;
	let_go(region);
}

static void retry(struct hf_region *region)
{
	region->retry_ns = hf_clock_ns() + RETRY_MS * NS_PER_MS;
}

static void suspend(struct hf_region *region)
{
	int ret;

	if (region->export_->ended) {
		gone(region, ESTALE);
		return;
	}
	ret = hf_suspend_mr(region->mr);
	if (ret && ret != -EALREADY)
		retry(region);
	else
		hf_region_look(region);
}

void hf_region_do(struct hf_region *region, unsigned int what)
{
	struct hf_exporter *exporter = exporter_of(region);

	if (region->dead)
		return;
	if (what & HF_DO_TELL)
		tell(region);
	if (what & HF_DO_RESTORE &&
	    start_job(region, region->mr ? HF_JOB_RESTORE : HF_JOB_REGISTER)) {
		hf_pause_not_yet(&region->pause);
		retry(region);
	}
	if (what & HF_DO_SUSPEND) {
		uint64_t took = hf_clock_ns() - region->broken_ns;

		if (region->broken_ns && took > exporter->info.longest_ns)
			exporter->info.longest_ns = took;
		region->broken_ns = 0;
		suspend(region);
	} else if (what & HF_DO_DROP) {
		exporter->info.dropped++;
		hf_session_end(region->session);
	}
}

/* Until when the peer has to answer. */
static uint64_t due_ns(const struct hf_region *region,
		       const struct holdfast_event *event)
{
	const struct hf_exporter_attr *attr = &exporter_of(region)->attr;
	uint64_t now = hf_clock_ns(), due, time_ms, margin_ms;

	due = now + (attr->patience_ms ?: PATIENCE_MS) * NS_PER_MS;
	if (!event || event->deadline_ns <= event->time_ns)
		return due;
	time_ms = (event->deadline_ns - event->time_ns) / NS_PER_MS;
	margin_ms = attr->margin_ms ?: hf_library_margin_ms(time_ms);
	if (margin_ms >= time_ms)
		return now;
	if (!attr->patience_ms ||
	    event->deadline_ns - margin_ms * NS_PER_MS < due)
		due = event->deadline_ns - margin_ms * NS_PER_MS;
	return due;
}

static void ask(struct hf_region *region, const struct holdfast_event *event)
{
	unsigned int what =
		hf_pause_break(&region->pause, due_ns(region, event));

	if (what) {
		exporter_of(region)->info.pauses++;
		region->broken_ns = hf_clock_ns();
	}
	hf_region_do(region, what);
}

void hf_region_withdraw(struct hf_region *region)
{
	switch (region->pause.state) {
	case HF_PAUSE_ACTIVE:
	case HF_PAUSE_ASKED:
		ask(region, NULL);
		break;
	case HF_PAUSE_STILL:
		gone(region, ESTALE);
		break;
	default:
		break; /* a worker has it, or it is gone */
	}
}

void hf_region_look(struct hf_region *region)
{
	struct hf_mr_info info;

	if (is_with_worker(region)) {
		region->again = true;
		return;
	}
	if (region->dead || !region->mr || hf_query_mr(region->mr, &info))
		return;
	switch (info.state) {
	case HF_MR_BREAKING:
	case HF_MR_DECOHERENT:
		if (region->pause.state == HF_PAUSE_STILL)
			suspend(region); /* the last time it failed */
		else
			ask(region, &info.last_break);
		break;
	case HF_MR_RESTORABLE:
	case HF_MR_FENCED:
		if (region->pause.state == HF_PAUSE_STILL)
			hf_region_do(region, hf_pause_over(&region->pause));
		else if (region->length)
			ask(region, NULL);
		break;
	case HF_MR_RELEASED:
		gone(region, ESTALE);
		break;
	default:
		break;
	}
}

/* --- what workers have done */

static void registered(struct hf_region *region, uint64_t reach)
{
	struct hf_mr_info info;

	if (hf_query_mr(region->mr, &info))
		return;
	region->length = info.length < reach ? info.length : reach;
	region->iova = info.iova;
	region->rkey = info.rkey;
	hf_region_do(region, hf_pause_restored(&region->pause,
					       info.state != HF_MR_ACTIVE));
}

/* The file ends before the range begins: that is what the peer is told. */
static void emptied(struct hf_region *region)
{
	region->length = 0;
	region->rkey = 0;
	hf_region_do(region, hf_pause_restored(&region->pause, false));
}

static void worker_done(struct hf_region *region, int ret, uint64_t reach)
{
	if (region->export_->ended) {
		gone(region, ESTALE);
		return;
	}
	switch (ret) {
	case 0:
		registered(region, reach);
		break;
	case -EDEADLK:
	case -EAGAIN:
	case -EINTR:
		/* A change waits for a region of ours, which will not be there soon. */
		hf_pause_not_yet(&region->pause);
		retry(region);
		break;
	case -ENXIO:
		if (region->mr)
			emptied(region);
		else
			gone(region, ENXIO);
		break;
	case -EPIPE:
		gone(region, ESTALE);
		break;
	default:
		gone(region, -ret);
		break;
	}
	if (region->again) {
		region->again = false;
		hf_region_look(region);
	}
}

static void flush_done(struct hf_region *region, const struct hf_job *job)
{
	if (region->dead)
		return;
	region->session->flushes--;
	hf_region_answer(region->session, HF_WIRE_FLUSHED, job->request,
			 -job->ret);
}

void hf_region_done(struct hf_job *job)
{
	struct hf_region *region = job->region;

	region->jobs--;
	if (job->kind == HF_JOB_REGISTER) {
		region->mr = job->mr;
		region->access &= ~HF_WIRE_FLUSHABLE;
		region->access |= job->flushable ? HF_WIRE_FLUSHABLE : 0;
	}
	if (job->kind == HF_JOB_FLUSH)
		flush_done(region, job);
	else if (!region->dead)
		worker_done(region, job->ret, job->reach);
	if (region->pause.state == HF_PAUSE_GONE)
		let_go(region);
	free_if_over(region);
}

/* --- flush */

void hf_region_flush(struct hf_region *region,
		     const struct hf_wire_flush *flush)
{
	struct hf_session *session = region->session;
	struct hf_job job = { .kind = HF_JOB_FLUSH,
			      .region = region,
			      .offset = flush->offset,
			      .length = flush->length,
			      .request = flush->request };
	int error = 0;

	if (!region->export_ || !(region->access & HF_WIRE_DURABLE))
		error = EOPNOTSUPP;
	else if (flush->offset > region->length ||
		 flush->length > region->length - flush->offset)
		error = ERANGE;
	/* The peer posts it again after the pause that it will hear of. */
	else if (!hf_pause_touch(&region->pause))
		error = EAGAIN;
	else if (hf_job_start(session->exporter, &job)) {
		hf_region_untouched(region);
		error = ENOMEM;
	}
	if (!error) {
		session->flushes++;
		return;
	}
	hf_region_answer(session, HF_WIRE_FLUSHED, flush->request, error);
}

void hf_region_untouched(struct hf_region *region)
{
	unsigned int what = hf_pause_untouch(&region->pause);

	if (region->dead || region->pause.state == HF_PAUSE_GONE)
		let_go(region);
	else
		hf_region_do(region, what);
}

/* --- events and time */

void hf_region_events(struct hf_exporter *exporter)
{
	struct hf_async_event event;

	while (!hf_get_async_event(exporter->context, &event, 0)) {
		if (event.mr)
			hf_region_look(event.user_data);
		hf_ack_async_event(&event);
	}
}

static void grow(struct hf_region *region)
{
	if (region->export_ && region->pause.state == HF_PAUSE_ACTIVE &&
	    region->length < region->export_->length &&
	    hf_export_reach(region->export_) > region->length)
		ask(region, NULL);
}

/* Returns whether it has to be looked at soon; ends a session at most. */
static bool tick(struct hf_region *region, uint64_t now)
{
	if (region->dead)
		return false;
	if (region->retry_ns && region->retry_ns <= now) {
		region->retry_ns = 0;
		if (region->mr)
			hf_region_look(region);
		else
			hf_region_do(region, hf_pause_over(&region->pause));
	}
	grow(region);
	return region->retry_ns || region->pause.state == HF_PAUSE_ASKED;
}

static void drop_due(struct hf_exporter *exporter, uint64_t now)
{
	struct hf_region *region;
	unsigned int what;

again:
	TAILQ_FOREACH(region, &exporter->regions, node) {
		what = hf_pause_due(&region->pause, now);
		if (!what || region->dead)
			continue;
		/* The list is another one afterwards. */
		hf_region_do(region, what);
		goto again;
	}
}

int hf_region_tick(struct hf_exporter *exporter)
{
	uint64_t now = hf_clock_ns();
	struct hf_region *region;
	bool soon = false;

	drop_due(exporter, now);
	TAILQ_FOREACH(region, &exporter->regions, node)
		soon |= tick(region, now);
	return soon ? RETRY_MS : GROW_MS;
}
