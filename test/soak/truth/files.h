/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SOAK_FILES_H
#define SOAK_FILES_H

#include "world.h"

/* The file whose blocks are reflinked and copied: nobody changes it. */
void donor_make(void);

/* The filesystem's files are opened for a round, those that are not there made. */
void files_open(void);

/* All blocks of all files, after a round in which nothing writes any more. */
void files_judge(void);

/* They are closed; the unlinked ones are gone by that. */
void files_close(void);

/* They still hold what they held, after a remount. */
void files_compare(void);

#endif
