// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From an errno value to a sentence, see explain.h. What each value means is
 * in <linux/holdfast.h>; the sentence has the form "SUBJECT: problem;
 * remedy".
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "explain.h"
#include "explain-implicit.h"
#include "explain-pages.h"

/* A path is cut at its front, which says less than its end. */
#define PATH_SHOWN 200

/* Not in the <linux/magic.h> of every kernel we build on. */
#define XFS_MAGIC 0x58465342

struct text {
	char *at;
	size_t room;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *text,
						      const char *fmt, ...)
{
	va_list args;
	int wanted;

	va_start(args, fmt);
	wanted = vsnprintf(text->at, text->room, fmt, args);
	va_end(args);
	if (wanted > 0) {
		size_t used = wanted < (int)text->room ? (size_t)wanted
						       : text->room - 1;

		text->at += used;
		text->room -= used;
	}
}

static void say_errno(struct text *text, int err)
{
	char room[64];

	/* The GNU one: it may or may not use the room. */
	say(text, "%s", strerror_r(err, room, sizeof(room)));
}

static void say_subject(struct text *text, const struct hf_facts *facts)
{
	size_t length;

	if (facts->call == HF_CALL_DEVICE || facts->call == HF_CALL_ALLOW ||
	    (facts->call == HF_CALL_WATCH && facts->fd < 0 &&
	     facts->err != EBADF)) {
		say(text, HOLDFAST_DEVICE ": ");
	} else if (facts->call == HF_CALL_REVOKE) {
		say(text, "lease %" PRIu64 ": ", facts->lease);
	} else if (facts->path) {
		length = strlen(facts->path);
		if (length > PATH_SHOWN)
			say(text, "...%s: ", facts->path + length - PATH_SHOWN);
		else
			say(text, "%s: ", facts->path);
	} else {
		say(text, "descriptor %d: ", facts->fd);
	}
}

static const char *type_name(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return "a directory";
	case S_IFBLK:
		return "a block device";
	case S_IFCHR:
		return "a character device";
	case S_IFIFO:
		return "a pipe";
	case S_IFSOCK:
		return "a socket";
	default:
		return "not a regular file";
	}
}

static const char *fs_name(uint64_t magic)
{
	static const struct {
		uint64_t magic;
		const char *name;
	} filesystems[] = {
		{ EXT4_SUPER_MAGIC, "ext4" },
		{ XFS_MAGIC, "XFS" },
		{ TMPFS_MAGIC, "tmpfs" },
		{ HUGETLBFS_MAGIC, "hugetlbfs" },
		{ BTRFS_SUPER_MAGIC, "btrfs" },
		{ F2FS_SUPER_MAGIC, "f2fs" },
		{ OVERLAYFS_SUPER_MAGIC, "overlayfs" },
		{ NFS_SUPER_MAGIC, "NFS" },
		{ FUSE_SUPER_MAGIC, "FUSE" },
	};

	for (size_t i = 0; i < sizeof(filesystems) / sizeof(filesystems[0]);
	     i++)
		if (filesystems[i].magic == magic)
			return filesystems[i].name;
	return NULL;
}

static void say_not_lendable(struct text *text, const struct hf_facts *facts)
{
	bool can_dax = facts->fs_magic == EXT4_SUPER_MAGIC ||
		       facts->fs_magic == XFS_MAGIC;
	static const char use_dax[] = "use a file on XFS or ext4 with DAX "
				      "(mount -o dax=always), on tmpfs or on "
				      "hugetlbfs";
	const char *name = fs_name(facts->fs_magic);

	if (!facts->has_stat)
		say(text, "not on XFS or ext4 with DAX, tmpfs or hugetlbfs");
	else if (can_dax && facts->dax)
		say(text,
		    "on %s with DAX, but its device does not lend its pages; "
		    "make the namespace an fsdax one (ndctl create-namespace "
		    "-m fsdax)%s",
		    name,
		    facts->fs_magic == XFS_MAGIC
			    ? "; or it is a realtime file, or one with an odd "
			      "extent size hint (xfs_io -c extsize)"
			    : "");
	else if (can_dax)
		say(text,
		    "on %s without DAX; mount it with -o dax=always, or use a "
		    "file on a filesystem that is",
		    name);
	else if (name)
		say(text, "on %s, which does not lend its pages: %s", name,
		    use_dax);
	else
		say(text,
		    "on a filesystem (type 0x%" PRIx64 ") that does not lend "
		    "its pages: %s",
		    facts->fs_magic, use_dax);
}

