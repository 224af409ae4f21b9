/* SPDX-License-Identifier: GPL-2.0 */
/* Where a message of a Unix socket has its files. */
#ifndef HF_COMPAT_UNIX_H
#define HF_COMPAT_UNIX_H

#include <linux/skbuff.h>
#include <net/af_unix.h>
#include <net/scm.h>

/*
 * From 6.17 on the kernel keeps this to itself (net/unix/af_unix.h). The self-test of
 * flight.c does not let the module load where it is different.
 */
#ifndef UNIXCB
struct unix_skb_parms {
	struct pid *pid;
	kuid_t uid;
	kgid_t gid;
	struct scm_fp_list *fp;
};

#define UNIXCB(skb) (*(struct unix_skb_parms *)&((skb)->cb))
#endif

static inline struct scm_fp_list *hf_unix_files(struct sk_buff *skb)
{
	return UNIXCB(skb).fp;
}

#endif
