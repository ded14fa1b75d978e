"""Pairs of frames read from the clips while training, in the authors' manner, by processes of their own.

Pair number i of a training is a function of the seed and of i alone. So a training goes on exactly where it stopped,
several processes share the pairs without talking, and the number of readers does not matter.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from ...errors import MediaError
from ..settings import DatasetConfig, Stage
from .augment import Pairs
from .clips import ClipEntry, ClipReader
from .pair_augment import PairAugmentation, augment_pair

log = logging.getLogger(__name__)
MOST_READERS = 8
AHEAD = 4  # batches that each reader prepares
ATTEMPTS = 50  # unreadable clips in a row after which a training gives up
PATIENCE_S = 60  # of a reader that is told to end, until who trains has kept what was learnt and ends it


@dataclass(frozen=True)
class Sample:
    """One pair (2, H, W, 3) uint8, source first; its clip; and what could not be read in its place."""

    pair: np.ndarray
    name: str
    damaged: tuple[str, ...] = ()


class PairDataset(Dataset[Sample]):
    """Pairs by number. An item is a clip or, with ``id_sampling``, a person: each is drawn once per pass."""

    def __init__(
        self,
        entries: Sequence[ClipEntry],
        size: tuple[int, int],
        augmentation: PairAugmentation,
        cache: Path,
        *,
        id_sampling: bool = False,
        seed: int = 0,
    ) -> None:
        self.size, self.augmentation, self.seed = size, augmentation, seed
        kept = size if augmentation.crop_param is None else None
        items: dict[str, list[ClipReader]] = {}
        for entry in entries:
            item = entry.identity if id_sampling else str(entry.path)
            items.setdefault(item, []).append(ClipReader(entry.path, kept, size, cache))
        self.items = list(items.values())
        self._damaged: dict[Path, str] = {}
        self._order: tuple[int, np.ndarray] = (-1, np.empty(0, int))

    def __len__(self) -> int:
        """Items, which is the number of pairs in a pass."""
        return len(self.items)

    def __getitem__(self, number: int) -> Sample:
        """Raises MediaError when nothing can be read any more."""
        random = np.random.default_rng((self.seed, number))
        item, damaged = self._item(number), []
        for _ in range(ATTEMPTS):
            clip = self.items[item][random.integers(len(self.items[item]))]
            problem = self._damaged.get(clip.path)
            if problem is None:
                try:
                    pair = augment_pair(_two_frames(clip, random), self.augmentation, self.size, random)
                    return Sample(pair, clip.path.name, tuple(damaged))
                except MediaError as error:
                    problem = str(error)
                    if not clip.path.is_dir():  # of a folder, other frames may be whole
                        self._damaged[clip.path] = problem
            damaged.append(problem)
            item = int(random.integers(len(self.items)))
        raise MediaError(f"{ATTEMPTS} clips in a row cannot be read; the last one: {damaged[-1]}")

    def _item(self, number: int) -> int:
        """Every pass goes through all items in an order of its own."""
        turn, place = divmod(number, len(self.items))
        if self._order[0] != turn:
            self._order = turn, np.random.default_rng((self.seed, turn, 1)).permutation(len(self.items))
        return int(self._order[1][place])


def _two_frames(clip: ClipReader, random: np.random.Generator) -> np.ndarray:
    """Two frames in order of time, which may be the same one, as with the authors."""
    if len(clip) < 2:
        raise MediaError(f"{clip.path} has a single frame; a clip needs two.")
    first, second = sorted(random.integers(len(clip), size=2).tolist())
    frames = [clip[first], clip[second]]
    if frames[0].shape != frames[1].shape:
        raise MediaError(f"The frames of {clip.path} differ in size. Make them equal.")
    return np.stack(frames)


@dataclass(frozen=True)
class ClipData:
    """A data set whose pairs are read while training. ``packs``: folder for the frames of videos."""

    entries: Sequence[ClipEntry]
    dataset: DatasetConfig
    packs: Path

    def pairs(self, stage: Stage, seed: int) -> PairDataset:
        """The pairs of a stage."""
        return PairDataset(
            self.entries,
            stage.model.image_size,
            self.dataset.augmentation_params,
            self.packs,
            id_sampling=self.dataset.id_sampling,
            seed=seed,
        )


class StreamFeed:
    """Batches for one stage: those of process number ``rank`` of ``processes`` that train together."""

    def __init__(self, data: ClipData, stage: Stage, seed: int, *, rank: int = 0, processes: int = 1) -> None:
        self.pairs = data.pairs(stage, seed)
        self.batch_size, self.rank, self.processes, self.drawn = stage.batch_size, rank, processes, 0
        self.readers = readers(data.dataset.num_workers)
        self.channels = stage.model.num_channels
        self._reported: set[str] = set()
        self._batches: Iterator[list[Sample]] | None = None

    def draw(self) -> tuple[Pairs, str]:
        """This process's share of the next batch, and the clips it is from. Reports every damaged clip once."""
        if self._batches is None:
            self._batches = self._begin()
        samples = next(self._batches)
        self.drawn += 1
        for problem in dict.fromkeys(problem for sample in samples for problem in sample.damaged):
            if problem not in self._reported:
                self._reported.add(problem)
                log.warning("%s Another clip takes its place.", problem)
        return _as_pairs(
            samples, self.channels
        ), f"frames of {', '.join(dict.fromkeys(sample.name for sample in samples))}"

    def state(self) -> dict[str, Any]:
        return {"drawn": self.drawn}

    def restore(self, state: dict[str, Any]) -> None:
        self.close()
        self.drawn = int(state["drawn"])

    def close(self) -> None:
        batches, self._batches = self._batches, None
        if self.readers and batches is not None:
            workers = batches._workers  # type: ignore[attr-defined]
            batches._shutdown_workers()  # type: ignore[attr-defined] - an error on its way may hold it for long
            for worker in workers:
                worker.kill()  # still in the midst of a clip

    def _begin(self) -> Iterator[list[Sample]]:
        """Readers that go on behind the batches drawn so far."""
        options: dict[str, Any] = {}
        if self.readers:
            options = {"prefetch_factor": AHEAD, "worker_init_fn": _start_reader, "persistent_workers": True}
        loader = DataLoader(
            self.pairs,
            batch_sampler=self._numbers(self.drawn),
            num_workers=self.readers,
            collate_fn=list,
            generator=torch.Generator(),  # else it would draw from the one that the networks were made with
            **options,
        )
        return iter(loader)

    def _numbers(self, batch: int) -> Iterator[list[int]]:
        """The numbers of this process's pairs, batch by batch, without end."""
        while True:
            start = (batch * self.processes + self.rank) * self.batch_size
            yield list(range(start, start + self.batch_size))
            batch += 1


def readers(wanted: int | None) -> int:
    """How many processes read for one that trains; 0 reads between the steps."""
    if wanted is not None:
        return wanted
    here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return min(MOST_READERS, max(0, (os.cpu_count() or 1) // here - 1))


def _start_reader(_: int) -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    # Who trains hears these too, keeps what was learnt, and ends its readers: gone before, they would be an error.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=_end_later, daemon=True).start())


def _end_later() -> None:
    time.sleep(PATIENCE_S)
    os._exit(1)


def _as_pairs(samples: Sequence[Sample], channels: int) -> Pairs:
    pairs = np.stack([sample.pair for sample in samples])  # (B, 2, H, W, 3)
    if channels == 1:  # the mean of the three, as everywhere
        pairs = pairs.mean(axis=-1, keepdims=True).round().astype(np.uint8)
    frames = torch.from_numpy(pairs)
    unknown = torch.full((len(samples), 5, 2), float("nan"))
    still = torch.zeros(len(samples), dtype=torch.bool)
    return Pairs(frames[:, 0], frames[:, 1], unknown, unknown, still)
