"""`vaefit fit --tensorboard`: event files, read back record by record."""

import io
import json
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def events_of(path):
    """The events of one file: length, its check, message, its check (TFRecord)."""
    from tensorboardX.proto.event_pb2 import Event

    data, start = path.read_bytes(), 0
    while start < len(data):
        (length,) = struct.unpack("<Q", data[start : start + 8])
        yield Event.FromString(data[start + 12 : start + 12 + length])
        start += length + 16
    assert start == len(data)


def read(board):
    """Scalars by tag and step, pictures by tag, and the steps from which a later file hides an earlier."""
    scalars, pictures, purged = {}, {}, []
    for path in sorted(board.glob("events.out.tfevents.*"), key=lambda p: int(p.name.rsplit(".", 1)[1])):
        for event in events_of(path):
            if event.HasField("session_log"):
                purged.append(event.step)
                scalars = {
                    tag: {s: v for s, v in steps.items() if s < event.step} for tag, steps in scalars.items()
                }
            for value in event.summary.value:
                if value.HasField("image"):
                    pictures[value.tag] = value.image
                else:
                    assert event.step not in scalars.setdefault(value.tag, {})
                    scalars[value.tag][event.step] = value.simple_value
    return scalars, pictures, purged


def history_of(run):
    """The records of all epochs."""
    return [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]


def check_scalars(run):
    """Every number of the history is in the event files, and no other."""
    scalars, _, _ = read(run / "tensorboard")
    history = history_of(run)
    for name in ("elbo", "rate", "distortion", "loss", "learning_rate"):
        expected = {r["epoch"]: pytest.approx(r[name], rel=1e-6) for r in history if "loss" in r}
        assert scalars.pop(f"train/{name}") == expected
    for name in ("elbo", "rate", "distortion"):
        expected = {r["epoch"]: pytest.approx(r["validation"][name], rel=1e-6) for r in history}
        assert scalars.pop(f"validation/{name}") == expected
    assert not scalars


@pytest.fixture
def run(vaefit, folder, small, tmp_path):
    """A run with event files."""
    said = vaefit("fit", folder, "--out", tmp_path / "run", "--tensorboard", "--json", "-q", *small)
    assert (said.code, said.err) == (0, "")
    assert said.json["run"] == str(tmp_path / "run")
    return tmp_path / "run"


def test_scalars_are_those_of_the_history(run):
    check_scalars(run)


def test_the_picture_is_the_run_folders(run):
    _, pictures, _ = read(run / "tensorboard")
    shown = Image.open(io.BytesIO(pictures["reconstructions"].encoded_image_string))
    np.testing.assert_array_equal(shown, Image.open(run / "reconstructions.png").convert("RGB"))


def test_projector_has_the_latent_means_of_the_validation_rows(run, folder):
    from vaefit import load

    board = run / "tensorboard"
    config = (board / "projector_config.pbtxt").read_text()
    paths = dict(re.findall(r'(\w+_path): "(.*?)"', config))
    assert config.count("single_image_dim: 8") == 2
    means = np.loadtxt(board / paths["tensor_path"], delimiter="\t")
    header, *lines = [x.split("\t") for x in (board / paths["metadata_path"]).read_text().splitlines()]
    assert header == ["label", "name"]
    assert means.shape == (6, 2)
    assert len(lines) == 6
    # Each mean is that of the image that its line names.
    fitted = load(run)
    images = np.stack([np.asarray(Image.open(folder / name)) for _, name in lines])
    np.testing.assert_allclose(means, fitted.encode(images)[0], rtol=1e-4, atol=1e-6)
    assert {label for label, _ in lines} <= {"digit-0", "digit-1", "digit-2"}
    sprite = np.asarray(Image.open(board / paths["image_path"]))
    for number, image in enumerate(images):
        line, column = divmod(number, 3)
        tile = sprite[8 * line : 8 * line + 8, 8 * column : 8 * column + 8, 0]
        np.testing.assert_array_equal(tile, image)


def test_a_resumed_run_appends(vaefit, run):
    said = vaefit("fit", "--resume", run, "--epochs", "4", "--tensorboard", "-q", "--json")
    assert (said.code, said.err) == (0, "")
    _, _, purged = read(run / "tensorboard")
    assert purged == [3]
    assert [r["epoch"] for r in history_of(run)] == [0, 1, 2, 3, 4]
    check_scalars(run)
    assert (run / "tensorboard" / "projector_config.pbtxt").read_text().count("embeddings") == 1
    # Once more with nothing left to do: still one line of JSON, and the same numbers.
    assert vaefit("fit", "--resume", run, "--tensorboard", "-q", "--json").json["epochs"] == 4
    check_scalars(run)


