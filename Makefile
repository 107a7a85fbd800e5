# Aftercare. Two commands to begin with: make demo, make check. `make help` lists the rest.
#
# One flat file: services, tests and embedded files are found by wildcard, dependencies are written by the compiler
# (-MD, so that the layer check sees system headers too), everything is made below build/.
# VARIANT=asan builds the same with AddressSanitizer and UndefinedBehaviorSanitizer below build/asan/, VARIANT=fault with the
# failpoints of common/base/failpoint.h below build/fault/, VARIANT=fault-asan both of these below build/fault-asan/,
# VARIANT=mutants with a switch in each rule of the protocol (common/base/rule.h) below build/mutants/.

VARIANT ?= plain
ifeq ($(origin CC),default)
CC      := gcc
endif
PKGS    := libpq rdkafka jansson libsystemd libcurl libmicrohttpd libsodium libpcre2-8 zlib

OUT_plain := build
OUT_asan  := build/asan
OUT_fault := build/fault
OUT_fault-asan := build/fault-asan
OUT_mutants := build/mutants
OUT       := $(OUT_$(VARIANT))
OBJ       := $(OUT)/obj

ifeq ($(filter help clean install-packages demo distclean model,$(MAKECMDGOALS)),)
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) 2>/dev/null)
endif

comma     := ,
# One short line per step; V=1 shows the commands.
Q         := $(if $(V),,@)
say        = $(if $(V),,@echo '  $(1)  $@')

WARN      := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wno-format-nonliteral
WERROR    ?= -Werror
FAULT_NODES ?= 3
CFLAGS    ?= -O2 -g
DEFINES_mutants := -DAFTERCARE_MUTANTS
FLAGS_asan := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS_fault-asan := $(FLAGS_asan)
DEFINES_fault := -DAFTERCARE_FAILPOINTS
DEFINES_fault-asan := $(DEFINES_fault)
ALL_CFLAGS := -std=gnu17 $(CFLAGS) $(WARN) $(WERROR) -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE -I. $(PKG_CFLAGS) $(DEFINES_$(VARIANT)) $(FLAGS_$(VARIANT))
ifneq ($(filter asan fault-asan,$(VARIANT)),)
ALL_CFLAGS := $(filter-out -D_FORTIFY_SOURCE=2,$(ALL_CFLAGS)) -DAFTERCARE_ASAN
endif
ALL_LDFLAGS := $(LDFLAGS) -pie -Wl,--as-needed -Wl,-z,relro,-z,now $(FLAGS_$(VARIANT))
LIBS      := $(PKG_LIBS) -pthread

COMMON    := $(wildcard common/*/*.c)
SERVICES  := $(patsubst services/%/main.c,%,$(wildcard services/*/main.c))
UNIT      := $(wildcard tests/unit/test_*.c)
INTEGRATION := $(wildcard tests/integration/test_*.c)
SCENARIOS := $(wildcard tests/scenarios/test_*.c)
FAULT     := $(wildcard tests/fault/*.c)
BENCH     := $(wildcard tests/bench/*.c)
SIMULATOR := $(wildcard tests/simulator/*.c)
MEMORY    := $(wildcard tests/simulator/memory/*.c)
POSTGRES  := $(wildcard tests/simulator/postgres/*.c)
SOAK      := $(wildcard tests/soak/*.c)
SUPPORT   := $(wildcard tests/support/*.c)
EMBEDDED  := $(sort $(wildcard schemas/events/*.json schemas/*.json schemas/sql/*.sql services/*/*.sql common/*/*.sql \
               deploy/templates/*/*) $(if $(filter mutants,$(VARIANT)),build/mutants/rules.sql))

