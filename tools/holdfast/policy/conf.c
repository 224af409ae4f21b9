// SPDX-License-Identifier: GPL-2.0
/* The file of rules, see conf.h. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conf.h"
#include "holdfast.h"
#include "size.h"
#include "tool.h"
#include "utf8.h"

/* One line that is read: where it is, and what it says. */
struct entry {
	const char *path;
	size_t line;
	bool is_rule;
	struct rule rule;
	struct caps caps;
};

static int wrong(const struct entry *entry, const char *what,
		 const char *remedy)
{
	return failed("%s:%zu: %s; %s", entry->path, entry->line, what, remedy);
}

/* The value of "name=value", or NULL. */
static const char *value_of(const char *word, const char *name)
{
	size_t length = strlen(name);

	return !strncmp(word, name, length) && word[length] == '='
		       ? word + length + 1
		       : NULL;
}

static int parse_allow_word(struct entry *entry, const char *word)
{
	const char *value;

	if ((value = value_of(word, "group")))
		return group_parse(value, &entry->rule.gid)
			       ? 0
			       : wrong(entry, "group= is not a group here",
				       "name one that getent(1) knows, or its number");
	if ((value = value_of(word, "break-time")))
		return seconds_parse(value, &entry->rule.break_ms)
			       ? 0
			       : wrong(entry, "break-time= is not a time",
				       "write seconds, as break-time=45");
	return wrong(entry, "an unknown word",
		     "after the UUID come group=GROUP and break-time=SECONDS");
}

static int parse_cap_word(struct entry *entry, const char *word)
{
	const char *value;

	if ((value = value_of(word, "break-time"))) {
		entry->caps.has_break = true;
		entry->caps.break_line = entry->line;
		return seconds_parse(value, &entry->caps.break_ms)
			       ? 0
			       : wrong(entry, "break-time= is not a time",
				       "write seconds, as break-time=300");
	}
	if ((value = value_of(word, "pinned"))) {
		entry->caps.has_pinned = true;
		entry->caps.pinned_line = entry->line;
		return size_parse(value, &entry->caps.pinned)
			       ? 0
			       : wrong(entry, "pinned= is not a size",
				       "write bytes or a unit, as pinned=64G");
	}
	return wrong(entry, "an unknown word",
		     "after cap come break-time=SECONDS and pinned=SIZE");
}

static int parse_words(struct entry *entry, char *rest,
		       int (*parse)(struct entry *entry, const char *word))
{
	int status = 0;

	for (char *word; !status && (word = strsep(&rest, " \t"));)
		if (*word)
			status = parse(entry, word);
	return status;
}

static char *next_word(char **rest)
{
	char *word;

	do
		word = strsep(rest, " \t");
	while (word && !*word);
	return word;
}

static int parse_allow(struct entry *entry, char *rest)
{
	const char *word = next_word(&rest);
	const char *uuid = word ? value_of(word, "UUID") : NULL;

	if (!uuid || !uuid_parse(uuid, entry->rule.uuid))
		return wrong(entry, "no UUID= of a filesystem",
			     "'findmnt -no UUID MOUNTPOINT' prints it, and "
			     "'holdfast policy allow --save MOUNTPOINT' writes "
			     "the line");
	entry->is_rule = true;
	return parse_words(entry, rest, parse_allow_word);
}

/* Whether the line says anything; its comment and line end go. */
static bool strip(char *line)
{
	line[strcspn(line, "#\n")] = '\0';
	return line[strspn(line, " \t")];
}

static int parse_line(struct entry *entry, char *line)
{
	char *rest = line;
	const char *verb;

	entry->is_rule = false;
	entry->rule = (struct rule){ .gid = HF_ANY_GROUP, .line = entry->line };
	if (!strip(line))
		return 0;
	verb = next_word(&rest);
	if (!strcmp(verb, "allow"))
		return parse_allow(entry, rest);
	if (!strcmp(verb, "cap"))
		return parse_words(entry, rest, parse_cap_word);
	return wrong(entry, "an unknown word",
		     "a line begins with 'allow', 'cap' or '#'");
}

static int add(struct rules *rules, const struct entry *entry)
{
	if (!entry->is_rule)
		return 0;
	if (rules_find(rules, entry->rule.uuid))
		return wrong(entry, "the filesystem has a line already",
			     "keep one of them");
	return rules_add(rules, &entry->rule) ? failed("no memory") : 0;
}

int conf_read(const char *path, bool may_miss, struct rules *rules)
{
	struct entry entry = { .path = path };
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	int status = 0;

	*rules = (struct rules){ 0 };
	if (!file && errno == ENOENT && may_miss)
		return 0;
	if (!file)
		return failed("%s: %s", path, strerror(errno));
	while (errno = 0, getline(&line, &room, file) >= 0) {
		int ret;

		entry.line++;
		ret = parse_line(&entry, line);
		if (!ret)
			ret = add(rules, &entry);
		status = status ? status : ret;
	}
	if (ferror(file))
		status = failed("%s: %s", path, strerror(errno));
	rules->caps = entry.caps;
	free(line);
	fclose(file);
	return status;
}