static void say_invalid(struct text *text, const struct hf_facts *facts)
{
	if (facts->attr.flags & ~HF_NONBLOCK)
		say(text, "unknown flags 0x%x",
		    facts->attr.flags & ~HF_NONBLOCK);
	else if (facts->attr.kind > HOLDFAST_REWRITING)
		say(text, "unknown kind of lease %u", facts->attr.kind);
	else if (facts->offset < 0)
		say(text, "offset %jd is negative", (intmax_t)facts->offset);
	else if (facts->offset % facts->page_size)
		say(text,
		    "offset %jd is not a multiple of the page size (%" PRIu64
		    ")",
		    (intmax_t)facts->offset, facts->page_size);
	else if (!facts->length)
		say(text, "length is zero");
	else if (facts->attr.kind == HOLDFAST_REWRITING &&
		 (facts->offset | facts->length) % HOLDFAST_CHANGE_ALIGN)
		say(text,
		    "offset %jd and length %zu: those of a rewriting lease are "
		    "multiples of 2 MiB",
		    (intmax_t)facts->offset, facts->length);
	else if (facts->length % facts->page_size)
		say(text,
		    "length %zu is not a multiple of the page size (%" PRIu64
		    ")",
		    facts->length, facts->page_size);
	else
		say(text, "the module does not understand this library; "
			  "install the same version of both");
}

static void say_uids(struct text *text, const struct hf_facts *facts)
{
	if (facts->has_stat)
		say(text, " (uid %ju, and this is uid %ju)",
		    (uintmax_t)facts->owner, (uintmax_t)facts->fsuid);
}

static void say_not_owner(struct text *text, const struct hf_facts *facts)
{
	say(text, "%s lease is for the file's owner",
	    facts->attr.kind == HOLDFAST_REWRITING ? "a rewriting"
						   : "an exclusive");
	say_uids(text, facts);
	say(text, " or CAP_LEASE; take a breakable one");
}

/* Why a change cannot be waited for, or pages not be pinned. */
static void say_pages(struct text *text, const struct hf_facts *facts)
{
	const char *known = hf_explain_pages(facts->err);

	if (known)
		say(text, "%s", known);
	else
		say_errno(text, facts->err);
}

static void say_no_access(struct text *text, const struct hf_facts *facts)
{
	switch (facts->access) {
	case O_RDWR:
		say(text, "append-only, so that it cannot be mapped for "
			  "writing; lift that (chattr -a), or open it with "
			  "O_RDONLY");
		break;
	case O_RDONLY:
		say(text, "open for reading only, which is for the file's "
			  "owner");
		say_uids(text, facts);
		say(text, " or CAP_LEASE; open it with O_RDWR");
		break;
	default:
		say(text, "not open for reading%s; open it with O_RDWR",
		    facts->access == O_WRONLY ? " (write only)" : "");
		break;
	}
}

static void say_acquire(struct text *text, const struct hf_facts *facts)
{
	switch (facts->err) {
	case EINVAL:
		say_invalid(text, facts);
		break;
	case E2BIG:
		say(text, "the module is older than this library; install the "
			  "same version of both");
		break;
	case EOVERFLOW:
		say(text,
		    "offset %jd plus length %zu is beyond the largest file",
		    (intmax_t)facts->offset, facts->length);
		break;
	case ENODEV:
		say(text, "%s; lease a regular file",
		    facts->has_stat ? type_name(facts->mode)
				    : "not a regular file");
		break;
	case EACCES:
		say_no_access(text, facts);
		break;
	case EPERM:
		say_not_owner(text, facts);
		break;
	case EOPNOTSUPP:
		say_not_lendable(text, facts);
		break;
	case EBUSY:
		say(text, "%s", hf_explain_hooks());
		break;
	default:
		say_pages(text, facts);
		break;
	}
}

