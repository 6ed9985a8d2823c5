# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people wrote after ``-e``, where the shell took the quotes away: of ``-e title='Orders dropped'`` Ansible takes "Orders", and drops
the rest without a word."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from ansible.parsing.splitter import split_args

# A file, JSON or YAML.
_OTHERS = ("@", "[", "{")


def whole(options: Iterable[str], names: Collection[str]) -> dict[str, tuple[str, str]]:
    """Which of these variables lost words: the one that Ansible took, and all of them. Raises ValueError, with all that is uncertain."""
    found: dict[str, tuple[str, str]] = {}
    faults = []
    for option in options:
        if option.startswith(_OTHERS):
            continue
        words = [word.strip() for word in split_args(option)]
        said = [word.partition("=")[0] for word in words if "=" in word]
        for name in said:
            found.pop(name, None)
        lost = [word for word in words if "=" not in word]
        if not lost or not set(said) & set(names):
            continue
        if len(said) == 1 and "=" in words[0]:
            found[said[0]] = (words[0].partition("=")[2], " ".join(option.partition("=")[2].split()))
        else:
            example = f"-e \"{said[0]}='… …'\""
            faults.append(f"-e '{option}': Ansible would drop `{' '.join(lost)}`; put what has blanks into quotes of its own: {example}")
    if faults:
        raise ValueError("\n".join(faults))
    return found
