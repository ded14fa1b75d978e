"""``fom export``: trace, compare with PyTorch on real frames, keep what is within bounds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from ..backends import MANIFEST, ExportedModel, Package, write_manifest
from ..backends.package import ONNX, STREAMING, format_and_precision, variant_name
from ..errors import FomError, UsageError
from ..files.handover import hand_over
from ..files.leftovers import READY, temporary_name
from ..files.paths import require_name, unwritable
from ..files.reserved import release, reserve_folder
from ..networks import MotionModel
from .compare import ExportCheck, read_check_frames
from .formats import FORMATS, NEVER_RUN
from .graph_file import OPSET, require_onnx
from .parts import PARTS, RELATIVE, graphs_of
from .variants import ARCHIVE, BESIDE, FLOAT16, FLOAT32, SUFFIXES, Writer

log = logging.getLogger(__name__)
Progress = Callable[[int, "int | None"], None]
Tell = Callable[[str], object]


@dataclass(frozen=True)
class Exported:
    """What an export left: the folder, and what its ``model.json`` says."""

    folder: Path
    package: Package


def export_model(
    model: MotionModel,
    folder: str | Path,
    *,
    variants: Sequence[str] = (),
    formats: Sequence[str] = (ONNX,),
    frames: str | Path | None = None,
    progress: Progress | None = None,
    tell: Tell = lambda step: None,
) -> Exported:
    """Write a model's parts as ONNX, or in other formats, with ``model.json`` into a folder.

    model:    on the processor; :meth:`.MotionModel.at_size` chooses the size of the pictures.
    variants: beside float32: "float16", "int8" and "archive" (``torch.export``). Files that differ from PyTorch by
              more than the variant's bound are left out, with a line that says so.
    formats:  "onnx", and names of :data:`.FORMATS`, in float32 and those of the variants that they have.
    frames:   a video to compare with PyTorch on; None is an embedded clip.
    progress: is told of each file that was written and compared.
    tell:     is told what begins, such as "writing generator.tflite", where single files may take a minute.
    Raises FomError when the float32 graphs do not compute what PyTorch does, or no file of a part is left that an
    animation needs, MissingPackage where a format's packages are not installed; nothing is written then.
    """
    require_onnx()
    wanted = _wanted(variants, formats)
    folder = Path(folder)
    tell("reading the frames to compare on")
    pictures = read_check_frames(model.config, None if frames is None else Path(frames))
    graphs = graphs_of(model)
    with _work_folder(folder) as work:
        tell("painting them with PyTorch")
        check = ExportCheck(model, pictures)
        package = Package(model.name, model.config, OPSET, {}, pictures.name)
        keeper = _Keeper(check, Writer(graphs, work, check, tell), package, tell)
        done = (name for variant in wanted for name in keeper.add(variant))
        for number, _ in enumerate(chain([""], done)):
            if progress is not None:
                progress(number, len(wanted) * len(graphs))
        keeper.drop([] if ONNX in formats else [FLOAT32])
        write_manifest(keeper.package, work / MANIFEST)
        _hand_over(work, folder)
    return Exported(folder, keeper.package)


def _wanted(variants: Sequence[str], formats: Sequence[str]) -> list[str]:
    """The variants to make, float32 first. Raises UsageError for an unknown format, MissingPackage."""
    if unknown := [name for name in formats if name not in (ONNX, *FORMATS)]:
        raise UsageError(f"There is no format {unknown[0]!r}. Choose from {', '.join((ONNX, *FORMATS))}.")
    small = [variant for variant in variants if variant not in (FLOAT32, ARCHIVE)]
    wanted = [FLOAT32, *(small if ONNX in formats else []), *([ARCHIVE] if ARCHIVE in variants else [])]
    for form in (FORMATS[name] for name in formats if name != ONNX):
        form.require()
        for precision in (FLOAT32, *small):
            if precision in form.suffixes:
                wanted.append(variant_name(form.name, precision))
            else:
                log.warning("The format %s is written without %s files.", form.name, precision)
    return list(dict.fromkeys(wanted))


class _Keeper:
    """Adds variants to a package, file by file, as far as they hold their bounds."""

    def __init__(self, check: ExportCheck, writer: Writer, package: Package, tell: Tell) -> None:
        self.check = check
        self.writer = writer
        self.package = package
        self._tell = tell

    def add(self, variant: str) -> Iterator[str]:
        """Write, compare and keep a variant of every part, whose names come one by one.

        Raises FomError where float32 differs.
        """
        made, failed = self.writer.write(self.package, variant)
        kept = {}
        for name, reason in failed.items():
            self._leave_out(variant, f"{name}{SUFFIXES[variant]} is not kept: its converter failed ({reason}).")
        form = FORMATS.get(format_and_precision(variant)[0])
        for name in made.parts:
            if form and form.open_file is None:
                log.info("%s: converted, %s", made.parts[name].files[variant].file, NEVER_RUN)
                kept[name] = {}
                yield name
                continue
            apart = self._compared(made, name, variant)
            if variant == FLOAT16:
                made, apart = self._with_care(made, name, apart)
            if self._holds(made.parts[name].files[variant].file, variant, apart):
                kept[name] = apart
            yield name
        package = _with(self.package, made, variant, kept)
        if not (form and form.open_file is None) and any(name != RELATIVE for name in kept):
            self._tell(f"comparing the {variant} files together")
            apart = self.check.of_all(self._model(package, variant))
            if not self._holds(f"{variant}, all parts together", variant, apart):
                kept = {name: kept[name] for name in kept if name == RELATIVE}
                package = _with(self.package, made, variant, kept)
        if form and any(name != RELATIVE for name in kept):
            package.formats.setdefault(form.name, form.about())
        self.package = package
        self.writer.remove_others(package)

    def drop(self, variants: Sequence[str]) -> None:
        """Delete the files of variants that were only made for others, and leave out parts that have no other file.

        Raises FomError for a part that an animation needs.
        """
        parts = {
            name: replace(part, files={key: file for key, file in part.files.items() if key not in variants})
            for name, part in self.package.parts.items()
        }
        if bare := [name for name in STREAMING if not parts[name].files]:
            reasons = " ".join(line for lines in self.package.left_out.values() for line in lines)
            raise FomError(f"No file of the {bare[0]} was kept, and nothing was written. {reasons} Add --format onnx.")
        self.package = replace(self.package, parts={name: part for name, part in parts.items() if part.files})
        self.writer.remove_others(self.package)

    def _with_care(self, made: Package, name: str, apart: dict[str, float]) -> tuple[Package, dict[str, float]]:
        """While a float16 part is outside its bound, keep one more size of its feature maps in float32."""
        care = 0
        while self.check.verdict(FLOAT16, apart) is not None:
            log.info("%s: %s; larger maps in float32:", made.parts[name].files[FLOAT16].file, differences_text(apart))
            care += 1
            again = self.writer.write_carefully(made, name, care)
            if again is None:
                break
            made, apart = again, self._compared(again, name, FLOAT16)
        return made, apart

    def _compared(self, made: Package, name: str, variant: str) -> dict[str, float]:
        """Differences when this part alone is not PyTorch's."""
        self._tell(f"comparing {made.parts[name].files[variant].file}")
        if name == RELATIVE:
            return self.check.of_relative(self.writer.open(made, name, variant))
        return self.check.of_part(name, self._model(made, variant))

    def _model(self, package: Package, variant: str) -> ExportedModel:
        """A model of this variant, its other parts in float32 as ONNX."""
        parts = {
            name: replace(part, files={variant: part.files[FLOAT32], **part.files})
            for name, part in {**self.package.parts, **package.parts}.items()
        }
        whole = replace(package, parts=parts)
        return ExportedModel(whole, self.writer.folder, lambda path: self.writer.open_file(whole, path), variant)

    def _holds(self, what: str, variant: str, apart: dict[str, float]) -> bool:
        """Whether differences are within the bound of the variant; the log and the package's ``left_out`` tell."""
        wrong = self.check.verdict(format_and_precision(variant)[1], apart)
        if wrong is None:
            log.info("%s: %s", what, differences_text(apart))
            return True
        if variant == FLOAT32:
            raise FomError(
                f"The exported {self.package.name} does not paint what PyTorch paints ({what}: {wrong}). Nothing was "
                "written."
            )
        self._leave_out(variant, f"{what} is not kept: {wrong}.")
        return False

    def _leave_out(self, variant: str, line: str) -> None:
        self.package.left_out.setdefault(variant, []).append(line)
        log.warning("%s", line)


