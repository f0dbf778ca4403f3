"""One run of the model on a board: inputs there, outputs back, and the time it took."""

from __future__ import annotations

from tflm_wasm._errors import LinkProtocolError
from tflm_wasm._link._client import Client
from tflm_wasm._link._defs import LAYOUTS, Type
from tflm_wasm._link._messages import pack, unpack
from tflm_wasm._link._remote import RemoteModel
from tflm_wasm._profile import Profile, collect, operators


def invoke(client: Client, model: RemoteModel, deadline: float) -> int:
    """Run the model once; return ticks.

    Raises:
        Restarted: The board has restarted; whether the model was run is unknown.
        TflmWasmError: As `Device.invoke`.
    """
    data = bytes(model.input_bytes)
    last = _write_input(client, data, deadline, keep_last=True)
    reply = client.request(Type.INVOKE, pack("invoke_request", last) + data[last:], deadline)
    fields, output = unpack("invoke_reply", reply)
    _read_output(client, model, output, fields["output_size"], deadline)
    ticks: int = fields["ticks"]
    return ticks


def profile(client: Client, model: RemoteModel, deadline: float) -> Profile:
    """Run the model once, operator by operator.

    Raises:
        NotProfilableError: The guest can't run single operators.
        Restarted, TflmWasmError: As `invoke`.
    """
    count = operators(model.block)
    if count == 0:
        invoke(client, model, deadline)
        return collect((), 0, client.identity.tick_hz, model.file)
    _write_input(client, bytes(model.input_bytes), deadline, keep_last=False)
    record = LAYOUTS["operator_record"].struct
    timed: list[tuple[int, int]] = []
    overheads: list[int] = []
    while len(timed) < count:
        reply = client.request(Type.PROFILE, pack("profile_request", len(timed)), deadline)
        fields, records = unpack("profile_reply", reply)
        is_whole = 0 < len(records) <= (count - len(timed)) * record.size
        if fields["op_count"] != count or not is_whole or len(records) % record.size != 0:
            why = "The board has run other operators than it was asked for"
            raise LinkProtocolError(why, port=client.port)
        timed += record.iter_unpack(records)
        overheads.append(fields["overhead"])
    _read_output(client, model, b"", len(model.output_bytes), deadline)
    return collect(timed, min(overheads), client.identity.tick_hz, model.file)


def _write_input(client: Client, data: bytes, deadline: float, *, keep_last: bool) -> int:
    """Send packed inputs; return where the last piece begins, which `keep_last` does not send."""
    room = client.identity.max_payload - LAYOUTS["write_input_request"].struct.size
    last = max(0, len(data) - 1) // room * room
    for offset in range(0, last if keep_last else len(data), room):
        piece = pack("write_input_request", offset) + data[offset : offset + room]
        client.request(Type.WRITE_INPUT, piece, deadline)
    return last


def _read_output(
    client: Client, model: RemoteModel, output: bytes, size: int, deadline: float
) -> None:
    """Fetch what is missing of `size` bytes of outputs."""
    while len(output) < size:
        request = pack("read_output_request", len(output))
        more = client.request(Type.READ_OUTPUT, request, deadline)
        if not more:
            break
        output += more
    if not size == len(output) == len(model.output_bytes):
        raise LinkProtocolError("The outputs have another size", port=client.port)
    model.output_bytes[:] = output
