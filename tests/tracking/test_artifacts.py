"""Files of runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tracer
from tracer.errors import InvalidArgumentError


def test_texts_and_dicts_are_files_of_the_run(tmp_path: Path) -> None:
    with tracer.start_run() as run:
        tracer.log_text("Paris\n", "answers/first.txt")
        tracer.log_dict({"a": [1, None], "ä": "ö"}, "config.json")
        folder = Path(tracer.get_artifact_uri())
        answers = tracer.get_artifact_uri("answers/first.txt")
    tracer.log_text("later", "late.txt", run_id=run.info.run_id)

    assert folder == Path(run.info.artifact_uri) == tmp_path / "tracer.db.runs" / run.info.run_id
    assert Path(answers).read_text(encoding="utf-8") == "Paris\n"
    assert json.loads((folder / "config.json").read_text(encoding="utf-8")) == {"a": [1, None], "ä": "ö"}
    assert (folder / "late.txt").read_text(encoding="utf-8") == "later"


def test_a_dict_may_be_yaml() -> None:
    yaml = pytest.importorskip("yaml")
    with tracer.start_run():
        tracer.log_dict({"b": 1, "a": [2]}, "config.yaml")

        assert yaml.safe_load(Path(tracer.get_artifact_uri("config.yaml")).read_text()) == {"b": 1, "a": [2]}


def test_files_and_folders_are_copied(tmp_path: Path) -> None:
    source = tmp_path / "out"
    source.mkdir()
    (source / "plot.png").write_bytes(b"\x89PNG")
    with tracer.start_run():
        tracer.log_artifact(source / "plot.png")
        tracer.log_artifact(source, "all")
        folder = Path(tracer.get_artifact_uri())

    assert (folder / "plot.png").read_bytes() == (folder / "all" / "out" / "plot.png").read_bytes() == b"\x89PNG"


def test_secrets_do_not_reach_the_files() -> None:
    key = "sk-proj-" + "a1B2c3D4e5F6g7H8" * 3
    with tracer.start_run():
        tracer.log_text(f"key: {key}", "a.txt")
        tracer.log_dict({"api_key": key}, "a.json")

        for name in ("a.txt", "a.json"):
            assert key not in Path(tracer.get_artifact_uri(name)).read_text()


@pytest.mark.parametrize("path", ["../a.txt", "/etc/a.txt", "a/../../b.txt", "", "C:/a.txt", "..\\a.txt"])
def test_no_file_is_written_outside_of_the_run(path: str) -> None:
    with tracer.start_run(), pytest.raises(InvalidArgumentError, match="as a path in the run, expected one such as"):
        tracer.log_text("x", path)


def test_misuse_says_what_to_write(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError, match="called outside of a run; write"):
        tracer.log_text("x", "a.txt")
    with tracer.start_run():
        with pytest.raises(InvalidArgumentError, match=r"text: got dict, expected a string; log_dict\(\) takes a dict"):
            tracer.log_text({"a": 1}, "a.txt")  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match="there is no file"):
            tracer.log_artifact(tmp_path / "nothing")
