// SPDX-License-Identifier: GPL-2.0
/* A round of the agent's work, see round.h. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "internal/clock.h"
#include "log.h"
#include "pinned.h"
#include "round.h"
#include "watch.h"
#include "workers.h"

/* One job for each process, however many of its leases are due. */
static int act(struct watches *watches)
{
	struct demand *demands;
	size_t count;
	int ret = watches_due(watches, &demands, &count);

	if (ret)
		return ret;
	if (count)
		ret = workers_give(watches, demands, count);
	free(demands);
	return ret;
}

/* 0, or a negative errno value: it goes on in the next round. */
static int read_report(struct watches *watches, int64_t *next)
{
	struct hf_report_entry entry;
	struct hf_report *report;
	int ret = hf_report_open(NULL, &report);

	if (ret) {
		say(LOG_ERR, "%s", hf_error());
		return ret;
	}
	while ((ret = hf_report_next(report, &entry))) {
		if (ret < 0)
			say(LOG_WARNING, "%s", hf_error());
		if (ret < 0 && ret != -EPROTO)
			break;
		/* A change does not wait for what is not pinned. */
		if (ret < 0 || !entry.has_deadline || !entry.pinned)
			continue;
		ret = watches_see(watches, &entry, next);
		if (ret) {
			say(LOG_ERR, "%s", strerror(-ret));
			break;
		}
	}
	hf_report_close(report);
	return ret;
}

int watches_round(struct watches *watches, int *next_ms)
{
	int64_t next = INT64_MAX, wait;
	int ret = read_report(watches, &next);

	workers_reap(watches);
	if (!ret)
		watches_sweep(watches, workers_have);
	/* Also where not all could be read: what is due is due. */
	if (act(watches) || ret == -ENOMEM)
		next = hf_clock_ms() + WATCH_AGAIN_MS;
	else if (ret)
		return ret;
	wait = next - hf_clock_ms();
	if (next == INT64_MAX)
		*next_ms = -1;
	else
		*next_ms = wait < 0 ? 0 : wait > INT_MAX ? INT_MAX : wait;
	return 0;
}
