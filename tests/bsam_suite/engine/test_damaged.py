"""Files that cannot be read in the middle of a training: stop, or go on without a few of them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, HOOKS
from torch.utils.data import Dataset, default_collate

from bsam_suite.engine import checked_batches
from bsam_suite.engine.checked_batches import CheckedBatches
from bsam_suite.engine.damaged import DamagedImagesHook
from bsam_suite.errors import InputError, UnreadableFile

COUNT = 24
SHORT = dict(train_cfg__max_epochs=2)
LIMIT = "default_hooks__damaged_images__max_skipped"


@DATASETS.register_module()
class NumberFiles(Dataset):
    """A number in each file, with noise."""

    def __init__(self):
        self.files = [Path("files") / f"{i}.txt" for i in range(COUNT)]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        file = self.files[index]
        text = file.read_text()  # OSError where it has gone
        try:
            x = torch.full((5,), float(text))
        except ValueError as error:
            raise UnreadableFile.of(str(file), error) from error
        return dict(x=x + 0.1 * torch.randn(5) + np.random.randn(), y=x.sum().tanh())


@DATASETS.register_module()
class WholeBatches(NumberFiles):
    """As the suite's folders of images: a batch at a time."""

    def __getitems__(self, indices):
        return [super(WholeBatches, self).__getitem__(i) for i in indices]


@DATASETS.register_module()
class ByMMEngine(BaseDataset):
    """MMEngine's, with an error that does not know the file, as MMPose's."""

    def __init__(self):
        super().__init__(pipeline=[self.read])

    def load_data_list(self):
        return [dict(img_path=f"files/{i}.txt") for i in range(COUNT)]

    @staticmethod
    def read(info):
        file = Path(info["img_path"])
        if not file.exists():
            raise FileNotFoundError("where is it?")
        assert file.read_text() != "", f"failed to load image: {file}"
        x = torch.full((5,), float(file.read_text()))
        return dict(x=x + 0.1 * torch.randn(5) + np.random.randn(), y=x.sum().tanh())


@HOOKS.register_module()
class DamageAfterEpoch(Hook):
    """Deletes and empties files while the run goes on."""

    priority = "LOWEST"

    def __init__(self, wanted):
        self.wanted = wanted

    def after_train_epoch(self, runner):
        if self.wanted and runner.epoch == 0:
            damage()


def damage():
    Path("files/3.txt").unlink(missing_ok=True)
    Path("files/7.txt").write_text("")


def repair():
    Path("files").mkdir(exist_ok=True)
    for i in range(COUNT):
        Path(f"files/{i}.txt").write_text(f"{i / COUNT - 0.5}")


@pytest.fixture
def files(small):
    """``small`` on 24 files in batches of 8; validation is on others."""
    repair()

    def run(kind="NumberFiles", later=False, **options):
        options.setdefault("train_dataloader__num_workers", 0)
        options = options if "train_cfg" in options else dict(SHORT, **options)
        cfg = {"train_dataloader.dataset": dict(type=kind, _delete_=True)}
        cfg["custom_hooks"] = [dict(type="DamageAfterEpoch", wanted=later)]
        small(cfg=cfg, **options)

    return run


@pytest.mark.parametrize(("kind", "workers"), [("NumberFiles", 0), ("ByMMEngine", 2)])
def test_it_stops_by_default_and_goes_on_once_repaired(files, kind, workers):
    from small_run import content, differences

    options = dict(kind=kind, train_dataloader__num_workers=workers)
    files(work_dir="whole", **options)
    assert json.loads(Path("whole/metrics.json").read_text())["damaged_images"] == 0
    with pytest.raises(InputError) as stop:
        files(work_dir="run", later=True, **options)
    said = str(stop.value)
    assert said.startswith(("files/3.txt cannot be read (", "files/7.txt cannot be read ("))
    assert "repair it" in said and "--resume auto goes on" in said and "\n" not in said
    assert "default_hooks.damaged_images.max_skipped=10" in said and "Traceback" not in said
    assert Path("run/epoch_1.pth").exists() and not Path("run/epoch_2.pth").exists()
    repair()
    files(work_dir="run", resume="auto", **options)
    assert not differences(content(Path("whole")), content(Path("run")))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["WholeBatches", "ByMMEngine"])
