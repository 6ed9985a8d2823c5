# Copyright: the safetynet.prod_access maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points in time, as the inventory writes them and as a host's tools want them."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

_DAY = 86400
# RFC 3339, section 5.6. The date alone is ours: the end of that day, UTC.
_RFC3339 = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:([Zz])|([+-])(\d{2}):(\d{2}))?)?",
    re.ASCII,
)


@dataclass(frozen=True, order=True)
class Moment:
    """A point in time, in whole seconds since 1970-01-01T00:00:00Z."""

    epoch: int

    @classmethod
    def parse(cls, value: str | datetime.date) -> Moment:
        """Read RFC 3339 text, or what YAML made of it.

        Fractions of a second are cut off. A date alone means the end of that day, UTC.
        Raises ValueError with a sentence when the value is not a moment.
        """
        if isinstance(value, datetime.datetime):
            if value.tzinfo is None:
                raise ValueError("the time has no zone")
            return cls._checked(int(value.timestamp() // 1))
        if isinstance(value, datetime.date):
            return cls._checked(_epoch(value.year, value.month, value.day, 0, 0, 0) + _DAY)
        match = _RFC3339.fullmatch(value)
        if match is None:
            raise ValueError("not an RFC 3339 time")
        year, month, day = (int(part) for part in match.group(1, 2, 3))
        try:
            if match.group(4) is None:
                return cls._checked(_epoch(year, month, day, 0, 0, 0) + _DAY)
            hour, minute, second = (int(part) for part in match.group(4, 5, 6))
            epoch = _epoch(year, month, day, hour, minute, second)
        except ValueError as error:
            raise ValueError(f"no such time: {error}") from None
        if match.group(8):
            hours, minutes = int(match.group(9)), int(match.group(10))
            if hours > 23 or minutes > 59:
                raise ValueError("no such zone offset")
            offset = hours * 3600 + minutes * 60
            epoch += offset if match.group(8) == "-" else -offset
        elif not match.group(7):
            raise ValueError("the time has no zone")
        return cls._checked(epoch)

    @classmethod
    def _checked(cls, epoch: int) -> Moment:
        # sshd, sudo and shadow all fail in their own ways on times outside this range.
        if not 0 < epoch <= _epoch(9999, 12, 31, 0, 0, 0):
            raise ValueError("the year must be 1970 to 9999")
        return cls(epoch)

    def __str__(self) -> str:
        """RFC 3339 in UTC: 2027-01-31T18:00:00Z."""
        return self._format("%Y-%m-%dT%H:%M:%SZ")

    def last_second(self) -> str:
        """The last second before this moment, YYYYMMDDHHMMSSZ: ``expiry-time=`` (sshd(8)) and NOTAFTER (sudoers(5)) include it."""
        return Moment(self.epoch - 1)._format("%Y%m%d%H%M%SZ")

    @classmethod
    def of_last_second(cls, text: str) -> Moment:
        """Read back what :meth:`last_second` made. Raises ValueError."""
        last = datetime.datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        return cls(int(last.timestamp()) + 1)

    def systemd(self) -> str:
        """The form of ``OnCalendar=`` (systemd.time(7))."""
        return self._format("%Y-%m-%d %H:%M:%S UTC")

    def expiry_day(self) -> int:
        """The first whole day (since 1970, UTC) after this moment: shadow(5) refuses logins from that day on."""
        return -(-self.epoch // _DAY)

    def _format(self, pattern: str) -> str:
        moment = datetime.datetime.fromtimestamp(self.epoch, datetime.timezone.utc)
        # strftime does not pad years below 1000, and no such year passes _checked().
        return moment.strftime(pattern)


def _epoch(*parts: int) -> int:
    year, month, day, hour, minute, second = parts
    return int(datetime.datetime(year, month, day, hour, minute, second, tzinfo=datetime.timezone.utc).timestamp())


def earliest(*moments: Moment | None) -> Moment | None:
    """The first of several ends; None means that there is no end."""
    return min((moment for moment in moments if moment is not None), default=None)
