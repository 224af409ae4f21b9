// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The ioctl of an open RDMA device, see uverbs.h. The kernel lets a process use
 * it that did not open the device: only its older write(2) interface compares
 * credentials (ib_safe_file_access()).
 */
#include <errno.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "internal/uverbs.h"

#define DRIVERS	  256
#define ATTRS_MAX 5

/* The kernel's struct ib_uverbs_ioctl_hdr ends with an array of any length. */
struct command {
	struct ib_uverbs_ioctl_hdr hdr;
	struct ib_uverbs_attr attrs[ATTRS_MAX];
};

static void command_init(struct command *command, int driver, uint16_t object,
			 uint16_t method)
{
	memset(command, 0, sizeof(*command));
	command->hdr.object_id = object;
	command->hdr.method_id = method;
	command->hdr.driver_id = driver;
}

/* Up to 8 bytes that go in stand in the attribute itself. */
static void add_value(struct command *command, uint16_t id, uint16_t len,
		      uint64_t value)
{
	command->attrs[command->hdr.num_attrs++] = (struct ib_uverbs_attr){
		.attr_id = id,
		.len = len,
		.flags = UVERBS_ATTR_F_MANDATORY,
		.data = value,
	};
}

static void add_object(struct command *command, uint16_t id, uint32_t handle)
{
	add_value(command, id, 0, handle);
}

static void add_out(struct command *command, uint16_t id, void *to,
		    uint16_t len)
{
	add_value(command, id, len, (uintptr_t)to);
}

static int run(int fd, struct command *command)
{
	command->hdr.length =
		sizeof(command->hdr) +
		command->hdr.num_attrs * sizeof(command->attrs[0]);
	return ioctl(fd, RDMA_VERBS_IOCTL, command) ? -errno : 0;
}

static int list(int fd, int driver, uint32_t *handles, size_t room)
{
	struct command command;
	uint32_t total = 0;
	int err;

	command_init(&command, driver, UVERBS_OBJECT_DEVICE,
		     UVERBS_METHOD_INFO_HANDLES);
	add_value(&command, UVERBS_ATTR_INFO_OBJECT_ID, sizeof(uint64_t),
		  UVERBS_OBJECT_MR);
	add_out(&command, UVERBS_ATTR_INFO_TOTAL_HANDLES, &total,
		sizeof(total));
	add_out(&command, UVERBS_ATTR_INFO_HANDLES_LIST, handles,
		room * sizeof(*handles));
	err = run(fd, &command);
	return err ?: (int)total;
}

/*
 * The kernel tells which driver it is by netlink only, and there only for
 * devices of the caller's network namespace; but it refuses all names of
 * drivers except the right one before it looks any further.
 */
int uverbs_driver(int fd)
{
	uint32_t handle;

	for (int driver = 0; driver < DRIVERS; driver++) {
		int ret = list(fd, driver, &handle, 1);

		if (ret >= 0)
			return driver;
		if (ret != -EINVAL)
			return ret;
	}
	return -EOPNOTSUPP;
}

int uverbs_mr_list(int fd, int driver, uint32_t handles[UVERBS_MRS_MAX])
{
	return list(fd, driver, handles, UVERBS_MRS_MAX);
}

int uverbs_mr_query(int fd, int driver, uint32_t handle, struct uverbs_mr *mr)
{
	struct uverbs_mr found = { .handle = handle };
	struct command command;
	int err;

	command_init(&command, driver, UVERBS_OBJECT_MR,
		     UVERBS_METHOD_QUERY_MR);
	add_object(&command, UVERBS_ATTR_QUERY_MR_HANDLE, handle);
	add_out(&command, UVERBS_ATTR_QUERY_MR_RESP_LKEY, &found.lkey,
		sizeof(found.lkey));
	add_out(&command, UVERBS_ATTR_QUERY_MR_RESP_RKEY, &found.rkey,
		sizeof(found.rkey));
	add_out(&command, UVERBS_ATTR_QUERY_MR_RESP_LENGTH, &found.length,
		sizeof(found.length));
	add_out(&command, UVERBS_ATTR_QUERY_MR_RESP_IOVA, &found.iova,
		sizeof(found.iova));
	err = run(fd, &command);
	if (!err)
		*mr = found;
	return err;
}

int uverbs_write(int fd, int driver, const struct uverbs_request *request)
{
	/* Of the driver's own part some drivers want so much, and take zeros. */
	static const char driver_in[64];
	char driver_out[sizeof(driver_in)];
	struct command command;

	command_init(&command, driver, UVERBS_OBJECT_DEVICE,
		     UVERBS_METHOD_INVOKE_WRITE);
	add_value(&command, UVERBS_ATTR_WRITE_CMD, sizeof(uint64_t),
		  request->command);
	add_value(&command, UVERBS_ATTR_CORE_IN, request->in_length,
		  (uintptr_t)request->in);
	if (request->out_length)
		add_out(&command, UVERBS_ATTR_CORE_OUT, request->out,
			request->out_length);
	add_value(&command, UVERBS_ATTR_UHW_IN, sizeof(driver_in),
		  (uintptr_t)driver_in);
	add_out(&command, UVERBS_ATTR_UHW_OUT, driver_out, sizeof(driver_out));
	return run(fd, &command);
}

int uverbs_mr_destroy(int fd, int driver, uint32_t handle)
{
	struct command command;

	command_init(&command, driver, UVERBS_OBJECT_MR,
		     UVERBS_METHOD_MR_DESTROY);
	add_object(&command, UVERBS_ATTR_DESTROY_MR_HANDLE, handle);
	return run(fd, &command);
}

const char *uverbs_device_name(char room[UVERBS_NAME_ROOM], int fd)
{
	FILE *file = NULL;
	struct stat st;
	char path[64];

	if (!fstat(fd, &st)) {
		snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/ibdev",
			 major(st.st_rdev), minor(st.st_rdev));
		file = fopen(path, "re");
	}
	if (!file || !fgets(room, UVERBS_NAME_ROOM, file))
		strcpy(room, "?");
	room[strcspn(room, "\n")] = '\0';
	if (file)
		fclose(file);
	return room;
}

int uverbs_placeholder_make(int fd, int driver, uint32_t pd, const void *page,
			    uint32_t *number)
{
	struct ib_uverbs_reg_mr_resp answer = { 0 };
	const struct ib_uverbs_reg_mr in = {
		.response = (uintptr_t)&answer,
		.start = (uintptr_t)page,
		.length = UVERBS_PLACEHOLDER_LENGTH,
		.hca_va = UVERBS_PLACEHOLDER_IOVA,
		.pd_handle = pd,
	};
	const struct uverbs_request request = {
		.command = IB_USER_VERBS_CMD_REG_MR,
		.in = &in,
		.in_length = sizeof(in),
		.out = &answer,
		.out_length = sizeof(answer),
	};
	int err = uverbs_write(fd, driver, &request);

	*number = answer.mr_handle;
	return err;
}