static void say_await(struct text *text, const struct hf_facts *facts)
{
	if (facts->err == ENXIO)
		say(text,
		    "the file ends before the range begins, at %jd; try again "
		    "when it has grown",
		    (intmax_t)facts->offset);
	else
		say_errno(text, facts->err);
}

static void say_revoke(struct text *text, const struct hf_facts *facts)
{
	switch (facts->err) {
	case EINPROGRESS:
		say(text, "its memory is still registered; the holder has an "
			  "event, and is fenced if it does not deregister");
		break;
	case EINTR:
		say(text, "a signal came; the revocation goes on");
		break;
	case ENOENT:
		say(text, "there is no such lease");
		break;
	case EPERM:
		say(text, "only its holder, the owner of its file and the "
			  "administrator (CAP_SYS_ADMIN) may revoke it");
		break;
	case E2BIG:
	case EINVAL:
		if (facts->attr.flags & ~HF_REVOKE_NOWAIT)
			say(text, "unknown flags 0x%x",
			    facts->attr.flags & ~HF_REVOKE_NOWAIT);
		else
			say(text, "the module does not understand this "
				  "library; install the same version of both");
		break;
	default:
		say_errno(text, facts->err);
		break;
	}
}

static void say_device(struct text *text, const struct hf_facts *facts)
{
	switch (facts->err) {
	case ENOENT:
	case ENXIO:
	case ENODEV:
		say(text, "not there; load the module (modprobe holdfast)");
		break;
	case EACCES:
		say(text,
		    "this user cannot open it; join its group (usermod -aG "
		    "holdfast USER), or let an administrator allow leases "
		    "on the filesystem (holdfast policy allow), which need "
		    "no device");
		break;
	case EPERM:
		say(text,
		    "the device cgroup of this container does not allow it; "
		    "start the container with it");
		break;
	case EMFILE:
		say(text, "too many open files; raise RLIMIT_NOFILE (ulimit "
			  "-n)");
		break;
	default:
		say_errno(text, facts->err);
		break;
	}
}

static void say_wait(struct text *text, const struct hf_facts *facts)
{
	switch (facts->err) {
	case ETIMEDOUT:
		say(text, "no event within %d ms", facts->timeout_ms);
		break;
	case EPIPE:
		say(text, "the lease has ended: it was released or revoked");
		break;
	case EBADFD:
	case EINVAL:
		say(text, "not a lease");
		break;
	case EPROTO:
		say(text, "what was read is not an event: not a lease, or the "
			  "module is older than this library");
		break;
	case EINTR:
		say(text, "a signal came while an event was waited for");
		break;
	default:
		say_errno(text, facts->err);
		break;
	}
}

/* Also hf_query(), whose errors are some of these. */
static void say_release(struct text *text, const struct hf_facts *facts)
{
	switch (facts->err) {
	case EAGAIN:
		say(text, "the memory is still registered; deregister it "
			  "(ibv_dereg_mr) and release the lease again");
		break;
	case EINTR:
		say(text, "a signal came while registrations were waited for");
		break;
	case EBADFD:
	case ENOTTY:
		say(text, "not a lease");
		break;
	case E2BIG:
	case EINVAL:
		say(text, "the module does not understand this library; "
			  "install the same version of both");
		break;
	default:
		say_errno(text, facts->err);
		break;
	}
}

static void say_mapping(struct text *text, const struct hf_facts *facts)
{
	switch (facts->err) {
	case EFAULT:
		say(text, "not all of it is mapped");
		break;
	case ENOENT:
		say(text,
		    "not one range of one file, mapped shared (MAP_SHARED)");
		break;
	case EBADFD:
		say(text, "not a lease, or the lease has ended; acquire one");
		break;
	case EACCES:
		say(text, "the file was not open for both reading and writing "
			  "when it was mapped; map it anew (O_RDWR)");
		break;
	case EINVAL:
		if (facts->offset % facts->page_size ||
		    facts->length % facts->page_size || !facts->length) {
			say(text,
			    "address or length is not a multiple of the page "
			    "size (%" PRIu64 ")",
			    facts->page_size);
			break;
		}
		/* fallthrough */
	default:
		say_acquire(text, facts);
		break;
	}
}