/* --- writing */

static void print_rule(FILE *to, const struct rule *rule, const char *where)
{
	const struct group *group =
		rule->gid == HF_ANY_GROUP ? NULL : getgrgid(rule->gid);
	char uuid[UUID_ROOM];

	uuid_text(uuid, rule->uuid);
	fprintf(to, "allow UUID=%s", uuid);
	if (group)
		fprintf(to, " group=%s", group->gr_name);
	else if (rule->gid != HF_ANY_GROUP)
		fprintf(to, " group=%u", rule->gid);
	if (rule->break_ms)
		fprintf(to, " break-time=%g", rule->break_ms / 1e3);
	if (where) {
		fputs(" # ", to);
		print_text(to, where);
	}
	fputc('\n', to);
}

static void print_caps(FILE *to, const struct caps *caps)
{
	if (caps->has_break)
		fprintf(to, "cap break-time=%g\n", caps->break_ms / 1e3);
	if (caps->has_pinned)
		fprintf(to, "cap pinned=%" PRIu64 "\n", caps->pinned);
}

/* What is to become of the file. */
struct edit {
	const unsigned char *uuid;
	const struct rule *rule;
	const char *where;
	const struct caps *caps;
};

/* Whether a line goes, because another one comes in its place. */
static bool replaces(const struct edit *edit, const struct rules *rules,
		     size_t line)
{
	const struct rule *rule = edit->uuid ? rules_find(rules, edit->uuid)
					     : NULL;

	if (rule)
		return rule->line == line;
	return edit->caps && (rules->caps.break_line == line ||
			      rules->caps.pinned_line == line);
}

/* The caps of before, and over them those that are set now. */
static struct caps merged(const struct caps *before, const struct caps *now)
{
	struct caps caps = *before;

	if (now->has_break) {
		caps.has_break = true;
		caps.break_ms = now->break_ms;
	}
	if (now->has_pinned) {
		caps.has_pinned = true;
		caps.pinned = now->pinned;
	}
	return caps;
}

static void print_edit(FILE *to, const struct edit *edit,
		       const struct rules *rules)
{
	if (edit->rule)
		print_rule(to, edit->rule, edit->where);
	if (edit->caps) {
		struct caps caps = merged(&rules->caps, edit->caps);

		print_caps(to, &caps);
	}
}

static void copy(FILE *from, FILE *to, const struct edit *edit,
		 const struct rules *rules)
{
	bool printed = false;
	char *line = NULL;
	size_t room = 0, number = 0;

	while (from && getline(&line, &room, from) >= 0) {
		if (!replaces(edit, rules, ++number)) {
			fputs(line, to);
			if (!strchr(line, '\n'))
				fputc('\n', to);
		} else if (!printed) {
			print_edit(to, edit, rules);
			printed = true;
		}
	}
	if (!printed)
		print_edit(to, edit, rules);
	free(line);
}

static int fill(const char *path, int fd, const struct edit *edit,
		const struct rules *rules)
{
	FILE *from = fopen(path, "re");
	FILE *to = fdopen(fd, "we");
	int err = to ? 0 : errno;

	if (to)
		copy(from, to, edit, rules);
	else
		close(fd);
	if (to && (fflush(to) || fchmod(fd, 0644) || fsync(fd)))
		err = errno;
	if (to && fclose(to) && !err)
		err = errno;
	if (from)
		fclose(from);
	return err;
}

/* The folder of the file, made if need be. */
static int make_folder(const char *path)
{
	char *copied = strdup(path);
	const char *folder = copied ? dirname(copied) : NULL;
	int err = 0;

	if (!folder)
		err = ENOMEM;
	else if (mkdir(folder, 0755) && errno != EEXIST)
		err = errno;
	free(copied);
	return err;
}

/* Whoever reads the file has the one of before, or the new one. */
static int edit_file(const char *path, const struct edit *edit)
{
	char *new = NULL;
	struct rules rules;
	int status = conf_read(path, true, &rules), fd, err;

	if (!status && asprintf(&new, "%s.XXXXXX", path) < 0) {
		new = NULL;
		status = failed("no memory");
	}
	if (!status) {
		err = make_folder(path);
		fd = err ? -1 : mkostemp(new, O_CLOEXEC);
		if (!err && fd < 0)
			err = errno;
		if (!err)
			err = fill(path, fd, edit, &rules);
		if (!err && rename(new, path))
			err = errno;
		if (err && fd >= 0)
			unlink(new);
		if (err)
			status = failed("%s: %s", path, strerror(err));
	}
	free(new);
	rules_end(&rules);
	return status;
}

int conf_save(const char *path, const struct rule *rule, const char *where)
{
	return edit_file(path, &(struct edit){ .uuid = rule->uuid,
					       .rule = rule,
					       .where = where });
}

int conf_drop(const char *path, const unsigned char uuid[UUID_SIZE])
{
	return edit_file(path, &(struct edit){ .uuid = uuid });
}

int conf_save_caps(const char *path, const struct caps *caps)
{
	return edit_file(path, &(struct edit){ .caps = caps });
}
