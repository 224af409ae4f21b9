// SPDX-License-Identifier: GPL-2.0
/* holdfast-revoke(1): ends leases of others. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "revocation.h"
#include "rights.h"
#include "select.h"
#include "tool.h"

struct revoking {
	struct revocation revocation;
	const char *reason;
	bool no_wait;
};

static bool is_number(const char *text, uint64_t *number)
{
	char *end;

	if (!*text || text[strspn(text, "0123456789")])
		return false;
	*number = strtoull(text, &end, 10);
	return true;
}

/* The report tells what the lease is on, if we may see it there. */
static int find_id(const struct hf_report_entry *entry, void *arg)
{
	struct revocation *revocation = arg;

	for (size_t i = 0; i < revocation->count; i++)
		if (revocation->targets[i].id == entry->id)
			return revocation_add(entry, revocation);
	return 0;
}

static int none_on(const char *path)
{
	int all = sees_all_leases();

	if (all < 0)
		return EXIT_FAILED;
	if (!all)
		return failed(
			"%s: no lease that you can see: those of other "
			"users show only to the file's owner and the "
			"administrator (CAP_SYS_ADMIN), and not to root of a user namespace",
			path);
	return failed("%s: no lease", path);
}

static int add_path(struct revoking *revoking, char *path)
{
	struct revocation *revocation = &revoking->revocation;
	struct selection selection = { 0 };
	size_t before = revocation->count;
	int status = select_paths(&selection, &path, 1);

	if (!status)
		status = each_lease(NULL, &selection, revocation_add,
				    revocation);
	selection_end(&selection);
	if (!status && revocation->count == before)
		status = none_on(path);
	return status;
}

static int add(struct revoking *revoking, char *target)
{
	uint64_t id;

	if (!is_number(target, &id))
		return add_path(revoking, target);
	if (revocation_add_id(&revoking->revocation, id))
		return failed("no memory");
	return 0;
}

/* Before the first revocation, which may kill the process that the log names. */
static void log_reason(const struct revoking *revoking)
{
	openlog("holdfast", LOG_PID, LOG_AUTHPRIV);
	for (size_t i = 0; i < revoking->revocation.count; i++) {
		const struct target *target = &revoking->revocation.targets[i];

		syslog(LOG_NOTICE, "uid %ju revokes lease %" PRIu64 "%s%s: %s",
		       (uintmax_t)getuid(), target->id,
		       *target->what ? " of " : "", target->what,
		       revoking->reason);
	}
	closelog();
}

static int run(struct revoking *revoking, char **targets)
{
	static const struct selection everything;
	struct revocation *revocation = &revoking->revocation;
	unsigned int pause = 0;
	int status = 0;

	for (; *targets; targets++)
		status = add(revoking, *targets) ?: status;
	/* Without a report their numbers will do. */
	if (revocation->count && !access(HOLDFAST_REPORT, R_OK))
		each_lease(NULL, &everything, find_id, revocation);
	if (revoking->reason)
		log_reason(revoking);
	/* All begin before any is waited for: their times do not add up. */
	for (;;) {
		status = revocation_step(revocation, stdout) ?: status;
		if (!revocation->left || revoking->no_wait)
			break;
		pause_longer(&pause);
	}
	for (size_t i = 0; i < revocation->count; i++)
		if (!revocation->targets[i].done)
			printf("lease %" PRIu64 ": %s: begun\n",
			       revocation->targets[i].id,
			       revocation->targets[i].what);
	return status;
}

static void usage(void)
{
	puts("usage: holdfast revoke [OPTION...] ID|PATH...\n"
	     "End leases, of whatever kind: the one with the number ID, or all "
	     "on PATH, a\n"
	     "file, mount point or block device; and wait until nothing pins "
	     "their memory.\n\n"
	     "  -g, --grace S      seconds that holders have to let go before "
	     "they are killed,\n"
	     "                     at most the break time (the break time)\n"
	     "  -n, --no-wait      only begin\n"
	     "      --reason TEXT  why, for the system's log\n"
	     "  -h, --help");
}

int cmd_revoke(int argc, char **argv)
{
	static const struct option options[] = {
		{ "grace", required_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ "no-wait", no_argument, NULL, 'n' },
		{ "reason", required_argument, NULL, 'r' },
		{ 0 },
	};
	struct revoking revoking = { 0 };
	int option, status;

	while ((option = getopt_long(argc, argv, ":g:hn", options, NULL)) >=
	       0) {
		switch (option) {
		case 'g':
			if (!grace_parse(optarg, &revoking.revocation.grace_ms))
				return bad_usage("revoke", "%s: not a time",
						 optarg);
			break;
		case 'n':
			revoking.no_wait = true;
			break;
		case 'r':
			revoking.reason = optarg;
			break;
		case 'h':
			usage();
			return 0;
		default:
			return bad_option("revoke", option, argv);
		}
	}
	if (optind == argc)
		return bad_usage("revoke", "which leases?");
	status = run(&revoking, argv + optind);
	revocation_end(&revoking.revocation);
	return status;
}
