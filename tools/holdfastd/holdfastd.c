// SPDX-License-Identifier: GPL-2.0
/* holdfastd(8): the fence agent. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "internal/margin.h"
#include "holdfast.h"
#include "exit.h"
#include "log.h"
#include "scrape.h"
#include "size.h"
#include "round.h"
#include "watch.h"

/* The kernel tells by it when a break begins or ends. */
static int open_report(void)
{
	int fd = open(HOLDFAST_REPORT, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		say(LOG_ERR, "%s: %s", HOLDFAST_REPORT,
		    errno == ENOENT
			    ? "not there; load the module (modprobe holdfast)"
			    : strerror(errno));
	return fd;
}

/* At once, and not when the first holder is late. */
static bool may_act(void)
{
	if (geteuid()) {
		say(LOG_ERR, "to take memory regions from other processes "
			     "it has to be root, with CAP_SYS_PTRACE");
		return false;
	}
	if (!access(HOLDFAST_PINS, R_OK))
		return true;
	say(LOG_ERR, "%s: %s", HOLDFAST_PINS,
	    errno == ENOENT ? "not there: the module is older than this program"
			    : strerror(errno));
	return false;
}

static int open_signals(void)
{
	sigset_t mask;
	int fd;

	sigemptyset(&mask);
	sigaddset(&mask, SIGINT);
	sigaddset(&mask, SIGTERM);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		say(LOG_ERR, "signalfd: %s", strerror(errno));
	return fd;
}

/* --- systemd */

#ifdef HAVE_SYSTEMD
/* How often it wants to hear of us, in ms; -1: never. */
static int watchdog_ms(void)
{
	uint64_t us;

	return sd_watchdog_enabled(0, &us) > 0 ? (int)(us / 2000) : -1;
}

static void notify(const char *state)
{
	sd_notify(0, state);
}
#else
static int watchdog_ms(void)
{
	return -1;
}

static void notify(const char *state)
{
	(void)state;
}
#endif

/* A worker has ended, or we are to: true. */
static bool take_signals(int signals)
{
	struct signalfd_siginfo info;
	bool end = false;

	while (read(signals, &info, sizeof(info)) == sizeof(info))
		end |= info.ssi_signo != SIGCHLD;
	return end;
}

static int serve(struct watches *watches, struct scrape *scrape, int report,
		 int signals)
{
	struct pollfd fds[3] = {
		{ .fd = report, .events = POLLPRI },
		{ .fd = signals, .events = POLLIN },
	};
	int next_ms, most_ms = watchdog_ms();

	notify("READY=1");
	do {
		if (watches_round(watches, &next_ms))
			return EXIT_FAILED;
		scrape_round(scrape, &watches->counts, fds[2].revents,
			     &next_ms);
		fds[2] = scrape_poll(scrape);
		notify("WATCHDOG=1");
		if (most_ms >= 0 && (next_ms < 0 || next_ms > most_ms))
			next_ms = most_ms;
		if (poll(fds, 3, next_ms) < 0) {
			say(LOG_ERR, "poll: %s", strerror(errno));
			return EXIT_FAILED;
		}
	} while (!take_signals(signals));
	notify("STOPPING=1");
	return 0;
}

static void usage(void)
{
	puts("usage: holdfastd [OPTION...]\n"
	     "Take from late holders of leases what keeps changes waiting, and "
	     "leave them their lives.\n\n"
	     "  -m, --margin S         seconds before its deadline a holder is late "
	     "(5)\n"
	     "  -s, --metrics SOCKET   give metrics away on this Unix socket\n"
	     "  -f, --textfile FILE    write them to this file\n"
	     "  -i, --interval S       so often, in seconds (15)\n"
	     "  -h, --help\n"
	     "      --version");
}

static int wrong(const char *fmt, const char *what)
{
	fputs("holdfastd: ", stderr);
	fprintf(stderr, fmt, what);
	fputs("\nTry 'holdfastd --help'.\n", stderr);
	return EXIT_USAGE;
}

/* -1 to go on, or the exit status. */
static int parse(struct watches *watches, struct scrape *scrape, int argc,
		 char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "interval", required_argument, NULL, 'i' },
		{ "margin", required_argument, NULL, 'm' },
		{ "metrics", required_argument, NULL, 's' },
		{ "textfile", required_argument, NULL, 'f' },
		{ "version", no_argument, NULL, 'v' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, ":f:hi:m:s:", options,
				     NULL)) >= 0) {
		switch (option) {
		case 'm':
			if (!seconds_parse(optarg, &watches->margin_ms))
				return wrong("%s: not a time", optarg);
			break;
		case 'i':
			if (!seconds_parse(optarg, &scrape->interval_ms) ||
			    scrape->interval_ms > INT32_MAX)
				return wrong("%s: not a time", optarg);
			break;
		case 's':
			scrape->path = optarg;
			break;
		case 'f':
			scrape->textfile = optarg;
			break;
		case 'h':
			usage();
			return 0;
		case 'v':
			puts("holdfastd " HOLDFAST_VERSION);
			return 0;
		case ':':
			return wrong("%s: needs a value", argv[optind - 1]);
		default:
			return wrong("%s: no such option", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return wrong("%s: unexpected argument", argv[optind]);
	return -1;
}

int main(int argc, char **argv)
{
	struct watches watches = { .margin_ms = HF_AGENT_MARGIN_MS };
	struct scrape scrape = { .interval_ms = 15000 };
	int status = parse(&watches, &scrape, argc, argv);
	int report, signals;

	if (status >= 0)
		return status;
	report = open_report();
	if (report < 0 || !may_act())
		return EXIT_FAILED;
	if (log_init())
		say(LOG_WARNING, "each worker has a limit of its own: %s",
		    strerror(errno));
	signals = open_signals();
	if (signals < 0 || scrape_open(&scrape))
		return EXIT_FAILED;
	say(LOG_INFO, "watching; holders are late %.1f s before their deadline",
	    watches.margin_ms / 1e3);
	status = serve(&watches, &scrape, report, signals);
	scrape_close(&scrape);
	watches_free(&watches);
	return status;
}
