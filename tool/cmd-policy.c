// SPDX-License-Identifier: GPL-2.0
/* holdfast-policy(1): where implicit leases are allowed. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grid.h"
#include "holdfast.h"
#include "mounts.h"
#include "size.h"
#include "tool.h"

struct policy {
	gid_t gid;
	uint32_t break_ms;
	const char *group, *break_time; /* as they were given, or NULL */
	bool json;
};

enum column {
	MOUNTPOINT,
	UUID,
	GID,
	GROUP,
	BREAK_TIME,
	BREAK_MS,
	COLUMNS
};

static const struct grid_column columns[COLUMNS] = {
	[MOUNTPOINT] = { "MOUNTPOINT", SCOLS_JSON_STRING,
			 GRID_TABLE | GRID_JSON },
	[UUID] = { "UUID", SCOLS_JSON_STRING, GRID_TABLE | GRID_JSON },
	[GID] = { "GID", SCOLS_JSON_NUMBER, GRID_JSON },
	[GROUP] = { "GROUP", SCOLS_JSON_STRING, GRID_TABLE | GRID_JSON },
	[BREAK_TIME] = { "BREAK", SCOLS_JSON_STRING, GRID_TABLE },
	[BREAK_MS] = { "BREAK_MS", SCOLS_JSON_NUMBER, GRID_JSON },
};

/* The places of the columns of HOLDFAST_POLICIES in a line. */
struct places {
	int uuid, gid, break_ms;
};

/* @places has -1 for each. */
static bool find_places(struct places *places, char *head)
{
	int place = 0;

	for (char *name; (name = strsep(&head, " \n")); place++) {
		if (!strcmp(name, "uuid"))
			places->uuid = place;
		else if (!strcmp(name, "gid"))
			places->gid = place;
		else if (!strcmp(name, "break_ms"))
			places->break_ms = place;
	}
	return places->uuid >= 0 && places->gid >= 0 && places->break_ms >= 0;
}

/* 0, EPROTO for a line that is not one, or ENOMEM; negative. */
static int add_line(struct libscols_table *lines, bool json,
		    const struct places *places, char *line)
{
	const char *texts[COLUMNS] = { NULL };
	const struct group *group = NULL;
	char age[SIZE_ROOM], *mount, *end;
	const char *gid = NULL;
	uint64_t break_ms;
	int place = 0;
	int ret;

	for (char *field; (field = strsep(&line, " \n")); place++) {
		if (place == places->uuid)
			texts[UUID] = field;
		else if (place == places->gid)
			gid = field;
		else if (place == places->break_ms)
			texts[BREAK_MS] = field;
	}
	if (!texts[UUID] || !gid || !texts[BREAK_MS])
		return -EPROTO;
	break_ms = strtoull(texts[BREAK_MS], &end, 10);
	if (*end || end == texts[BREAK_MS])
		return -EPROTO;
	if (strcmp(gid, "-")) {
		texts[GID] = gid;
		group = getgrgid(strtoul(gid, NULL, 10));
		texts[GROUP] = group ? group->gr_name : gid;
	}
	texts[BREAK_TIME] = age_text(age, break_ms);
	texts[MOUNTPOINT] = mount = mount_of(texts[UUID]);
	ret = grid_add(lines, json, columns, COLUMNS, texts);
	free(mount);
	return ret;
}

static int read_policies(FILE *file, struct libscols_table *lines, bool json)
{
	struct places places = { -1, -1, -1 };
	char *line = NULL;
	size_t room = 0;
	int status = 0;

	if (getline(&line, &room, file) < 0 || !find_places(&places, line))
		status = failed("%s: not a list of policies, or one of "
				"another version",
				HOLDFAST_POLICIES);
	while (!status && getline(&line, &room, file) > 0) {
		int ret = add_line(lines, json, &places, line);

		if (ret == -EPROTO)
			status = failed("%s: a malformed line",
					HOLDFAST_POLICIES);
		else if (ret)
			status = failed("no memory");
	}
	free(line);
	return status;
}

