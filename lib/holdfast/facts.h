/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the library knows of a failed call, for the files that explain it. */
#ifndef HOLDFAST_FACTS_H
#define HOLDFAST_FACTS_H

#include "holdfast.h"

enum hf_call {
	HF_CALL_DEVICE, /* open of HOLDFAST_DEVICE */
	HF_CALL_ACQUIRE,
	HF_CALL_AWAIT,
	HF_CALL_MAPPING, /* of memory: the offset is its address */
	HF_CALL_WAIT,
	HF_CALL_RELEASE,
	HF_CALL_QUERY,
	HF_CALL_REVOKE,
	HF_CALL_REPORT,
	HF_CALL_VFIO,
	HF_CALL_ALLOW,
	HF_CALL_JOIN,
	HF_CALL_WATCH,
	HF_CALL_POLICY_ALLOW,
	HF_CALL_POLICY_FORBID,
};

/**
 * struct hf_facts - what is known of a failed call
 * @call: which
 * @err: the errno value, positive
 * @fd: the file to be leased, the lease, or a file of the filesystem; -1 for
 *	hf_watch_own()
 * @lease: the number of the lease to be revoked
 * @path: the file to be leased, or that @fd is; or the report; NULL when not
 *	known
 * @why: what the report's parser found, or NULL
 * @line: number of the report's line that was read last, 0 before the first
 * @offset: @length: @attr: @timeout_ms: as they were passed
 * @page_size: in bytes
 * @access: O_RDONLY, O_WRONLY, O_RDWR, or -1 when not known
 * @has_stat: whether the next five are set
 * @mode: type of the file, S_IFMT of it
 * @size: bytes
 * @owner: user id
 * @dax: whether the file's pages are the device's (STATX_ATTR_DAX)
 * @fs_magic: of statfs(2)
 * @fsuid: user id of this process that counts for files
 */
struct hf_facts {
	enum hf_call call;
	int err;
	int fd;
	uint64_t lease;
	const char *path;
	const char *why;
	size_t line;
	off_t offset;
	size_t length;
	struct hf_attr attr;
	int timeout_ms;
	uint64_t page_size;
	int access;
	bool has_stat;
	mode_t mode;
	uint64_t size;
	uid_t owner;
	bool dax;
	uint64_t fs_magic;
	uid_t fsuid;
};

#endif
