// SPDX-License-Identifier: GPL-2.0
/*
 * The loader reads LD_PRELOAD only where there is a loader, and where the command gets no rights that its
 * caller does not have. Of a script that holds for its interpreter.
 */
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "preload.h"

/* Opened for reading; -1: there is none, or it cannot be read. */
static int find_command(const char *command)
{
	const char *path = getenv("PATH"), *end;
	char name[4096];
	int fd = -1;

	if (strchr(command, '/'))
		return open(command, O_RDONLY | O_CLOEXEC);
	for (; path && fd < 0; path = *end ? end + 1 : NULL) {
		end = strchrnul(path, ':');
		snprintf(name, sizeof(name), "%.*s/%s", (int)(end - path), path,
			 command);
		if (!access(name, X_OK))
			fd = open(name, O_RDONLY | O_CLOEXEC);
	}
	return fd;
}

static bool gets_rights(int fd)
{
	struct stat st;

	return !fstat(fd, &st) &&
	       (((st.st_mode & S_ISUID) && st.st_uid != geteuid()) ||
		((st.st_mode & S_ISGID) && st.st_gid != getegid()) ||
		(geteuid() &&
		 fgetxattr(fd, "security.capability", NULL, 0) > 0));
}

static bool has_loader(int fd, const Elf64_Ehdr *header)
{
	Elf64_Phdr segment;

	for (unsigned int i = 0; i < header->e_phnum; i++) {
		off_t at = header->e_phoff + i * header->e_phentsize;

		if (pread(fd, &segment, sizeof(segment), at) != sizeof(segment))
			return true;
		if (segment.p_type == PT_INTERP)
			return true;
	}
	return false;
}

const char *preload_hindrance(const char *command)
{
	int fd = find_command(command);
	const char *why = NULL;
	Elf64_Ehdr header;

	if (fd < 0)
		return NULL;
	if (gets_rights(fd))
		why = "it runs with other rights than its caller's";
	else if (pread(fd, &header, sizeof(header), 0) == sizeof(header) &&
		 !memcmp(header.e_ident, ELFMAG, SELFMAG) &&
		 header.e_ident[EI_CLASS] == ELFCLASS64 &&
		 !has_loader(fd, &header))
		why = "it is statically linked";
	close(fd);
	return why;
}
