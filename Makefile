# Everything that a person or continuous integration does with this checkout. Try "make help".

export ANSIBLE_HOME := $(CURDIR)/.ansible
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Hundreds of runs of Ansible: what it imports is compiled once, and not in each of them, whatever the environment says.
unexport PYTHONDONTWRITEBYTECODE

FLEET := molecule/default/fleet
LINK := .ansible/collections/ansible_collections/safetynet/prod_access
# Stamps carry what they depend on, so that switching branches neither misses a change nor repeats work.
VENV := .venv/requirements-$(firstword $(shell sha256sum requirements.txt))
BENCH := .venv/bench-$(firstword $(shell sha256sum tests/bench/requirements.txt))
SYSTEM := crun debian-archive-keyring git iptables mmdebstrap netavark openssh-client podman python3-venv

.DEFAULT_GOAL := help
.PHONY: help demo test lint sanity archive unit browser molecule fleet bench prompts docs clean system venv
.NOTPARALLEL:

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

demo: fleet  ## the whole story on the fleet: the net, access, a mistake in production, and what catches it; leaves the fleet up
	@PYTHONPATH=molecule/default:molecule/prompt/tests:molecule/notify/tests python molecule/site/story.py
	@$(FLEET) report

# Scenarios wait for much of their time. So they run in lanes, each on a fleet of its own, beside the gates that need no hosts: lane 0 in this
# checkout, the others in copies of it. What they say is in the lanes' logs, which are shown where they fail. site and docs leave backups
# behind, which others do not expect, and docs puts an earlier commit onto a host, which only this checkout has.
# The gates have the time that lanes leave, since these wait for much of theirs; sched(7) has a nice value for a whole session.
LANES := 0 1 2
LANE_0 := docs site accounts
LANE_1 := prompt audit notify
LANE_2 := backup sudo announce postmortem
LANE := .ansible/lane-
AUTOGROUP := /proc/self/autogroup
COPIES := $(filter-out 0,$(LANES))
place = $(if $(filter 0,$1),.,$(LANE)$1)
LANELESS := $(filter-out default $(foreach lane,$(LANES),$(LANE_$(lane))),$(patsubst molecule/%/molecule.yml,%,$(wildcard molecule/*/molecule.yml)))

test: system venv  ## every gate
	@[ -z "$(LANELESS)" ] || { echo "test: say in the Makefile in which lane they run: $(LANELESS)" >&2; exit 1; }
	@for lane in $(COPIES:%=$(LANE)%); do \
	    rm -rf $$lane && mkdir -p $$lane && ln -s $(CURDIR)/.venv $$lane/.venv && git -C $$lane init --quiet \
	    && git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --ignore-failed-read -cf - | tar -C $$lane -xf - \
	    || exit 1; \
	done
	@$(foreach lane,$(LANES),setsid $(MAKE) -C $(call place,$(lane)) molecule SCENARIOS="$(LANE_$(lane))" >$(LANE)$(lane).log 2>&1 & lane$(lane)=$$!; ) \
	setsid sh -c '[ ! -w $(AUTOGROUP) ] || echo 15 >$(AUTOGROUP); exec nice $(MAKE) --keep-going lint unit browser sanity' & gates=$$!; \
	trap 'kill -- -$$gates $(LANES:%=-$$lane%); wait; exit 130' INT TERM; \
	wait $$gates || failed=" gates"; \
	$(foreach lane,$(LANES),echo "==> molecule: $(LANE_$(lane)); see $(LANE)$(lane).log"; wait $$lane$(lane) && grep ' passed' $(LANE)$(lane).log \
	|| { cat $(LANE)$(lane).log; failed="$$failed $(LANE)$(lane).log"; }; ) \
	[ -z "$$failed" ] || { \
	    cat $(foreach lane,$(LANES),$(call place,$(lane))/.fleet/failures) 2>/dev/null; echo "==> test: failed, see above:$$failed" >&2; exit 1; \
	}
	@echo "==> test: every gate passed"

lint: venv  ## style, types, ansible-lint's production profile, documentation
	@echo "==> lint: ruff"
	@ruff check
	@ruff format --check
	@echo "==> lint: mypy"
	@mypy
	@echo "==> lint: ansible-lint"
	@ansible-lint
	@echo "==> lint: antsibull-docs, antsibull-changelog"
	@antsibull-docs lint-collection-docs --plugin-docs .
	@antsibull-changelog lint
	@echo "==> lint: docs/reference.md"
	@python hacking/reference.py --check

# What users install, in an empty place; the environment holds nothing that leads back to this checkout.
ARCHIVE := $(CURDIR)/.ansible/archive

archive: venv  ## build the collection, install it into an empty place, run its validate playbook from there
	@echo "==> archive"
	@rm -rf $(ARCHIVE)
	@mkdir -p $(ARCHIVE)/empty
	@ansible-galaxy collection build --output-path $(ARCHIVE)
	@cd $(ARCHIVE)/empty && unset ANSIBLE_CONFIG && export ANSIBLE_HOME=$(ARCHIVE) \
	&& ansible-galaxy collection install --offline ../*.tar.gz \
	&& ansible-playbook -i $(CURDIR)/inventory safetynet.prod_access.validate

# ansible-test finds files by git, and none in an ignored folder: hence a repository within, without its own output.
# It keeps its caches in a home of its own; pip's settings in it are the user's.
# Of pyenv's interpreters those are used that are the oldest and the newest that hosts may have, and not by its shims, which know one version
# at a time.
SANITY_HOME := $(CURDIR)/.ansible/sanity
GET_PIP := $(SANITY_HOME)/.ansible/test/cache/get_pip_24_2.py
PYTHONS := 3.8 3.13
PYENV := $(subst : ,:,$(addsuffix :,$(wildcard $(PYTHONS:%=$(HOME)/.pyenv/versions/%.*/bin))))

