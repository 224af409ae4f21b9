// SPDX-License-Identifier: GPL-2.0
/* A live patch of a function that Holdfast hooks: test/guest/hooks/hooks-livepatch.c. */
#include <linux/fs.h>
#include <linux/livepatch.h>
#include <linux/module.h>

static loff_t hf_patched_clone(struct file *in, loff_t pos_in, struct file *out,
			       loff_t pos_out, loff_t len, unsigned int flags)
{
	return -EOPNOTSUPP;
}

static struct klp_func hf_patched[] = { {
						.old_name =
							"vfs_clone_file_range",
						.new_func = hf_patched_clone,
					},
					{} };

static struct klp_object hf_objects[] = { {
						  .funcs = hf_patched,
					  },
					  {} };

static struct klp_patch hf_patch = {
	.mod = THIS_MODULE,
	.objs = hf_objects,
};

static int __init hf_livepatch_init(void)
{
	return klp_enable_patch(&hf_patch);
}

static void __exit hf_livepatch_exit(void)
{
}

module_init(hf_livepatch_init);
module_exit(hf_livepatch_exit);

MODULE_DESCRIPTION("A live patch, for Holdfast's tests");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
