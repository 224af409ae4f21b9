// SPDX-License-Identifier: GPL-2.0
/* Whether holdfastd(8) runs. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"
#include "process.h"
#include "tool.h"

/* Its process id, or 0. */
static pid_t find_agent(void)
{
	char name[PROCESS_NAME_ROOM];
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	pid_t agent = 0;

	if (!proc)
		return 0;
	while (!agent && (entry = readdir(proc))) {
		pid_t pid = atoi(entry->d_name);

		if (pid > 0 && !strcmp(process_name(name, pid), "holdfastd"))
			agent = pid;
	}
	closedir(proc);
	return agent;
}

void check_agent(struct doctor *doctor)
{
	pid_t agent = find_agent();

	if (agent)
		found_good(doctor, "holdfastd runs (process %d)", agent);
	else
		found(doctor, WARNING,
		      "the agent takes memory regions from a holder that hangs; "
		      "without it the kernel kills that holder at the deadline",
		      command_text("systemctl enable --now holdfastd"),
		      "holdfastd does not run");
}