program    = $(OUT)/bin/$(if $(filter ctl,$(1)),aftercarectl,aftercare-$(1))
objects    = $(patsubst %.c,$(OBJ)/%.o,$(1))
# Everything of a service but its main: what its unit tests link.
parts      = $(call objects,$(filter-out services/$(1)/main.c,$(wildcard services/$(1)/*.c)))

LIBRARY   := $(OUT)/libaftercare.a
PROGRAMS  := $(foreach s,$(SERVICES),$(call program,$(s)))
TOOLS     := $(if $(wildcard deploy/dev/supervisor.c),$(OUT)/bin/aftercare-supervisor) $(OUT)/bin/aftercare-demo
UNIT_PROGRAMS  := $(patsubst tests/unit/%.c,$(OUT)/tests/unit/%,$(UNIT))
OTHER_PROGRAMS := $(patsubst tests/%.c,$(OUT)/tests/%,$(INTEGRATION) $(SCENARIOS) $(FAULT)) $(OUT)/tests/load $(OUT)/tests/soak
ALL_PARTS := $(foreach s,$(filter-out ctl devbroker,$(SERVICES)),$(call parts,$(s)))

.PHONY: FORCE all help tests simulate fault-tests faults extremes soak check check-unit layers mutate demo screenshot model bench clean distclean install-packages
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAMS) $(TOOLS)

help:
	@sed -n 's/^## //p' Makefile

## make                    builds everything below build/
## make demo               installs what is missing, builds, and shows the system at work (BROKER=kafka: on real Kafka)
## make check              installs, builds (plain and with sanitizers), runs every test
## make model              checks the model of the exactly-once protocol, as it is and with each rule broken (minutes)
## make faults             every failpoint at its first five hits, each way of failing (FAULT_HITS=N, FAULT_POINTS=PREFIX,
##                         FAULT_ACTIONS="exit stop"; SANITIZED=1: with the sanitizers), then three nodes of Kafka killed under
##                         load (FAULT_NODES=N kills)
## make soak               faults of every kind at random under load, on real Kafka, with a report: MINUTES=N or KILLS=N (SEED=N)
## make mutate             takes each rule of the protocol out and shows the test that then fails (RULES="t-apart flaw-d": these;
##                         RESUME=1: goes on where the last run was broken off)
## make extremes           claims at the edge of what their schemas take: what PostgreSQL cannot hold never gets there (CLAIMS=N)
## make bench              speed and size on this machine, on real Kafka; POISON=1: intake with 1 % of poison against none
## make simulate           exactly once, on a simulated bus, database and clock: SEEDS=N runs, or SEED=n shows one
##                         STORE=postgres: all services, on a real PostgreSQL
## make screenshot         the pictures of the READMEs, from two runs of the demo
## make layers             only the check that includes point down and decisions are pure
## make clean              removes what was built; keeps downloads and stacks

# The simulator switches stacks, which the sanitizers do not follow: plain only.
tests: $(UNIT_PROGRAMS) $(OTHER_PROGRAMS) $(if $(filter plain,$(VARIANT)),$(OUT)/tests/simulator $(OUT)/tests/simulator_postgres)

# With VARIANT=fault: the loop over the failpoints, which runs on the devbroker of the plain build.
fault-tests: $(OUT)/tests/fault/test_failpoints

$(OBJ)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC    )
	$(Q)$(CC) $(ALL_CFLAGS) -MD -MP -c -o $@ $<

$(OUT)/embed.S: common/io/embed.sh $(EMBEDDED)
	@mkdir -p $(@D)
	$(call say,EMBED )
	$(Q)sh common/io/embed.sh $(EMBEDDED) > $@
# Its own rule for the list itself: a file added or removed remakes the table.
$(OUT)/embed.list: FORCE
	@mkdir -p $(@D)
	@echo '$(EMBEDDED)' | cmp -s - $@ || echo '$(EMBEDDED)' > $@
$(OUT)/embed.S: $(OUT)/embed.list
FORCE:
# The product's statements with a rule of the protocol taken out of each.
build/mutants/rules.sql: tests/mutate/make-rules tests/mutate/edits.sql $(wildcard services/*/*.sql common/*/*.sql)
	@mkdir -p $(@D)
	$(Q)tests/mutate/make-rules $(wildcard services/*/*.sql common/*/*.sql) tests/mutate/edits.sql > $@
$(OBJ)/embed.o: $(OUT)/embed.S
	@mkdir -p $(@D)
	$(Q)$(CC) -c -o $@ $<

$(LIBRARY): $(call objects,$(COMMON)) $(OBJ)/embed.o
	$(call say,AR    )
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

define service_rule
$(call program,$(1)): $(call objects,$(wildcard services/$(1)/*.c)) $(LIBRARY)
	@mkdir -p $$(@D)
	$$(call say,LINK  )
	$$(Q)$$(CC) $$(ALL_LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach s,$(SERVICES),$(eval $(call service_rule,$(s))))

$(OUT)/bin/aftercare-supervisor: $(call objects,$(wildcard deploy/dev/*.c)) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK  )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# The demo's driver shows things as aftercarectl does.
$(OUT)/bin/aftercare-demo: $(call objects,$(wildcard deploy/demo/*.c) services/ctl/screen.c services/ctl/ticket_words.c) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK  )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# A unit test links the library and the parts of the services it may be about.
$(OUT)/tests/%: $(OBJ)/tests/%.o $(call objects,$(SUPPORT)) $(OUT)/libparts.a $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK  )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka -lm
# No service is in it.
$(OUT)/tests/fault/test_failpoints: $(OBJ)/tests/fault/test_failpoints.o $(call objects,$(SUPPORT)) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK  )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka -lm
$(OUT)/tests/soak: $(call objects,$(SOAK)) $(OUT)/libsupport.a $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK  )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka -lm
$(OUT)/tests/load: $(call objects,$(BENCH)) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK  )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
# Its own bus, database, clock and log come first: what they define is not taken from the library.
$(OUT)/tests/simulator: $(call objects,$(SIMULATOR) $(MEMORY)) $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK  )
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
# The same on a real PostgreSQL: all services in one program, the real db with what it asks of libpq held by the schedule.
WRAPPED := poll PQconnectdbParams PQfinish PQpipelineSync PQsendQueryParams
$(OUT)/tests/simulator_postgres: $(call objects,$(SIMULATOR) $(POSTGRES)) $(OUT)/libsupport.a $(OUT)/libparts.a $(LIBRARY)
	@mkdir -p $(@D)
	$(call say,LINK  )
	$(Q)$(CC) $(ALL_LDFLAGS) $(addprefix -Wl$(comma)--wrap=,$(WRAPPED)) -o $@ $^ $(LIBS) -lcmocka -lm
$(OUT)/libsupport.a: $(call objects,$(SUPPORT))
	$(call say,AR    )
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^
$(OUT)/libparts.a: $(ALL_PARTS)
	$(call say,AR    )
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

layers: all
	tests/layers.sh $(OBJ)

check:
	@tests/check.sh

extremes: all
	@tests/fault/extremes.py

mutate:
	@$(MAKE) -s VARIANT=mutants all $$(tests/mutate/run.sh --programs $(RULES))
	@tests/mutate/run.sh $(RULES)

check-unit: tests
	@tests/run.sh unit

SIMULATE_postgres := simulator_postgres
simulate: $(OUT)/tests/$(or $(SIMULATE_$(STORE)),simulator) $(if $(SIMULATE_$(STORE)),all)
	@$< $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),$(if $(SIMULATE_$(STORE)),200,100000)) --first $(or $(FIRST),1))

demo:
	@deploy/dev/demo --broker $(or $(BROKER),devbroker)

model:
	@deploy/install-packages model
	@tests/model/run.sh

screenshot: all
	@deploy/demo/screenshot

FAULT_VARIANT := fault$(if $(SANITIZED),-asan)
faults: all $(OUT_plain)/tests/integration/test_cluster
	@$(MAKE) -s VARIANT=$(FAULT_VARIANT) fault-tests
	@AFTERCARE_FAULT_HITS=$(or $(FAULT_HITS),5) AFTERCARE_FAULT_ACTIONS="$(or $(FAULT_ACTIONS),exit abort error delay stop)" \
	AFTERCARE_FAULT_POINTS="$(FAULT_POINTS)" AFTERCARE_TEST_SECONDS=60 TEST_PATIENCE=7200 OUT=$(OUT_$(FAULT_VARIANT)) \
	tests/run.sh fault test_failpoints
	@[ $(FAULT_NODES) = 0 ] || AFTERCARE_TEST_CLUSTER=$(FAULT_NODES) AFTERCARE_TEST_SECONDS=60 TEST_PATIENCE=7200 \
	tests/run.sh integration test_cluster

soak: all $(OUT)/tests/soak $(OUT)/tests/fault/check_history
	@deploy/install-packages kafka && deploy/dev/kafka-fetch >/dev/null
	@AFTERCARE_BIN=$(CURDIR)/$(OUT)/bin $(OUT)/tests/soak $(if $(MINUTES)$(KILLS),,--minutes 10) $(if $(MINUTES),--minutes $(MINUTES)) \
		$(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) $(SOAK_OPTIONS)

bench:
	@tests/bench/run.sh

install-packages:
	deploy/install-packages build run test

clean:
	rm -rf build/obj build/asan build/fault build/fault-asan build/mutants build/bin build/tests build/*.a build/embed.*
distclean: clean
	rm -rf build

-include $(shell find $(OBJ) -name '*.d' 2>/dev/null)
