// SPDX-License-Identifier: GPL-2.0
/* The module's policy, see module.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "holdfast.h"
#include "module.h"
#include "tool.h"

#define PARAMETERS "/sys/module/holdfast/parameters/"
#define BREAK_CAP  PARAMETERS "break_time_max_ms"
#define PINNED_CAP PARAMETERS "fs_limit_mib"
#define MIB	   (UINT64_C(1) << 20)

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

static bool number(const char *text, uint32_t *value)
{
	unsigned long long parsed;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	parsed = strtoull(text, &end, 10);
	*value = parsed;
	return !errno && !*end && parsed <= UINT32_MAX;
}

static bool parse(const struct places *places, char *line, struct rule *rule)
{
	const char *uuid = NULL, *gid = NULL, *break_ms = NULL;
	int place = 0;

	for (char *field; (field = strsep(&line, " \n")); place++) {
		if (place == places->uuid)
			uuid = field;
		else if (place == places->gid)
			gid = field;
		else if (place == places->break_ms)
			break_ms = field;
	}
	*rule = (struct rule){ .gid = HF_ANY_GROUP };
	return uuid && uuid_parse(uuid, rule->uuid) && gid &&
	       (!strcmp(gid, "-") || number(gid, &rule->gid)) &&
	       number(break_ms, &rule->break_ms);
}

static int read_rules(FILE *file, struct rules *rules)
{
	struct places places = { -1, -1, -1 };
	char *line = NULL;
	struct rule rule;
	size_t room = 0;
	int status = 0;

	if (getline(&line, &room, file) < 0 || !find_places(&places, line))
		status = failed("%s: not a list of policies, or one of "
				"another version",
				HOLDFAST_POLICIES);
	while (!status && getline(&line, &room, file) > 0) {
		if (!parse(&places, line, &rule))
			status = failed("%s: a malformed line",
					HOLDFAST_POLICIES);
		else if (rules_add(rules, &rule))
			status = failed("no memory");
	}
	free(line);
	return status;
}

static bool cap_read(const char *path, uint64_t *value)
{
	FILE *file = fopen(path, "re");
	bool read;

	if (!file)
		return false;
	read = fscanf(file, "%" SCNu64, value) == 1;
	fclose(file);
	return read;
}

static int read_caps(struct caps *caps)
{
	uint64_t ms, mib;

	if (!cap_read(BREAK_CAP, &ms))
		return failed("%s: %s", BREAK_CAP, strerror(errno));
	if (!cap_read(PINNED_CAP, &mib))
		return failed("%s: %s", PINNED_CAP, strerror(errno));
	*caps = (struct caps){
		.has_break = true,
		.has_pinned = true,
		.break_ms = ms,
		.pinned = mib * MIB,
	};
	return 0;
}

int module_read(struct rules *rules)
{
	FILE *file = fopen(HOLDFAST_POLICIES, "re");
	int status;

	*rules = (struct rules){ 0 };
	if (!file)
		return failed(
			"%s: %s", HOLDFAST_POLICIES,
			errno == ENOENT
				? "not there: load the module (modprobe holdfast)"
				: strerror(errno));
	status = read_rules(file, rules);
	fclose(file);
	return status ? status : read_caps(&rules->caps);
}

int module_allow(const struct rule *rule)
{
	return hf_policy_allow_uuid(rule->uuid, rule->gid, rule->break_ms);
}

int module_forbid(const unsigned char uuid[UUID_SIZE])
{
	return hf_policy_forbid_uuid(uuid);
}

static int cap_write(const char *path, uint64_t value)
{
	FILE *file = fopen(path, "we");
	int err = file ? 0 : errno;

	if (file && fprintf(file, "%" PRIu64 "\n", value) < 0)
		err = errno;
	if (file && fclose(file) && !err)
		err = errno;
	if (!err)
		return 0;
	return failed("%s: %s", path,
		      err == EACCES ? "only the administrator sets caps"
				    : strerror(err));
}

int module_set_caps(const struct caps *caps)
{
	int status = 0;

	if (caps->has_break)
		status = cap_write(BREAK_CAP, caps->break_ms);
	if (!status && caps->has_pinned)
		status = cap_write(PINNED_CAP, (caps->pinned + MIB - 1) / MIB);
	return status;
}
