// SPDX-License-Identifier: GPL-2.0
/*
 * The module asks a filesystem for the extents of a file through ->fiemap(). A
 * filesystem writes its answer to user memory, by fiemap_fill_next_extent(). The
 * hook on that function takes the answers to the module's own questions.
 */
#include <linux/pagemap.h>
#include <linux/ptrace.h>
#include "core/hook.h"
#include "pages/fiemap.h"

/* Stands for the user memory in the module's questions: no user can name it. */
static struct fiemap_extent hf_no_user_memory;

struct hf_question {
	struct fiemap_extent_info info; /* how the filesystem is asked */
	/* Takes an extent, in bytes. Return 1: that is enough; 0; or -errno. */
	int (*take)(struct hf_question *question, u64 start, u64 end,
		    u32 flags);
};

#define HF_QUESTION(taken)                                                    \
	{                                                                     \
		.info.fi_extents_max = 1,                                     \
		.info.fi_extents_start = (__force struct fiemap_extent __user \
						  *)&hf_no_user_memory,       \
		.take = (taken),                                              \
	}

struct hf_shared_question {
	struct hf_question question;
	struct hf_extent *extent;
};

struct hf_blocks_question {
	struct hf_question question;
	struct file *file;
	u64 start, end; /* where to look for shared blocks */
	struct hf_blocks *blocks;
};

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
	struct hf_question *question =
		container_of(info, struct hf_question, info);
	int ret = question->take(question, logical, logical + len, flags);

	hf_hooks_leave();
	return ret;
}

static int hf_take_shared(struct hf_question *question, u64 start, u64 end,
			  u32 flags)
{
	struct hf_extent *extent =
		container_of(question, struct hf_shared_question, question)
			->extent;

	if (flags & FIEMAP_EXTENT_SHARED && !extent->found) {
		extent->found = true;
		extent->start = start;
		extent->end = end;
	}
	return extent->found;
}

/* Finds the first shared extent from @start to @end, in bytes. */
int hf_fiemap_shared(struct inode *inode, u64 start, u64 end,
		     struct hf_extent *extent)
{
	struct hf_shared_question shared = {
		.question = HF_QUESTION(hf_take_shared),
		.extent = extent,
	};

	*extent = (struct hf_extent){};
	return inode->i_op->fiemap(inode, &shared.question.info, start,
				   end - start);
}

/*
 * How many blocks the file has just now. XFS has its i_rwsem, shared, while it
 * answers; with this lock no fault moves blocks, either.
 */
static int hf_count_blocks(struct file *file, u64 *counted)
{
	struct address_space *mapping = file->f_mapping;
	struct kstat stat;
	int err;

	filemap_invalidate_lock(mapping);
	err = vfs_getattr_nosec(&file->f_path, &stat, STATX_BLOCKS,
				AT_STATX_SYNC_AS_STAT);
	filemap_invalidate_unlock(mapping);
	*counted = stat.blocks << 9;
	return err;
}

static int hf_take_blocks(struct hf_question *question, u64 start, u64 end,
			  u32 flags)
{
	struct hf_blocks_question *asked =
		container_of(question, struct hf_blocks_question, question);
	struct hf_blocks *blocks = asked->blocks;

	if (flags & FIEMAP_EXTENT_SHARED && start < asked->end &&
	    end > asked->start)
		blocks->shared = true;
	blocks->mapped += end - start;
	/* In the meantime faults could fill holes, and nobody make one. */
	if (flags & FIEMAP_EXTENT_LAST)
		return hf_count_blocks(asked->file, &blocks->counted);
	return 0;
}

/**
 * hf_fiemap_blocks - the blocks of a file
 * @file: on XFS; the caller holds no lock
 * @start: where to look for shared blocks, in bytes
 * @end: and where to stop
 * @blocks: out. If as many are mapped as are counted, there were no others at one
 *	moment of the call; a file without any has none of either.
 *
 * Return: 0, or what the filesystem says.
 */
int hf_fiemap_blocks(struct file *file, u64 start, u64 end,
		     struct hf_blocks *blocks)
{
	struct inode *inode = file_inode(file);
	struct hf_blocks_question asked = {
		.question = HF_QUESTION(hf_take_blocks),
		.file = file,
		.start = start,
		.end = end,
		.blocks = blocks,
	};

	*blocks = (struct hf_blocks){};
	return inode->i_op->fiemap(inode, &asked.question.info, 0,
				   FIEMAP_MAX_OFFSET);
}

/* The answer of a filesystem, for the self-test. */
int __init hf_fiemap_test(void)
{
	struct hf_extent extent = {};
	struct hf_shared_question shared = {
		.question = HF_QUESTION(hf_take_shared),
		.extent = &extent,
	};
	int ret;

	ret = fiemap_fill_next_extent(&shared.question.info, PAGE_SIZE, 0,
				      PAGE_SIZE, FIEMAP_EXTENT_SHARED);
	return ret == 1 && extent.found && extent.start == PAGE_SIZE &&
			       extent.end == 2 * PAGE_SIZE
		       ? 0
		       : -EIO;
}
