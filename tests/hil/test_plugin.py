"""The pytest plugin, run by pytest in a project of a user."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.hil.conftest import MODEL, Stand
from tflm_wasm._lock import BoardLock, holder_of
from tflm_wasm.hil import _board, _handles, _results, _run  # noqa: F401 - so that runs share them
from tflm_wasm.hil._report import render

pytest_plugins = ["pytester"]

ONE_TEST = "def test_it(device):\n    assert device.identify().board\n"
TWO_TESTS = ONE_TEST + "def test_other(device):\n    assert device.identify().board\n"


def run(pytester: pytest.Pytester, *options: object) -> pytest.RunResult:
    # An inner run's `faulthandler.disable()` would take wasmtime's signal handlers out of this
    # process, and the next guest that traps would kill it.
    manners = ("-p", "no:faulthandler", "-W", "error", "--strict-markers", "-rs")
    return pytester.runpytest_inprocess(*manners, *map(str, options))


def properties(path: Path) -> dict[str, str]:
    found = ElementTree.parse(path).iter("property")  # noqa: S314 - written by pytest
    return {one.attrib["name"]: one.attrib["value"] for one in found}


def test_a_test_runs_on_the_board_behind_a_port(pytester: pytest.Pytester, stand: Stand) -> None:
    pytester.makepyfile(
        f"""
        import numpy as np
        from tflm_wasm import load

        def test_bytes(board, device):
            assert board.start({str(MODEL)!r}) is device
            with load({str(MODEL)!r}) as session:
                for value in (-128, 0, 77):
                    given = np.full((1, 1), value, np.int8)
                    assert device.run(given)[0].tobytes() == session.run(given)[0].tobytes()
        """
    )
    run(pytester, f"--port={stand.port}").assert_outcomes(passed=1)


def test_junit_says_what_a_result_depends_on(pytester: pytest.Pytester, stand: Stand) -> None:
    pytester.makepyfile(ONE_TEST)
    for command in ("init -q", "add .", "-c user.name=a -c user.email=a@b commit -qm one"):
        subprocess.run(["git", *command.split()], cwd=pytester.path, check=True)
    run(pytester, f"--port={stand.port}", "--junitxml=j.xml").assert_outcomes(passed=1)
    found = properties(pytester.path / "j.xml")
    assert found["board"] == "board"
    assert stand.port in found["board_description"]
    assert found["board_unique_id"] == b"native".ljust(16, b"\0").hex()
    assert found["firmware_digest"].startswith("f19e")
    assert len(found["git_revision"].removesuffix("-dirty")) == 40
    assert json.loads(found["link_stats"])["device.requests"] > 0


def test_a_board_is_locked_while_tests_run_and_free_afterwards(
    pytester: pytest.Pytester, stand: Stand
) -> None:
    pytester.makepyfile(
        f"""
        from tflm_wasm._lock import holder_of

        def test_it(device):
            assert "pytest in" in holder_of("port:{stand.port}").reason
            assert False
        """
    )
    run(pytester, f"--port={stand.port}").assert_outcomes(failed=1)
    assert holder_of(f"port:{stand.port}") is None


def test_a_busy_board_is_one_error_that_names_the_holder(
    pytester: pytest.Pytester, stand: Stand
) -> None:
    pytester.makepyfile(TWO_TESTS)
    with BoardLock(f"port:{stand.port}", "soak test of Ada"):
        result = run(pytester, f"--port={stand.port}")
    result.assert_outcomes(errors=1, skipped=1)
    assert result.stdout.str().count("in use by soak test of Ada") == 1
    result.stdout.fnmatch_lines(["Hint: Wait for it*"])


def test_an_absent_port_is_one_error_with_a_hint(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TWO_TESTS)
    result = run(pytester, "--port=/dev/not-there")
    result.assert_outcomes(errors=1, skipped=1)
    result.stdout.fnmatch_lines(["*no serial port /dev/not-there*", "Hint: *"])


def test_another_board_on_the_port_is_an_error_that_names_it(
    pytester: pytest.Pytester, stand: Stand
) -> None:
    pytester.makepyfile(TWO_TESTS)
    result = run(pytester, f"--port={stand.port}", "--board", "mps2-an386")
    result.assert_outcomes(errors=1, skipped=1)
    result.stdout.fnmatch_lines(["*native, not mps2-an386*"])


def test_another_chip_on_the_port_is_an_error(pytester: pytest.Pytester, stand: Stand) -> None:
    pytester.makepyfile(ONE_TEST)
    bench(pytester, {"name": "left", "port": stand.port, "unique_id": "0badc0de"})
    result = run(pytester, "--bench=bench.toml")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*should be chip 0badc0de, but 6e6174697665*"])


def test_a_board_that_dies_fails_one_test_and_skips_the_rest(
    pytester: pytest.Pytester, stand: Stand
) -> None:
    pytester.makepyfile(
        f"""
        import os, signal

        def test_before(device):
            device.identify()

        def test_dies(device):
            os.kill({stand.process.pid}, signal.SIGKILL)
            device.identify()

        def test_after(device):
            device.identify()

        def test_without_a_board():
            pass
        """
    )
    result = run(pytester, f"--port={stand.port}")
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*Board 'board' is out of order, its other tests are skipped*"])
    result.stdout.fnmatch_lines(["SKIPPED*out of order since an earlier test, which says why"])


def test_a_board_that_hangs_fails_one_test_and_skips_the_rest(
    pytester: pytest.Pytester, stand: Stand
) -> None:
    pytester.makepyfile(
        f"""
        import os, signal

        def test_hangs(device):
            os.kill({stand.process.pid}, signal.SIGSTOP)
            device.identify()

        def test_after(device):
            device.identify()
        """
    )
    bench(pytester, {"name": "left", "port": stand.port, "timeout_s": 0.3})
    result = run(pytester, "--bench=bench.toml")
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*LinkTimeoutError*", "*out of order*no way to reset*"])


def test_a_failed_test_shows_the_log_over_resets_and_the_board_goes_on(
    pytester: pytest.Pytester, new_board: Callable[..., Stand]
) -> None:
    stand = new_board(keep_master=True)
    pytester.makepyfile(
        f"""
        import os

        def test_fails(board):
            os.write({stand.master}, b"cold start\\n")
            board.reset()
            assert 1 == 2

        def test_after(board):
            assert "reset" not in board.log
        """
    )
    bench(pytester, {"name": "left", "port": stand.port, "reset": [sys.executable, "-c", ""]})
    result = run(pytester, "--bench=bench.toml")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*Log of board 'left'*", "--- reset ---", "cold start"])


def test_a_reset_that_fails_says_what_its_command_said(
    pytester: pytest.Pytester, stand: Stand
) -> None:
    pytester.makepyfile("def test_it(board):\n    board.reset()\n")
    bench(pytester, {"name": "left", "port": stand.port, "reset": [sys.executable, "-c", "1/0"]})
    result = run(pytester, "--bench=bench.toml")
    result.stdout.fnmatch_lines(
        ["*HilError: Board 'left' could not be reset*", "*ZeroDivisionError*"]
    )


@pytest.mark.parametrize(
    ("needs", "outcome", "reason"),
    [
        ("ram_kib=8, mpu=False", "passed", ""),
        ("ram_kib=4096", "skipped", "has 68 of 4,096 KiB of RAM"),
        ("mpu=True", "skipped", "has no MPU sandbox"),
        ("fpu=True", "skipped", "may have no FPU"),
        ("psram_kib=8", "failed", "choose from ram_kib, flash_kib, mpu, fpu"),
    ],
)
def test_a_test_is_skipped_on_a_board_that_is_not_capable_of_it(
    pytester: pytest.Pytester, stand: Stand, needs: str, outcome: str, reason: str
) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.needs({needs})\n{ONE_TEST}")
    result = run(pytester, f"--port={stand.port}")
    result.assert_outcomes(**{outcome: 1})
    assert reason in result.stdout.str()


def test_nothing_stays_locked_or_open_after_ctrl_c(pytester: pytest.Pytester, stand: Stand) -> None:
    import serial

    pytester.makepyfile(
        """
        import os, signal

        def test_it(device):
            device.identify()
            os.kill(os.getpid(), signal.SIGINT)
            device.identify()
        """
    )
    result = pytester.runpytest_subprocess(f"--port={stand.port}")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert holder_of(f"port:{stand.port}") is None
    serial.Serial(stand.port, exclusive=True).close()


def test_each_board_has_one_worker_of_xdist(
    pytester: pytest.Pytester, new_board: Callable[..., Stand]
) -> None:
    pytest.importorskip("xdist", reason="pip install 'tflm-wasm[test]'")
    pytester.makepyfile(
        """
        import os, pytest

        @pytest.mark.parametrize("n", range(6))
        def test_it(board, device, n):
            device.identify()
            with open(board.name, "a") as file:
                file.write(os.environ["PYTEST_XDIST_WORKER"] + " ")
        """
    )
    bench(pytester, *({"name": name, "port": new_board().port} for name in ("left", "right")))
    result = run(pytester, "--bench=bench.toml", "-n2", "--hil-results=r.json")
    result.assert_outcomes(passed=12)
    for name in ("left", "right"):
        workers = (pytester.path / name).read_text().split()
        assert len(workers) == 6
        assert len(set(workers)) == 1
    results = json.loads((pytester.path / "r.json").read_text())
    assert set(results["boards"]) == {"left", "right"}
    assert len(results["tests"]) == 12


def test_a_board_that_was_not_asked_for_and_can_not_be_emulated_here_is_skipped_with_a_reason(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(ONE_TEST)
    monkeypatch.setenv("PATH", "")
    result = run(pytester)
    assert set(result.parseoutcomes()) == {"skipped"}
    result.stdout.fnmatch_lines(["SKIPPED*qemu-system-arm is not installed: `apt-get install*"])


def test_a_board_that_was_asked_for_and_can_not_be_emulated_here_is_an_error(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tflm_wasm.hil._firmware import Image

    pytester.makepyfile(TWO_TESTS)
    monkeypatch.setattr(_handles, "for_any_model", lambda _: Image(b""))
    monkeypatch.setenv("PATH", "")
    result = run(pytester, "--board", "mps2-an386")
    result.assert_outcomes(errors=1, skipped=1)
    result.stdout.fnmatch_lines(["*qemu-system-arm*", "Hint: Install it*"])


def test_a_port_that_pytest_takes_for_a_folder_of_tests_is_refused_with_the_right_way(
    pytester: pytest.Pytester, stand: Stand
) -> None:
    pytester.makepyfile(ONE_TEST)
    result = run(pytester, "--port", stand.port)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*Write `--port={stand.port}`"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--board", "nonsense"], "no board 'nonsense'"),
        (["--port", "x", "--board", "a", "--board", "b"], "--port is for one board"),
        (["--port", "x", "--bench=bench.toml"], "--port is for one board"),
        (["--bench=missing.toml"], "Could not read missing.toml"),
        (["--bench=bench.toml", "--board", "right"], "no board 'right', but left"),
    ],
)
def test_options_that_make_no_sense_end_the_run_with_one_line(
    pytester: pytest.Pytester, options: list[str], message: str
) -> None:
    pytester.makepyfile(ONE_TEST)
    bench(pytester, {"name": "left", "port": "/dev/x"})
    result = run(pytester, *options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {message}" in result.stderr.str() or message in result.stderr.str()
    assert "Traceback" not in result.stderr.str()


def test_the_report_is_written_also_when_tests_fail_and_again_from_the_results(
    pytester: pytest.Pytester, stand: Stand
) -> None:
    pytester.makepyfile(
        """
        def test_it(board, device):
            board.record("sine", ticks=[10, 30, 20], flash={"engine": 9}, ops={"ADD": 5})
            assert 1 == 2, "<b>not bold</b>"
        """
    )
    run(pytester, f"--port={stand.port}", "--hil-report=r.html", "--hil-results=r.json")
    page = (pytester.path / "r.html").read_text()
    assert "1 failed" in page
    assert "&lt;b&gt;not bold" in page
    assert "Log of board" in page
    again = [sys.executable, "-m", "tflm_wasm.hil", "r.json", "again.html"]
    subprocess.run(again, cwd=pytester.path, check=True)
    assert (pytester.path / "again.html").read_text() == page
    assert render(_results.read_results(pytester.path / "r.json")) == page


def test_a_report_that_can_not_be_written_is_said_in_one_line(
    pytester: pytest.Pytester, stand: Stand
) -> None:
    pytester.makepyfile(ONE_TEST)
    result = run(pytester, f"--port={stand.port}", "--hil-report=missing/r.html")
    assert "Could not write" in result.stdout.str() + result.stderr.str()
    assert result.ret != 0


def bench(pytester: pytest.Pytester, *boards: dict[str, object]) -> None:
    """Write bench.toml; JSON's values are TOML's."""
    lines = []
    for one in boards:
        lines += ["[[board]]", *(f"{key} = {json.dumps(value)}" for key, value in one.items())]
    (pytester.path / "bench.toml").write_text(textwrap.dedent("\n".join(lines)))
