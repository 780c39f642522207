"""Runs an order, says the version of each finished step at once, and kills itself at an event; see `orders.victim`.

The exit code is 3 if a step has failed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from orders import Order

from sqlmigrate.executor.events import Failed, Finished

url, order, last = sys.argv[1:]
for number, event in enumerate(Order(**json.loads(order)).events(url)):
    if isinstance(event, Finished):
        print(event.step.version, flush=True)
    if str(number) == last:
        os.kill(os.getpid(), signal.SIGKILL)
    if isinstance(event, Failed):
        sys.exit(3)
