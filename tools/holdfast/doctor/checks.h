/* SPDX-License-Identifier: GPL-2.0 */
/* The checks of holdfast-doctor(1): a file for each. */
#ifndef HOLDFAST_DOCTOR_CHECKS_H
#define HOLDFAST_DOCTOR_CHECKS_H

#include "finding.h"

typedef void check_fn(struct doctor *doctor);

check_fn check_agent;
check_fn check_device;
check_fn check_files;
check_fn check_hooks;
check_fn check_lockdown;
check_fn check_memlock;
check_fn check_mounts;
check_fn check_namespaces;
check_fn check_policy;
check_fn check_ptrace;
check_fn check_rdma;
check_fn check_thp;
check_fn check_versions;

/* All of them, in the order of the report. */
void doctor_examine(struct doctor *doctor);

#endif
