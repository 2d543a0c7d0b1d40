"""The experiments on gradients by hand: claims hold, and fail where the mathematics is broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.experiments import registry
from chainrule.experiments.experiment import ExperimentError
from chainrule.experiments.runner import run_experiment

NAMES = ("two-layer-gradients", "computational-graph", "vector-calculus", "curve-fitting")


def claims(name: str, folder: Path, **settings: Any) -> dict[str, dict[str, Any]]:
    result = run_experiment(registry.get(name), output=folder, settings=settings).result
    return {claim["id"]: claim for claim in result["claims"]}


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_holds(name: str, tmp_path: Path) -> None:
    found = claims(name, tmp_path / "run")
    assert len(found) >= 7
    assert {id for id, claim in found.items() if claim["holds"] is not True} == set()
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "nan" not in page.split("max(q, 0)/q")[0].lower().split("<main")[-1]


def test_two_layer_claims_have_the_reference_figures(tmp_path: Path) -> None:
    found = claims("two-layer-gradients", tmp_path / "run")
    assert found["a-reference"]["measured"] == 0
    assert found["d-cost"]["measured"] == found["d-cost"]["expected"] == 206_090
    assert found["d-ratio"]["measured"] == "11.7 and 2.01e+05 times"
    assert found["b-bracket"]["measured"] == "0, -28, 0"
    assert found["b-student"]["measured"] == "1 and 2, against 0 and 0"


def test_computational_graph_claims_are_relative_to_fifty_digits(tmp_path: Path) -> None:
    found = claims("computational-graph", tmp_path / "run")
    for name in ("R1", "R2", "R3", "R4", "R5", "R6"):
        assert found[f"reference-{name}"]["measured"] < 4e-16


def test_curve_and_vector_claims_have_the_reference_figures(tmp_path: Path) -> None:
    found = claims("curve-fitting", tmp_path / "curve")
    assert found["c-forward"]["measured"] == "(-1, 3, 1, -1), (0, 3, 1, 0), -3"
    assert found["d-gradient"]["measured"] == "(0, -2, -2, 0, 0, -1, -1, 0, 0, 3, 1, 0, 1)"
    found = claims("vector-calculus", tmp_path / "vector")
    assert found["b-reference"]["measured"] == "(3, 5), 34, (0, 0)"


# --- claims that can fail -------------------------------------------------------------------------


def test_a_wrong_derivative_fails_the_claims_of_the_two_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainrule.experiments import two_layer_gradients as module

    right = module.two_layer_partials

    def wrong(*args: Any, **kwargs: Any) -> Any:
        found = right(*args, **kwargs)
        found.dL_dW1[...] = found.dL_dW1 / 2
        return found

    monkeypatch.setattr(module, "two_layer_partials", wrong)
    found = claims("two-layer-gradients", tmp_path / "run", networks=3)
    failed = {id for id, claim in found.items() if claim["holds"] is False}
    assert {"a-reference", "a-engine", "a-differences"} <= failed
    assert "e-gradcheck" not in failed


def test_a_dearer_backward_pass_fails_the_claim_of_its_cost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainrule.experiments import two_layer_cost as module

    def dearer(*args: Any) -> Any:
        return np.sum((1.5 * module_loss(*args)) ** 2)

    module_loss = module.loss
    monkeypatch.setattr(module, "loss", dearer)
    found = claims("two-layer-gradients", tmp_path / "run", networks=1, sizes=("5-4-3",))
    assert found["d-cost"]["holds"] is False


def test_a_wrong_rule_of_the_engine_fails_the_claims_of_the_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainrule.engine.primitive import PRIMITIVES

    shipped = registry.get("computational-graph")  # loads the rules of the sigmoid
    run_experiment(shipped, output=tmp_path / "first", settings={"random_graphs": 1})
    monkeypatch.setattr(
        PRIMITIVES["expit"], "rules", (lambda g, y, x: g * (y * (1 - y)),), raising=True
    )
    found = claims("computational-graph", tmp_path / "run", random_graphs=1)
    # 1 − y is 0 where the sigmoid is saturated
    assert found["reference-R4"]["measured"] == 1
    assert found["reference-R4"]["holds"] is False


def test_a_wrong_gradient_fails_the_claims_of_the_curve(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainrule.theory.relu_curves import ReluCurve

    right = ReluCurve.gradient

    def at_the_kink_one(self: ReluCurve, x: float) -> ReluCurve:
        found = right(self, x)
        return ReluCurve.of(
            found.W_H, self.W_O * (self.forward(x).z_bar >= 0), found.W_O, found.b_O
        )

    monkeypatch.setattr(ReluCurve, "gradient", at_the_kink_one)
    found = claims("curve-fitting", tmp_path / "run", curves=3)
    assert found["d-kink"]["holds"] is False
    assert found["d-gradient"]["holds"] is True


def test_a_point_that_is_not_the_mean_fails_its_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chainrule.experiments import vector_calculus as module

    monkeypatch.setattr(module, "minimiser_of_squared_distances", lambda p: np.median(p, axis=0))
    found = claims("vector-calculus", tmp_path / "run", data_sets=20)
    failed = {id for id, claim in found.items() if claim["holds"] is False}
    assert {"b-reference", "b-identity", "b-slope", "b-newton"} <= failed


# --- settings -------------------------------------------------------------------------------------


def test_any_graph_file_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        'description = "a layer"\n'
        "nodes = [\n"
        '  { name = "W", value = [[1, -1], [2, 0.5]] }, { name = "x", value = [0.3, 0.7] },\n'
        '  { name = "q", operation = "@", operands = ["W", "x"] },\n'
        '  { name = "h", operation = "abs", operands = ["q"] },\n'
        '  { name = "sum", operation = "sum", operands = ["h"] },\n'
        "]\n",
        encoding="utf-8",
    )
    found = claims("computational-graph", tmp_path / "run", graph_file=str(path), random_graphs=2)
    assert set(found) == {"i-expressions", "iii-numerical", "any-graph"}
    assert all(claim["holds"] for claim in found.values())
    assert "central differences" in found["iii-numerical"]["statement"]
    assert "a layer" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("graph", ["R2", "R3", "R4", "R5", "R6"])
def test_the_other_reconstructions_are_explained_too(graph: str, tmp_path: Path) -> None:
    found = claims("computational-graph", tmp_path / "run", graph=graph, random_graphs=1)
    assert all(claim["holds"] for claim in found.values())


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "computational-graph",
            {"graph_file": "none.json"},
            "'graph_file': none.json: there is no",
        ),
        ("two-layer-gradients", {"sizes": ("784-256",)}, "D-H1-H2, three whole numbers"),
        ("two-layer-gradients", {"checked": "4-5-x"}, "got '4-5-x'"),
    ],
)
def test_settings_that_cannot_be_used(
    name: str, settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ExperimentError, match=message):
        claims(name, tmp_path / "run", **settings)


def test_a_graph_file_that_cannot_be_computed_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "zero.json"
    path.write_text(
        '{"nodes": [{"name": "x", "value": 0},'
        ' {"name": "y", "operation": "/", "operands": [1, "x"]}]}'
    )
    with pytest.raises(ExperimentError, match=r"node 'y' .* is not finite"):
        claims("computational-graph", tmp_path / "run", graph_file=str(path))