def test_epochs_after_the_checkpoint_are_hidden(vaefit, run):
    """A process killed after its checkpoint of epoch 1 had told TensorBoard of epoch 2 already."""
    progress = json.loads((run / "checkpoint" / "progress.json").read_text())
    (run / "checkpoint" / "progress.json").unlink()
    assert progress["progress"]["epoch"] == 2
    said = vaefit("fit", "--resume", run, "--tensorboard", "-q", "--json")
    assert (said.code, said.err) == (0, "")
    assert read(run / "tensorboard")[2] == [0]
    check_scalars(run)


def test_a_run_resumed_with_it_for_the_first_time_has_its_whole_history(vaefit, folder, small, tmp_path):
    run = tmp_path / "run"
    assert vaefit("fit", folder, "--out", run, "-q", *small).code == 0
    assert not (run / "tensorboard").exists()
    assert vaefit("fit", "--resume", run, "--epochs", "3", "--tensorboard", "-q").code == 0
    check_scalars(run)


def test_a_new_run_in_the_same_folder_starts_anew(vaefit, run, folder, small):
    (run / "tensorboard" / "mine.txt").write_text("kept")
    assert vaefit("fit", folder, "--out", run, "--force", "-q", *small).code == 0
    assert [p.name for p in (run / "tensorboard").iterdir()] == ["mine.txt"]


def test_a_file_in_the_way_is_answered_in_one_line(vaefit, folder, small, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "tensorboard").write_text("mine")
    said = vaefit("fit", folder, "--out", tmp_path / "run", "--force", "--tensorboard", "-q", *small)
    assert said.code == 2
    assert f"vaefit: cannot write to {tmp_path / 'run' / 'tensorboard'}: " in said.err
    assert said.err.count("\n") == 1
    assert (tmp_path / "run" / "tensorboard").read_text() == "mine"


def test_tables_without_validation_names_or_pictures(vaefit, small, tmp_path):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(2500, 3)))
    run = tmp_path / "run"
    arguments = ("--validation", "0", "--tensorboard", *small)
    said = vaefit("fit", tmp_path / "x.npy", "--out", run, "-q", *arguments)
    assert said.code == 0, said.err
    scalars, pictures, _ = read(run / "tensorboard")
    assert not [tag for tag in scalars if tag.startswith("validation")]
    assert "reconstructions" in pictures
    (metadata,) = (run / "tensorboard").rglob("metadata.tsv")
    # Every second row: at most 2000 points.
    assert metadata.read_text().split() == [str(i) for i in range(1, 2501, 2)]
    assert not list((run / "tensorboard").rglob("sprites.png"))


def test_colour_and_oblong_images_become_square_tiles():
    from vaefit.data import Dataset
    from vaefit.tensorboard import _sprites

    x = np.random.default_rng(0).integers(0, 256, (5, 300, 120, 3)).astype(np.uint8)
    tiles = _sprites(Dataset.from_array(x))
    assert tiles.shape == (5, 100, 100, 3)
    np.testing.assert_array_equal(tiles[:, :, 30:70], x[:, ::3, ::3])
    assert (tiles[:, :, :30] == 255).all()
    assert (tiles[:, :, 70:] == 255).all()


def test_from_python_it_needs_a_folder():
    from vaefit import SettingsError, fit

    with pytest.raises(SettingsError, match="found no out"):
        fit(np.zeros((10, 2)), tensorboard=True)


def test_a_disk_that_fills_up_costs_the_event_files_alone(
    vaefit, folder, small, fitted, tmp_path, monkeypatch
):
    """Writing fails as on a full disk from the second epoch on; the weights are those without event files."""
    from tensorboardX.record_writer import RecordWriter

    flush, flushed = RecordWriter.flush, []

    def fail_later(self):
        flushed.append(self)
        if len(flushed) > 2:
            with Path("/dev/full").open("wb") as full:
                full.write(b"x")
        flush(self)

    monkeypatch.setattr(RecordWriter, "flush", fail_later)
    run = tmp_path / "run"
    said = vaefit("fit", folder, "--out", run, "--tensorboard", "-q", *small)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    for piece in (
        f"cannot write to {run / 'tensorboard'}: No space left",
        "the run itself is whole",
        "--resume",
    ):
        assert piece in said.err
    assert (run / "model.safetensors").read_bytes() == (fitted / "model.safetensors").read_bytes()
    assert (run / "README.md").exists()
    # What the message says helps.
    monkeypatch.undo()
    shutil.rmtree(run / "tensorboard")
    assert vaefit("fit", "--resume", run, "--tensorboard", "-q").code == 0
    check_scalars(run)


def test_tensorboardx_is_imported_only_when_asked_for():
    program = "import sys, vaefit.fitting; print('tensorboardX' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
