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
#include <sys/sysmacros.h>
#include <unistd.h>

#include "internal/clock.h"
#include "mountinfo.h"
#include "place.h"
#include "revocation.h"
#include "rights.h"
#include "select.h"
#include "size.h"
#include "tool.h"
#include "users.h"

/* How often to say what is waited for. */
#define PROGRESS_MS 2000

/* So that a script knows what there is to do. */
#define EXIT_LEFT   3 /* leases are left */
#define EXIT_IN_USE 4 /* no lease is left, but others use the filesystem */

struct draining {
	char *mountpoint; /* NULL: all filesystems */
	struct selection selection;
	struct revocation revocation;
	uint32_t limit_ms; /* 0: none */
	dev_t *devices;	   /* of filesystems that had leases, with --all */
	size_t device_count;
};

/* One look at the report: how many leases there are, whoever revokes them. */
struct pass {
	struct draining *draining;
	size_t left;
};

/* Files in memory are on filesystems that nobody unmounts. */
static int note_device(struct draining *draining,
		       const struct hf_report_entry *entry)
{
	dev_t device = makedev(entry->major, entry->minor), *devices;

	if (draining->mountpoint || !entry->backing ||
	    strcmp(entry->backing, "dax"))
		return 0;
	for (size_t i = 0; i < draining->device_count; i++)
		if (draining->devices[i] == device)
			return 0;
	devices = reallocarray(draining->devices, draining->device_count + 1,
			       sizeof(*devices));
	if (!devices)
		return -ENOMEM;
	draining->devices = devices;
	devices[draining->device_count++] = device;
	return 0;
}

static int add_and_count(const struct hf_report_entry *entry, void *arg)
{
	struct pass *pass = arg;

	pass->left++;
	return note_device(pass->draining, entry)
		       ?: revocation_add(entry, &pass->draining->revocation);
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
		struct pass pass = { .draining = draining };
		int status = each_lease(NULL, &draining->selection,
					add_and_count, &pass);
		uint64_t now = hf_clock_ms();

		if (!status)
			status = revocation_step(revocation, stdout);
		if (status || (!pass.left && !revocation->left))
			return status;
		if (draining->limit_ms && now - began >= draining->limit_ms) {
			say_left(draining);
			failed("leases are left; their revocation goes on");
			return EXIT_LEFT;
		}
		if (now - said >= PROGRESS_MS) {
			said = now;
			say_left(draining);
		}
		pause_longer(&pause);
	}
}

/* Who else keeps a filesystem without leases busy. */
static int look_for_users(const char *mountpoint)
{
	int users = print_users(stdout, mountpoint);

	if (users < 0)
		return EXIT_FAILED;
	if (users) {
		failed("%s: no lease is left, but it is in use", mountpoint);
		return EXIT_IN_USE;
	}
	printf("%s: no lease is left, it can be unmounted\n", mountpoint);
	return 0;
}

/* A place where a device is mounted. */
struct place {
	dev_t device;
	char *at; /* malloced; NULL: none that we see */
};

static bool is_place(struct libmnt_fs *fs, void *arg)
{
	struct place *place = arg;

	if (mnt_fs_get_devno(fs) != place->device)
		return true;
	place->at = strdup(mnt_fs_get_target(fs));
	return false;
}

/* A failure, or that one is in use, is the answer for all of them. */
static int look_for_users_of_all(const struct draining *draining)
{
	int status = 0;

	for (size_t i = 0; i < draining->device_count; i++) {
		struct place place = { .device = draining->devices[i] };
		int one = 0, err = each_mount(is_place, &place);

		if (err)
			one = failed("mounts: %s", strerror(-err));
		else if (place.at)
			one = look_for_users(place.at);
		if (one == EXIT_FAILED || !status)
			status = one;
		free(place.at);
	}
	if (!status)
		puts("no lease is left");
	return status;
}

static int drain(struct draining *draining)
{
	int status = revoke_all(draining);

	if (status)
		return status;
	if (draining->mountpoint)
		return look_for_users(draining->mountpoint);
	return look_for_users_of_all(draining);
}

static int find_mount(struct draining *draining)
{
	struct statx stx;

	if (!draining->mountpoint)
		return 0;
	if (place_of(draining->mountpoint, 0, STATX_TYPE, &stx))
		return failed("%s: %s", draining->mountpoint, strerror(errno));
	if (!S_ISDIR(stx.stx_mode))
		return failed("%s: not a mount point", draining->mountpoint);
	return select_paths(&draining->selection, &draining->mountpoint, 1);
}

/* Others' leases would not show, and that nothing is left would be a lie. */
static int check_rights(void)
{
	int all = sees_all_leases();

	if (all < 0)
		return EXIT_FAILED;
	if (!all)
		return failed(
			"drain is for the administrator (CAP_SYS_ADMIN), and "
			"not for root of a user namespace: leases of "
			"other users would not show");
	return 0;
}

static void usage(void)
{
	puts("usage: holdfast drain [OPTION...] MOUNTPOINT\n"
	     "       holdfast drain [OPTION...] --all\n"
	     "Revoke all leases on a filesystem, also those that come "
	     "in the meantime, so that\n"
	     "it can be unmounted; and print who else keeps it busy.\n\n"
	     "  -a, --all        all leases on all filesystems\n"
	     "  -g, --grace S    seconds that holders have to let go before "
	     "they are killed,\n"
	     "                   at most the break time (the break time)\n"
	     "  -t, --timeout S  give up after this many seconds\n"
	     "  -h, --help\n\n"
	     "Exit status: 1 failed, 3 leases are left, 4 in use by others.");
}

/* -1 to go on, or the exit status. */
static int parse(struct draining *draining, int argc, char **argv)
{
	static const struct option options[] = {
		{ "all", no_argument, NULL, 'a' },
		{ "grace", required_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ "timeout", required_argument, NULL, 't' },
		{ 0 },
	};
	bool all = false;
	int option;

	while ((option = getopt_long(argc, argv, ":ag:ht:", options, NULL)) >=
	       0) {
		switch (option) {
		case 'a':
			all = true;
			break;
		case 'g':
			if (!grace_parse(optarg,
					 &draining->revocation.grace_ms))
				return bad_usage("drain", "%s: not a time",
						 optarg);
			break;
		case 't':
			if (!seconds_parse(optarg, &draining->limit_ms))
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
	if (argc - optind != !all)
		return bad_usage("drain", "one MOUNTPOINT, or --all");
	draining->mountpoint = argv[optind];
	return -1;
}

int cmd_drain(int argc, char **argv)
{
	struct draining draining = { 0 };
	int status = parse(&draining, argc, argv);

	if (status >= 0)
		return status;
	status = find_mount(&draining);
	if (!status)
		status = check_rights();
	if (!status)
		status = drain(&draining);
	revocation_end(&draining.revocation);
	selection_end(&draining.selection);
	free(draining.devices);
	return status;
}
