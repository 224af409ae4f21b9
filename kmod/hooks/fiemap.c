// SPDX-License-Identifier: GPL-2.0
/*
 * The module asks a filesystem for the extents of a file through ->fiemap(). A
 * filesystem writes its answer to user memory, by fiemap_fill_next_extent(). The
 * hook on that function takes the answers to the module's own questions.
 */
#include <linux/ptrace.h>
#include "hooks/fiemap.h"
#include "hooks/hook.h"

/* Stands for the user memory in the module's questions: no user can name it. */
static struct fiemap_extent hf_no_user_memory;

struct hf_question {
	struct fiemap_extent_info info; /* how the filesystem is asked */
	struct hf_extent *extent;
};

static struct hf_question hf_question_for(struct hf_extent *extent)
{
	*extent = (struct hf_extent){};
	return (struct hf_question){
		.info.fi_extents_max = 1,
		.info.fi_extents_start = (__force struct fiemap_extent __user
						  *)&hf_no_user_memory,
		.extent = extent,
	};
}

notrace bool hf_wants_own_fiemap(struct pt_regs *regs)
{
	const struct fiemap_extent_info *info =
		(void *)regs_get_kernel_argument(regs, 0);

	return (__force struct fiemap_extent *)info->fi_extents_start ==
	       &hf_no_user_memory;
}

/*
 * A filesystem's answer, extent by extent. Returns 1 when that is enough; the
 * filesystem may report one more.
 */
int hf_wrap_fiemap_fill_next_extent(struct fiemap_extent_info *info,
				    u64 logical, u64 phys, u64 len, u32 flags)
{
	struct hf_extent *extent =
		container_of(info, struct hf_question, info)->extent;
	bool found;

	if (flags & FIEMAP_EXTENT_SHARED && !extent->found) {
		extent->found = true;
		extent->start = logical;
		extent->end = logical + len;
	}
	found = extent->found;
	hf_hooks_leave();
	return found;
}

/* Finds the first shared extent from @start to @end, in bytes. */
int hf_fiemap_shared(struct inode *inode, u64 start, u64 end,
		     struct hf_extent *extent)
{
	struct hf_question question = hf_question_for(extent);

	return inode->i_op->fiemap(inode, &question.info, start, end - start);
}

/* The answer of a filesystem, for the self-test. */
int __init hf_fiemap_test(void)
{
	struct hf_extent extent;
	struct hf_question question = hf_question_for(&extent);
	int ret;

	ret = fiemap_fill_next_extent(&question.info, PAGE_SIZE, 0, PAGE_SIZE,
				      FIEMAP_EXTENT_SHARED);
	return ret == 1 && extent.found && extent.start == PAGE_SIZE &&
			       extent.end == 2 * PAGE_SIZE
		       ? 0
		       : -EIO;
}
