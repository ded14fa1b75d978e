"""Training of the embedded face detector.

    python -m tools.face_detector.train --clips FOLDER --photographs FOLDER --yunet FILE.onnx --output runs/face

Faces come from folders with an ``index.csv`` (columns file, kind, split, licence_class); only rows of the permissive
class are opened. YuNet labels them. The run resumes from ``last.pt`` in its output folder.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fom_core.faces.boxes import iou, keep_best
from fom_core.faces.detectors.embedded import STRIDES, FaceNetwork, cell_centres, decode
from fom_core.faces.detectors.yunet import YuNetDetector
from fom_core.files.paths import replacing, write_tensors
from fom_core.weights.read import read_state_dict, read_tree

from .labels import DOUBTFUL, labelled_once, load_photographs, load_portraits
from .pictures import FACE, IGNORE, Composer

log = logging.getLogger(__name__)
FACE_SIDES_PX = ((0, 44), (36, 110), (90, 1e9))  # which faces each stride learns; both learn those in between


class Composed(Dataset):
    """Training pictures by index; the index alone decides the picture, so a resumed run continues the same sequence."""

    def __init__(self, composer: Composer, start: int, stop: int):
        self.composer, self.start, self.stop = composer, start, stop

    def __len__(self) -> int:
        return self.stop - self.start

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if index >= len(self):
            raise IndexError(index)
        cv2.setNumThreads(1)
        image, boxes = self.composer(self.start + index)
        return torch.from_numpy(image).permute(2, 0, 1), torch.from_numpy(boxes)


def collate(samples: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, list[Tensor]]:
    return torch.stack([image for image, _ in samples]), [boxes for _, boxes in samples]


def assign(boxes: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """For one picture: which box each cell answers for (N,), -1 none, -2 not taught; and all cells' centres (N, 2).

    A cell answers for a face of its stride's sizes when it lies near the face's centre.
    """
    answers, all_centres = [], []
    for stride, (least, most) in zip(STRIDES, FACE_SIDES_PX, strict=True):
        centres = cell_centres(size // stride, size // stride, stride, like=boxes)
        answer = torch.full((len(centres),), -1)
        if len(boxes):
            extent = boxes[:, 2:4] - boxes[:, :2]
            offset = (centres[:, None] - (boxes[:, :2] + boxes[:, 2:4]) / 2).abs()
            central = (offset <= (0.22 * extent).clamp(min=0.71 * stride)).all(-1)
            side = extent.amax(-1)
            face = central & (boxes[:, 4] == FACE) & (side >= least) & (side < most)
            doubtful = ((offset <= 0.5 * extent).all(-1) & (boxes[:, 4] == IGNORE)).any(-1)
            nearest = torch.where(face, (offset / extent).amax(-1), 1e9).argmin(-1)
            answer = torch.where(face.any(-1), nearest, torch.where(doubtful, -2, -1))
        answers.append(answer)
        all_centres.append(centres)
    return torch.cat(answers), torch.cat(all_centres)


def giou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Intersection over union of box pairs (N, 4), and its generalised form (Rezatofighi et al., CVPR 2019)."""
    extent = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)
    common = extent.prod(-1)
    union = (a[:, 2:] - a[:, :2]).prod(-1) + (b[:, 2:] - b[:, :2]).prod(-1) - common
    hull = (torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])).prod(-1)
    overlap = common / union.clamp(min=1e-6)
    return overlap, overlap - (hull - union) / hull.clamp(min=1e-6)


def loss(maps: list[Tensor], boxes: list[Tensor], size: int) -> tuple[Tensor, Tensor]:
    """Score loss (varifocal, Zhang et al., CVPR 2021) and box loss (GIoU), each per face cell."""
    logits, predicted = decode(maps)
    targets, weights, box_losses = torch.zeros_like(logits), torch.ones_like(logits), []
    for index, truth in enumerate(boxes):
        answer, _ = assign(truth, size)
        weights[index][answer == -2] = 0
        face = answer >= 0
        overlap, generalised = giou(predicted[index][face], truth[answer[face], :4])
        targets[index][face] = 0.5 + 0.5 * overlap.detach()  # from 1/2, so that a score reads as a probability
        box_losses.append((1 - generalised).sum())
    count = max(1, int((targets > 0).sum()))
    weights = weights * torch.where(targets > 0, 1.0, 0.75 * logits.sigmoid().detach().square())  # easy emptiness fades
    score_loss = F.binary_cross_entropy_with_logits(logits, targets, weights, reduction="sum")
    return score_loss / count, torch.stack(box_losses).sum() / count


