// SPDX-License-Identifier: GPL-2.0
/*
 * Hooks on a filesystem's own methods, for callers that go past the functions of
 * table.c. A method is static in the filesystem, so its address comes from a
 * leased file. There is a set of these hooks for each kind of filesystem that has
 * leased files. A set keeps the filesystem's module loaded until its hooks are
 * gone, a few seconds after the last lease.
 *
 * Only methods that some caller in the kernel (6.1, 6.12, 7.2) calls directly:
 *
 * ->fallocate()	loop devices (lo_fallocate(): discard, write zeroes), LIO's
 *			fileio backend (fd_do_prot_fill(), fd_execute_unmap() and
 *			others). All others go by vfs_fallocate().
 * ->unlocked_ioctl()	of XFS, XFS_IOC_SWAPEXT only: the exchange cannot be refused
 * ->compat_ioctl()	at the function of the kernel that it calls (exchange.c).
 * ->map_blocks()	of XFS, by nfsd: pNFS layouts (layout.c)
 *
 * Not these: ->setattr() is called by notify_change() only, ->fileattr_set() by
 * vfs_fileattr_set() only, ->remap_file_range() by vfs_clone_file_range(),
 * vfs_dedupe_file_range_one(), vfs_copy_file_range() and, before 6.8,
 * do_clone_file_range(). These functions are in table.c, and nfsd, ksmbd and
 * overlayfs call them.
 */
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/slab.h>
#include "core/file.h"
#include "core/hook.h"
#include "hooks/change.h"
#include "hooks/exchange.h"
#include "hooks/layout.h"
#include "hooks/method.h"

struct hf_method_set {
	struct hf_hook_set set;
	struct hf_hook hooks[4];
	struct module *owner; /* of the filesystem; NULL: built in */
};

/* Of XFS, and of 32-bit programs, too. */
static notrace bool hf_is_swapext(unsigned int cmd)
{
	return _IOC_TYPE(cmd) == 'X' && _IOC_NR(cmd) == 109 &&
	       _IOC_DIR(cmd) == (_IOC_READ | _IOC_WRITE);
}

/*
 * Whether @method, of the file of the call, is the function that is called: a
 * wrapper calls what it finds there. The instruction pointer is behind the call
 * of ftrace.
 */
static notrace bool hf_is_of(struct pt_regs *regs, const void *method)
{
	return hf_hook_is_entry(instruction_pointer(regs) - MCOUNT_INSN_SIZE,
				method);
}

static notrace bool hf_wants_fallocate(struct pt_regs *regs)
{
	struct file *filp = (void *)regs_get_kernel_argument(regs, 0);

	return hf_inode_leased(file_inode(filp)) &&
	       hf_is_of(regs, filp->f_op->fallocate);
}

/* The leased files are in the argument, which cannot be read here. */
static notrace bool hf_wants_swapext(struct pt_regs *regs)
{
	struct file *filp = (void *)regs_get_kernel_argument(regs, 0);

	return hf_is_swapext(regs_get_kernel_argument(regs, 1)) &&
	       hf_is_of(regs, filp->f_op->unlocked_ioctl);
}

#ifdef CONFIG_COMPAT
static notrace bool hf_wants_compat_swapext(struct pt_regs *regs)
{
	struct file *filp = (void *)regs_get_kernel_argument(regs, 0);

	return hf_is_swapext(regs_get_kernel_argument(regs, 1)) &&
	       hf_is_of(regs, filp->f_op->compat_ioctl);
}
#endif

static notrace bool hf_wants_map_blocks(struct pt_regs *regs)
{
	struct inode *inode = (void *)regs_get_kernel_argument(regs, 0);

	return hf_inode_leased(inode) &&
	       hf_is_of(regs, hf_map_blocks(inode->i_sb));
}

static void hf_method_set_free(struct hf_hook_set *set)
{
	struct hf_method_set *methods =
		container_of(set, struct hf_method_set, set);

	module_put(methods->owner);
	kfree(methods);
}

bool hf_method_set_is_of(const struct hf_hook_set *set,
			 const struct file *target)
{
	return set->free == hf_method_set_free &&
	       set->hooks[0].function == target->f_op->fallocate;
}

static void hf_method_add(struct hf_method_set *methods,
			  const struct hf_hook *hook)
{
	methods->hooks[methods->set.nr++] = *hook;
}

static void hf_method_set_fill(struct hf_method_set *methods,
			       const struct file_operations *ops,
			       const struct super_block *sb)
{
	methods->set.hooks = methods->hooks;
	methods->set.free = hf_method_set_free;
	hf_method_add(methods, &(struct hf_hook){ "->fallocate", ops->fallocate,
						  hf_wrap_fallocate,
						  hf_wants_fallocate });
	if (sb->s_magic != XFS_SUPER_MAGIC)
		return;
	hf_method_add(methods, &(struct hf_hook){
				       "->unlocked_ioctl", ops->unlocked_ioctl,
				       hf_wrap_swapext, hf_wants_swapext });
#ifdef CONFIG_COMPAT
	hf_method_add(methods,
		      &(struct hf_hook){ "->compat_ioctl", ops->compat_ioctl,
					 hf_wrap_compat_swapext,
					 hf_wants_compat_swapext });
#endif
	if (!hf_map_blocks(sb))
		return;
	hf_method_add(methods,
		      &(struct hf_hook){ "->map_blocks", hf_map_blocks(sb),
					 hf_wrap_map_blocks,
					 hf_wants_map_blocks });
}

/**
 * hf_method_set_new - hooks on the methods of a file's filesystem
 * @target: the file
 *
 * Return: the set, not registered; NULL if the filesystem has no such method; or
 * ERR_PTR(-errno).
 */
struct hf_hook_set *hf_method_set_new(struct file *target)
{
	struct super_block *sb = file_inode(target)->i_sb;
	struct hf_method_set *methods;
	int err;

	if (!target->f_op->fallocate)
		return NULL;
	methods = kzalloc(sizeof(*methods), GFP_KERNEL);
	if (!methods)
		return ERR_PTR(-ENOMEM);
	methods->owner = sb->s_type->owner;
	/* The file is open, so its filesystem is there. */
	__module_get(methods->owner);
	hf_method_set_fill(methods, target->f_op, sb);
	err = hf_hook_set_init(&methods->set);
	if (err) {
		hf_method_set_free(&methods->set);
		return ERR_PTR(err);
	}
	return &methods->set;
}
