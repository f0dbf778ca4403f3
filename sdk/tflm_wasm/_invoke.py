"""The path of every invoke: one call into the guest, and the checks that have to follow it."""

from __future__ import annotations

from collections.abc import Callable

from tflm_wasm._block import Block
from tflm_wasm._contract import Fixture
from tflm_wasm._guest import Guest


def make_invoke(
    guest: Guest, block: Block, fixture: Fixture, name: str = "wasm_invoke"
) -> Callable[[], None]:
    """Return a function that runs a guest's model once, or with what else is exported as `name`.

    An invoke that leaves, bit for bit, the block that an earlier one left whose traces were all
    checked is as good as that one: nothing else is looked at then. Of this package's own engine,
    whose code is known, only the canary is looked at: a stack that overflows is the model's doing.

    The function refers to no session, so that a session is freed with its last reference.

    Raises (when the function is called):
        GuestError: As `Guest.enter` and `Fixture.settle`.
    """
    function = guest.function(name)
    call, values, trap = function.call, function.values, function.trap
    lock, clock, may_grow = guest.lock, guest.clock, guest.may_grow
    content = block.copy_canary if guest.is_own else block.copy
    seen = -1
    settled = b""

    def invoke() -> None:
        nonlocal seen, settled
        with lock:
            if clock.now != seen:
                seen = guest.arm()
            error = call()
            if error is None and not trap[0] and not values[0] and content() == settled:
                if not may_grow:
                    return
                guest.leave(function, None)
                return
            status = guest.leave(function, error)
            fixture.settle(block, status, has_outputs=True)
            settled = content()

    return invoke