def test_a_few_are_left_out_counted_and_told_once(files, kind, capsys):
    from small_run import content, differences

    for name, workers in (("one", 0), ("two", 2)):
        repair()
        options = dict(kind=kind, later=True, work_dir=name, train_cfg__max_epochs=3)
        files(**options, **{LIMIT: 2}, train_dataloader__num_workers=workers)
        printed = capsys.readouterr().out
        assert "damaged images   2 (others took their places)" in printed
        lines = [line for line in printed.splitlines() if "cannot be read" in line]
        assert len(lines) == 2 and {line.split(" cannot")[0].split()[-1] for line in lines} == {
            "files/3.txt",
            "files/7.txt",
        }
        assert "1 of at most 2" in lines[0] and "2 of at most 2" in lines[1]
        assert json.loads(Path(name, "metrics.json").read_text())["damaged_images"] == 2
    assert not differences(content(Path("one")), content(Path("two")))


def test_a_resumed_run_is_the_uninterrupted_one(files, monkeypatch):
    """It draws the same images in their places, and knows those that it has counted."""
    from small_run import SmallNet, content, differences

    damage()
    each = dict(default_hooks__checkpoint__by_epoch=False, train_dataloader__num_workers=1)
    options = dict(each, train_cfg__max_epochs=3, **{LIMIT: 2})
    files(work_dir="whole", **options)
    steps, forward = [], SmallNet.forward

    def fails(*args, **kwargs):
        steps.append(1)
        if len(steps) > 14:  # three passes a step: in the fifth step, the second of epoch 2
            raise KeyboardInterrupt
        return forward(*args, **kwargs)

    with monkeypatch.context() as fault:
        fault.setattr(SmallNet, "forward", fails)
        with pytest.raises(KeyboardInterrupt):
            files(work_dir="run", **options)
    kept = torch.load(Path("run/last_checkpoint").read_text(), weights_only=True)
    assert 0 < kept["meta"]["iter"] < 6
    files(work_dir="run", resume="auto", **options)
    whole, run = content(Path("whole")), content(Path("run"))
    assert not differences(whole, run)
    known = run["iter_9.pth"]["message_hub"]["info"]["damaged_images"]
    assert known.keys() == {"files/3.txt", "files/7.txt"}


def test_a_resumed_run_counts_on(files):
    """Two files are gone from the start, others in the second epoch, of which one stays away."""
    options = {"work_dir": "run", LIMIT: 2}
    for i in (5, 11):
        Path(f"files/{i}.txt").unlink()
    with pytest.raises(InputError, match="^3 images cannot be read, more than "):
        files(later=True, **options)
    repair()
    Path("files/3.txt").unlink()
    with pytest.raises(InputError, match="^3 images cannot be read, more than "):
        files(later=True, resume="auto", **options)


def test_one_more_than_the_limit_stops(files):
    damage()
    Path("files/11.txt").unlink()
    with pytest.raises(InputError) as stop:
        files(**{LIMIT: 2})
    said = str(stop.value)
    assert said.startswith("3 images cannot be read, more than default_hooks.damaged_images.max_")
    assert all(f"files/{i}.txt" in said for i in (3, 7, 11))


def test_with_one_worker_of_a_loop_by_iterations(files):
    damage()
    loop = dict(by_epoch=False, max_iters=9, val_interval=3, _delete_=True)
    options = dict(train_dataloader__num_workers=1, work_dir="run", train_cfg=loop)
    files(**options, **{LIMIT: 2})
    assert json.loads(Path("run/metrics.json").read_text())["damaged_images"] == 2