test sanity: SYSTEM += shellcheck
sanity: system archive $(GET_PIP)  ## ansible-test sanity of what users install, nothing ignored, on the oldest and the newest Python of hosts, and our own
	@echo "==> sanity"
	@cd $(ARCHIVE)/collections/ansible_collections/safetynet/prod_access && git init --quiet && echo /tests/output/ >.git/info/exclude \
	&& HOME=$(SANITY_HOME) PATH="$(CURDIR)/.venv/bin:$(PYENV)$(subst $(HOME)/.pyenv/shims:,,$(PATH))" ansible-test sanity --venv --color no

$(GET_PIP): .ci/get_pip.py | venv
	@mkdir -p $(@D)
	@ln -sfn $(HOME)/.config $(SANITY_HOME)/.config
	@pip --quiet download --no-deps --dest $(@D) pip==24.2
	@cp $< $@

unit: venv  ## tests of pure code, all branches covered
	@echo "==> unit"
	@pytest tests/unit --cov --cov-report=term --cov-fail-under=100

test browser: SYSTEM += chromium-headless-shell
browser: system venv  ## the pages in a real browser
	@echo "==> browser"
	@pytest tests/browser

molecule: system venv  ## every role on a fleet of its own making, or SCENARIOS="..."; ends it also when interrupted
	@echo "==> molecule"
	@trap '$(FLEET) down' EXIT; trap 'exit 130' INT TERM; rm -f .fleet/failures; \
	$(FLEET) down && $(FLEET) run molecule test $(if $(SCENARIOS),$(SCENARIOS:%=-s %),--all) || { cat .fleet/failures 2>/dev/null; exit 1; }

fleet: system venv  ## start the fleet, or what is missing of it, and leave it up
	@echo "==> fleet"
	@$(FLEET) up

bench: fleet $(BENCH)  ## measure against other ways of doing the same; OPTIONS=--help says what can be chosen
	@echo "==> bench"
	@python tests/bench $(OPTIONS)

prompts: fleet  ## read the fleet's prompts from terminals; writes the matrix and the pictures of docs/prompts.md
	@echo "==> prompts"
	@ansible-playbook -i .fleet/inventory molecule/prompt/converge.yml
	@pytest molecule/prompt/tests/test_matrix.py --page docs/prompts.md

docs: venv  ## write docs/reference.md anew, from the data model and the roles' argument specs
	@python hacking/reference.py

clean:  ## end the fleet, remove what was made here; only container images and system packages stay
	@echo "==> clean"
	@if [ -d .fleet ]; then $(FLEET) down; fi
	@for lane in $(COPIES:%=$(LANE)%); do if [ -d $$lane/.fleet ]; then $$lane/$(FLEET) down; fi; done
	@rm -rf .ansible .coverage .fleet .hypothesis .mypy_cache .pytest_cache .ruff_cache .venv tests/output
	@find . -name __pycache__ -prune -exec rm -rf {} +

# Debian's packages, where we may install them; elsewhere docker or podman must be there, and the fleet says so.
system:
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    missing=$$(for p in $(SYSTEM); do dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || echo $$p; done); \
	    if [ "$$missing" ]; then \
	        echo "==> system packages:" $$missing; \
	        apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $$missing >/dev/null; \
	    fi; \
	fi

venv: $(VENV) $(LINK)

# The distribution's own Python, where it is new enough: it was built to be fast, as those that were built on the spot often are not.
$(VENV): | system
	@echo "==> Python environment"
	@for python in /usr/bin/python3 python3; do \
	    $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done; \
	$$python -m venv --clear .venv
	@pip --quiet install uv
	@uv --quiet pip install --python .venv/bin/python -r requirements.txt
	@rm -f .venv/requirements-*
	@touch $@

$(BENCH): | venv
	@echo "==> Python environment of the benchmark's peers"
	@python -m venv .venv/bench
	@uv --quiet pip install --python .venv/bench/bin/python -r tests/bench/requirements.txt
	@rm -f .venv/bench-*
	@touch $@

# By this link the names of the collection lead to the working tree.
$(LINK):
	@mkdir -p $(@D)
	@ln -sfn $(CURDIR) $@
