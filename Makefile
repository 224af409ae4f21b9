# SPDX-License-Identifier: GPL-2.0
#
# For packagers and for work on the code; ./run is for everything else.
#
#	make			libraries, tools, guest tests, examples and benchmarks, in build/
#	make install		DESTDIR, PREFIX, BINDIR, SBINDIR, LIBDIR, INCLUDEDIR,
#				MANDIR, UNITDIR, UDEVDIR
#	make check		the tests that need no kernel module, and the style
#	make programs		what drives other people's programs in guests, test/programs
#	make fuzz		what reads input from outside, FUZZ_SECONDS (60) each
#	make kmod KDIR=...	the module for one kernel, in build/kmod-native
#	make install-kmod	that module, into its kernel's module tree
#	make install-dkms	the module's source, for DKMS to build
#	make clean
#
# Sources are found by pattern: a new test or subcommand needs no line here.

VERSION := $(shell cat VERSION)
SOVERSION := $(firstword $(subst ., ,$(VERSION)))

BUILD := build
PREFIX := /usr/local
BINDIR := $(PREFIX)/bin
SBINDIR := $(PREFIX)/sbin
LIBDIR := $(PREFIX)/lib
INCLUDEDIR := $(PREFIX)/include
MANDIR := $(PREFIX)/share/man
# systemd and DKMS look only here, whatever the prefix.
MODULESLOADDIR := /usr/lib/modules-load.d
UNITDIR := /usr/lib/systemd/system
UDEVDIR := /usr/lib/udev/rules.d
DKMSDIR := /usr/src/holdfast-$(VERSION)

CFLAGS := -O2 -g
# The rest is part of the language we write in, not the packager's choice. Our
# ABI header comes first: the system may have an older one.
STD := -std=gnu11 -D_FILE_OFFSET_BITS=64 -Iinclude/uapi -Ilib -Iverbs -Iuring
WARN := -Wall -Wextra -Werror -Wmissing-prototypes -Wstrict-prototypes
FUZZ_SECONDS := 60
FUZZ_WRAPPED := fopen64 nanosleep malloc calloc reallocarray strdup
# libFuzzer is clang's.
FUZZ_CC := clang
SANITIZE := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all

# One short line for each thing that is made; make V=1 shows the commands,
# make -s nothing.
ifeq ($(V),)
Q := @
ifeq ($(findstring s,$(firstword -$(MAKEFLAGS))),)
say = @echo "  $(1)	$(patsubst $(BUILD)/%,%,$@)"
endif
endif

COMPILE = $(CC) $(STD) $(WARN) -MMD -MP $(CPPFLAGS)
# The kernel's own structures for ioctls end in arrays, and are put into others.
FUZZ_COMPILE = $(FUZZ_CC) $(STD) $(WARN) -Wno-gnu-variable-sized-type-not-at-end \
	-MMD -MP $(CPPFLAGS) $(OURS) $(SANITIZE)
# Guest tests and examples say themselves what they need of the C library.
OURS := -D_GNU_SOURCE -DHOLDFAST_VERSION='"$(VERSION)"'

