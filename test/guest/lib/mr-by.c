// SPDX-License-Identifier: GPL-2.0
/*
 * A program that is not linked to libibverbs: it loads that itself, and registers
 * a mapping of a file in one of many ways.
 *
 *	mr-by WAY FILE [stay | pair]
 *
 *	handle	ibv_reg_mr(3), looked up in the library by its handle
 *	global	ibv_reg_mr(3), as a linked program finds it
 *	iova, iova2	ibv_reg_mr_iova(3) and its newer form, found in the same way
 *	ex	ibv_reg_mr_ex(3), found in the same way
 *	write	the command of ibv_reg_mr(3), by the ioctl(2) of the device
 *	method	the method that ibv_reg_mr_ex(3) calls, by the ioctl(2) of the device
 *
 * Prints "registered" and exits with 0, or the errno's name and exits with 1, or
 * "absent" and exits with 77. With "stay" it keeps the region until it is killed. With
 * "pair", and the way "handle", it has had regions of the file before; when a line is
 * read it registers other memory, and deregisters both: "both", or "lost".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <infiniband/verbs.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACCESS (IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE)
#define ABSENT 77

/* Of Linux 6.18 and later: UVERBS_METHOD_REG_MR, UVERBS_ATTR_REG_MR_*. */
#define METHOD_REG_MR 5
enum {
	HANDLE,
	PD_HANDLE,
	DMA_HANDLE,
	IOVA,
	ADDR,
	LENGTH,
	FLAGS,
	FD,
	FD_OFFSET,
	LKEY,
	RKEY
};

/* rdma-core 61 and later: struct ibv_mr_init_attr, as far as we fill it. */
struct mr_init_attr {
	size_t length;
	int access;
	uint64_t comp_mask;
	uint64_t iova;
	void *addr;
	uint64_t more[8];
};
#define INIT_IOVA (1 << 0)
#define INIT_ADDR (1 << 1)

/* They are functions, too. */
#undef ibv_reg_mr
#undef ibv_reg_mr_iova

static void *library;
static struct ibv_pd *pd;

static void *find(void *where, const char *name)
{
	void *function = dlsym(where, name);

	if (!function) {
		puts("absent");
		exit(ABSENT);
	}
	return function;
}

/* A function of the library, by the library's own header. */
#define LIB(name) ((typeof(&(name)))find(library, #name))

static void open_device(void)
{
	struct ibv_device **list = LIB(ibv_get_device_list)(NULL);
	struct ibv_context *context =
		list && *list ? LIB(ibv_open_device)(*list) : NULL;

	pd = context ? LIB(ibv_alloc_pd)(context) : NULL;
	if (!pd) {
		perror("RDMA device");
		exit(2);
	}
}

static struct ibv_mr *reg_by_handle(void *addr, size_t length)
{
	return LIB(ibv_reg_mr)(pd, addr, length, ACCESS);
}

/* What the shim cannot see: regions that end, numbers that are used again. */
static int pair(void *addr, size_t length)
{
	static char other[4096];
	struct ibv_mr *first = reg_by_handle(addr, length);
	struct ibv_mr *second = reg_by_handle(addr, length), *mrs[2];
	int lost;

	if (!first || !second || LIB(ibv_dereg_mr)(first) ||
	    LIB(ibv_dereg_mr)(second))
		return errno;
	mrs[0] = reg_by_handle(addr, length);
	if (!mrs[0])
		return errno;
	puts("registered");
	fflush(stdout);
	getchar();
	mrs[1] = reg_by_handle(other, sizeof(other));
	if (!mrs[1])
		return errno;
	lost = LIB(ibv_dereg_mr)(mrs[0]) + LIB(ibv_dereg_mr)(mrs[1]);
	puts(lost ? "lost" : "both");
	return 0;
}

/* --- the ways; each returns 0 or an errno */

static int by_handle(void *addr, size_t length)
{
	return reg_by_handle(addr, length) ? 0 : errno;
}

static int by_global(void *addr, size_t length)
{
	typeof(&ibv_reg_mr) reg = find(RTLD_DEFAULT, "ibv_reg_mr");

	return reg(pd, addr, length, ACCESS) ? 0 : errno;
}

static int by_iova(void *addr, size_t length)
{
	typeof(&ibv_reg_mr_iova) reg = find(RTLD_DEFAULT, "ibv_reg_mr_iova");

	return reg(pd, addr, length, 0x100000, ACCESS) ? 0 : errno;
}

static int by_iova2(void *addr, size_t length)
{
	typeof(&ibv_reg_mr_iova2) reg = find(RTLD_DEFAULT, "ibv_reg_mr_iova2");

	return reg(pd, addr, length, 0x100000, ACCESS) ? 0 : errno;
}

