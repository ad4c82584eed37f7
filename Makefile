# linecrm: a PostgreSQL extension that makes a database the CRM of a LINE Official Account.
#
#   make                 the extension and the programs beside it
#   sudo make install    into the server that pg_config belongs to
#   make test            packages, build, a private server, every test; ends with "N passed, N failed"
#   make demo            packages, build, a private server, the main job on sample data
#   make bench           tables of speed, ratios against LINE's limits or a stated peer
#
# test and demo never touch an installed server: they work on a private copy of PostgreSQL.

EXTENSION  = linecrm
EXTVERSION = 1.0
MODULE_big = linecrm

OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/line/*.c src/crm/*.c src/worker/*.c)))

# The extension script is the numbered parts of sql/, in order.
SQL_PARTS  = $(sort $(wildcard sql/[0-9]*.sql))
DATA_built = sql/linecrm--$(EXTVERSION).sql

PG_CPPFLAGS = -Isrc -DLINECRM_VERSION='"$(EXTVERSION)"'
PG_CFLAGS   = -std=gnu11 -Wall -Wextra -Werror -Wvla -Wno-unused-parameter -Wno-sign-compare \
              -Wno-missing-field-initializers -MMD -MP
# What the server calls is exported by name: PostgreSQL 15 does not mark functions of PG_FUNCTION_INFO_V1 as exported.
SHLIB_LINK  = -Wl,--version-script=src/exports.map -lcurl -lcrypto -ljansson -lunistring
EXTRA_CLEAN = $(OBJS:.o=.d) sql/linecrm--$(EXTVERSION).sql

# Bitcode for JIT inlining would need clang and gains nothing here.
override with_llvm = no

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifeq ($(PGXS),)
# Nothing is installed yet: test and demo install the packages first and come back.
all install:
	@echo "pg_config not found: install postgresql-server-dev-15, or run 'make test' or 'make demo', which install what they need"; exit 1
else
include $(PGXS)
-include $(OBJS:.o=.d)
$(OBJS): Makefile

sql/linecrm--$(EXTVERSION).sql: $(SQL_PARTS)
	cat $(SQL_PARTS) > $@.tmp && mv $@.tmp $@
endif

all: programs
programs:
	@for dir in sandbox gateway; do if [ -f $$dir/Makefile ]; then $(MAKE) -C $$dir || exit 1; fi; done

install: install-programs
install-programs: programs
	@for dir in sandbox gateway; do if [ -f $$dir/Makefile ]; then $(MAKE) -C $$dir install DESTDIR='$(DESTDIR)' bindir='$(bindir)' || exit 1; fi; done

clean: clean-programs
clean-programs:
	@for dir in sandbox gateway test/unit test/fuzz; do if [ -f $$dir/Makefile ]; then $(MAKE) -C $$dir clean || exit 1; fi; done

test:
	@test/run

demo:
	@KEEP=$(KEEP) demo/run

bench:
	@bench/run

checkver:
	@test/checkver

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

.PHONY: programs install-programs clean-programs test demo bench checkver format