static void say_report(struct text *text, const struct hf_facts *facts)
{
	if (facts->why)
		say(text,
		    "line %zu: %s: not a lease report, or one of another "
		    "version",
		    facts->line, facts->why);
	else if (facts->err == ENOENT && facts->path &&
		 (!strcmp(facts->path, HOLDFAST_REPORT) ||
		  !strcmp(facts->path, HOLDFAST_PINS)))
		say(text, "not there; load the module (modprobe holdfast)");
	else
		say_errno(text, facts->err);
}

static void say_vfio(struct text *text, const struct hf_facts *facts)
{
	switch (facts->err) {
	case ENOTTY:
		say(text, "not a VFIO container; open /dev/vfio/vfio");
		break;
	case EEXIST:
		say(text,
		    "something is mapped at these addresses of the device; "
		    "unmap it first, or choose others");
		break;
	case EINVAL:
		say(text,
		    "not mapped: the container needs a group and "
		    "VFIO_SET_IOMMU (type1 v2), and addresses and lengths "
		    "must be multiples of %" PRIu64 " that the IOMMU can "
		    "translate",
		    facts->page_size);
		break;
	case ENOMEM:
		say(text, "no memory, or more than RLIMIT_MEMLOCK allows: VFIO "
			  "charges what it maps, and a shadow");
		break;
	case EFAULT:
	case EAGAIN:
		say(text, "not mapped: the file is shorter; "
			  "answer the break, then restore");
		break;
	case EOPNOTSUPP:
		say(text, "not mapped: this process has no lease of the file's "
			  "range; acquire or join one");
		break;
	default:
		say_pages(text, facts);
		break;
	}
}

static void say_implicit(struct text *text, const struct hf_facts *facts)
{
	const char *known = hf_explain_implicit(facts);

	if (known)
		say(text, "%s", known);
	else
		say_errno(text, facts->err);
}

static void say_why(struct text *text, const struct hf_facts *facts)
{
	if (facts->err == EBADF) {
		say(text, "not an open file");
		return;
	}
	switch (facts->call) {
	case HF_CALL_DEVICE:
		say_device(text, facts);
		break;
	case HF_CALL_ACQUIRE:
		say_acquire(text, facts);
		break;
	case HF_CALL_AWAIT:
		say_await(text, facts);
		break;
	case HF_CALL_MAPPING:
		say_mapping(text, facts);
		break;
	case HF_CALL_WAIT:
		say_wait(text, facts);
		break;
	case HF_CALL_REVOKE:
		say_revoke(text, facts);
		break;
	case HF_CALL_RELEASE:
	case HF_CALL_QUERY:
		say_release(text, facts);
		break;
	case HF_CALL_REPORT:
		say_report(text, facts);
		break;
	case HF_CALL_VFIO:
		say_vfio(text, facts);
		break;
	case HF_CALL_ALLOW:
	case HF_CALL_JOIN:
	case HF_CALL_WATCH:
	case HF_CALL_POLICY_ALLOW:
	case HF_CALL_POLICY_FORBID:
		say_implicit(text, facts);
		break;
	}
}

void hf_explain(const struct hf_facts *facts, char *line, size_t room)
{
	struct text text = { line, room };

	say_subject(&text, facts);
	say_why(&text, facts);
	/* A file's name may have newlines, or drive the reader's terminal. */
	for (; *line; line++) {
		/* U+0080 to U+009F */
		bool wide = line[0] == '\xc2' && (line[1] & 0xe0) == 0x80;

		if (wide || iscntrl((unsigned char)*line))
			*line = '?';
		if (wide)
			*++line = '?';
	}
}
