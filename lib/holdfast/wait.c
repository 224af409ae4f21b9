// SPDX-License-Identifier: LGPL-2.1-or-later
/* Events of a lease. */
#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "internal/clock.h"
#include "error.h"
#include "internal/visibility.h"

static int fail(int lease, int timeout_ms, int err)
{
	struct hf_facts facts = {
		.call = HF_CALL_WAIT,
		.err = err,
		.fd = lease,
		.timeout_ms = timeout_ms,
	};

	return hf_fail(&facts);
}

/* There is nothing to read, nor will there be. */
static int why_no_event(short revents)
{
	if (revents & POLLNVAL)
		return EBADF;
	return revents & POLLERR ? EBADFD : EPIPE;
}

HF_EXPORT int hf_wait(int lease, struct holdfast_event *event, int timeout_ms)
{
	int64_t end = timeout_ms > 0 ? hf_clock_ms() + timeout_ms : 0;
	struct pollfd pollfd = { .fd = lease, .events = POLLIN };
	struct holdfast_event next;
	ssize_t length;
	int left = timeout_ms;

	/* Another thread or process may take the event poll(2) saw: again. */
	for (;;) {
		int ready = poll(&pollfd, 1, left);

		if (ready < 0)
			return fail(lease, timeout_ms, errno);
		if (!ready)
			return fail(lease, timeout_ms, ETIMEDOUT);
		/* Not even to see: read(2) might wait. */
		if (!(pollfd.revents & POLLIN))
			return fail(lease, timeout_ms,
				    why_no_event(pollfd.revents));
		length = read(lease, &next, sizeof(next));
		if (length >= 0)
			break;
		if (errno != EAGAIN)
			return fail(lease, timeout_ms, errno);
		if (timeout_ms > 0) {
			int64_t rest = end - hf_clock_ms();

			left = rest > 0 ? rest : 0;
		}
	}
	if (length != sizeof(next) || next.size != sizeof(next))
		return fail(lease, timeout_ms, EPROTO);
	*event = next;
	return 0;
}
