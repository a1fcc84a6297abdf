# toktab: a table of API tokens. GNU make.
#
#   make             the library, the tool, the nginx module and the PAM module, in build/
#   make demo        installs what is missing, then shows the main job on a real nginx
#   make demo-panel  the same for toktab-panel, the page for domain admins
#   make check       installs what is missing, then runs the tests that take minutes
#   make check-all   installs what is missing, then runs the tests that make check leaves out
#   make test-unit   one suite of the unit tests: SUITE=chain; without SUITE all of them
#   make test-e2e    the tests from outside whose module.Class.test holds a word: TEST=test_revoke
#   make torture     fuzzing, kills, faults, damage, races and a busy nginx for two hours and a half: MINUTES=60; or PART=
#                    crash, power, faults, full, fleet, etcd, timing, soak, fuzz, coverage, scan-build, systemd, races
#   make bench       measures, in half an hour; PART=nginx: one part, PART=list: which there are; BENCH=all: other
#                    programs too, and 10,000,000 tokens
#   make lint        looks at the layout of the code; clang-tidy, cppcheck, gcc -fanalyzer, shellcheck
#   make format      lays the C code out by .clang-format
#   make compile_commands.json   how each C file is compiled, for clangd and other editors' helpers
#   make deb         Debian packages, in build/deb/
#   make check-deb   tries the packages in fresh roots of a release: SUITE=trixie or SUITE=bookworm
#   make install     PREFIX, SYSCONFDIR, STATEDIR, LIBDIR …, DESTDIR: see below
#   make uninstall   removes what make install has put there, given the same variables; keeps settings and stores
#   make module NGINX_SRC=DIR    the nginx module alone, for another nginx than Debian's
#   make clean
#
# CC, CPPFLAGS, CFLAGS, LDFLAGS and LDLIBS are the caller's. V=1 shows the commands, WERROR=1 turns warnings into errors,
# SANITIZE=address,undefined builds for the sanitizers; give both another BUILD directory.

VERSION = 0.1.0

BUILD = build

# As many jobs as there are processors, unless -j, or the make that calls this one, says otherwise.
ifeq (0 ,$(MAKELEVEL) $(filter -j%,$(MAKEFLAGS)))
MAKEFLAGS += -j$(shell nproc)
endif

PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
SBINDIR = $(PREFIX)/sbin
LIBDIR = $(PREFIX)/lib
INCLUDEDIR = $(PREFIX)/include
DATADIR = $(PREFIX)/share
MANDIR = $(DATADIR)/man
DOCDIR = $(DATADIR)/doc/toktab
BASH_COMPLETIONS = $(DATADIR)/bash-completion/completions
ZSH_COMPLETIONS = $(DATADIR)/zsh/site-functions
FISH_COMPLETIONS = $(DATADIR)/fish/vendor_completions.d
NGINX_MODULEDIR = $(LIBDIR)/nginx/modules
PAM_MODULEDIR = $(LIBDIR)/security
ENGINEDIR = $(PREFIX)/lib/toktab
# /usr keeps its settings in /etc and its data in /var, everybody else below the prefix.
ROOTDIR = $(patsubst /usr,,$(PREFIX:%/=%))
SYSCONFDIR = $(ROOTDIR)/etc
STATEDIR = $(ROOTDIR)/var

INSTALL = install
PKG_CONFIG = pkg-config
OBJCOPY = objcopy
AR = ar
CLANG_FORMAT = clang-format-19

# Where nginx's source is; empty: no nginx module.
NGINX_SRC = /usr/share/nginx/src
# Empty: no toktab-panel, the page for domain admins, which needs libfcgi.
PANEL = yes
# Empty: no engine-etcd, which needs libcurl.
ENGINE = yes

LIB_PACKAGES = libsodium libconfig zlib
TOOL_PACKAGES = jansson
PANEL_PACKAGES = $(if $(PANEL),fcgi)
ENGINE_PACKAGES = $(if $(ENGINE),libcurl)
TEST_PACKAGES = check

# ---- flags ----