static int show(const struct policy *policy)
{
	FILE *file = fopen(HOLDFAST_POLICIES, "re");
	struct libscols_table *lines;
	int status;

	if (!file)
		return failed(
			"%s: %s", HOLDFAST_POLICIES,
			errno == ENOENT
				? "not there: load the module (modprobe holdfast)"
				: strerror(errno));
	lines = grid_make("policies", policy->json, columns, COLUMNS);
	if (!lines)
		status = failed("no memory");
	else
		status = read_policies(file, lines, policy->json);
	if (lines && grid_print(lines, stdout))
		status = failed("no memory");
	scols_unref_table(lines);
	fclose(file);
	return status;
}

/* The descriptor of a mount point, or -1 after a message. */
static int open_mount(const char *path)
{
	struct statx stx;
	int fd;

	if (statx(AT_FDCWD, path, 0, STATX_TYPE, &stx)) {
		failed("%s: %s", path, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(stx.stx_mode) ||
	    !(stx.stx_attributes & STATX_ATTR_MOUNT_ROOT)) {
		failed("%s: not a mount point", path);
		return -1;
	}
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		failed("%s: %s", path, strerror(errno));
	return fd;
}

static int set(const struct policy *policy, bool allow, const char *path)
{
	int fd = open_mount(path), ret;

	if (fd < 0)
		return EXIT_FAILED;
	if (allow)
		ret = hf_policy_allow(fd, policy->gid, policy->break_ms);
	else
		ret = hf_policy_forbid(fd);
	close(fd);
	return ret ? failed("%s", hf_error()) : 0;
}

static void usage(void)
{
	puts("usage: holdfast policy [--json]\n"
	     "       holdfast policy allow [OPTION...] MOUNTPOINT\n"
	     "       holdfast policy forbid MOUNTPOINT\n"
	     "Show on which filesystems programs have implicit leases, allow "
	     "them on one, or\n"
	     "forbid them again (root).\n\n"
	     "  -g, --group GROUP   allow them to processes of this group "
	     "only\n"
	     "  -t, --break-time S  seconds from a break to the fence\n"
	     "  -J, --json          show them as JSON\n"
	     "  -h, --help");
}

static bool group_parse(const char *text, gid_t *gid)
{
	const struct group *group = getgrnam(text);
	uint64_t number;

	if (group) {
		*gid = group->gr_gid;
		return true;
	}
	if (strspn(text, "0123456789") != strlen(text) ||
	    !size_parse(text, &number) || number >= HF_ANY_GROUP)
		return false;
	*gid = number;
	return true;
}

/* -1 to go on, or the exit status. */
static int parse(struct policy *policy, int argc, char **argv)
{
	static const struct option options[] = {
		{ "break-time", required_argument, NULL, 't' },
		{ "group", required_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'J' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, ":g:hJt:", options, NULL)) >=
	       0) {
		switch (option) {
		case 'g':
			policy->group = optarg;
			if (!group_parse(optarg, &policy->gid))
				return bad_usage("policy", "%s: no such group",
						 optarg);
			break;
		case 't':
			policy->break_time = optarg;
			if (!seconds_parse(optarg, &policy->break_ms))
				return bad_usage("policy",
						 "%s: not a break time",
						 optarg);
			break;
		case 'J':
			policy->json = true;
			break;
		case 'h':
			usage();
			return 0;
		default:
			return bad_option("policy", option, argv);
		}
	}
	return -1;
}

int cmd_policy(int argc, char **argv)
{
	struct policy policy = { .gid = HF_ANY_GROUP };
	int status = parse(&policy, argc, argv);
	const char *verb = argv[optind];
	bool allow;

	if (status >= 0)
		return status;
	allow = verb && !strcmp(verb, "allow");
	if (!allow && (policy.group || policy.break_time))
		return bad_usage("policy",
				 "--group and --break-time go with allow only");
	if (!verb)
		return show(&policy);
	if (!allow && strcmp(verb, "forbid"))
		return bad_usage("policy", "%s: neither allow nor forbid",
				 verb);
	if (policy.json)
		return bad_usage("policy", "--json only shows policies");
	if (argc - optind != 2)
		return bad_usage("policy", "one MOUNTPOINT is needed");
	return set(&policy, allow, argv[optind + 1]);
}
