"""The modules that are saved with a model are that model's alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.models.conftest import WriteModel
from tracer._tracking.logged_model import LoggedModel
from tracer.models import ModelError, load_model, log_model

FILE = """
from prices import PRICE
import prices.taxes
import prices.taxes as taxes

def predict(model_input):
    import prices
    from prices import taxes as again
    return [PRICE, prices.PRICE, prices.taxes.RATE, taxes.RATE, again.RATE]

set_model(predict)
"""


def package(folder: Path, price: int) -> Path:
    """A package ``prices`` of one's own, with a module in it that imports in both ways."""
    place = folder / "prices"
    place.mkdir(exist_ok=True)
    (place / "__init__.py").write_text(f"PRICE = {price}\n")
    (place / "taxes.py").write_text(
        "from dataclasses import dataclass\n"
        "from . import PRICE\n"
        "import prices\n"
        "assert prices.PRICE == PRICE\n"
        "@dataclass\n"
        "class Tax:\n"
        "    rate: 'int | None' = None\n"
        "RATE = Tax(PRICE * 10).rate\n"
    )
    return place


def logged(write_model: WriteModel, folder: Path, price: int) -> LoggedModel:
    return log_model("shop", write_model(FILE), code_paths=[package(folder, price)], input_example=1)


def test_code_paths_of_versions_side_by_side_stay_apart(write_model: WriteModel, folder: Path) -> None:
    first, second = logged(write_model, folder, 1), logged(write_model, folder, 2)

    one, two = load_model(first.model_uri), load_model(second.model_uri)

    assert (one.predict(0), two.predict(0)) == ([1, 1, 10, 10, 10], [2, 2, 20, 20, 20])


def test_the_programs_own_modules_and_path_stay(
    write_model: WriteModel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(folder, 7)
    monkeypatch.syspath_prepend(folder)
    import prices  # type: ignore[import-not-found]

    path = list(sys.path)
    model = logged(write_model, folder, 8)
    loaded = load_model(model.model_uri)

    try:
        assert loaded.predict(0)[0] == 8
        assert (sys.modules["prices"], prices.PRICE, sys.path) == (prices, 7, path)
    finally:
        for name in ("prices", "prices.taxes"):
            sys.modules.pop(name, None)


def test_a_model_in_a_subfolder_with_its_helper_beside_it(folder: Path) -> None:
    (folder / "agent").mkdir()
    (folder / "agent" / "helper.py").write_text("VALUE = 1\n")
    path = folder / "agent" / "model.py"
    path.write_text("import helper\nfrom tracer.models import *\nset_model(lambda x: helper.VALUE)\n")

    model = log_model("agent", path, code_paths=["agent/helper.py"], input_example=1)

    assert load_model(model.model_uri).predict(0) == 1


def test_what_was_pickled_finds_its_modules(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "shapes.py").write_text(
        "from tracer.models import PythonModel\n"
        "class Area(PythonModel):\n"
        "    def predict(self, context, model_input):\n"
        "        import shapes\n"
        "        return [shapes.UNIT, model_input]\n"
        "UNIT = 'm'\n"
    )
    monkeypatch.syspath_prepend(folder)
    import shapes  # type: ignore[import-not-found]

    def lazily(model_input: Any) -> Any:
        import shapes

        return shapes.UNIT

    try:
        instance = log_model("area", shapes.Area(), code_paths=["shapes.py"], input_example=2)
        closure = log_model("by value", lambda x: shapes.UNIT, code_paths=["shapes.py"], input_example=2)
        inside = log_model("lazily", lazily, code_paths=["shapes.py"], input_example=2)
    finally:
        del sys.modules["shapes"]
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(folder.parent / "state"))

    assert load_model(instance.artifact_location).predict(3) == ["m", 3]
    assert load_model(closure.artifact_location).predict(3) == "m"
    assert load_model(inside.artifact_location).predict(3) == "m"
    assert "shapes" not in sys.modules


def test_a_module_that_is_nowhere_says_how_to_take_it_along(write_model: WriteModel) -> None:
    model = log_model("lonely", write_model("set_model(lambda x: x)"))
    path = write_model("import nowhere_at_all\nset_model(lambda x: x)")
    with pytest.raises(ModuleNotFoundError):
        log_model("lonely", path)
    code = model.artifact_location / "model_file.py"
    code.write_text(path.read_text())
    manifest = model.artifact_location / "model.yaml"
    digest = __import__("hashlib").sha256(code.read_bytes()).hexdigest()
    lines = [
        f"  model_file.py: {digest}" if line.startswith("  model_file.py:") else line
        for line in manifest.read_text().splitlines()
    ]
    manifest.write_text("\n".join(lines))

    with pytest.raises(ModelError, match=r"code_paths=\['its path'\]"):
        load_model(model.model_uri, trust=True)


def test_the_file_says_which_model_it_is_also_after_it_imports_another_model(folder: Path) -> None:
    (folder / "base.py").write_text("from tracer.models import *\nset_model(lambda x: 'base')\n")
    path = folder / "mine.py"
    path.write_text("from tracer.models import *\nset_model(lambda x: 'mine')\nimport base\n")

    model = log_model("mine", path, code_paths=["base.py"])

    assert load_model(model.model_uri).predict(0) == "mine"
