#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What is installed builds with clang, too, without a warning.

# shellcheck source-path=SCRIPTDIR disable=SC2317	# functions by name
. "$(dirname "$0")/../tap.sh"

unset MAKEFLAGS MFLAGS MAKELEVEL
quiet "clang builds the libraries and the tools" make -s CC=clang BUILD="$scratch/build" products
finish