LIB_SRC := $(wildcard lib/*.c)
VERBS_SRC := $(wildcard verbs/*.c)
URING_SRC := $(wildcard uring/*.c)
TOOL_SRC := $(wildcard tool/*.c tool/*/*.c)
TOOL_LIBS := -lsmartcols -ljson-c -lmount
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
VERBS_OBJ := $(VERBS_SRC:%.c=$(BUILD)/obj/%.o) $(BUILD)/obj/common/uverbs.o
URING_OBJ := $(URING_SRC:%.c=$(BUILD)/obj/%.o)
# What tool and daemon share; neither uses the other's files.
COMMON_SRC := $(wildcard common/*.c)
TOOL_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,$(TOOL_SRC) $(COMMON_SRC))
# What fuzzers give their input to, and what that needs.
FUZZ_OBJ := $(patsubst %.c,$(BUILD)/obj/fuzz/%.o,\
		$(LIB_SRC) $(filter-out tool/holdfast.c,$(TOOL_SRC)) \
		$(COMMON_SRC))
# What host tests are linked with: everything but main(), and what stands before
# functions of other libraries; sanitized.
HOST_OBJ := $(patsubst %.c,$(BUILD)/obj/san/%.o,\
		$(LIB_SRC) $(filter-out tool/holdfast.c,$(TOOL_SRC)) \
		preload/settings.c preload/table.c $(COMMON_SRC))

LIBRARY := $(BUILD)/lib/libholdfast.so
ARCHIVE := $(BUILD)/lib/libholdfast.a
PC := $(BUILD)/lib/pkgconfig/holdfast.pc
VERBS := $(BUILD)/lib/libholdfast-verbs.so
VERBS_ARCHIVE := $(BUILD)/lib/libholdfast-verbs.a
VERBS_PC := $(BUILD)/lib/pkgconfig/holdfast-verbs.pc
URING := $(BUILD)/lib/libholdfast-uring.so
URING_ARCHIVE := $(BUILD)/lib/libholdfast-uring.a
URING_PC := $(BUILD)/lib/pkgconfig/holdfast-uring.pc
TOOL := $(BUILD)/bin/holdfast
DAEMON := $(BUILD)/sbin/holdfastd
DAEMON_SRC := $(wildcard daemon/*.c)
# Its log and watchdog are systemd's where that is there: make SYSTEMD= does without.
SYSTEMD := $(shell pkg-config --exists libsystemd && echo yes)
DAEMON_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,\
		$(DAEMON_SRC) $(COMMON_SRC))
# For programs of others: it brings its own libholdfast, and shows none of it.
SHIM := $(BUILD)/lib/libholdfast-preload.so
SHIM_OBJ := $(patsubst %.c,$(BUILD)/obj/%.o,\
		$(wildcard preload/*.c) common/uverbs.c)
GUEST_TESTS := $(patsubst test/guest/%.c,$(BUILD)/test/%,\
		$(wildcard test/guest/*.c))
PROGRAMS := $(patsubst test/programs/%.c,$(BUILD)/programs/%,\
		$(wildcard test/programs/*.c))
# What runs in a machine inside of a guest, without an operating system.
MACHINES := $(patsubst test/programs/machine/%.c,$(BUILD)/programs/%,\
		$(wildcard test/programs/machine/*.c))
HOST_TESTS := $(patsubst test/host/%.c,$(BUILD)/test/host/%,\
		$(wildcard test/host/*.c))
FUZZERS := $(patsubst test/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard test/fuzz/*.c))
# Parts of the soak: a file each, or a folder with a main.c.
PERCENT := %
SOAK := $(patsubst test/soak/%.c,$(BUILD)/soak/%,$(wildcard test/soak/*.c)) \
	$(patsubst test/soak/%/main.c,$(BUILD)/soak/%,\
		$(wildcard test/soak/*/main.c))
