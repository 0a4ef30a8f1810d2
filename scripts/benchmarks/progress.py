"""Says what is being measured and how long the rest will take."""

import sys
import time


class Progress:
    """`planned` is the sum of the seconds that all steps are expected to take; what they took corrects it."""

    def __init__(self, planned, stream=sys.stdout, clock=time.monotonic):
        self.planned, self.done = planned, 0.0
        self.stream, self.clock = stream, clock
        self.started = clock()

    def seconds_left(self):
        elapsed = self.clock() - self.started
        pace = elapsed / self.done if self.done > 0 else 1.0
        return max(0.0, self.planned - self.done) * pace

    def step(self, text, expected):
        """A step that was expected to take so many seconds is done."""
        self.done += expected
        left = round(self.seconds_left())
        print(f"  {text}   {left // 60}:{left % 60:02d} left", file=self.stream, flush=True)

    def title(self, text):
        print(f"\n{text}", file=self.stream, flush=True)
