// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that hold consumers without having made the pins.
 *
 * A consumer lives as long as some open file: a device of RDMA or VFIO, an
 * io_uring, or an AF_XDP socket. By fork, or over a socket, other processes have
 * that file as well, and may outlive the process that pinned. The kernel does not say
 * which file holds which pins, so the fence goes from the narrow to the wide, and
 * stops when no pin is left.
 */
#include <linux/file.h>
#include <linux/magic.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/pid_namespace.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>
#include <net/sock.h>
#include "fence/flight.h"
#include "fence/process.h"
#include "fence/sharer.h"

/* A user can give a file that name, but not in this filesystem. */
static bool hf_file_is_anon(const struct file *file, const char *name)
{
	return file_inode(file)->i_sb->s_magic == ANON_INODE_FS_MAGIC &&
	       !strcmp(file->f_path.dentry->d_name.name, name);
}

static bool hf_file_is_ring(const struct file *file)
{
	return hf_file_is_anon(file, "[io_uring]");
}

/* A device of RDMA: of the module, or of a kernel that has it built in. */
static bool hf_file_is_verbs(const struct file *file)
{
	static const unsigned int uverbs_major = 231;
	const struct inode *inode = file_inode(file);
	const struct module *owner = file->f_op->owner;

	if (owner)
		return !strcmp(owner->name, "ib_uverbs");
	return S_ISCHR(inode->i_mode) && imajor(inode) == uverbs_major;
}

/* VFIO's own, and that by which a virtual machine keeps its groups open. */
static bool hf_file_is_vfio(const struct file *file)
{
	const struct module *owner = file->f_op->owner;

	return (owner && !strncmp(owner->name, "vfio", 4)) ||
	       hf_file_is_anon(file, "kvm-vfio");
}

/* An AF_XDP socket: its packets lie in memory that it has pinned. */
static bool hf_file_is_xdp(const struct file *file)
{
	struct socket *sock = sock_from_file((struct file *)file);

	return sock && sock->sk && sock->sk->sk_family == AF_XDP;
}

/* The server's end of a filesystem in user space. */
static bool hf_file_is_fuse(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return S_ISCHR(inode->i_mode) && imajor(inode) == MISC_MAJOR &&
	       iminor(inode) == FUSE_MINOR;
}

static bool hf_file_pins(const struct file *file)
{
	return hf_file_is_ring(file) || hf_file_is_verbs(file) ||
	       hf_file_is_vfio(file) || hf_file_is_xdp(file);
}

/*
 * The user behind credentials: in a user namespace, the user who made it. Namespaces
 * that root made are for other users.
 */
static kuid_t hf_user_of(const struct cred *cred)
{
	const struct user_namespace *ns;
	kuid_t uid = cred->uid;

	for (ns = cred->user_ns; ns != &init_user_ns; ns = ns->parent) {
		if (!uid_eq(ns->owner, GLOBAL_ROOT_UID))
			uid = ns->owner;
	}
	return uid;
}

static bool hf_same_user(const struct hf_lease *lease,
			 struct task_struct *process)
{
	const struct cred *cred = get_task_cred(process);
	bool same = uid_eq(hf_user_of(cred), hf_user_of(lease->cred));

	put_cred(cred);
	return same;
}

/*
 * The container that a lease was taken in: user ids mean nothing to others. A
 * user's own namespaces are no containers: the user is inside of them and outside.
 */
static struct pid_namespace *hf_container_of(const struct hf_lease *lease)
{
	struct pid_namespace *ns = ns_of_pid(lease->tgid);

	while (ns != &init_pid_ns && ns->user_ns != &init_user_ns &&
	       !uid_eq(ns->user_ns->owner, GLOBAL_ROOT_UID))
		ns = ns->parent;
	return ns;
}

static bool hf_same_container(const struct hf_lease *lease,
			      struct task_struct *process)
{
	return task_tgid_nr_ns(process, hf_container_of(lease)) != 0;
}

/* Others' processes are not killed for what they were passed. */
bool hf_may_fence(const struct hf_lease *lease, struct task_struct *process)
{
	return lease->may_kill || (hf_same_user(lease, process) &&
				   hf_same_container(lease, process));
}

/* Not one whose other processes may be anybody's. */
bool hf_user_is_plain(const struct hf_lease *lease)
{
	return !lease->may_kill &&
	       !uid_eq(hf_user_of(lease->cred), GLOBAL_ROOT_UID);
}

static int hf_pinner_match(const void *arg, struct file *file, unsigned int fd)
{
	const struct hf_pinners *pinners = arg;
	unsigned int i;

	for (i = 0; i < pinners->nr; i++) {
		if (pinners->file[i] == file)
			return 1;
	}
	return 0;
}

static int hf_pinner_add(const void *arg, struct file *file, unsigned int fd)
{
	struct hf_pinners *pinners = (void *)arg;

	if (hf_file_pins(file) && !hf_pinner_match(pinners, file, fd))
		pinners->file[pinners->nr++] = get_file(file);
	return pinners->nr == HF_PINNERS;
}

/* hf_pinners_put() afterwards. */
void hf_pinners_collect(struct hf_pinners *pinners, struct task_struct *process)
{
	hf_process_files(process, hf_pinner_add, pinners);
}

/* In its table, in a mapping, or on the way to it. */
static bool hf_process_has(struct task_struct *process, hf_file_look_t look,
			   const void *arg)
{
	return hf_process_files(process, look, arg) ||
	       hf_process_receives(process, look, arg);
}

/* Whether a process has one of the files, and may be fenced. */
bool hf_pinners_shared(const struct hf_pinners *pinners,
		       struct task_struct *process)
{
	return hf_may_fence(pinners->lease, process) &&
	       hf_process_has(process, hf_pinner_match, pinners);
}

void hf_pinners_put(struct hf_pinners *pinners)
{
	while (pinners->nr)
		fput(pinners->file[--pinners->nr]);
}

/*
 * Opened by a process that took the lease or pinned, before it changed its
 * credentials or became another program.
 */
static int hf_heir_of_owner(const void *arg, struct file *file, unsigned int fd)
{
	const struct hf_heirs *heirs = arg;
	unsigned int i;

	for (i = 0; i < heirs->nr; i++) {
		if (file->f_cred == heirs->cred[i])
			return hf_file_pins(file);
	}
	return 0;
}

/*
 * Whatever can hold a consumer, or hide what does: a ring can have files of its
 * own, and the receiver of a message cannot be asked (flight.c). A server of a
 * filesystem can keep a process that is killed in a request to it.
 */
static int hf_heir_of_user(const void *arg, struct file *file, unsigned int fd)
{
	if (hf_file_is_verbs(file) || hf_file_is_vfio(file) ||
	    hf_file_is_xdp(file) || hf_file_is_fuse(file))
		return 1;
	if (hf_file_is_ring(file))
		return hf_ring_has_resources(file->private_data);
	return hf_file_is_receiving(file);
}

/* Whether a process may hold consumers, and may be fenced. */
bool hf_process_inherits(const struct hf_heirs *heirs,
			 struct task_struct *process)
{
	return hf_may_fence(heirs->lease, process) &&
	       hf_process_has(process,
			      heirs->wide ? hf_heir_of_user : hf_heir_of_owner,
			      heirs);
}

/*
 * Files in flight in each other are found when some socket of the family is
 * closed, which may be never.
 */
void hf_heirs_collect_cycles(void)
{
	struct socket *sock;

	if (!sock_create_kern(&init_net, AF_UNIX, SOCK_DGRAM, 0, &sock))
		sock_release(sock);
}
