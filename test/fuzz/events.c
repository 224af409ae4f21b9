// SPDX-License-Identifier: GPL-2.0
/* The stream of events, read by the library and shown by holdfast lease. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "event.h"
#include "fuzz.h"

/* What a lease would give to read, and then no more. */
static int lease_make(const uint8_t *data, size_t size)
{
	int fds[2];

	must(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
	must(write(fds[1], data, size) == (ssize_t)size);
	close(fds[1]);
	return fds[0];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct holdfast_event event, untouched;
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);
	int lease, ret;

	must(to);
	if (size > 4096)
		size = 4096;
	lease = lease_make(data, size);
	do {
		memset(&event, 0xa5, sizeof(event));
		untouched = event;
		ret = hf_wait(lease, &event, 0);
		if (!ret) {
			must(event.size == sizeof(event));
			print_event(to, &event);
		} else {
			must(!memcmp(&event, &untouched, sizeof(event)));
			must(*hf_error());
		}
	} while (!ret || ret == -EPROTO);
	must(ret == -EPIPE);
	close(lease);
	fclose(to);
	for (size_t i = 0; i < length; i++)
		must(text[i] == '\n' || (text[i] >= ' ' && text[i] < 127));
	free(text);
	return 0;
}