static int by_ex(void *addr, size_t length)
{
	struct ibv_mr *(*reg)(struct ibv_pd *, struct mr_init_attr *) =
		find(RTLD_DEFAULT, "ibv_reg_mr_ex");
	struct mr_init_attr attr = { .length = length,
				     .access = ACCESS,
				     .comp_mask = INIT_IOVA | INIT_ADDR,
				     .iova = (uintptr_t)addr,
				     .addr = addr };

	return reg(pd, &attr) ? 0 : errno;
}

struct command {
	struct ib_uverbs_ioctl_hdr head;
	struct ib_uverbs_attr attrs[9];
};

static void add(struct command *command, unsigned int id, unsigned int length,
		uint64_t data)
{
	command->attrs[command->head.num_attrs++] = (struct ib_uverbs_attr){
		.attr_id = id,
		.len = length,
		.flags = UVERBS_ATTR_F_MANDATORY,
		.data = data,
	};
}

static int run(struct command *command)
{
	command->head.length =
		sizeof(command->head) +
		command->head.num_attrs * sizeof(command->attrs[0]);
	command->head.driver_id = RDMA_DRIVER_RXE;
	return ioctl(pd->context->cmd_fd, RDMA_VERBS_IOCTL, command) ? errno
								     : 0;
}

static int by_write(void *addr, size_t length)
{
	static struct ib_uverbs_reg_mr_resp answer;
	static uint64_t driver_answer[8];
	struct ib_uverbs_reg_mr in = {
		.start = (uintptr_t)addr,
		.length = length,
		.hca_va = (uintptr_t)addr,
		.pd_handle = pd->handle,
		.access_flags = ACCESS,
	};
	struct command command = {
		.head = { .object_id = UVERBS_OBJECT_DEVICE,
			  .method_id = UVERBS_METHOD_INVOKE_WRITE },
	};

	in.response = (uintptr_t)&answer;
	add(&command, UVERBS_ATTR_WRITE_CMD, sizeof(uint64_t),
	    IB_USER_VERBS_CMD_REG_MR);
	add(&command, UVERBS_ATTR_CORE_IN, sizeof(in), (uintptr_t)&in);
	add(&command, UVERBS_ATTR_CORE_OUT, sizeof(answer), (uintptr_t)&answer);
	add(&command, UVERBS_ATTR_UHW_OUT, sizeof(driver_answer),
	    (uintptr_t)driver_answer);
	return run(&command);
}

static int by_method(void *addr, size_t length)
{
	static uint32_t lkey, rkey;
	struct command command = {
		.head = { .object_id = UVERBS_OBJECT_MR,
			  .method_id = METHOD_REG_MR },
	};
	int err;

	add(&command, HANDLE, 0, 0);
	add(&command, PD_HANDLE, 0, pd->handle);
	add(&command, IOVA, sizeof(uint64_t), (uintptr_t)addr);
	add(&command, ADDR, sizeof(uint64_t), (uintptr_t)addr);
	add(&command, LENGTH, sizeof(uint64_t), length);
	add(&command, FLAGS, sizeof(uint32_t), ACCESS);
	add(&command, LKEY, sizeof(lkey), (uintptr_t)&lkey);
	add(&command, RKEY, sizeof(rkey), (uintptr_t)&rkey);
	err = run(&command);
	if (err == EPROTONOSUPPORT) {
		puts("absent");
		exit(ABSENT);
	}
	return err;
}

static const struct {
	const char *name;
	int (*reg)(void *addr, size_t length);
} ways[] = {
	{ "handle", by_handle }, { "global", by_global }, { "iova", by_iova },
	{ "iova2", by_iova2 },	 { "ex", by_ex },	  { "write", by_write },
	{ "method", by_method },
};

static void *map(const char *path, size_t *length)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	struct stat st;
	void *addr;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(2);
	}
	addr = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    0);
	close(fd);
	if (addr == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	*length = st.st_size;
	return addr;
}

int main(int argc, char **argv)
{
	const char *way = argc > 2 ? argv[1] : "";
	size_t length, i = 0;
	void *addr;
	int err;

	while (i < sizeof(ways) / sizeof(ways[0]) && strcmp(way, ways[i].name))
		i++;
	if (i == sizeof(ways) / sizeof(ways[0])) {
		fprintf(stderr, "mr-by: no way \"%s\"\n", way);
		return 2;
	}
	library = dlopen("libibverbs.so.1",
			 RTLD_NOW | (strcmp(way, "handle") ? RTLD_GLOBAL : 0));
	if (!library) {
		fprintf(stderr, "%s\n", dlerror());
		return 2;
	}
	addr = map(argv[2], &length);
	open_device();
	if (argc > 3 && !strcmp(argv[3], "pair")) {
		err = pair(addr, length);
		if (err)
			puts(strerrorname_np(err));
		return err ? 1 : 0;
	}
	err = ways[i].reg(addr, length);
	puts(err ? strerrorname_np(err) : "registered");
	fflush(stdout);
	while (!err && argc > 3)
		pause();
	return err ? 1 : 0;
}
