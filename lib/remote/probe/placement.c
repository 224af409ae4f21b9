// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether libibverbs and the kernel's headers have RDMA FLUSH and ATOMIC WRITE: it compiles. */
#include <infiniband/verbs.h>
#include <rdma/ib_user_verbs.h>

void *const functions[] = { ibv_wr_flush, ibv_wr_atomic_write };
const unsigned long long capabilities = IB_UVERBS_DEVICE_FLUSH_PERSISTENT |
					IB_UVERBS_DEVICE_ATOMIC_WRITE;
