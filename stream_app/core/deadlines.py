"""The only place for knowing which calls are due: a wheel of one-second slots, rebuilt from state after recovery."""

from __future__ import annotations

from heapq import heappop, heappush

SLOT_MS = 1000


class DeadlineWheel:
    """Calls by the second in which their next timer is due. Arming and popping cost the same however many wait."""

    def __init__(self) -> None:
        self._slots: dict[int, set[str]] = {}
        self._due: dict[str, int] = {}
        self._order: list[int] = []
        """Heap of slots; a slot that emptied stays in it until its time comes."""

    def __len__(self) -> int:
        return len(self._due)

    def arm(self, call_id: str, due: int | None) -> None:
        """Set the call's next due time, ms, replacing an earlier one; None takes it off the wheel."""
        before = self._due.pop(call_id, None)
        if before is not None:
            slot = self._slots[before // SLOT_MS]
            slot.discard(call_id)
            if not slot:
                del self._slots[before // SLOT_MS]
        if due is not None:
            self._due[call_id] = due
            slot_number = due // SLOT_MS
            if slot_number not in self._slots:
                self._slots[slot_number] = set()
                heappush(self._order, slot_number)
            self._slots[slot_number].add(call_id)

    def due(self, now: int) -> list[str]:
        """Calls whose time has come, earliest first, equal times by call ID: the same in every run."""
        reached: set[int] = set()
        while self._order and self._order[0] <= now // SLOT_MS:
            slot = heappop(self._order)
            if slot in self._slots:
                reached.add(slot)
        for slot in reached:  # Calls stay until they are armed anew, so their slot stays too.
            heappush(self._order, slot)
        ripe = [(self._due[call_id], call_id) for slot in reached for call_id in self._slots[slot]]
        return [call_id for due, call_id in sorted(ripe) if due <= now]

    def oldest(self) -> int | None:
        """The earliest due time, ms, to the second."""
        return min(self._slots) * SLOT_MS if self._slots else None
