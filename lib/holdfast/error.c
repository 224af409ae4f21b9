// SPDX-License-Identifier: LGPL-2.1-or-later
/* The thread's last failure: collects the facts that explain.c turns to words. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "error.h"
#include "internal/visibility.h"

static __thread char last_error[512];

/* What the descriptor was opened by; @room holds it. */
static const char *path_of(int fd, char *room, size_t size)
{
	char link[32];
	ssize_t length;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, room, size - 1);
	if (length <= 0)
		return NULL;
	room[length] = '\0';
	return room;
}

/* The file may have changed since the call failed: good enough for advice. */
static void look_at_file(struct hf_facts *facts)
{
	struct statfs fs;
	struct statx stx;
	int flags;

	facts->fsuid = geteuid();
	flags = fcntl(facts->fd, F_GETFL);
	facts->access = flags < 0 ? -1 : flags & O_ACCMODE;
	if (statx(facts->fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stx) ||
	    fstatfs(facts->fd, &fs))
		return;
	facts->has_stat = true;
	facts->mode = stx.stx_mode;
	facts->size = stx.stx_size;
	facts->owner = stx.stx_uid;
	facts->dax = stx.stx_attributes & STATX_ATTR_DAX;
	facts->fs_magic = fs.f_type;
}

int hf_fail(struct hf_facts *facts)
{
	int saved = errno;
	char path[PATH_MAX];

	facts->page_size = sysconf(_SC_PAGESIZE);
	if (facts->call == HF_CALL_ACQUIRE || facts->call == HF_CALL_AWAIT ||
	    (facts->call == HF_CALL_POLICY_ALLOW && facts->fd >= 0) ||
	    (facts->call == HF_CALL_POLICY_FORBID && facts->fd >= 0) ||
	    (facts->call == HF_CALL_WATCH && facts->fd >= 0)) {
		facts->path = path_of(facts->fd, path, sizeof(path));
		look_at_file(facts);
	}
	hf_explain(facts, last_error, sizeof(last_error));
	errno = saved;
	return -facts->err;
}

HF_EXPORT const char *hf_error(void)
{
	return last_error;
}