@torch.no_grad()
def measure(network: FaceNetwork, pictures: list[tuple[Tensor, Tensor]], threshold: float = 0.5) -> dict[str, float]:
    """Recall and precision at IoU 0.5 on composed pictures."""
    network.eval()
    found = true = faces = 0
    for image, truth in pictures:
        logits, boxes = decode(network(image[None].float() / 255))
        sure = logits[0].sigmoid() > threshold
        candidates, scores = boxes[0][sure].double().numpy(), logits[0][sure].numpy()
        kept = candidates[keep_best(candidates, scores, 0.4)]
        wanted = truth[truth[:, 4] == FACE].double().numpy()
        doubtful = truth[truth[:, 4] == IGNORE].double().numpy()
        hits = [bool(len(kept)) and iou(box[:4], kept).max() > 0.5 for box in wanted]
        right = [bool(len(wanted)) and iou(box, wanted).max() > 0.5 for box in kept]
        excused = [bool(len(doubtful)) and iou(box, doubtful).max() > 0.3 for box in kept]
        faces, true = faces + len(wanted), true + sum(hits)
        found += sum(r or not e for r, e in zip(right, excused, strict=True))
    network.train()
    return {"recall": true / max(1, faces), "precision": true / max(1, found), "faces": faces}


def train(args: argparse.Namespace) -> None:
    """The whole run: label, train with an averaged copy of the weights, measure, save."""
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    args.output.mkdir(parents=True, exist_ok=True)
    labeller = YuNetDetector(args.yunet, threshold=DOUBTFUL)
    portraits = labelled_once(args.output / "train.npz", lambda: load_portraits(args.clips, labeller, "train"))
    others = labelled_once(args.output / "val.npz", lambda: load_portraits(args.clips, labeller, "val"))
    photographs = load_photographs(args.photographs, labeller, args.start) if args.photographs else []
    check = Composed(Composer(others, args.size, seed=1), start=0, stop=args.check)
    check_pictures = [check[index] for index in range(len(check))]

    network = FaceNetwork()
    if args.start is not None:
        network.load_state_dict(read_state_dict(args.start))
    average = torch.optim.swa_utils.AveragedModel(
        network, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.995)
    )  # of the weights; the statistics of the norms are the network's own
    shadow = average.module
    assert isinstance(shadow, FaceNetwork)
    optimizer = torch.optim.AdamW(network.parameters(), lr=args.lr, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, total_steps=args.steps, pct_start=0.08)
    parts = {"network": network, "average": average, "optimizer": optimizer, "schedule": schedule}
    checkpoint, done = args.output / "last.pt", 0
    if checkpoint.exists():
        state = dict(read_tree(checkpoint)[0])
        done = state.pop("step")
        for name, values in state.items():
            parts[name].load_state_dict(values)

    composer = Composer(portraits, args.size, args.seed, photographs=photographs)
    pictures = Composed(composer, done * args.batch, args.steps * args.batch)
    loader = DataLoader(pictures, args.batch, collate_fn=collate, num_workers=args.workers)
    started = time.monotonic()
    for step, (images, boxes) in enumerate(loader, start=done + 1):
        batch = (images.float() / 255).contiguous(memory_format=torch.channels_last)
        score_loss, box_loss = loss(network(batch), boxes, args.size)
        optimizer.zero_grad()
        (score_loss + box_loss).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        average.update_parameters(network)
        if step % 20 == 0:
            pace = (time.monotonic() - started) / (step - done)
            log.info("step %d score %.4f box %.4f, %.2f s a step", step, score_loss, box_loss, pace)
        if step % args.save_every == 0 or step == args.steps:
            figures = measure(shadow, check_pictures)
            log.info("step %d %s", step, json.dumps(figures))
            replace_file(checkpoint, {name: part.state_dict() for name, part in parts.items()} | {"step": step})
            export(shadow, args.output / "face_detector.safetensors", {"steps": str(step)})


def replace_file(path: Path, state: dict) -> None:
    """Save a checkpoint so that an interruption leaves the former one."""
    with replacing(path) as temporary:
        torch.save(state, temporary)


def export(network: FaceNetwork, path: Path, metadata: dict[str, str]) -> None:
    """Write what ships: convolutions in half precision, the statistics of the norms in full."""
    tensors = {}
    for name, value in network.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            tensors[name] = value.half() if value.ndim == 4 else value
    write_tensors(path, tensors, metadata)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tools.face_detector.train", description="Train the embedded face detector."
    )
    parser.add_argument("--clips", type=Path, required=True, help="folder with index.csv and the files it names")
    parser.add_argument("--photographs", type=Path, help="folder with index.csv and whole pictures of any size")
    parser.add_argument("--yunet", type=Path, required=True, help="YuNet weights (.onnx), which label the faces")
    parser.add_argument("--output", type=Path, required=True, help="folder for checkpoints and the result")
    parser.add_argument("--start", type=Path, help="weights (.safetensors) to start from")
    parser.add_argument("--steps", type=int, default=3200)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--size", type=int, default=320, help="side of the training pictures in pixels")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that compose pictures; 0 composes in the main one"
    )
    parser.add_argument("--check", type=int, default=48, help="composed validation pictures")
    parser.add_argument("--save-every", type=int, default=200)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