def test_the_other_samples_of_a_batch_stay_what_they_are():
    class Lines(Dataset):
        def __len__(self):
            return 40

        def __getitem__(self, index):
            if index in (2, 5):
                raise UnreadableFile.of(f"{index}.png", OSError("gone"))
            return torch.tensor(index)

    np.random.seed(0)
    found = CheckedBatches(Lines(), default_collate, 2).__getitems__([1, 2, 3, 5])
    assert found.damaged == {"2.png": "gone", "5.png": "gone"}
    batch = found.batch.tolist()
    assert batch[0::2] == [1, 3] and not {2, 5} & {*batch}
    np.random.seed(0)
    assert batch[1] == np.random.randint(40)
    assert CheckedBatches(Lines(), default_collate, 1).__getitems__([1, 2, 3, 5]).batch is None


def test_where_no_image_can_be_read_it_ends(files, monkeypatch):
    monkeypatch.setattr(checked_batches, "TRIES", 20)
    for file in Path("files").glob("*"):
        file.unlink()
    with pytest.raises(InputError, match="none of 20 images can be read, such as files/"):
        files(**{LIMIT: 99})


@pytest.mark.parametrize(
    ("kind", "workers"), [("NumberFiles", 1), ("ByMMEngine", 0), ("ByMMEngine", 1)]
)
def test_a_validation_stops_whatever_the_limit(small, files, kind, workers):
    """Its metric would be that of other images."""
    damage()
    cfg = {"val_dataloader.dataset": dict(type=kind, _delete_=True)}
    cfg["val_dataloader.num_workers"] = workers
    with pytest.raises(InputError, match=r"^an image cannot be read: .*--resume auto") as stop:
        small(cfg=cfg, train_cfg__max_epochs=1, **{LIMIT: 9})
    assert "\n" not in str(stop.value) and "Traceback" not in str(stop.value)


def test_other_errors_stay_what_they_are(files, monkeypatch):
    def fails(data, index):
        raise KeyError("a fault of the program")

    monkeypatch.setattr(NumberFiles, "__getitem__", fails)
    with pytest.raises(KeyError, match="a fault of the program"):
        files(**{LIMIT: 9})


@pytest.mark.parametrize("value", [-1, True, "many", 1.5, None])
def test_a_limit_that_is_none(value):
    with pytest.raises(InputError, match=r"default_hooks\.damaged_images\.max_skipped="):
        DamagedImagesHook(max_skipped=value)


@pytest.mark.slow
def test_two_processes_add_up_and_end_together(files, monkeypatch):
    """Each has met one of the two files only; one more than the limit ends both."""
    here, reliability = Path(__file__).parent, Path(__file__).parents[2] / "reliability"
    monkeypatch.setenv("PYTHONPATH", f"{here}:{reliability}")
    lines = (
        'custom_imports["imports"].append("test_damaged")',
        'train_dataloader["dataset"] = dict(type="NumberFiles")',
        'train_dataloader["sampler"]["shuffle"] = False',
    )
    Path("two.py").write_text("\n".join([Path("small.py").read_text(), *lines]))
    for i in (4, 7):  # one process reads the even numbers
        Path(f"files/{i}.txt").unlink()

    def train(folder, limit):
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node=2", str(Path(__file__).parents[3] / "tools/train.py")]
        command += ["two.py", "--launcher=pytorch", f"--work-dir={folder}", "--cfg-options"]
        command += [f"default_hooks.damaged_images.max_skipped={limit}", "train_cfg.max_epochs=2"]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    done = train("run", 2)
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(Path("run/metrics.json").read_text())["damaged_images"] == 2
    assert "2 of at most 2" in done.stdout
    begun = time.monotonic()
    done = train("stopped", 0)
    assert done.returncode != 0 and "cannot be read" in done.stderr
    assert time.monotonic() - begun < 200