CFLAGS ?= -O2 -g
WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
    -Werror=implicit-function-declaration -Werror=incompatible-pointer-types \
    $(if $(WERROR),-Werror)

# Hardened whoever builds it; the caller's own flags come later and win.
supported := $(shell for flag in -fstack-clash-protection -fcf-protection; do \
    $(CC) -Werror $$flag -E -x c /dev/null >/dev/null 2>&1 && echo $$flag; done)
# With -flto too, a relocatable link is to give machine code, in which symbols can be made local.
relocatable := $(shell flag=-flinker-output=nolto-rel; \
    $(CC) $$flag -E -x c /dev/null >/dev/null 2>&1 && echo $$flag)
optimizes = $(filter -O -O1 -O2 -O3 -Os -Oz -Og,$(CFLAGS))
fortify = $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
ifdef SANITIZE
HARDEN = -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
HARDEN_LINK = -fsanitize=$(SANITIZE)
else
HARDEN = -fstack-protector-strong $(supported) $(if $(optimizes),$(fortify))
HARDEN_LINK = -Wl,-z,relro,-z,now,-z,noexecstack
endif

packages := $(shell $(PKG_CONFIG) --cflags $(LIB_PACKAGES) $(TOOL_PACKAGES) $(PANEL_PACKAGES) $(ENGINE_PACKAGES) $(TEST_PACKAGES) 2>/dev/null)
LIB_LIBS := $(shell $(PKG_CONFIG) --libs $(LIB_PACKAGES) 2>/dev/null)
TOOL_LIBS := $(shell $(PKG_CONFIG) --libs $(TOOL_PACKAGES) 2>/dev/null)
PANEL_LIBS := $(if $(PANEL),$(shell $(PKG_CONFIG) --libs $(PANEL_PACKAGES) 2>/dev/null))
ENGINE_LIBS := $(if $(ENGINE),$(shell $(PKG_CONFIG) --libs $(ENGINE_PACKAGES) 2>/dev/null))
TEST_LIBS := $(shell $(PKG_CONFIG) --libs $(TEST_PACKAGES) 2>/dev/null)

ALL_CPPFLAGS = -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64 -Imodule -DTOKTAB_VERSION='"$(VERSION)"' \
    -DTOKTAB_SYSCONFDIR='"$(SYSCONFDIR)"' -DTOKTAB_STATEDIR='"$(STATEDIR)"' \
    -DTOKTAB_ENGINEDIR='"$(ENGINEDIR)"' $(packages) $(CPPFLAGS)
ALL_CFLAGS = -std=gnu11 -pthread $(WARNINGS) $(HARDEN) $(CFLAGS)
ALL_LDFLAGS = -pthread -Wl,--as-needed $(HARDEN_LINK) $(LDFLAGS)

COMPILE = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@
LINK = $(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@

# What the files of a folder want besides.
LIB_FLAGS = -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections
TOOL_FLAGS = -fPIE -Imodule/lib -Itool
PANEL_FLAGS = $(TOOL_FLAGS) -DTOKTAB_BINDIR='"$(BINDIR)"'
MODULE_FLAGS = -fPIC -Wno-unused-parameter $(NGINX_INCLUDES)
PAM_FLAGS = -fPIC -fvisibility=hidden

# ---- what is built from what ----

LIB_OBJECTS = $(patsubst module/lib/%.c,$(BUILD)/lib/%.o,$(wildcard module/lib/*.c))
TOOL_OBJECTS = $(patsubst tool/%.c,$(BUILD)/tool/%.o,\
    $(filter-out tool/panel/% tool/engine/%,$(wildcard tool/*.c tool/*/*.c)))
