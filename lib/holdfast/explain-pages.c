// SPDX-License-Identifier: LGPL-2.1-or-later
/* Sentences about the pages of a leased range, see explain-pages.h. */
#include <errno.h>
#include <string.h>

#include "explain-pages.h"
#include "holdfast.h"
#include "internal/visibility.h"

const char *hf_explain_pages(int err)
{
	switch (err) {
	case ENOSPC:
		return "the range has holes, or blocks shared with another "
		       "file, and the filesystem is full; make room";
	case EDQUOT:
		return "more than the administrator allows to pin on the "
		       "filesystem (module parameter fs_limit_mib), or the "
		       "range has holes and the disk quota is used up";
	case EIO:
		return "the filesystem or its device failed; see the kernel "
		       "log (dmesg)";
	case EHWPOISON:
		return "a page of the range has failed (dmesg, ndctl list "
		       "--media-errors); punch or copy it out of the file, "
		       "or leave it out";
	case EUCLEAN:
		return "another file that shares blocks with this one is "
		       "mapped in pages of another size, and the kernel "
		       "has lost count (dmesg); lease a copy (cp "
		       "--reflink=never)";
	case EDEADLK:
		return "a change of the range waits for memory that this "
		       "process has registered; deregister it "
		       "(ibv_dereg_mr) first";
	case EINTR:
		return "a signal came while a change of the range was "
		       "waited for";
	case ENODATA:
		return "the range has a hole, which a mapping that can only "
		       "be read does not fill; write the data first, or map "
		       "the file for writing";
	case EMLINK:
		return "blocks of the range, or beside it, are shared with "
		       "another file, and would move when they are written "
		       "to; unshare them (xfs_io -c 'funshare OFFSET "
		       "LENGTH'), or map the file for writing";
	case EINPROGRESS:
		return "XFS may have prepared copies of blocks of the file, "
		       "which would move when they are written to; unshare "
		       "the whole file (xfs_io -c 'funshare 0 LENGTH'), or "
		       "map it for writing";
	default:
		return NULL;
	}
}

HF_EXPORT const char *hf_registration_error(int err)
{
	const char *known = hf_explain_pages(err);

	if (known)
		return known;
	switch (err) {
	case EACCES:
		return "the file is open for reading only, which is for its "
		       "owner or CAP_LEASE; open it for writing";
	case EFAULT:
		return "not all of it is mapped, or it is beyond the end of "
		       "the file, or the device is to write "
		       "(IBV_ACCESS_LOCAL_WRITE) to a mapping that can only "
		       "be read";
	case EOPNOTSUPP:
		return "no lease that this process is a party to covers all "
		       "of it; acquire or join one";
	default:
		return strerrordesc_np(err) ?: "unknown error";
	}
}
