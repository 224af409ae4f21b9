// SPDX-License-Identifier: GPL-2.0
/* holdfast-drain(1): frees a filesystem of leases, for umount(8). */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "place.h"
#include "revocation.h"
#include "select.h"
#include "size.h"
#include "tool.h"
#include "users.h"

/* How often to say what is waited for. */
#define PROGRESS_MS 2000

struct draining {
	char *mountpoint;
	struct selection selection;
	struct revocation revocation;
	uint32_t limit_ms; /* 0: none */
};

/* One look at the report: how many leases there are, whoever revokes them. */
struct pass {
	struct revocation *revocation;
	size_t left;
};

static int add_and_count(const struct hf_report_entry *entry, void *arg)
{
	struct pass *pass = arg;

	pass->left++;
	return revocation_add(entry, pass->revocation);
}

static int print_left(const struct hf_report_entry *entry, void *arg)
{
	char size[SIZE_ROOM];

	(void)arg;
	fprintf(stderr, "holdfast: lease %" PRIu64 ": ", entry->id);
	print_lease(stderr, entry);
	fprintf(stderr, ": %s, %s pinned", hf_state_name(entry->state),
		size_text(size, entry->pinned, false));
	for (size_t i = 0; i < entry->pinner_count; i++)
		fprintf(stderr, "%s %d", i ? "," : ", pinned by",
			entry->pinners[i]);
	if (entry->has_deadline)
		fprintf(stderr, ", fence %s %.1fs",
			entry->deadline_ms < 0 ? "was due for" : "in",
			(entry->deadline_ms < 0 ? -entry->deadline_ms
						: entry->deadline_ms) /
				1000.0);
	fputc('\n', stderr);
	return 0;
}

static int say_left(struct draining *draining)
{
	return each_lease(NULL, &draining->selection, print_left, NULL);
}

/* New leases may come until the last one is gone. */
static int revoke_all(struct draining *draining)
{
	struct revocation *revocation = &draining->revocation;
	uint64_t began = hf_clock_ms(), said = began;
	unsigned int pause = 0;

	for (;;) {
		struct pass pass = { .revocation = revocation };
		int status = each_lease(NULL, &draining->selection,
					add_and_count, &pass);
		uint64_t now = hf_clock_ms();

		if (!status)
			status = revocation_step(revocation, stdout);
		if (status || (!pass.left && !revocation->left))
			return status;
		if (draining->limit_ms && now - began >= draining->limit_ms) {
			say_left(draining);
			return failed("%s: leases are left; their revocation "
				      "goes on",
				      draining->mountpoint);
		}
		if (now - said >= PROGRESS_MS) {
			said = now;
			say_left(draining);
		}
		pause_longer(&pause);
	}
}

static int drain(struct draining *draining)
{
	int status = revoke_all(draining);
	int users;

	if (status)
		return status;
	users = print_users(stdout, draining->mountpoint);
	if (users < 0)
		return EXIT_FAILED;
	if (users)
		return failed("%s: no lease is left, but it is in use",
			      draining->mountpoint);
	printf("%s: no lease is left, it can be unmounted\n",
	       draining->mountpoint);
	return 0;
}

static int find_mount(struct draining *draining)
{
	struct statx stx;

	if (place_of(draining->mountpoint, 0, STATX_TYPE, &stx))
		return failed("%s: %s", draining->mountpoint, strerror(errno));
	if (!S_ISDIR(stx.stx_mode))
		return failed("%s: not a mount point", draining->mountpoint);
	return select_paths(&draining->selection, &draining->mountpoint, 1);
}

static void usage(void)
{
	puts("usage: holdfast drain [OPTION...] MOUNTPOINT\n"
	     "Revoke all leases on a filesystem, also those that come "
	     "meanwhile, so that it\n"
	     "can be unmounted; and say who else keeps it busy.\n\n"
	     "  -g, --grace S    seconds that holders have to let go before "
	     "they are killed,\n"
	     "                   at most the break time (the break time)\n"
	     "  -t, --timeout S  give up after this many seconds\n"
	     "  -h, --help");
}

int cmd_drain(int argc, char **argv)
{
	static const struct option options[] = {
		{ "grace", required_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ "timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	struct draining draining = { 0 };
	int option, status;

	while ((option = getopt_long(argc, argv, ":g:ht:", options, NULL)) >=
	       0) {
		switch (option) {
		case 'g':
			if (!grace_parse(optarg, &draining.revocation.grace_ms))
				return bad_usage("drain", "%s: not a time",
						 optarg);
			break;
		case 't':
			if (!seconds_parse(optarg, &draining.limit_ms))
				return bad_usage("drain", "%s: not a time",
						 optarg);
			break;
		case 'h':
			usage();
			return 0;
		default:
			return bad_option("drain", option, argv);
		}
	}
	if (argc - optind != 1)
		return bad_usage("drain", "one MOUNTPOINT");
	draining.mountpoint = argv[optind];
	status = find_mount(&draining);
	/* Others' leases would not show, and nothing left would be a lie. */
	if (!status && geteuid())
		status = failed("drain is for the administrator: leases of "
				"other users would not show");
	if (!status)
		status = drain(&draining);
	revocation_end(&draining.revocation);
	selection_end(&draining.selection);
	return status;
}
