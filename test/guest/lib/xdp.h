/* SPDX-License-Identifier: GPL-2.0 */
/* A pair of virtual links and AF_XDP sockets on one of its ends, by system calls alone. */
#ifndef HOLDFAST_TEST_XDP_H
#define HOLDFAST_TEST_XDP_H

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "common.h"
#include "run.h"

#define XDP_END	      "hf-xdp" /* where the sockets are */
#define XDP_PEER      "hf-peer"
#define XDP_FRAME     4096
#define XDP_RING      64
/* For local experiments. */
#define XDP_ETHERTYPE 0x88b5

static inline void xdp_links_make(void)
{
	/* What a test that was ended has left. */
	if (if_nametoindex(XDP_END))
		RUN("ip", "link", "del", XDP_END);
	if (RUN("modprobe", "veth") || RUN("ip", "link", "add", XDP_END, "type",
					   "veth", "peer", "name", XDP_PEER))
		tap_bail("no pair of virtual links");
	if (RUN("ip", "link", "set", XDP_END, "addrgenmode", "none", "up") ||
	    RUN("ip", "link", "set", XDP_PEER, "addrgenmode", "none", "up"))
		tap_bail("the links do not come up");
}

static inline void xdp_links_end(void)
{
	tap_is(RUN("ip", "link", "del", XDP_END), 0, "the links go");
	tap_is(RUN("rmmod", "veth"), 0, "their driver goes");
}

static inline int bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

/*
 * A map for one socket, and on the link a program that gives it all there is to
 * receive: bpf_redirect_map(map, 0, XDP_PASS).
 */
static inline int xdp_program_attach(void)
{
	union bpf_attr map_attr = {
		.map_type = BPF_MAP_TYPE_XSKMAP,
		.key_size = sizeof(int),
		.value_size = sizeof(int),
		.max_entries = 1,
	};
	int map = bpf(BPF_MAP_CREATE, &map_attr), program;
	/* clang-format off */
	const struct bpf_insn code[] = {
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = BPF_REG_1,
		  .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_3,
		  .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	/* clang-format on */
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)code,
		.insn_cnt = sizeof(code) / sizeof(code[0]),
		.license = (uintptr_t) "GPL",
	};
	union bpf_attr link = { 0 };

	if (map < 0)
		tap_bail("map for sockets: %s", strerror(errno));
	program = bpf(BPF_PROG_LOAD, &load);
	if (program < 0)
		tap_bail("XDP program: %s", strerror(errno));
	link.link_create.prog_fd = program;
	link.link_create.target_ifindex = if_nametoindex(XDP_END);
	link.link_create.attach_type = BPF_XDP;
	link.link_create.flags = XDP_FLAGS_SKB_MODE;
	/* Attached as long as this is open: until the test ends. */
	if (bpf(BPF_LINK_CREATE, &link) < 0)
		tap_bail("XDP program on %s: %s", XDP_END, strerror(errno));
	close(program);
	return map;
}

struct xdp_queue {
	uint32_t *producer;
	uint32_t *consumer;
	void *entries;
	void *map;
	size_t length;
};

struct xdp {
	int fd;
	char *memory;
	struct xdp_queue fill, completion, rx, tx;
};

/* 0 or an errno value. */
static inline int xdp_register(int fd, void *memory, size_t length)
{
	struct xdp_umem_reg reg = {
		.addr = (uintptr_t)memory,
		.len = length,
		.chunk_size = XDP_FRAME,
	};

	return setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) ? errno
									: 0;
}

static inline int xdp_socket(void)
{
	int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0)
		tap_bail("AF_XDP: %s", strerror(errno));
	return fd;
}

static inline struct xdp_queue xdp_queue(int fd, int option, size_t entry,
					 const struct xdp_ring_offset *at,
					 off_t offset)
{
	size_t length = at->desc + XDP_RING * entry;
	int size = XDP_RING;
	char *map;

	if (setsockopt(fd, SOL_XDP, option, &size, sizeof(size)))
		tap_bail("ring %d: %s", option, strerror(errno));
	map = mmap(NULL, length, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_POPULATE, fd, offset);
	if (map == MAP_FAILED)
		tap_bail("map ring %d: %s", option, strerror(errno));
	return (struct xdp_queue){
		.producer = (uint32_t *)(map + at->producer),
		.consumer = (uint32_t *)(map + at->consumer),
		.entries = map + at->desc,
		.map = map,
		.length = length,
	};
}

