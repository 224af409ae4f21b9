// SPDX-License-Identifier: GPL-2.0
/* The users of a mount, see users.h, from proc(5), so it needs root. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mountinfo.h"
#include "place.h"
#include "process.h"
#include "tool.h"
#include "users.h"
#include "utf8.h"

/**
 * struct mount - what is looked for
 * @at: where it is mounted
 * @fs: its root
 * @to: where the lines go
 * @users: how many keep it busy
 * @hidden: how many processes cannot be looked into
 */
struct mount {
	const char *at;
	struct statx fs;
	FILE *to;
	int users;
	unsigned int hidden;
};

/* Uses of the mount by one process: the first is shown. */
struct uses {
	char first[PATH_MAX + 32];
	unsigned int count;
	bool elsewhere; /* all of them through another mount of the filesystem */
};

static bool on_mount(const struct mount *mount, const char *path,
		     bool *elsewhere)
{
	struct statx stx;

	/* Not a word to a server that may not answer. */
	if (place_of(path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT,
		     STATX_TYPE | STATX_MNT_ID, &stx) ||
	    stx.stx_dev_major != mount->fs.stx_dev_major ||
	    stx.stx_dev_minor != mount->fs.stx_dev_minor)
		return false;
	*elsewhere = stx.stx_mask & mount->fs.stx_mask & STATX_MNT_ID &&
		     stx.stx_mnt_id != mount->fs.stx_mnt_id;
	return true;
}

/* @link: a magic link of proc(5); @how: what it means. */
static void look(const struct mount *mount, struct uses *uses, const char *link,
		 const char *how)
{
	char target[PATH_MAX];
	bool elsewhere;
	ssize_t length;

	if (!on_mount(mount, link, &elsewhere))
		return;
	uses->elsewhere = elsewhere && (!uses->count || uses->elsewhere);
	if (uses->count++)
		return;
	length = readlink(link, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	snprintf(uses->first, sizeof(uses->first), "%s %s", how, target);
}

static void look_in(struct mount *mount, struct uses *uses, const char *folder,
		    const char *how)
{
	char link[PATH_MAX];
	struct dirent *entry;
	DIR *dir = opendir(folder);

	if (!dir) {
		/* Otherwise it has ended. The mappings ask for more rights. */
		if (errno == EACCES && !strcmp(how, "has open"))
			mount->hidden++;
		return;
	}
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		snprintf(link, sizeof(link), "%s/%s", folder, entry->d_name);
		look(mount, uses, link, how);
	}
	closedir(dir);
}

static void print_process(struct mount *mount, const char *pid)
{
	static const struct {
		const char *name;
		const char *how;
		bool folder;
	} places[] = {
		{ "fd", "has open", true },
		{ "map_files", "maps", true },
		{ "cwd", "works in", false },
		{ "root", "has as its root", false },
		{ "exe", "runs", false },
	};
	struct uses uses = { 0 };
	char name[PROCESS_NAME_ROOM];
	char path[64];

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%.10s/%s", pid,
			 places[i].name);
		if (places[i].folder)
			look_in(mount, &uses, path, places[i].how);
		else
			look(mount, &uses, path, places[i].how);
	}
	if (!uses.count)
		return;
	print_text(mount->to, process_name(name, atoi(pid)));
	fprintf(mount->to, " (%s) ", pid);
	print_text(mount->to, uses.first);
	if (uses.count > 1)
		fprintf(mount->to, ", and %u more", uses.count - 1);
	if (uses.elsewhere)
		fputs(", through another mount", mount->to);
	else
		mount->users++;
	fputc('\n', mount->to);
}

static int print_processes(struct mount *mount)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	if (!dir)
		return failed("/proc: %s", strerror(errno));
	while ((entry = readdir(dir)))
		if (!entry->d_name[strspn(entry->d_name, "0123456789")] &&
		    atoi(entry->d_name) != getpid())
			print_process(mount, entry->d_name);
	closedir(dir);
	return 0;
}

static bool print_mount(struct libmnt_fs *fs, void *arg)
{
	struct mount *mount = arg;

	if (!(mount->fs.stx_mask & STATX_MNT_ID) ||
	    (uint64_t)mnt_fs_get_parent_id(fs) != mount->fs.stx_mnt_id)
		return true;
	fputs("mounted in it: ", mount->to);
	print_text(mount->to, mnt_fs_get_target(fs));
	fputc('\n', mount->to);
	mount->users++;
	return true;
}

static void print_file_user(struct mount *mount, const char *what,
			    const char *file)
{
	bool elsewhere;

	if (!on_mount(mount, file, &elsewhere) || elsewhere)
		return;
	fprintf(mount->to, "%s: ", what);
	print_text(mount->to, file);
	fputc('\n', mount->to);
	mount->users++;
}

static bool print_swap(struct libmnt_fs *fs, void *arg)
{
	print_file_user(arg, "swap", mnt_fs_get_source(fs));
	return true;
}

/* The file of a loop device, which @path of sysfs names. */
static void print_backing(struct mount *mount, const char *path)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;

	if (file && getline(&line, &room, file) > 0) {
		line[strcspn(line, "\n")] = '\0';
		print_file_user(mount, "loop device on", line);
	}
	free(line);
	if (file)
		fclose(file);
}

static void print_loops(struct mount *mount)
{
	glob_t found;

	if (glob("/sys/block/loop*/loop/backing_file", 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		print_backing(mount, found.gl_pathv[i]);
	globfree(&found);
}

int print_users(FILE *to, const char *mountpoint)
{
	struct mount mount = { .at = mountpoint, .to = to };
	int err;

	if (place_of(mountpoint, 0, STATX_TYPE | STATX_MNT_ID, &mount.fs)) {
		failed("%s: %s", mountpoint, strerror(errno));
		return -1;
	}
	if (print_processes(&mount))
		return -1;
	err = each_mount(print_mount, &mount);
	if (!err)
		err = each_swap(print_swap, &mount);
	if (err) {
		failed("mounts and swap: %s", strerror(-err));
		return -1;
	}
	print_loops(&mount);
	if (mount.hidden) {
		failed("%s: %u processes do not show their open files, and may "
		       "use it",
		       mountpoint, mount.hidden);
		return -1;
	}
	return mount.users;
}
