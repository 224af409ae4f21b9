// SPDX-License-Identifier: GPL-2.0
/*
 * Which processes may have implicit leases: a process tree that inherits a permission, which
 * is an open file of its own kind, and what the administrator allows for a whole
 * filesystem. While there is either, calls of pin_user_pages() are looked at.
 */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uuid.h>
#include "core/backing.h"
#include "core/file.h"
#include "core/hook.h"
#include "core/limit.h"
#include "pages/record.h"
#include "lease/permit.h"

struct hf_permit {
	unsigned int break_ms;
	bool for_all; /* by CAP_KILL */
};

static int hf_permit_release(struct inode *inode, struct file *filp)
{
	kfree(filp->private_data);
	hf_hooks_disarm(NULL);
	return 0;
}

static void hf_permit_fdinfo(struct seq_file *m, struct file *filp)
{
	const struct hf_permit *permit = filp->private_data;

	seq_printf(
		m,
		"holdfast-permission:\timplicit leases\nholdfast-break-ms:\t%u\n",
		permit->break_ms);
}

static const struct file_operations hf_permit_fops = {
	.owner = THIS_MODULE,
	.release = hf_permit_release,
	.show_fdinfo = hf_permit_fdinfo,
};

/* HOLDFAST_IOC_ALLOW; the errors are in the ABI header. */
int hf_permit_open(const struct holdfast_allow *args)
{
	struct hf_permit *permit;
	int fd;

	if (args->flags || args->__reserved)
		return -EINVAL;
	permit = kmalloc(sizeof(*permit), GFP_KERNEL_ACCOUNT);
	if (!permit)
		return -ENOMEM;
	permit->break_ms = hf_break_ms(args->break_ms);
	permit->for_all = ns_capable_noaudit(&init_user_ns, CAP_KILL);
	fd = hf_hooks_arm(NULL);
	if (fd)
		goto free;
	fd = anon_inode_getfd("[holdfast-permission]", &hf_permit_fops, permit,
			      O_RDWR);
	if (fd < 0)
		goto disarm;
	return fd;

disarm:
	hf_hooks_disarm(NULL);
free:
	kfree(permit);
	return fd;
}

/* A process that pins can be killed for it, so a stranger's does not count. */
static int hf_permit_match(const void *arg, struct file *file, unsigned int fd)
{
	unsigned int *break_ms = (void *)arg;
	const struct hf_permit *permit = file->private_data;

	if (file->f_op != &hf_permit_fops ||
	    !(permit->for_all || uid_eq(file->f_cred->euid, current_euid())))
		return 0;
	*break_ms = permit->break_ms;
	return 1;
}

/* What is allowed on a filesystem, by its UUID. */
struct hf_policy {
	struct list_head node;
	uuid_t uuid;
	kgid_t gid; /* INVALID_GID: everybody */
	unsigned int break_ms;
};

static DEFINE_SPINLOCK(hf_policies_lock); /* the list, and what is in it */
static LIST_HEAD(hf_policies);

/* Called with hf_policies_lock held. */
static struct hf_policy *hf_policy_find(const uuid_t *uuid)
{
	struct hf_policy *policy;

	list_for_each_entry(policy, &hf_policies, node) {
		if (uuid_equal(&policy->uuid, uuid))
			return policy;
	}
	return NULL;
}

static bool hf_policy_permits(const struct super_block *sb,
			      unsigned int *break_ms)
{
	const struct hf_policy *policy;
	kgid_t gid = INVALID_GID;

	spin_lock(&hf_policies_lock);
	policy = hf_policy_find(&sb->s_uuid);
	if (policy) {
		gid = policy->gid;
		*break_ms = policy->break_ms;
	}
	spin_unlock(&hf_policies_lock);
	return policy && (!gid_valid(gid) || in_group_p(gid));
}

/*
 * Whether the pages go on where pins of the same system call end. A driver pins a
 * large region in many calls, and its first one was permitted.
 */
static bool hf_registration_is_permitted(const struct hf_span *span,
					 const struct hf_pinner *pinner,
					 unsigned int *break_ms)
{
	struct hf_file *file = hf_file_find(file_inode(span->file));
	struct hf_lease *lease;
	bool permitted = false;

	if (!file)
		return false;
	spin_lock(&file->lock);
	hf_for_each_overlap(lease, file, span->index ? span->index - 1 : 0,
			    span->index) {
		if (!lease->implicit || !lease->pin ||
		    lease->pin->opener != current ||
		    !hf_pin_may_take(lease->pin, span, pinner, false))
			continue;
		*break_ms = lease->break_ms;
		permitted = true;
		break;
	}
	spin_unlock(&file->lock);
	hf_file_put(file);
	return permitted;
}

