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
#include "policy/apply.h"
#include "policy/conf.h"
#include "policy/module.h"
#include "policy/rules.h"
#include "size.h"
#include "tool.h"

struct policy {
	struct rule rule;
	struct caps caps;
	const char *group, *break_time,
		*pinned; /* as they were given, or NULL */
	const char *conf;
	bool json, save;
};

enum column {
	MOUNTPOINT,
	UUID,
	GID,
	GROUP,
	BREAK_TIME,
	BREAK_MS,
	SAVED,
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
	[SAVED] = { "SAVED", SCOLS_JSON_STRING, GRID_TABLE | GRID_JSON },
};

/* Whether the file has the same: "yes", "no" or "differs". */
static const char *saved_text(const struct rules *saved,
			      const struct rule *rule)
{
	const struct rule *kept = rules_find(saved, rule->uuid);

	if (!kept)
		return "no";
	/* Without a break time the file has the default of now. */
	return kept->gid == rule->gid && (!kept->break_ms ||
					  kept->break_ms == rule->break_ms)
		       ? "yes"
		       : "differs";
}

static int add_line(struct libscols_table *lines, bool json,
		    const struct rule *rule, const struct rules *saved)
{
	char uuid[UUID_ROOM], gid[16], ms[16], age[SIZE_ROOM];
	const char *texts[COLUMNS] = { [UUID] = uuid, [BREAK_MS] = ms };
	const struct group *group;
	char *mount;
	int ret;

	uuid_text(uuid, rule->uuid);
	snprintf(ms, sizeof(ms), "%" PRIu32, rule->break_ms);
	snprintf(gid, sizeof(gid), "%u", rule->gid);
	if (rule->gid != HF_ANY_GROUP) {
		group = getgrgid(rule->gid);
		texts[GID] = gid;
		texts[GROUP] = group ? group->gr_name : gid;
	}
	texts[BREAK_TIME] = age_text(age, rule->break_ms);
	texts[SAVED] = saved_text(saved, rule);
	texts[MOUNTPOINT] = mount = mount_of(uuid);
	ret = grid_add(lines, json, columns, COLUMNS, texts);
	free(mount);
	return ret;
}

static int show_rules(const struct rules *rules, const struct rules *saved,
		      bool json)
{
	struct libscols_table *lines =
		grid_make("policies", json, columns, COLUMNS);
	int ret = lines ? 0 : -ENOMEM;

	for (size_t i = 0; !ret && i < rules->count; i++)
		ret = add_line(lines, json, &rules->list[i], saved);
	if (!ret)
		ret = grid_print(lines, stdout);
	scols_unref_table(lines);
	return ret ? failed("no memory") : 0;
}

