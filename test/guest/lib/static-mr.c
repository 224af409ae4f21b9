// SPDX-License-Identifier: GPL-2.0
/*
 * A program that no library can help: statically linked, it asks the kernel
 * itself for a memory region of a file that it has mapped.
 *
 *	static-mr FILE [close | stay]
 *
 * Prints "registered" and exits with 0, or the errno's name and exits with 1.
 * With "close" it closes all descriptors first, as a daemon does. With "stay" it
 * keeps the region until it is killed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <rdma/ib_user_verbs.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* enum ib_access_flags, which is the kernel's own: local and remote write */
#define ACCESS 3

/* A command of the uverbs device; @size is of all of it. */
static int call(int device, unsigned int command, void *request, size_t size,
		size_t response)
{
	struct ib_uverbs_cmd_hdr *head = request;

	head->command = command;
	head->in_words = size / 4;
	head->out_words = response / 4;
	return write(device, request, size) == (ssize_t)size ? 0 : -errno;
}

static int register_at(int device, void *addr, size_t length)
{
	struct ib_uverbs_get_context_resp context_answer;
	struct ib_uverbs_alloc_pd_resp pd_answer;
	struct ib_uverbs_reg_mr_resp mr_answer;
	struct {
		struct ib_uverbs_cmd_hdr head;
		struct ib_uverbs_get_context body;
	} context = { .body.response = (uintptr_t)&context_answer };
	struct {
		struct ib_uverbs_cmd_hdr head;
		struct ib_uverbs_alloc_pd body;
	} pd = { .body.response = (uintptr_t)&pd_answer };
	struct {
		struct ib_uverbs_cmd_hdr head;
		struct ib_uverbs_reg_mr body;
	} mr = { .body = {
			 .response = (uintptr_t)&mr_answer,
			 .start = (uintptr_t)addr,
			 .length = length,
			 .hca_va = (uintptr_t)addr,
			 .access_flags = ACCESS,
		 } };
	int err;

	err = call(device, IB_USER_VERBS_CMD_GET_CONTEXT, &context,
		   sizeof(context), sizeof(context_answer));
	if (!err)
		err = call(device, IB_USER_VERBS_CMD_ALLOC_PD, &pd, sizeof(pd),
			   sizeof(pd_answer));
	if (err) {
		fprintf(stderr, "uverbs: %s\n", strerror(-err));
		return err;
	}
	mr.body.pd_handle = pd_answer.pd_handle;
	return call(device, IB_USER_VERBS_CMD_REG_MR, &mr, sizeof(mr),
		    sizeof(mr_answer));
}

int main(int argc, char **argv)
{
	int device, file, err;
	struct stat st;
	void *addr;

	if (argc < 2)
		return 2;
	if (argc > 2 && !strcmp(argv[2], "close") &&
	    syscall(SYS_close_range, 3, ~0U, 0)) {
		perror("close_range");
		return 2;
	}
	device = open("/dev/infiniband/uverbs0", O_RDWR | O_CLOEXEC);
	file = open(argv[1], O_RDWR | O_CLOEXEC);
	if (device < 0 || file < 0 || fstat(file, &st)) {
		perror(argv[1]);
		return 2;
	}
	addr = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file,
		    0);
	if (addr == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	err = register_at(device, addr, st.st_size);
	puts(err ? strerrorname_np(-err) : "registered");
	fflush(stdout);
	while (!err && argc > 2 && !strcmp(argv[2], "stay"))
		pause();
	return err ? 1 : 0;
}
