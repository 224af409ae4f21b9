/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a dma-buf of ours is called, for who looks: the kernel tells that the
 * module made it, and not of which lease.
 */
#ifndef HOLDFAST_DMABUF_LABEL_H
#define HOLDFAST_DMABUF_LABEL_H

#define HF_DMABUF_LABEL "lease " /* its number follows */

#endif