def differences_text(apart: dict[str, float]) -> str:
    """Differences in words."""
    points = f"; keypoints by {apart['value_max']:.1e}" if apart["value_max"] else ""
    return f"pictures differ by at most {apart['prediction_max']:.1e} ({apart['prediction_psnr_db']:.0f} dB){points}"


def _with(package: Package, made: Package, variant: str, kept: dict[str, dict[str, float]]) -> Package:
    """``package`` with the kept files of a variant and their differences."""
    parts = dict(package.parts)
    for name, apart in kept.items():
        part = made.parts[name]
        file = replace(part.files[variant], differences=apart)
        parts[name] = replace(part, files={**(parts[name].files if name in parts else {}), variant: file})
    return replace(package, parts=parts)


@contextmanager
def _work_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the target that vanishes at the end. Raises WriteError."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"The output {folder} is a file. Give the name of a folder.")
    require_name(folder, folder=True)
    try:
        work = reserve_folder(folder.parent, folder.name)
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield work
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        release(work)


def files_in(folder: Path) -> list[Path]:
    """All that an export may write into a folder, or remove from it."""
    names = [f"{part}{suffix}" for part in PARTS for suffix in (*SUFFIXES.values(), *BESIDE)]
    return [folder / name for name in (*names, MANIFEST)]


def _hand_over(work: Path, folder: Path) -> None:
    """Put the files in the place of an earlier export's; others in the folder stay."""
    ours = {path.name for path in files_in(folder)}
    hand_over(work, folder, temporary_name(folder.name, kind=READY), lambda name: name in ours)