/* A socket on the link, with its packets in @memory. */
static inline struct xdp xdp_open(int map, void *memory, size_t length)
{
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_COPY,
		.sxdp_ifindex = if_nametoindex(XDP_END),
	};
	struct xdp xdp = { .fd = xdp_socket(), .memory = memory };
	struct xdp_mmap_offsets at;
	socklen_t size = sizeof(at);
	int key = 0, err = xdp_register(xdp.fd, memory, length);
	union bpf_attr update = {
		.map_fd = map,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)&xdp.fd,
	};

	if (err)
		tap_bail("register packet memory: %s", strerror(err));
	if (getsockopt(xdp.fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size))
		tap_bail("ring offsets: %s", strerror(errno));
	xdp.fill = xdp_queue(xdp.fd, XDP_UMEM_FILL_RING, sizeof(uint64_t),
			     &at.fr, XDP_UMEM_PGOFF_FILL_RING);
	xdp.completion = xdp_queue(xdp.fd, XDP_UMEM_COMPLETION_RING,
				   sizeof(uint64_t), &at.cr,
				   XDP_UMEM_PGOFF_COMPLETION_RING);
	xdp.rx = xdp_queue(xdp.fd, XDP_RX_RING, sizeof(struct xdp_desc), &at.rx,
			   XDP_PGOFF_RX_RING);
	xdp.tx = xdp_queue(xdp.fd, XDP_TX_RING, sizeof(struct xdp_desc), &at.tx,
			   XDP_PGOFF_TX_RING);
	if (bind(xdp.fd, (struct sockaddr *)&address, sizeof(address)))
		tap_bail("bind to %s: %s", XDP_END, strerror(errno));
	if (bpf(BPF_MAP_UPDATE_ELEM, &update))
		tap_bail("socket into the map: %s", strerror(errno));
	return xdp;
}

/* A mapping of a ring keeps the socket as its descriptor does. */
static inline void xdp_close(struct xdp *xdp)
{
	munmap(xdp->fill.map, xdp->fill.length);
	munmap(xdp->completion.map, xdp->completion.length);
	munmap(xdp->rx.map, xdp->rx.length);
	munmap(xdp->tx.map, xdp->tx.length);
	close(xdp->fd);
}

/* The next packet goes into the frame at @offset of the memory. */
static inline void xdp_fill(struct xdp *xdp, uint64_t offset)
{
	uint32_t at = *xdp->fill.producer;

	((uint64_t *)xdp->fill.entries)[at % XDP_RING] = offset;
	__atomic_store_n(xdp->fill.producer, at + 1, __ATOMIC_RELEASE);
}

/* The next packet that came, into *@got. */
static inline bool xdp_receive(struct xdp *xdp, struct xdp_desc *got,
			       int timeout_ms)
{
	uint64_t limit = now_ns() + timeout_ms * 1000000ULL;
	uint32_t at = *xdp->rx.consumer;

	while (__atomic_load_n(xdp->rx.producer, __ATOMIC_ACQUIRE) == at) {
		if (now_ns() > limit)
			return false;
		usleep(1000);
	}
	*got = ((struct xdp_desc *)xdp->rx.entries)[at % XDP_RING];
	__atomic_store_n(xdp->rx.consumer, at + 1, __ATOMIC_RELEASE);
	return true;
}

/* Sends a frame that lies at @offset of the memory. */
static inline void xdp_send(struct xdp *xdp, uint64_t offset, uint32_t length)
{
	uint32_t at = *xdp->tx.producer;

	((struct xdp_desc *)xdp->tx.entries)[at % XDP_RING] =
		(struct xdp_desc){ .addr = offset, .len = length };
	__atomic_store_n(xdp->tx.producer, at + 1, __ATOMIC_RELEASE);
	/* In copying mode this is what sends. */
	if (sendto(xdp->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
	    errno != EAGAIN && errno != EBUSY && errno != ENETDOWN)
		tap_bail("AF_XDP send: %s", strerror(errno));
}

/* An ordinary socket on the other end, for all packets of our kind. */
static inline int packet_socket(void)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(XDP_ETHERTYPE),
		.sll_ifindex = if_nametoindex(XDP_PEER),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC,
			htons(XDP_ETHERTYPE));

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		tap_bail("AF_PACKET on " XDP_PEER ": %s", strerror(errno));
	return fd;
}

#endif