/**
 * hf_permitted - whether the current process may have an implicit lease
 * @span: pages of the file
 * @pinner: the process, and what for
 * @break_ms: out: its break time in milliseconds
 */
bool hf_permitted(const struct hf_span *span, const struct hf_pinner *pinner,
		  unsigned int *break_ms)
{
	return hf_registration_is_permitted(span, pinner, break_ms) ||
	       (current->files &&
		iterate_fd(current->files, 0, hf_permit_match, break_ms)) ||
	       hf_policy_permits(file_inode(span->file)->i_sb, break_ms);
}

static int hf_policy_allow(const uuid_t *uuid, kgid_t gid,
			   unsigned int break_ms)
{
	struct hf_policy *policy, *new = kmalloc(sizeof(*new), GFP_KERNEL);
	int err;

	if (!new)
		return -ENOMEM;
	err = hf_hooks_arm(NULL);
	if (err) {
		kfree(new);
		return err;
	}
	uuid_copy(&new->uuid, uuid);
	spin_lock(&hf_policies_lock);
	policy = hf_policy_find(uuid);
	if (!policy) {
		policy = new;
		list_add_tail(&policy->node, &hf_policies);
	}
	policy->gid = gid;
	policy->break_ms = hf_break_ms(break_ms);
	spin_unlock(&hf_policies_lock);
	if (policy != new) {
		kfree(new);
		hf_hooks_disarm(NULL);
	}
	return 0;
}

static int hf_policy_forbid(const uuid_t *uuid)
{
	struct hf_policy *policy;

	spin_lock(&hf_policies_lock);
	policy = hf_policy_find(uuid);
	if (policy)
		list_del(&policy->node);
	spin_unlock(&hf_policies_lock);
	if (!policy)
		return -ENOENT;
	kfree(policy);
	hf_hooks_disarm(NULL);
	return 0;
}

static int hf_policy_set_for(const uuid_t *uuid,
			     const struct holdfast_policy *args)
{
	kgid_t gid = INVALID_GID;

	if (args->policy == HOLDFAST_POLICY_FORBID)
		return hf_policy_forbid(uuid);
	if (args->gid != HOLDFAST_ANY_GROUP) {
		gid = make_kgid(current_user_ns(), args->gid);
		if (!gid_valid(gid))
			return -EINVAL;
	}
	return hf_policy_allow(uuid, gid, args->break_ms);
}

static int hf_policy_set_on(const struct super_block *sb,
			    const struct holdfast_policy *args)
{
	if (!hf_lends_blocks(sb) || uuid_is_null(&sb->s_uuid))
		return -EOPNOTSUPP;
	return hf_policy_set_for(&sb->s_uuid, args);
}

/* HOLDFAST_IOC_POLICY; the errors are in the ABI header. */
int hf_policy_set(const struct holdfast_policy *args)
{
	struct file *file;
	uuid_t uuid;
	int err;

	import_uuid(&uuid, args->uuid);
	if (args->policy > HOLDFAST_POLICY_ALLOW || args->__reserved ||
	    (args->fd != -1 && !uuid_is_null(&uuid)))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	/* It need not be mounted yet. */
	if (!uuid_is_null(&uuid))
		return hf_policy_set_for(&uuid, args);
	file = fget(args->fd);
	if (!file)
		return -EBADF;
	err = hf_policy_set_on(file_inode(file)->i_sb, args);
	fput(file);
	return err;
}

/* /proc/fs/holdfast/policy */
int hf_policies_show(struct seq_file *m, void *v)
{
	const struct hf_policy *policy;

	seq_puts(m, "uuid gid break_ms\n");
	spin_lock(&hf_policies_lock);
	list_for_each_entry(policy, &hf_policies, node) {
		seq_printf(m, "%pU ", &policy->uuid);
		if (gid_valid(policy->gid))
			seq_printf(m, "%u",
				   from_kgid_munged(seq_user_ns(m),
						    policy->gid));
		else
			seq_putc(m, '-');
		seq_printf(m, " %u\n", policy->break_ms);
	}
	spin_unlock(&hf_policies_lock);
	return 0;
}

/* The module goes: nobody has a permission open. */
void hf_policies_exit(void)
{
	struct hf_policy *policy, *next;

	list_for_each_entry_safe(policy, next, &hf_policies, node) {
		list_del(&policy->node);
		kfree(policy);
		hf_hooks_disarm(NULL);
	}
}
