/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Names of the enumerations in <linux/holdfast.h>, as the reports in /proc, the
 * trace events and the tools have them: lists of X(value, "name"), separated by
 * commas. For example, an array by value:
 *
 *	#define BY_VALUE(value, name) [value] = name
 *	static const char *const ops[] = { HOLDFAST_OP_NAMES(BY_VALUE) };
 */
#ifndef _UAPI_LINUX_HOLDFAST_NAMES_H
#define _UAPI_LINUX_HOLDFAST_NAMES_H

#include <linux/holdfast.h>

#define HOLDFAST_KIND_NAMES(X)				\
	X(HOLDFAST_BREAKABLE, "breakable"),		\
	X(HOLDFAST_EXCLUSIVE, "exclusive"),		\
	X(HOLDFAST_REWRITING, "rewriting")

#define HOLDFAST_STATE_NAMES(X)				\
	X(HOLDFAST_UNBOUND, "unbound"),			\
	X(HOLDFAST_ACTIVE, "active"),			\
	X(HOLDFAST_BREAKING, "breaking"),		\
	X(HOLDFAST_RELEASING, "releasing"),		\
	X(HOLDFAST_ZOMBIE, "zombie"),			\
	X(HOLDFAST_RELEASED, "released")

#define HOLDFAST_ORIGIN_NAMES(X)			\
	X(HOLDFAST_ORIGIN_UNKNOWN, "unknown"),		\
	X(HOLDFAST_EXPLICIT, "explicit"),		\
	X(HOLDFAST_IMPLICIT, "implicit")

#define HOLDFAST_OP_NAMES(X)				\
	X(HOLDFAST_OP_UNKNOWN, "unknown"),		\
	X(HOLDFAST_OP_TRUNCATE, "truncate"),		\
	X(HOLDFAST_OP_PUNCH, "punch"),			\
	X(HOLDFAST_OP_COLLAPSE, "collapse"),		\
	X(HOLDFAST_OP_INSERT, "insert"),		\
	X(HOLDFAST_OP_ZERO, "zero"),			\
	X(HOLDFAST_OP_UNSHARE, "unshare"),		\
	X(HOLDFAST_OP_REFLINK, "reflink"),		\
	X(HOLDFAST_OP_DEDUPE, "dedupe"),		\
	X(HOLDFAST_OP_REVOKE, "revoke"),		\
	X(HOLDFAST_OP_EXCHANGE, "exchange")

#define HOLDFAST_CONSUMER_NAMES(X)			\
	X(HOLDFAST_CONSUMER_UNKNOWN, "unknown"),	\
	X(HOLDFAST_CONSUMER_MR, "mr"),			\
	X(HOLDFAST_CONSUMER_BUFFER, "buffer"),		\
	X(HOLDFAST_CONSUMER_VFIO, "vfio"),		\
	X(HOLDFAST_CONSUMER_UMEM, "umem")

#define HOLDFAST_EVENT_NAMES(X)				\
	X(HOLDFAST_EVENT_BREAK, "break"),		\
	X(HOLDFAST_EVENT_CHANGED, "changed"),		\
	X(HOLDFAST_EVENT_FENCED, "fenced"),		\
	X(HOLDFAST_EVENT_DECOHERENCE, "decoherence"),	\
	X(HOLDFAST_EVENT_ABSORBED, "absorbed"),		\
	X(HOLDFAST_EVENT_MEDIA_ERROR, "media-error")

#endif