static int show(const struct policy *policy)
{
	struct rules rules, saved = { 0 };
	int status = module_read(&rules);

	if (!status)
		status = conf_read(policy->conf, true, &saved);
	if (!status)
		status = show_rules(&rules, &saved, policy->json);
	rules_end(&rules);
	rules_end(&saved);
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

/* The filesystem that was named: @fd and @where are those of a mount point, or none. */
struct filesystem {
	int fd;
	const char *where;
};

/* "UUID=..." need not be mounted. 0, or the exit status after a message. */
static int find_filesystem(struct rule *rule, const char *name,
			   struct filesystem *found)
{
	*found = (struct filesystem){ .fd = -1 };
	if (!strncmp(name, "UUID=", 5))
		return uuid_parse(name + 5, rule->uuid)
			       ? 0
			       : bad_usage("policy", "%s: not a UUID", name);
	found->fd = open_mount(name);
	if (found->fd < 0)
		return EXIT_FAILED;
	found->where = name;
	if (uuid_of(found->fd, rule->uuid))
		return 0;
	close(found->fd);
	return failed("%s: only these can have implicit leases: XFS and ext4 "
		      "with a UUID",
		      name);
}

/* Wrong lines of the file are said before anything is changed. */
static int check_conf(const struct policy *policy)
{
	struct rules rules = { 0 };
	int status = 0;

	if (policy->save)
		status = conf_read(policy->conf, true, &rules);
	rules_end(&rules);
	return status;
}

/* What is in force ends with the module, and whoever asked for more has to know. */
static int not_saved(int status)
{
	if (status)
		failed("it is in force until the module is unloaded, and not "
		       "saved");
	return status;
}

static int allow(struct policy *policy, const char *name)
{
	struct rule *rule = &policy->rule;
	struct filesystem found;
	int status = find_filesystem(rule, name, &found), ret = 0;

	if (status)
		return status;
	status = check_conf(policy);
	if (!status)
		ret = found.fd < 0 ? module_allow(rule)
				   : hf_policy_allow(found.fd, rule->gid,
						     rule->break_ms);
	if (ret)
		status = failed("%s", hf_error());
	else if (!status && policy->save)
		status = not_saved(conf_save(policy->conf, rule, found.where));
	if (found.fd >= 0)
		close(found.fd);
	return status;
}

static int forbid(struct policy *policy, const char *name)
{
	struct filesystem found;
	int status = find_filesystem(&policy->rule, name, &found), ret = 0;

	if (status)
		return status;
	status = check_conf(policy);
	if (!status)
		ret = found.fd < 0 ? module_forbid(policy->rule.uuid)
				   : hf_policy_forbid(found.fd);
	/* The file may have what is not in force. */
	if (ret && (ret != -ENOENT || !policy->save))
		status = failed("%s", hf_error());
	else if (!status && policy->save)
		status = not_saved(conf_drop(policy->conf, policy->rule.uuid));
	if (found.fd >= 0)
		close(found.fd);
	return status;
}

static int show_caps(void)
{
	char size[SIZE_ROOM], age[SIZE_ROOM];
	struct rules rules;
	int status = module_read(&rules);

	if (!status)
		printf("break-time %s\npinned %s\n",
		       age_text(age, rules.caps.break_ms),
		       rules.caps.pinned
			       ? size_text(size, rules.caps.pinned, false)
			       : "-");
	rules_end(&rules);
	return status;
}

static int cap(const struct policy *policy)
{
	int status;

	if (!policy->caps.has_break && !policy->caps.has_pinned)
		return show_caps();
	status = check_conf(policy);
	if (!status)
		status = module_set_caps(&policy->caps);
	if (!status && policy->save)
		status = not_saved(conf_save_caps(policy->conf, &policy->caps));
	return status;
}

static void usage(void)
{
	puts("usage: holdfast policy [--json]\n"
	     "       holdfast policy allow [OPTION...] FILESYSTEM\n"
	     "       holdfast policy forbid [--save] FILESYSTEM\n"
	     "       holdfast policy cap [OPTION...]\n"
	     "       holdfast policy apply\n"
	     "Show on which filesystems programs have implicit leases, allow "
	     "them on one, forbid\n"
	     "them again, set caps, or do all that " POLICY_CONF "\n"
	     "says. FILESYSTEM is a mount point or UUID=...\n\n"
	     "  -g, --group GROUP    allow them to processes of this group "
	     "only\n"
	     "  -t, --break-time S   seconds from a break to the fence; with "
	     "cap: at most\n"
	     "  -p, --pinned SIZE    with cap: bytes of each filesystem, 0: "
	     "all\n"
	     "  -s, --save           for the next boot, too\n"
	     "      --config FILE    instead of " POLICY_CONF "\n"
	     "  -J, --json           show them as JSON\n"
	     "  -h, --help");
}

/* -1 to go on, or the exit status. */
static int parse(struct policy *policy, int argc, char **argv)
{
	static const struct option options[] = {
		{ "break-time", required_argument, NULL, 't' },
		{ "config", required_argument, NULL, 'c' },
		{ "group", required_argument, NULL, 'g' },
		{ "help", no_argument, NULL, 'h' },
		{ "json", no_argument, NULL, 'J' },
		{ "pinned", required_argument, NULL, 'p' },
		{ "save", no_argument, NULL, 's' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, ":g:hJp:st:", options,
				     NULL)) >= 0) {
		switch (option) {
		case 'g':
			policy->group = optarg;
			if (!group_parse(optarg, &policy->rule.gid))
				return bad_usage("policy", "%s: no such group",
						 optarg);
			break;
		case 't':
			policy->break_time = optarg;
			if (!seconds_parse(optarg, &policy->rule.break_ms))
				return bad_usage("policy",
						 "%s: not a break time",
						 optarg);
			policy->caps.has_break = true;
			policy->caps.break_ms = policy->rule.break_ms;
			break;
		case 'p':
			policy->pinned = optarg;
			if (!size_parse(optarg, &policy->caps.pinned))
				return bad_usage("policy", "%s: not a size",
						 optarg);
			policy->caps.has_pinned = true;
			break;
		case 's':
			policy->save = true;
			break;
		case 'c':
			policy->conf = optarg;
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

/* What a verb takes, beside --save and --config. */
struct verb {
	const char *name;
	bool group, break_time, pinned, save;
	int arguments;
};

static const struct verb verbs[] = {
	{ "allow", true, true, false, true, 1 },
	{ "forbid", false, false, false, true, 1 },
	{ "cap", false, true, true, true, 0 },
	{ "apply", false, false, false, false, 0 },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (!strcmp(verbs[i].name, name))
			return &verbs[i];
	return NULL;
}

/* 0, or the exit status after a message. */
static int check_verb(const struct policy *policy, const struct verb *verb,
		      int arguments)
{
	if (policy->json)
		return bad_usage("policy", "--json only shows policies");
	if (policy->group && !verb->group)
		return bad_usage("policy", "--group goes with allow only");
	if (policy->break_time && !verb->break_time)
		return bad_usage("policy",
				 "--break-time goes with allow and cap only");
	if (policy->pinned && !verb->pinned)
		return bad_usage("policy", "--pinned goes with cap only");
	if (policy->save && !verb->save)
		return bad_usage("policy", "--save does not go with %s",
				 verb->name);
	if (arguments != verb->arguments)
		return verb->arguments
			       ? bad_usage("policy", "one MOUNTPOINT or "
						     "UUID=... is needed")
			       : bad_usage("policy", "%s takes no argument",
					   verb->name);
	return 0;
}

static int run(struct policy *policy, const struct verb *verb,
	       const char *filesystem)
{
	if (!strcmp(verb->name, "allow"))
		return allow(policy, filesystem);
	if (!strcmp(verb->name, "forbid"))
		return forbid(policy, filesystem);
	if (!strcmp(verb->name, "cap"))
		return cap(policy);
	return policy_apply(policy->conf);
}

int cmd_policy(int argc, char **argv)
{
	struct policy policy = {
		.rule.gid = HF_ANY_GROUP,
		.conf = POLICY_CONF,
	};
	int status = parse(&policy, argc, argv);
	const struct verb *verb;

	if (status >= 0)
		return status;
	if (!argv[optind]) {
		if (policy.group || policy.break_time || policy.pinned ||
		    policy.save)
			return bad_usage("policy", "what to do is missing: "
						   "allow, forbid or cap");
		return show(&policy);
	}
	verb = find_verb(argv[optind]);
	if (!verb)
		return bad_usage("policy",
				 "%s: none of allow, forbid, cap and apply",
				 argv[optind]);
	status = check_verb(&policy, verb, argc - optind - 1);
	return status ? status : run(&policy, verb, argv[optind + 1]);
}