# One example is of libuv, where that is there. Guests have none: it is linked into the program.
LIBUV := $(shell pkg-config --exists libuv-static && echo yes)
EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,\
		$(filter-out $(if $(LIBUV),,examples/11-libuv.c),$(wildcard examples/*.c)))
BENCHES := $(patsubst bench/%.c,$(BUILD)/bench/%,\
		$(wildcard bench/*.c))

.PHONY: all programs install check fuzz clean kmod install-kmod install-dkms
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

all: $(LIBRARY) $(ARCHIVE) $(PC) $(VERBS) $(VERBS_ARCHIVE) $(VERBS_PC) \
	$(URING) $(URING_ARCHIVE) $(URING_PC) $(TOOL) $(DAEMON) $(SHIM) \
	$(GUEST_TESTS) $(SOAK) $(EXAMPLES) $(BENCHES) $(BUILD)/powercut/records

# --- libraries

define library_object
$(call say,CC)
$(Q)mkdir -p $(@D)
$(Q)$(COMPILE) $(OURS) $(CFLAGS) -fPIC -fvisibility=hidden -c -o $@ $<
endef

$(BUILD)/obj/lib/%.o: lib/%.c
	$(library_object)

$(BUILD)/obj/verbs/%.o: CPPFLAGS += -Icommon
$(BUILD)/obj/verbs/%.o: verbs/%.c
	$(library_object)

$(BUILD)/obj/uring/%.o: uring/%.c
	$(library_object)

# -z defs: a symbol that is nowhere is our mistake, not the program's.
define library
$(call say,LD)
$(Q)mkdir -p $(@D)
$(Q)$(CC) $(CFLAGS) -shared -Wl,-soname,$(@F:.$(VERSION)=.$(SOVERSION)) \
	-Wl,--version-script,$(filter %.map,$^) -Wl,-z,defs \
	$(LDFLAGS) -o $@ $(filter %.o,$^)
endef

$(LIBRARY).$(VERSION): $(LIB_OBJ) lib/holdfast.map
	$(library)

$(VERBS).$(VERSION): $(VERBS_OBJ) verbs/holdfast-verbs.map | $(LIBRARY)
	$(library) -L$(BUILD)/lib -lholdfast -libverbs -lpthread

$(URING).$(VERSION): $(URING_OBJ) uring/holdfast-uring.map | $(LIBRARY)
	$(library) -L$(BUILD)/lib -lholdfast -luring

# Both links, so that programs run from the build folder.
$(LIBRARY) $(VERBS) $(URING): %: %.$(VERSION)
	$(Q)ln -sf $(<F) $@.$(SOVERSION)
	$(Q)ln -sf $(@F).$(SOVERSION) $@

define archive
$(call say,AR)
$(Q)mkdir -p $(@D)
$(Q)rm -f $@
$(Q)$(AR) rcs $@ $^
endef

$(ARCHIVE): $(LIB_OBJ)
	$(archive)

$(VERBS_ARCHIVE): $(VERBS_OBJ)
	$(archive)

$(URING_ARCHIVE): $(URING_OBJ)
	$(archive)

# Depends on the Makefile because that has the defaults; a command line that
# names other folders wants its own "make install", which writes it afresh.
define pkgconfig
$(call say,GEN)
$(Q)mkdir -p $(@D)
$(Q)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
	-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	-e 's|@VERSION@|$(VERSION)|' $< >$@
endef

$(PC): lib/holdfast.pc.in VERSION Makefile
	$(pkgconfig)

$(VERBS_PC): verbs/holdfast-verbs.pc.in VERSION Makefile
	$(pkgconfig)

$(URING_PC): uring/holdfast-uring.pc.in VERSION Makefile
	$(pkgconfig)

# --- programs

$(BUILD)/obj/tool/%.o: tool/%.c VERSION
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) -Itool -Icommon $(CFLAGS) -c -o $@ $<

$(TOOL): $(TOOL_OBJ) $(LIBRARY)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(TOOL_OBJ) -L$(BUILD)/lib -lholdfast \
		$(TOOL_LIBS)

# For the libraries, too.
$(BUILD)/obj/common/%.o: common/%.c
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) $(CFLAGS) -fPIC -fvisibility=hidden -c -o $@ $<

$(BUILD)/obj/daemon/%.o: daemon/%.c VERSION
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) $(if $(SYSTEMD),-DHAVE_SYSTEMD) -Icommon $(CFLAGS) \
		-fPIC -fvisibility=hidden -c -o $@ $<

$(DAEMON): $(DAEMON_OBJ) $(LIBRARY)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(DAEMON_OBJ) -L$(BUILD)/lib \
		-lholdfast $(if $(SYSTEMD),-lsystemd)

# --- the shim

$(BUILD)/obj/preload/%.o: preload/%.c
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) -Icommon $(CFLAGS) -fPIC -fvisibility=hidden \
		-c -o $@ $<

# libibverbs is the program's, if it has one.
$(SHIM): $(SHIM_OBJ) $(ARCHIVE)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -shared -Wl,-z,defs -Wl,--exclude-libs,ALL \
		-Wl,-soname,$(notdir $@) $(LDFLAGS) -o $@ $(SHIM_OBJ) $(ARCHIVE) \
		-ldl -lpthread

# One source file each. Not all use RDMA or liburing: --as-needed drops what they do not.
# The dependency file goes to obj/, a test folder holds only tests.
define program
$(call say,LD)
$(Q)mkdir -p $(@D) $(BUILD)/obj/$(<D)
$(Q)$(COMPILE) $(CFLAGS) -MF $(BUILD)/obj/$(<:.c=.d) $(LDFLAGS) -Wl,--as-needed \
	-o $@ $< -L$(BUILD)/lib -lholdfast-verbs -lholdfast-uring -lholdfast \
	-libverbs -lrdmacm -luring -lpthread $(LDLIBS)
endef

$(BUILD)/test/%: test/guest/%.c $(LIBRARY) $(VERBS) $(URING)
	$(program)

# What no preloaded library reaches; of ours it has nothing.
$(BUILD)/test/static-mr: test/guest/static-mr.c
	$(call say,LD)
	$(Q)mkdir -p $(@D) $(BUILD)/obj/$(<D)
	$(Q)$(COMPILE) $(CFLAGS) -MF $(BUILD)/obj/$(<:.c=.d) -static -o $@ $<

# Linked to libraries of the guests' Debian: those that the source names after "link:". What these
# need in turn is in the guest alone.
programs: $(PROGRAMS) $(MACHINES)

SYSROOT = $(shell lab/build programs)/sysroot
SYSLIB = $(SYSROOT)/usr/lib/x86_64-linux-gnu

$(PROGRAMS): $(BUILD)/programs/%: test/programs/%.c $(wildcard test/programs/*.h) test/tap.h
	$(call say,LD)
	$(Q)mkdir -p $(@D) $(BUILD)/obj/$(<D)
	$(Q)$(CC) --sysroot=$(SYSROOT) -std=gnu11 -D_FILE_OFFSET_BITS=64 $(WARN) $(CFLAGS) \
		-isystem $(SYSLIB)/openmpi/include -L$(SYSLIB) \
		-Wl,--allow-shlib-undefined $(LDFLAGS) -o $@ $< $(shell sed -n 's/^ \* link: *//p' $<) -lpthread

$(BUILD)/soak/%: test/soak/%.c $(LIBRARY) $(VERBS) $(URING)
	$(program)

$(BUILD)/obj/test/soak/%.o: test/soak/%.c
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) $(CFLAGS) -c -o $@ $<

.SECONDEXPANSION:
$(BUILD)/soak/%: test/soak/%/main.c \
		$$(patsubst $$(PERCENT).c,$(BUILD)/obj/$$(PERCENT).o,$$(wildcard test/soak/$$*/*.c)) \
		$(LIBRARY) $(VERBS)
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -Wl,--as-needed -o $@ $(filter %.o,$^) \
		-L$(BUILD)/lib -lholdfast-verbs -lholdfast -libverbs -lpthread

$(BUILD)/powercut/%: test/powercut/%.c $(LIBRARY) $(VERBS)
	$(program)

$(BUILD)/examples/11-libuv: LDLIBS = $(shell pkg-config --libs libuv-static)
$(BUILD)/examples/%: examples/%.c $(LIBRARY) $(VERBS) $(URING)
	$(program)

$(BUILD)/bench/%: bench/%.c $(LIBRARY) $(VERBS) $(URING)
	$(program)

# --- tests of the host

$(BUILD)/obj/san/%.o: %.c VERSION
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) $(OURS) -Itool -Icommon $(SANITIZE) -c -o $@ $<

$(BUILD)/test/host/%: test/host/%.c $(HOST_OBJ)
	$(call say,LD)
	$(Q)mkdir -p $(@D) $(BUILD)/obj/$(<D)
	$(Q)$(COMPILE) $(OURS) -Icommon $(SANITIZE) -MF $(BUILD)/obj/$(<:.c=.d) -o $@ $< \
		$(HOST_OBJ) $(TOOL_LIBS)

$(MACHINES): $(BUILD)/programs/%: test/programs/machine/%.c
	$(call say,LD)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -m32 -std=gnu11 -O2 $(WARN) -ffreestanding -fno-pic -no-pie -fno-stack-protector \
		-fcf-protection=none -mgeneral-regs-only -fno-asynchronous-unwind-tables \
		-fno-toplevel-reorder -nostdlib -static \
		-Wl,--build-id=none,-N,--no-warn-rwx-segments,-Ttext=0x100000,-e,start -o $@ $<

# --exec '': run them, by their first line or as programs.
check: all $(HOST_TESTS) $(FUZZERS)
	$(Q)BUILD=$(BUILD) prove --exec '' \
		$(PROVEFLAGS) $(HOST_TESTS) $(sort $(wildcard test/host/*.sh))

# --- fuzzers

$(BUILD)/obj/fuzz/%.o: %.c VERSION
	$(call say,CC)
	$(Q)mkdir -p $(@D)
	$(Q)$(FUZZ_COMPILE) -Itool -Icommon -fsanitize=fuzzer-no-link -c -o $@ $<

$(BUILD)/fuzz/%: test/fuzz/%.c $(FUZZ_OBJ)
	$(call say,LD)
	$(Q)mkdir -p $(@D) $(BUILD)/obj/$(<D)
	$(Q)$(FUZZ_COMPILE) -Icommon -Itool -fsanitize=fuzzer -MF $(BUILD)/obj/$(<:.c=.d) \
		$(FUZZ_WRAPPED:%=-Wl,--wrap=%) -o $@ $< $(FUZZ_OBJ) $(TOOL_LIBS)

# What is found of new paths stays in build/fuzz/corpus, a crash beside it.
fuzz: $(FUZZERS)
	$(Q)set -e; for name in $(notdir $(FUZZERS)); do \
		mkdir -p $(BUILD)/fuzz/corpus/$$name; \
		$(BUILD)/fuzz/$$name -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
			-artifact_prefix=$(BUILD)/fuzz/$$name- \
			$(BUILD)/fuzz/corpus/$$name test/fuzz/corpus/$$name; \
	done

# --- the module

KDIR := /lib/modules/$(shell uname -r)/build
KMOD := $(BUILD)/kmod-native

# In a copy: kbuild writes into the source folder, from 6.13 even a Makefile.
kmod:
	rm -rf $(KMOD)
	mkdir -p $(KMOD)/include
	cp -r kmod/. $(KMOD)
	cp -r include/uapi $(KMOD)/include
	$(MAKE) -C $(KDIR) M=$(abspath $(KMOD)) modules

install-kmod:
	$(MAKE) -C $(KDIR) M=$(abspath $(KMOD)) \
		INSTALL_MOD_PATH=$(DESTDIR) modules_install

install-dkms:
	mkdir -p $(DESTDIR)$(DKMSDIR)/include
	cp -r kmod $(DESTDIR)$(DKMSDIR)
	cp -r include/uapi $(DESTDIR)$(DKMSDIR)/include
	install -m 644 Makefile VERSION $(DESTDIR)$(DKMSDIR)
	sed 's|@VERSION@|$(VERSION)|' packaging/dkms.conf.in \
		>$(DESTDIR)$(DKMSDIR)/dkms.conf

# --- install

install: $(LIBRARY) $(ARCHIVE) $(VERBS) $(VERBS_ARCHIVE) $(URING) $(URING_ARCHIVE) \
	$(TOOL) $(DAEMON) $(SHIM)
	rm -f $(PC) $(VERBS_PC) $(URING_PC)
	$(MAKE) $(PC) $(VERBS_PC) $(URING_PC)
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/pkgconfig \
		$(DESTDIR)$(INCLUDEDIR)/linux $(DESTDIR)$(MODULESLOADDIR) \
		$(DESTDIR)$(SBINDIR) $(DESTDIR)$(UNITDIR)
	install -m 755 $(TOOL) $(DESTDIR)$(BINDIR)
	install -m 755 $(DAEMON) $(DESTDIR)$(SBINDIR)
	sed 's|@SBINDIR@|$(SBINDIR)|' packaging/holdfastd.service.in \
		>$(DESTDIR)$(UNITDIR)/holdfastd.service
	sed 's|@BINDIR@|$(BINDIR)|' packaging/holdfast-policy.service.in \
		>$(DESTDIR)$(UNITDIR)/holdfast-policy.service
	install -D -m 644 -t $(DESTDIR)$(UDEVDIR) packaging/70-holdfast-policy.rules
	install -m 755 $(LIBRARY).$(VERSION) $(VERBS).$(VERSION) \
		$(URING).$(VERSION) $(SHIM) $(DESTDIR)$(LIBDIR)
	cp -P $(LIBRARY) $(LIBRARY).$(SOVERSION) $(VERBS) \
		$(VERBS).$(SOVERSION) $(URING) $(URING).$(SOVERSION) \
		$(DESTDIR)$(LIBDIR)
	install -m 644 $(ARCHIVE) $(VERBS_ARCHIVE) $(URING_ARCHIVE) \
		$(DESTDIR)$(LIBDIR)
	install -m 644 $(PC) $(VERBS_PC) $(URING_PC) \
		$(DESTDIR)$(LIBDIR)/pkgconfig
	install -m 644 lib/holdfast.h verbs/holdfast_verbs.h \
		uring/holdfast_uring.h $(DESTDIR)$(INCLUDEDIR)
	install -m 644 include/uapi/linux/holdfast.h \
		$(DESTDIR)$(INCLUDEDIR)/linux
	install -m 644 packaging/modules-load.conf \
		$(DESTDIR)$(MODULESLOADDIR)/holdfast.conf
	set -e; for page in man/*.[1-8]; do \
		dir=$(DESTDIR)$(MANDIR)/man$${page##*.}; \
		install -D -m 644 -t $$dir $$page; \
		for name in $$(sed -n 's/^\.Nm \(hf_[a-z_]*\).*/\1/p' $$page); do \
			test -e $$dir/$$name.3 || \
				ln -s $${page#man/} $$dir/$$name.3; \
		done; \
	done

clean:
	rm -rf $(BUILD)/obj $(BUILD)/bin $(BUILD)/sbin $(BUILD)/lib $(BUILD)/test \
		$(BUILD)/soak $(BUILD)/fuzz $(BUILD)/powercut $(BUILD)/examples \
		$(BUILD)/bench $(KMOD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
