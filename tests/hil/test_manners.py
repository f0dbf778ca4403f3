"""The plugin does not disturb test runs that are about something else."""

from __future__ import annotations

import pytest

from tests.hil.conftest import Stand
from tests.hil.test_plugin import run

pytest_plugins = ["pytester"]


def test_other_test_runs_load_nothing_and_show_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_it():
            ours = {name for name in sys.modules if name.startswith("tflm_wasm.hil.")}
            assert ours == {"tflm_wasm.hil.plugin"}
            assert not {"numpy", "serial", "wasmtime", "tflm_wasm.aot"} & set(sys.modules)
        """
    )
    result = pytester.runpytest_subprocess("-W", "error")
    result.assert_outcomes(passed=1)
    shown = result.stdout.str().replace(str(pytester.path), "").replace("plugins:", "")
    assert "board" not in shown


def test_a_project_keeps_its_own_fixture_called_board(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture
        def board():
            return "chess"

        def test_it(board):
            assert board == "chess"

        @pytest.mark.parametrize("board", ["chess"])
        def test_parameter(board):
            assert board == "chess"

        @pytest.mark.parametrize("n, board", [(8, "chess")])
        def test_parameters(n, board):
            assert board == "chess"
        """
    )
    run(pytester).assert_outcomes(passed=3)


def test_a_project_keeps_its_own_option_called_port(
    pytester: pytest.Pytester, stand: Stand
) -> None:
    pytester.makeconftest(
        """
        def pytest_addoption(parser):
            parser.addoption("--port", type=int)
        """
    )
    pytester.makepyfile(
        """
        def test_it(pytestconfig, device):
            assert pytestconfig.getoption("--port") == 8080
            device.identify()
        """
    )
    run(pytester, "--port", "8080", f"--hil-port={stand.port}").assert_outcomes(passed=1)