PANEL_OBJECTS = $(patsubst tool/%.c,$(BUILD)/tool/%.o,$(wildcard tool/panel/*.c))
ENGINE_OBJECTS = $(patsubst tool/%.c,$(BUILD)/tool/%.o,$(wildcard tool/engine/*.c))
UNIT_OBJECTS = $(patsubst tests/unit/%.c,$(BUILD)/unit/%.o,$(wildcard tests/unit/*.c))
BENCHES = $(patsubst tests/bench/%.c,$(BUILD)/bench-%,\
    $(filter-out tests/bench/measure.c,$(wildcard tests/bench/*.c)))
BENCH_ENGINES = $(patsubst tests/bench/engines/%.c,$(BUILD)/bench-engine-%,\
    $(filter-out %/engine.c,$(wildcard tests/bench/engines/*.c)))
FUZZ_HELPERS = tests/fuzz/fuzz.c tests/fuzz/repair.c tests/fuzz/damage.c
FUZZ_SOURCES = $(filter-out $(if $(NGINX_SRC),,tests/fuzz/authorization.c),$(wildcard tests/fuzz/*.c))
# What make check only compiles: the benchmarks and the fuzz targets are run elsewhere.
OTHER_OBJECTS = $(patsubst tests/%.c,$(BUILD)/%.o,$(wildcard tests/bench/*.c) $(FUZZ_SOURCES))
FUZZERS = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz-%,$(filter-out $(FUZZ_HELPERS),$(FUZZ_SOURCES)))

LIBRARIES = $(BUILD)/libtoktab.so.0 $(BUILD)/libtoktab.so $(BUILD)/libtoktab.a
MODULE = $(BUILD)/nginx/ngx_http_auth_toktab_module.so
MODULE_OBJECTS = $(patsubst module/nginx/%.c,$(BUILD)/nginx/%.o,$(wildcard module/nginx/*.c)) \
    $(BUILD)/nginx/ngx_http_auth_toktab_module_modules.o

PAM_MODULE = $(BUILD)/pam/pam_toktab.so
PAM_OBJECTS = $(patsubst module/pam/%.c,$(BUILD)/pam/%.o,$(wildcard module/pam/*.c))

MANPAGES = $(wildcard $(foreach n,1 3 5 7 8,conf/*.$n module/*.$n module/*/*.$n tool/*.$n) $(if $(PANEL),tool/panel/*.8))
EXAMPLES = $(wildcard conf/*.conf conf/sudoers module/example/*)
# For the page: what nginx includes, and the units.
PANEL_EXAMPLES = $(if $(PANEL),$(wildcard conf/panel/*))
FLEET_EXAMPLES = $(wildcard conf/fleet/*)
# These keep their folders and modes.
MORE_EXAMPLES = $(patsubst conf/examples/%,%,$(shell find conf/examples -type f))

.PHONY: all lib tool module pam panel engine fuzzers fault-tools demo demo-panel check check-all test-unit test-e2e torture bench lint format \
    compile_commands.json deb check-deb install uninstall clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

# The module first: nginx's configure takes longest, and cannot be split into jobs.
all: $(if $(NGINX_SRC),module) lib tool pam $(if $(PANEL),panel) $(if $(ENGINE),engine)
lib: $(LIBRARIES)
tool: $(BUILD)/toktab
module: $(MODULE)
pam: $(PAM_MODULE)
panel: $(BUILD)/toktab-panel
engine: $(BUILD)/engine-etcd
fuzzers: $(FUZZERS)

# Changed whenever the compiler or a flag is, so that everything is built anew then.
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' $(call quote,$(shell $(CC) --version 2>&1 | head -n 1) $(COMPILE) $(LINK)) > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else \
	    CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' tests/install-needed --look $(LIB_PACKAGES) $(TOOL_PACKAGES) $(PANEL_PACKAGES) \
	        $(ENGINE_PACKAGES) && \
	    mv $@.new $@; fi

quote = '$(subst ','\'',$(1))'
Q = $(if $(V),,@)
say = @mkdir -p $(@D)$(if $(V),,; echo '  $(1)  $@')

$(BUILD)/lib/%.o: module/lib/%.c $(BUILD)/flags
	$(call say,CC)
	$Q$(COMPILE) $(LIB_FLAGS) $<

$(BUILD)/tool/%.o: tool/%.c $(BUILD)/flags
	$(call say,CC)
	$Q$(COMPILE) $(TOOL_FLAGS) $<

$(BUILD)/tool/panel/%.o: tool/panel/%.c $(BUILD)/flags
	$(call say,CC)
	$Q$(COMPILE) $(PANEL_FLAGS) $<

$(BUILD)/unit/%.o: tests/unit/%.c $(BUILD)/flags
	$(call say,CC)
	$Q$(COMPILE) $(TOOL_FLAGS) $<

$(BUILD)/bench/%.o: tests/bench/%.c $(BUILD)/flags
	$(call say,CC)
	$Q$(COMPILE) $(TOOL_FLAGS) $<

$(BUILD)/fuzz/%.o: tests/fuzz/%.c $(BUILD)/flags
	$(call say,CC)
	$Q$(COMPILE) $(TOOL_FLAGS) $<

# Without what only the tool calls. -Bsymbolic: another copy of the library in a process does not answer for this one.
$(BUILD)/libtoktab.so.0: $(LIB_OBJECTS) module/libtoktab.map
	$(call say,LD)
	$Q$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,$(@F) -Wl,--version-script=module/libtoktab.map \
	    -Wl,--gc-sections -Wl,-Bsymbolic $(if $(SANITIZE),,-Wl,--no-undefined) $(ALL_LDFLAGS) -o $@ $(LIB_OBJECTS) $(LIB_LIBS) $(LDLIBS)

$(BUILD)/libtoktab.so: $(BUILD)/libtoktab.so.0
	$Qln -sf $(<F) $@

# One object, whose hidden symbols are made local: in a static link they clash with nobody's.
$(BUILD)/libtoktab.a: $(LIB_OBJECTS)
	$(call say,AR)
	$Qrm -f $@
	$Q$(CC) $(CFLAGS) $(relocatable) -r -nostdlib -o $(@:.a=-all.o) $(LIB_OBJECTS)
	$Q$(OBJCOPY) --localize-hidden $(@:.a=-all.o)
	$Q$(AR) rcsD $@ $(@:.a=-all.o)

$(BUILD)/toktab: $(TOOL_OBJECTS) $(LIB_OBJECTS)
	$(call say,LD)
	$Q$(LINK) $^ $(TOOL_LIBS) $(LIB_LIBS) $(LDLIBS)

# From archives: it runs the tool, and has little of it inside.
$(BUILD)/toktab-panel: $(PANEL_OBJECTS) $(BUILD)/tool/inner.a $(BUILD)/lib/inner.a
	$(call say,LD)
	$Q$(LINK) $^ $(PANEL_LIBS) $(TOOL_LIBS) $(LIB_LIBS) $(LDLIBS)

$(BUILD)/engine-etcd: $(ENGINE_OBJECTS) $(BUILD)/lib/inner.a
	$(call say,LD)
	$Q$(LINK) $^ $(ENGINE_LIBS) $(TOOL_LIBS) $(LIB_LIBS) $(LDLIBS)

$(BUILD)/lib/inner.a: $(LIB_OBJECTS)
	$(call say,AR)
	$Qrm -f $@
	$Q$(AR) rcsD $@ $^

# The tool and the page without their main(): tests and measurements take from it what they want.
$(BUILD)/tool/inner.a: $(filter-out %/main.o,$(TOOL_OBJECTS) $(PANEL_OBJECTS))
	$(call say,AR)
	$Qrm -f $@
	$Q$(AR) rcsD $@ $^

$(BUILD)/unit-tests: $(UNIT_OBJECTS) $(BUILD)/tool/inner.a $(LIB_OBJECTS)
	$(call say,LD)
	$Q$(LINK) $^ $(TEST_LIBS) $(TOOL_LIBS) $(LIB_LIBS) $(LDLIBS)

$(BUILD)/bench-pam: LDLIBS += -lpam -lcrypt

$(BUILD)/bench-%: $(BUILD)/bench/%.o $(BUILD)/bench/measure.o $(LIB_OBJECTS)
	$(call say,LD)
	$Q$(LINK) $^ $(LIB_LIBS) $(LDLIBS)

# Other ways to look a token up, whose libraries only BENCH=all installs.
$(BUILD)/bench-engine-lmdb: LDLIBS += -llmdb
$(BUILD)/bench-engine-cdb: LDLIBS += -lcdb
$(BUILD)/bench-engine-sqlite: LDLIBS += -lsqlite3
$(BUILD)/bench-engine-jwt: LDLIBS += -ljwt

$(BUILD)/bench-engine-%: $(BUILD)/bench/engines/%.o $(BUILD)/bench/engines/engine.o $(BUILD)/bench/measure.o $(LIB_OBJECTS)
	$(call say,LD)
	$Q$(LINK) $^ $(LIB_LIBS) $(LDLIBS)

# By tests/fault: what makes system calls and allocations fail, preloaded; and hosts of the library.
FAULT_TOOLS = $(BUILD)/fault-shim.so $(BUILD)/fault-host $(BUILD)/fault-pam $(BUILD)/fault-httpd
fault-tools: $(FAULT_TOOLS)
FAULT_OBJECTS = $(patsubst %,$(BUILD)/fault/%.o,shim memory log)

$(BUILD)/fault/%.o: tests/fault/%.c $(BUILD)/flags
	$(call say,CC)
	$Q$(COMPILE) -fPIC -fvisibility=hidden -Imodule $<

$(BUILD)/fault-shim.so: $(FAULT_OBJECTS)
	$(call say,LD)
	$Q$(CC) $(ALL_CFLAGS) -shared -Wl,-soname,$(@F) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/fault-host: $(BUILD)/fault/host.o $(BUILD)/libtoktab.so $(BUILD)/fault-shim.so
	$(call say,LD)
	$Q$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $< -L$(BUILD) -ltoktab $(BUILD)/fault-shim.so $(LDLIBS)

# The libraries where the shim finds them, which does not see what libpam loads for itself.
$(BUILD)/fault-pam: $(BUILD)/fault/pam.o $(BUILD)/fault-shim.so
	$(call say,LD)
	$Q$(CC) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -o $@ $< -lpam $(BUILD)/fault-shim.so -Wl,--no-as-needed $(LIB_LIBS) $(LDLIBS)

$(BUILD)/fault-httpd: module/example/toktab-httpd.c $(BUILD)/libtoktab.so
	$(call say,LD)
	$Q$(CC) $(filter-out -D_GNU_SOURCE,$(ALL_CPPFLAGS)) $(ALL_CFLAGS) -pie $(ALL_LDFLAGS) -Imodule -o $@ $< -L$(BUILD) -ltoktab $(LDLIBS)

# By libFuzzer, which clang has: tests/fuzz/run gives the variables that it wants.
$(BUILD)/fuzz-%: $(BUILD)/fuzz/%.o $(FUZZ_HELPERS:tests/%.c=$(BUILD)/%.o) $(BUILD)/tool/inner.a $(LIB_OBJECTS)
	$(call say,LD)
	$Q$(LINK) -fsanitize=fuzzer $^ $(TOOL_LIBS) $(LIB_LIBS) $(LDLIBS)

# With that part of the module which reads a request; nginx and the library are played by the target.
$(BUILD)/fuzz/authorization.o: TOOL_FLAGS += $(MODULE_FLAGS) -Imodule/nginx
$(BUILD)/fuzz/authorization.o: | $(BUILD)/nginx/ngx_auto_config.h

$(BUILD)/fuzz-authorization: $(BUILD)/fuzz/authorization.o $(BUILD)/fuzz/fuzz.o \
    $(patsubst %,$(BUILD)/nginx/ngx_http_auth_toktab_%.o,access request user) $(BUILD)/lib/inner.a
	$(call say,LD)
	$Q$(LINK) -fsanitize=fuzzer $^ $(LIB_LIBS) $(LDLIBS)

# nginx's configure makes the headers that fit Debian's nginx (--with-compat), and the list of what is
# in the module. For its hundred small compilations clang would take half a minute.
NGINX_CC = $(if $(filter clang%,$(CC)),$(or $(shell command -v cc),$(CC)),$(CC))
NGINX_INCLUDES = $(patsubst %,-isystem $(NGINX_SRC)/src/%,core event event/modules event/quic os/unix \
    http http/modules http/v2 http/v3) -isystem $(BUILD)/nginx

# Changed whenever it is another nginx, whose files may be older than what was built for the one before.
$(BUILD)/nginx/version: FORCE | $(BUILD)/flags
	@test -e $(NGINX_SRC)/src/core/nginx.h || { echo >&2 'toktab: no source of nginx in "$(NGINX_SRC)": install' \
	    'nginx-dev (Debian), or say where it is (NGINX_SRC=DIR), or do without the module (NGINX_SRC=)'; exit 1; }
	@mkdir -p $(@D)
	@{ echo $(NGINX_SRC); cat $(NGINX_SRC)/src/core/nginx.h; } > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# Beside the source, not in it: there configure would put its Makefile in the place of the one that nginx was built by.
# In a clone of nginx's repository it is in auto.
$(BUILD)/nginx/ngx_auto_config.h: module/nginx/config $(BUILD)/nginx/version | $(BUILD)/flags
	$(call say,CONFIGURE)
	$Qrm -rf $(@D)/source && mkdir $(@D)/source && cd $(@D)/source && ln -s $(abspath $(NGINX_SRC))/* . && rm -f Makefile && \
	    sh $(if $(wildcard $(NGINX_SRC)/configure),configure,auto/configure) --with-compat --with-cc='$(NGINX_CC)' \
	    --builddir=$(abspath $(@D)) --add-dynamic-module=$(CURDIR)/module/nginx > $(abspath $@).log || \
	    { cat $(abspath $@).log; exit 1; }

$(BUILD)/nginx/ngx_http_auth_toktab_module_modules.c: $(BUILD)/nginx/ngx_auto_config.h ;

$(BUILD)/nginx/%.o: module/nginx/%.c $(BUILD)/nginx/ngx_auto_config.h $(BUILD)/flags
	$(call say,CC)
	$Q$(COMPILE) $(MODULE_FLAGS) $<

$(BUILD)/nginx/%.o: $(BUILD)/nginx/%.c $(BUILD)/flags
	$(call say,CC)
	$Q$(COMPILE) $(MODULE_FLAGS) $<

$(MODULE): $(MODULE_OBJECTS) $(BUILD)/libtoktab.so
	$(call say,LD)
	$Q$(CC) $(ALL_CFLAGS) -shared $(ALL_LDFLAGS) -o $@ $(MODULE_OBJECTS) -L$(BUILD) -ltoktab $(LDLIBS)

$(BUILD)/pam/%.o: module/pam/%.c $(BUILD)/flags
	$(call say,CC)
	$Q$(COMPILE) $(PAM_FLAGS) $<

$(PAM_MODULE): $(PAM_OBJECTS) $(BUILD)/libtoktab.so
	$(call say,LD)
	$Q$(CC) $(ALL_CFLAGS) -shared $(if $(SANITIZE),,-Wl,--no-undefined) $(ALL_LDFLAGS) -o $@ $(PAM_OBJECTS) \
	    -L$(BUILD) -ltoktab -lpam $(LDLIBS)

-include $(wildcard $(BUILD)/*/*.d $(BUILD)/*/*/*.d)

# ---- what is run ----

demo:
	@tests/install-needed demo
	@$(MAKE) --no-print-directory all
	@tests/demo

demo-panel:
	@tests/install-needed demo
	@$(MAKE) --no-print-directory all
	@tests/demo-panel

check:
	@tests/install-needed check
	@$(MAKE) --no-print-directory all $(BUILD)/unit-tests $(OTHER_OBJECTS)
	@tests/check

check-all:
	@tests/install-needed check-all
	@$(MAKE) --no-print-directory all $(BUILD)/unit-tests $(FAULT_TOOLS)
	@tests/check-all

test-unit: $(BUILD)/unit-tests
	@$(if $(SUITE),CK_RUN_SUITE='$(SUITE)') $<

test-e2e: all
	@TOKTAB='$(abspath $(BUILD)/toktab)' tests/e2e/run $(TEST)

torture:
	@tests/install-needed check-all tests/fuzz
	@tests/install-needed check-all tests/fleet
	@tests/install-needed check-all tests/fault
	@tests/install-needed check-all tests/timing
	@tests/install-needed check-all tests/systemd
	@$(MAKE) --no-print-directory all $(BUILD)/unit-tests $(FAULT_TOOLS)
	@tests/torture

bench:
	@tests/install-needed bench $(if $(filter all,$(BENCH)),,'make bench')
	@$(MAKE) --no-print-directory all $(BENCHES) $(if $(filter all,$(BENCH)),$(BENCH_ENGINES))
	@tests/bench/run

lint: $(BUILD)/nginx/ngx_auto_config.h
	@printf '%s\n' -std=gnu11 $(ALL_CPPFLAGS) $(filter -D% -I%,$(PANEL_FLAGS)) $(NGINX_INCLUDES) > $(BUILD)/lint-flags
	@tests/lint

format:
	find module tool tests -name '*.[ch]' -exec $(CLANG_FORMAT) -i {} +

# compiled FILES,FLAGS: a line for each file
json = $(subst ",\",$(subst \,\\,$1))
compiled = $(foreach file,$1,{"directory": "$(CURDIR)", "file": "$(file)", "command": "$(call \
    json,$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) $2 -c $(file))"}$(newline))
define newline


endef

compile_commands.json: $(if $(NGINX_SRC),$(BUILD)/nginx/ngx_auto_config.h)
	$(file >$@.new,$(call compiled,$(wildcard module/lib/*.c),$(LIB_FLAGS)))
	$(file >>$@.new,$(call compiled,$(wildcard module/pam/*.c),$(PAM_FLAGS)))
	$(if $(NGINX_SRC),$(file >>$@.new,$(call compiled,$(wildcard module/nginx/*.c),$(MODULE_FLAGS))))
	$(file >>$@.new,$(call compiled,$(wildcard tool/*.c tool/*/*.c tests/unit/*.c tests/bench/*.c tests/fuzz/*.c tests/fault/*.c tests/timing/*.c),$(PANEL_FLAGS)))
	@{ echo '['; grep . $@.new | sed '$$!s/$$/,/'; echo ']'; } > $@; rm $@.new

# From a copy of the tree: what was built here, for other paths, is left alone.
deb:
	@tests/install-needed deb
	rm -rf $(BUILD)/deb
	mkdir -p $(BUILD)/deb/toktab-$(VERSION)
	tar -c --exclude=./$(BUILD) --exclude=./.git . | tar -x -C $(BUILD)/deb/toktab-$(VERSION)
	cd $(BUILD)/deb/toktab-$(VERSION) && env -u MAKEFLAGS -u MAKELEVEL DEB_BUILD_OPTIONS="$${DEB_BUILD_OPTIONS-nocheck}" \
	    dpkg-buildpackage -b -us -uc

check-deb:
	@tests/check-deb $(SUITE)

install: all
	$(INSTALL) -d $(addprefix $(DESTDIR),$(BINDIR) $(LIBDIR)/pkgconfig $(INCLUDEDIR) $(DOCDIR)/examples)
	$(INSTALL) $(BUILD)/toktab $(DESTDIR)$(BINDIR)
	$(INSTALL) -m 644 $(BUILD)/libtoktab.so.0 $(BUILD)/libtoktab.a $(DESTDIR)$(LIBDIR)
	ln -sf libtoktab.so.0 $(DESTDIR)$(LIBDIR)/libtoktab.so
	$(INSTALL) -m 644 module/toktab.h $(DESTDIR)$(INCLUDEDIR)
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' \
	    -e 's|@VERSION@|$(VERSION)|' module/toktab.pc.in > $(DESTDIR)$(LIBDIR)/pkgconfig/toktab.pc
	for page in $(MANPAGES); do \
	    $(INSTALL) -D -m 644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/} || exit; done
	for example in $(EXAMPLES); do \
	    $(INSTALL) -m 644 $$example $(DESTDIR)$(DOCDIR)/examples || exit; done
	$(if $(PANEL),$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(DOCDIR)/examples/panel)
	$(if $(PANEL),$(INSTALL) $(BUILD)/toktab-panel $(DESTDIR)$(SBINDIR))
	$(if $(ENGINE),$(INSTALL) -D $(BUILD)/engine-etcd $(DESTDIR)$(ENGINEDIR)/engine-etcd)
	for example in $(PANEL_EXAMPLES); do \
	    sed 's|/usr/sbin/|$(SBINDIR)/|; s|/var/lib|$(STATEDIR)/lib|' $$example > $(DESTDIR)$(DOCDIR)/examples/panel/$${example##*/} || exit; done
	$(INSTALL) -d $(DESTDIR)$(DOCDIR)/examples/fleet
	for example in $(FLEET_EXAMPLES); do \
	    sed 's|/usr/bin/|$(BINDIR)/|; s|/var/lib|$(STATEDIR)/lib|' $$example > $(DESTDIR)$(DOCDIR)/examples/fleet/$${example##*/} || exit; done
	for example in $(MORE_EXAMPLES); do mode=644; \
	    [ ! -x conf/examples/$$example ] || mode=755; \
	    $(INSTALL) -D -m $$mode conf/examples/$$example $(DESTDIR)$(DOCDIR)/examples/$$example || exit; done
	$(INSTALL) -D -m 644 conf/completions/toktab.bash $(DESTDIR)$(BASH_COMPLETIONS)/toktab
	$(INSTALL) -D -m 644 conf/completions/_toktab $(DESTDIR)$(ZSH_COMPLETIONS)/_toktab
	$(INSTALL) -D -m 644 conf/completions/toktab.fish $(DESTDIR)$(FISH_COMPLETIONS)/toktab.fish
	$(if $(NGINX_SRC),$(INSTALL) -D -m 644 $(MODULE) $(DESTDIR)$(NGINX_MODULEDIR)/$(notdir $(MODULE)))
	$(INSTALL) -D -m 644 $(PAM_MODULE) $(DESTDIR)$(PAM_MODULEDIR)/$(notdir $(PAM_MODULE))
	$(tell_linker)

# Elsewhere the system does not look for libraries.
tell_linker = $(if $(DESTDIR),,$(if $(filter /usr /usr/local,$(PREFIX)),if [ -w /etc/ld.so.cache ]; then ldconfig; fi))

uninstall:
	rm -f $(addprefix $(DESTDIR),$(BINDIR)/toktab $(SBINDIR)/toktab-panel $(ENGINEDIR)/engine-etcd $(addprefix $(LIBDIR)/,libtoktab.so.0 libtoktab.so libtoktab.a \
	    pkgconfig/toktab.pc) $(INCLUDEDIR)/toktab.h \
	    $(foreach page,$(MANPAGES),$(MANDIR)/man$(subst .,,$(suffix $(page)))/$(notdir $(page))) \
	    $(addprefix $(DOCDIR)/examples/,$(notdir $(EXAMPLES)) $(MORE_EXAMPLES) \
	        $(addprefix panel/,$(notdir $(PANEL_EXAMPLES))) $(addprefix fleet/,$(notdir $(FLEET_EXAMPLES)))) \
	    $(BASH_COMPLETIONS)/toktab $(ZSH_COMPLETIONS)/_toktab $(FISH_COMPLETIONS)/toktab.fish \
	    $(NGINX_MODULEDIR)/$(notdir $(MODULE)) $(PAM_MODULEDIR)/$(notdir $(PAM_MODULE)))
	for folder in $(addprefix $(DESTDIR)$(DOCDIR),$(addprefix /examples/,fail2ban fleet nginx.service.d pam panel) /examples '') $(DESTDIR)$(ENGINEDIR) ; do \
	    [ ! -d $$folder ] || rmdir --ignore-fail-on-non-empty $$folder || exit; done
	$(tell_linker)

clean:
	rm -rf $(BUILD) compile_commands.json
