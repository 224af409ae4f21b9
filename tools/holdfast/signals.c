// SPDX-License-Identifier: GPL-2.0
/* Signals as data, see signals.h. */
#include <errno.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "signals.h"
#include "tool.h"

const int ending_signals[] = { SIGHUP, SIGINT, SIGTERM, 0 };

int signals_open(const int *signals, sigset_t *old)
{
	sigset_t mask;
	int fd;

	sigemptyset(&mask);
	for (; *signals; signals++)
		sigaddset(&mask, *signals);
	sigprocmask(SIG_BLOCK, &mask, old);
	fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		failed("signalfd: %s", strerror(errno));
	return fd;
}

int signals_next(int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return 0;
	return info.ssi_signo;
}
